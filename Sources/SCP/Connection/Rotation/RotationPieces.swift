/// An INIT or RESPONSE on its way out, on datagrams in pieces.
struct OwedRotation {
    let type: FrameType
    private let target: UInt16
    private let nonce: UInt64
    private let mode: RotationMode
    private let noise: [UInt8]
    private let count: Int
    /// The pieces that wait to be written.
    private var pending: [Int]

    init<Provider: CryptoProvider>(
        _ type: FrameType, _ request: RotationRequest<Provider>, noise: [UInt8], isStream: Bool
    ) {
        self.type = type
        target = request.target
        nonce = request.nonce
        mode = request.mode
        self.noise = noise
        count = RotationMessage.pieceCount(total: noise.count, isStream: isStream)
        pending = Array(0..<count)
    }

    /// The plaintext with the next piece.
    var plaintext: [UInt8] {
        RotationMessage.encoded(
            target: target, nonce: nonce, mode: mode, noise: noise, piece: pending.first ?? 0, of: count)
    }

    var isWritten: Bool { pending.isEmpty }

    /// The next piece is in a frame; says which it was.
    mutating func didWrite() -> Int { pending.isEmpty ? 0 : pending.removeFirst() }

    /// A piece was lost, and waits again.
    /// [SCP-ROT-23]
    mutating func lose(_ piece: Int) {
        guard piece < count, !pending.contains(piece) else { return }
        pending.append(piece)
    }
}

/// A request or answer on its way in, in pieces.
/// [SCP-ROT-23]
struct RotationPieces {
    private let type: FrameType
    /// The first piece that came, which says what the others must say.
    private let first: RotationMessage
    private(set) var assembly = HandshakeAssembly()

    init(_ piece: RotationMessage, _ type: FrameType) {
        self.type = type
        first = piece
    }

    /// Whether a piece is of this message, of which there is one for each target and direction.
    func includes(_ piece: RotationMessage, _ type: FrameType) -> Bool {
        type == self.type && piece.target == first.target
    }

    /// Adds a piece of this message; false when it contradicts the others.
    mutating func add(_ piece: RotationMessage, in plaintext: Span<UInt8>, total: Int) -> Bool {
        guard piece.nonce == first.nonce, piece.mode == first.mode else { return false }
        return assembly.add(piece.piece, of: piece.pieceCount, total: total, piece.noise, in: plaintext)
    }
}

extension Connection {
    /// The whole Noise message, once its last piece is here; nil until then.
    /// [SCP-ROT-23]
    mutating func assembleRotation(
        _ message: RotationMessage, _ type: FrameType, in plaintext: Span<UInt8>
    ) throws(Violation) -> [UInt8]? {
        guard message.pieceCount > 1 else { return Bytes.array(plaintext, message.noise) }
        var pieces = link?.rotationPieces ?? RotationPieces(message, type)
        if !pieces.includes(message, type) { pieces = RotationPieces(message, type) }
        let total = RotationMessage.noiseSize(type, suite)
        guard pieces.add(message, in: plaintext, total: total) else { throw Violation(.rotationFailed) }
        link?.rotationPieces = pieces.assembly.isComplete ? nil : pieces
        return pieces.assembly.isComplete ? pieces.assembly.bytes : nil
    }

    /// Whether a request is to be counted: on datagrams once, however many pieces it has and however often they come.
    /// [SCP-ROT-18] [SCP-ROT-23]
    mutating func isNewRequest(_ message: RotationMessage) -> Bool {
        guard let link else { return true }
        if let last = link.lastRequest, last == (message.target, message.nonce) { return false }
        link.lastRequest = (message.target, message.nonce)
        return true
    }

    /// What was lost of our request or answer goes out again while it is alive.
    /// [SCP-ROT-23]
    mutating func didLoseRotation(piece: Int) {
        let isAnswering = phase.keys?.isAnswering ?? false
        let isAsking = if case .asking = rotation { true } else { false }
        let message = owedRotation ?? link?.rotation
        guard message?.type == .handshakeInit ? isAsking : isAnswering else { return }
        owedRotation = message
        owedRotation?.lose(piece)
    }
}
