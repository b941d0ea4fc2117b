/// How the keys of the next epoch are agreed on.
public enum RotationMode: UInt8, Hashable, Sendable {
    /// NNpsk0: heals against a passive attacker.
    case ephemeral = 0
    /// KKpsk0, with the connection's static keys: heals against an active one too, without a static key.
    case authenticated = 1
}

/// The plaintext of INIT and RESPONSE from epoch 1 on.
public struct RotationMessage: Hashable, Sendable {
    /// Bytes before the piece.
    public static let headerSize = 14
    /// Bytes of the Noise message in either direction, without ML-KEM.
    public static let noiseSize = 48

    /// Bytes of the Noise message: a public key (32), and in the hybrid suites an encapsulation key (1,184) or a
    /// ciphertext (1,088), with a tag for each part that is encrypted (16).
    /// [SCP-ROT-4] [SCP-ROT-22]
    public static func noiseSize(_ type: FrameType, _ suite: Suite) -> Int {
        guard suite.isHybrid else { return noiseSize }
        return type == .handshakeInit ? 1_248 : 1_152
    }

    /// Bytes of the Noise message that a datagram of 1,200 bytes carries, behind any connection id.
    /// [SCP-ROT-23]
    static let pieceSize = 1_100

    /// Pieces of a Noise message of `total` bytes: one on streams.
    /// [SCP-ROT-23]
    static func pieceCount(total: Int, isStream: Bool) -> Int {
        isStream ? 1 : max(1, (total + pieceSize - 1) / pieceSize)
    }

    /// The epoch asked for.
    public let target: UInt16
    /// Chosen at random by the asker, repeated in the answer.
    public let nonce: UInt64
    public let mode: RotationMode
    /// Which piece of the Noise message it is, from 0, and of how many.
    public let piece: Int
    public let pieceCount: Int
    /// The piece, on streams the whole Noise message, as a range of the parsed span.
    public let noise: Range<Int>

    /// Reads a message, on datagrams one with a piece.
    ///
    /// - Parameter noiseSize: what the Noise message must have, by the suite and the direction.
    /// - Throws: `truncated`, `invalidRotationMode`, `invalidPiece`, `invalidTotal`, `trailingBytes`.
    /// [SCP-ROT-3] [SCP-ROT-4] [SCP-ROT-23]
    public static func parse(
        _ bytes: Span<UInt8>, noiseSize: Int = noiseSize, isStream: Bool = true
    ) throws(WireError) -> RotationMessage {
        var reader = ByteReader(bytes)
        let target = try reader.readUInt16()
        let nonce = try reader.readUInt64()
        guard let mode = RotationMode(rawValue: try reader.readUInt8()) else {
            throw WireError(.invalidRotationMode, at: 10)
        }
        let octet = try reader.readUInt8()
        let (index, count) = (Int(octet >> 4), pieceCount(total: noiseSize, isStream: isStream))
        guard index < count, Int(octet & 0x0f) == count &- 1 else { throw WireError(.invalidPiece, at: 11) }
        guard try reader.readUInt16() == UInt16(clamping: noiseSize) else { throw WireError(.invalidTotal, at: 12) }
        let size = HandshakePiece.range(index: index, count: count, total: noiseSize).count
        let noise = try reader.readRange(UInt64(clamping: size))
        try reader.expectEnd()
        return RotationMessage(
            target: target, nonce: nonce, mode: mode, piece: index, pieceCount: count, noise: noise)
    }

    /// The plaintext with a piece of a Noise message.
    /// [SCP-ROT-3] [SCP-ROT-23]
    static func encoded(
        target: UInt16, nonce: UInt64, mode: RotationMode, noise: [UInt8], piece: Int = 0, of count: Int = 1
    ) -> [UInt8] {
        let range = HandshakePiece.range(index: piece, count: count, total: noise.count)
        return [UInt8](capacity: headerSize + range.count) { output in
            output.append(uint16: target)
            output.append(uint64: nonce)
            output.append(uint8: mode.rawValue)
            output.append(uint8: UInt8(truncatingIfNeeded: piece << 4 | (count &- 1)))
            output.append(uint16: UInt16(clamping: noise.count))
            output.append(noise.span, in: range)
        }
    }
}
