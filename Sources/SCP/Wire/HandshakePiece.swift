/// Which secrets the HMAC of an attempt's INIT and RESPONSE frames is made with; empty: a checksum.
public struct HelloKey: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The responder's static public key.
    public static let staticKey = HelloKey(rawValue: 0x01)
    /// The listener's access key.
    public static let accessKey = HelloKey(rawValue: 0x02)
    /// Both, the largest value there is.
    public static let all: HelloKey = [.staticKey, .accessKey]
}

/// The payload of INIT, RESPONSE and ACK frames of epoch 0.
public struct HandshakePiece: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        /// Piece `index` of `count` of a message of `total` bytes.
        case piece(index: Int, count: Int, total: Int)
        /// The responder wants its cookie back first; RESPONSE on datagrams only.
        case retry
        /// No piece, only what is held of a message; INIT and RESPONSE on datagrams only.
        case progress(of: HandshakeMessage)
    }

    /// Bytes of the payload before cookie and piece.
    public static let headerSize = 15
    public static let cookieSize = 32
    /// The largest message a handshake may have.
    public static let maximumTotal = 16_320
    /// Piece bytes that fit a datagram of 1,200 bytes: in INIT, which has a cookie, and in RESPONSE and ACK.
    public static let initPieceSize = 1_107
    public static let pieceSize = 1_139

    public let type: FrameType
    public let attempt: Attempt
    public let kind: Kind
    public let hello: HelloKey
    /// Bit i: piece i is held, of M2 in INIT and M3 in RESPONSE; of the named message in `progress`.
    public let have: UInt16
    /// In INIT and in a retry, as a range of the parsed span; zeros when there is no cookie to return.
    public let cookie: Range<Int>?
    /// The piece's bytes, as a range of the parsed span; empty unless `kind` is a piece.
    public let bytes: Range<Int>

    // MARK: How a message is cut

    /// Pieces of a message of `total` bytes: one on streams, on datagrams what fits 1,200 bytes each.
    public static func count(total: Int, in type: FrameType, isStream: Bool) -> Int {
        guard !isStream, (1...maximumTotal).contains(total) else { return 1 }
        let size = type == .handshakeInit ? initPieceSize : pieceSize
        return (total + size - 1) / size
    }

    /// Where piece `index` of `count` lies in a message of `total` bytes; empty for a piece that does not exist.
    public static func range(index: Int, count: Int, total: Int) -> Range<Int> {
        guard (0...maximumTotal).contains(total), (1...16).contains(count), (0..<count).contains(index) else {
            return 0..<0
        }
        let size = (total + count - 1) / count
        let start = min(total, index * size)
        return start..<min(total, start + size)
    }

    /// Bytes of the payload, without padding.
    public static func encodedSize(_ kind: Kind, in type: FrameType) -> Int {
        // [SCP-HS-10]
        let cookie = hasCookie(kind, in: type) ? cookieSize : 0
        guard case .piece(let index, let count, let total) = kind else { return headerSize + cookie }
        return headerSize + cookie + range(index: index, count: count, total: total).count
    }

    private static func hasCookie(_ kind: Kind, in type: FrameType) -> Bool {
        type == .handshakeInit || kind == .retry
    }

    // MARK: Receiving

    /// Reads a payload and holds it to the rules of its frame type. Bytes after the piece are padding and ignored.
    ///
    /// - Parameter counter: of the frame's sequence; the piece index on datagrams, else 0.
    /// - Throws: `unknownType` for DATA and CLOSE, `truncated`, `invalidKind`, `invalidHello`, `invalidTotal`,
    ///   `invalidPiece`, `notOnStreams`.
    public static func parse(
        _ bytes: Span<UInt8>, in range: Range<Int>, type: FrameType, counter: UInt64, isStream: Bool
    ) throws(WireError) -> HandshakePiece {
        var reader = ByteReader(bytes, in: range)
        let start = reader.position
        guard type == .handshakeInit || type == .handshakeResponse || type == .ack else {
            throw WireError(.unknownType, at: start)
        }
        // [SCP-HS-4]
        let attempt = Attempt(rawValue: try reader.readUInt64())
        let kindOctet = try reader.readUInt8()
        try checkKind(kindOctet, in: type, isStream: isStream, at: start &+ 8)
        let hello = HelloKey(rawValue: try reader.readUInt8())
        // [SCP-HS-6]
        guard HelloKey.all.isSuperset(of: hello), type != .ack || hello.isEmpty else {
            throw WireError(.invalidHello, at: start &+ 9)
        }
        let piece = try reader.readUInt8()
        let total = Int(try reader.readUInt16())
        // [SCP-HS-9]
        let have = try reader.readUInt16()
        let kind = try kind(
            kindOctet, piece: piece, total: total, type: type, counter: counter, isStream: isStream, at: start)
        let cookie = hasCookie(kind, in: type) ? try reader.readRange(UInt64(cookieSize)) : nil
        var count = 0
        if case .piece(let index, let pieces, _) = kind {
            count = self.range(index: index, count: pieces, total: total).count
        }
        // [SCP-HS-8] [SCP-HS-11]
        return HandshakePiece(
            type: type, attempt: attempt, kind: kind, hello: hello, have: have, cookie: cookie,
            bytes: try reader.readRange(UInt64(clamping: count)))
    }

    private static func checkKind(
        _ octet: UInt8, in type: FrameType, isStream: Bool, at position: Int
    ) throws(WireError) {
        switch octet {
        case 0: return
        // [SCP-HS-5]
        case 1 where type == .handshakeResponse, 2 where type != .ack:
            if isStream { throw WireError(.notOnStreams, at: position) }
        default: throw WireError(.invalidKind, at: position)
        }
    }

    /// The kind with the piece octet, the total and the counter that belong to it; `start` is that of the payload.
    private static func kind(
        _ octet: UInt8, piece: UInt8, total: Int, type: FrameType, counter: UInt64, isStream: Bool, at start: Int
    ) throws(WireError) -> Kind {
        let invalidPiece = WireError(.invalidPiece, at: start &+ 10)
        guard octet == 0 else {
            guard counter == 0 else { throw invalidPiece }
            guard total == 0 else { throw WireError(.invalidTotal, at: start &+ 11) }
            if octet == 1 {
                guard piece == 0 else { throw invalidPiece }
                return .retry
            }
            guard let message = HandshakeMessage(rawValue: piece) else { throw invalidPiece }
            return .progress(of: message)
        }
        // [SCP-HS-8]
        guard (1...maximumTotal).contains(total) else { throw WireError(.invalidTotal, at: start &+ 11) }
        let index = Int(piece >> 4)
        let count = Int(piece & 0x0f) &+ 1
        // [SCP-HS-7] [SCP-FRAME-8]
        guard index < count, count == self.count(total: total, in: type, isStream: isStream),
            counter == UInt64(index)
        else { throw invalidPiece }
        return .piece(index: index, count: count, total: total)
    }

    // MARK: Sending

    /// Appends a payload; false, with nothing written, when it does not fit.
    ///
    /// - Parameters:
    ///   - message: the whole message, of which a piece takes its part.
    ///   - cookie: 32 bytes, in INIT and in a retry; anything else is sent as zeros.
    ///   - size: the payload is padded with zeros to this many bytes.
    @discardableResult
    public static func write(
        _ kind: Kind, type: FrameType, attempt: Attempt, hello: HelloKey, have: UInt16 = 0,
        message: Span<UInt8> = Span(), cookie: Span<UInt8> = Span(), paddedTo size: Int = 0,
        to output: inout OutputSpan<UInt8>
    ) -> Bool {
        let encodedSize = encodedSize(kind, in: type)
        let bytes = range(of: kind)
        guard output.freeCapacity >= max(encodedSize, size), bytes.upperBound <= message.count else { return false }
        output.append(uint64: attempt.rawValue)
        switch kind {
        case .piece(let index, let count, let total):
            output.append(uint8: 0)
            output.append(uint8: hello.rawValue)
            output.append(uint8: UInt8(truncatingIfNeeded: index << 4 | (count &- 1)))
            output.append(uint16: UInt16(clamping: total))
        case .retry:
            output.append(uint8: 1)
            output.append(uint8: hello.rawValue)
            output.append(uint8: 0)
            output.append(uint16: 0)
        case .progress(let message):
            output.append(uint8: 2)
            output.append(uint8: hello.rawValue)
            output.append(uint8: message.rawValue)
            output.append(uint16: 0)
        }
        output.append(uint16: have)
        if hasCookie(kind, in: type) {
            if cookie.count == cookieSize {
                output.append(cookie, in: 0..<cookieSize)
            } else {
                output.append(zeros: cookieSize)
            }
        }
        output.append(message, in: bytes)
        output.append(zeros: size - encodedSize)
        return true
    }

    private static func range(of kind: Kind) -> Range<Int> {
        guard case .piece(let index, let count, let total) = kind else { return 0..<0 }
        return range(index: index, count: count, total: total)
    }
}
