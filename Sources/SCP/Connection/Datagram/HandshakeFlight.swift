/// A handshake message on its way out, in pieces: which the peer has said it holds, and which are to be sent now.
/// [SCP-DGRAM-8] [SCP-DGRAM-11]
struct HandshakeFlight<Authenticator: RecordAuthenticator> {
    let type: FrameType
    let message: [UInt8]
    let attempt: Attempt
    let hello: HelloKey
    let key: Authenticator
    let count: Int
    /// Bit i: the peer holds piece i.
    var held: UInt16 = 0
    /// Bit i: piece i is to be sent.
    private(set) var pending: UInt16

    init(_ message: [UInt8], type: FrameType, attempt: Attempt, hello: HelloKey, key: Authenticator) {
        self.type = type
        self.message = message
        self.attempt = attempt
        self.hello = hello
        self.key = key
        count = HandshakePiece.count(total: message.count, in: type, isStream: false)
        pending = HandshakeFlight.all(count)
    }

    private static func all(_ count: Int) -> UInt16 { count >= 16 ? .max : (1 << UInt16(clamping: count)) - 1 }

    /// Sends again what the peer does not hold, or piece 0 when it holds everything.
    mutating func repeatMissing() {
        let missing = HandshakeFlight.all(count) & ~held
        pending = missing == 0 ? 1 : missing
    }

    mutating func stop() { pending = 0 }

    /// The index of the next piece to send.
    var next: Int? { pending == 0 ? nil : pending.trailingZeroBitCount }

    mutating func didSend(_ index: Int) { pending &= ~(1 << UInt16(clamping: index)) }

    /// The frame of a piece. INIT is alone in its datagram and fills it.
    /// [SCP-DGRAM-10]
    func frame(_ index: Int, have: UInt16, cookie: [UInt8]) throws(CryptoError) -> [UInt8] {
        try HandshakeFrame.piece(
            .piece(index: index, count: count, total: message.count), type: type, attempt: attempt, hello: hello,
            have: have, message: message, cookie: cookie, paddedTo: type == .handshakeInit ? PathSize.base : 0,
            key: key)
    }

    /// Bytes of all pieces still to be sent, frames included.
    var pendingSize: Int {
        var size = 0
        for index in 0..<count where pending & 1 << UInt16(clamping: index) != 0 {
            let kind = HandshakePiece.Kind.piece(index: index, count: count, total: message.count)
            size += FrameHeader.size + FrameHeader.macSize + HandshakePiece.encodedSize(kind, in: type)
        }
        return size
    }
}

/// A handshake message on its way in.
struct HandshakeAssembly {
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0
    /// Bit i: piece i is here.
    private(set) var held: UInt16 = 0

    var isEmpty: Bool { count == 0 }
    var isComplete: Bool { count > 0 && held.nonzeroBitCount == count }

    /// Adds a piece that has been verified. False, with nothing changed, when the message is one of another size.
    /// [SCP-DGRAM-8]
    mutating func add(_ piece: HandshakePiece, in frame: Span<UInt8>) -> Bool {
        guard case .piece(let index, let pieces, let total) = piece.kind else { return false }
        return add(index, of: pieces, total: total, piece.bytes, in: frame)
    }

    /// The same for a piece of any message.
    mutating func add(_ index: Int, of pieces: Int, total: Int, _ place: Range<Int>, in frame: Span<UInt8>) -> Bool {
        if isEmpty {
            count = pieces
            bytes = [UInt8](repeating: 0, count: total)
        }
        guard total == bytes.count, pieces == count else { return false }
        let bit: UInt16 = 1 << UInt16(clamping: index)
        guard held & bit == 0 else { return true }
        held |= bit
        let range = HandshakePiece.range(index: index, count: pieces, total: total)
        var destination = bytes.mutableSpan
        Bytes.copy(frame, place, to: &destination, at: range.lowerBound)
        return true
    }

    /// Forgets everything: what was put together was not what it seemed.
    mutating func discard() { self = HandshakeAssembly() }
}
