/// The plaintext of a CLOSE of epoch 1 and later: `code v | reason length v | UTF-8`.
public struct CloseFrame: Hashable, Sendable {
    /// Most bytes of a reason.
    public static let maximumReason = 256

    /// An unknown code is kept as its number.
    public let code: ErrorCode
    /// The reason, as a range of the parsed span: valid UTF-8, but written by the peer, so not fit for a terminal.
    public let reason: Range<Int>

    /// Reads the plaintext in `range` of `bytes`.
    ///
    /// - Throws: `truncated`, `reasonTooLong`, `invalidText`, `trailingBytes`.
    public static func parse(_ bytes: Span<UInt8>, in range: Range<Int>) throws(WireError) -> CloseFrame {
        var reader = ByteReader(bytes, in: range)
        // [SCP-CLOSE-1]
        let code = try reader.readErrorCode()
        let position = reader.position
        let length = try reader.readVarint()
        // [SCP-CLOSE-2]
        guard length <= UInt64(maximumReason) else { throw WireError(.reasonTooLong, at: position) }
        let reason = try reader.readRange(length)
        if let fault = UTF8Text.firstInvalid(bytes, in: reason) { throw WireError(.invalidText, at: fault) }
        try reader.expectEnd()
        return CloseFrame(code: code, reason: reason)
    }

    /// Bytes of the plaintext with a reason of `reasonSize` bytes.
    public static func encodedSize(code: ErrorCode, reasonSize: Int) -> Int {
        varintSize(code.rawValue) + varintSize(reasonSize) + reasonSize
    }

    /// Appends the plaintext; false, with nothing written, when it does not fit or the reason is longer than
    /// `maximumReason` or not UTF-8.
    @discardableResult
    public static func write(
        code: ErrorCode, reason: Span<UInt8> = Span(), to output: inout OutputSpan<UInt8>
    ) -> Bool {
        guard reason.count <= maximumReason, UTF8Text.firstInvalid(reason, in: 0..<reason.count) == nil,
            output.freeCapacity >= encodedSize(code: code, reasonSize: reason.count)
        else { return false }
        output.append(varint: code.rawValue)
        output.append(varint: reason.count)
        output.append(reason, in: 0..<reason.count)
        return true
    }
}

/// Well-formed UTF-8 after table 3-7 of the Unicode standard: no overlong forms, no surrogates, nothing above U+10FFFF.
enum UTF8Text {
    /// Offset in the span of the first byte of the first sequence that is not well-formed; nil when all are.
    static func firstInvalid(_ bytes: Span<UInt8>, in range: Range<Int>) -> Int? {
        var reader = ByteReader(bytes, in: range)
        while !reader.isAtEnd {
            let start = reader.position
            guard let first = try? reader.readUInt8(), readRest(after: first, &reader) else { return start }
        }
        return nil
    }

    /// Takes the bytes that have to follow `first`; false when they do not.
    private static func readRest(after first: UInt8, _ reader: inout ByteReader) -> Bool {
        var allowed: ClosedRange<UInt8> = 0x80...0xbf
        let count: Int
        switch first {
        case 0x00...0x7f: return true
        case 0xc2...0xdf: count = 1
        case 0xe0...0xef: count = 2
        case 0xf0...0xf4: count = 3
        default: return false
        }
        switch first {
        case 0xe0: allowed = 0xa0...0xbf
        case 0xed: allowed = 0x80...0x9f
        case 0xf0: allowed = 0x90...0xbf
        case 0xf4: allowed = 0x80...0x8f
        default: break
        }
        for _ in 0..<count {
            guard let byte = try? reader.readUInt8(), allowed.contains(byte) else { return false }
            allowed = 0x80...0xbf
        }
        return true
    }
}
