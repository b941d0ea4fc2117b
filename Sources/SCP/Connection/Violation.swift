/// A rule that the peer's bytes broke, on the way from where it is found to where the connection ends.
struct Violation: Error, Equatable {
    let code: ErrorCode
    /// What exactly is wrong with the bytes, when a parser found it.
    let kind: WireError.Kind?
    /// Where in the frame.
    var offset: Int

    init(_ code: ErrorCode, kind: WireError.Kind? = nil, offset: Int = 0) {
        self.code = code
        self.kind = kind
        self.offset = offset
    }

    /// `base` is where the parsed part begins in the frame.
    init(_ error: WireError, base: Int = 0) {
        self.init(error.code, kind: error.kind, offset: base + error.position)
    }
}
