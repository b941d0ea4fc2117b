/// Frames of epoch 0: on a stream one whole message each, on datagrams a piece of one.
enum HandshakeFrame {
    /// A frame that carries a whole message.
    static func message<Authenticator: RecordAuthenticator>(
        _ message: [UInt8], type: FrameType, attempt: Attempt, hello: HelloKey, key: Authenticator
    ) throws(CryptoError) -> [UInt8] {
        let kind = HandshakePiece.Kind.piece(index: 0, count: 1, total: message.count)
        let size = HandshakePiece.encodedSize(kind, in: type)
        let bytes = [UInt8](capacity: size + FrameHeader.size) { output in
            FrameHeader(type: type, sequence: .zero, length: size).write(to: &output)
            HandshakePiece.write(
                kind, type: type, attempt: attempt, hello: hello, message: message.span, to: &output)
        }
        return try authenticated(bytes, key: key)
    }

    /// A frame for datagrams: a piece of a message, progress or a retry.
    ///
    /// - Parameters:
    ///   - have: the pieces that we hold of the peer's message.
    ///   - size: INIT is padded so that its datagram has this many bytes.
    /// [SCP-DGRAM-8] [SCP-DGRAM-9]
    static func piece<Authenticator: RecordAuthenticator>(
        _ kind: HandshakePiece.Kind, type: FrameType, attempt: Attempt, hello: HelloKey, have: UInt16,
        message: [UInt8], cookie: [UInt8], paddedTo size: Int, key: Authenticator
    ) throws(CryptoError) -> [UInt8] {
        var counter: UInt64 = 0
        if case .piece(let index, _, _) = kind { counter = UInt64(index) }
        guard let sequence = SequenceNumber(epoch: 0, counter: counter) else { throw .invalidLength }
        let padded = max(0, size - FrameHeader.size - FrameHeader.macSize)
        let length = max(HandshakePiece.encodedSize(kind, in: type), padded)
        let bytes = [UInt8](capacity: length + FrameHeader.size) { output in
            FrameHeader(type: type, sequence: sequence, length: length).write(to: &output)
            HandshakePiece.write(
                kind, type: type, attempt: attempt, hello: hello, have: have, message: message.span,
                cookie: cookie.span, paddedTo: padded, to: &output)
        }
        return try authenticated(bytes, key: key)
    }

    /// A CLOSE of epoch 0.
    static func close<Authenticator: RecordAuthenticator>(
        attempt: Attempt, named: HandshakeClose.Key, code: ErrorCode, list: [UInt8], key: Authenticator
    ) throws(CryptoError) -> [UInt8] {
        let size = HandshakeClose.encodedSize(code: code, listSize: list.count)
        let bytes = [UInt8](capacity: size + FrameHeader.size) { output in
            FrameHeader(type: .close, sequence: .zero, length: size).write(to: &output)
            HandshakeClose.write(attempt: attempt, key: named, code: code, list: list.span, to: &output)
        }
        return try authenticated(bytes, key: key)
    }

    /// Refuses a frame whose HMAC is not the one that `key` gives.
    /// [SCP-HS-12]
    static func verify<Authenticator: RecordAuthenticator>(
        _ frame: Span<UInt8>, key: Authenticator
    ) throws(Violation) {
        let end = frame.count - FrameHeader.macSize
        guard end >= FrameHeader.size else { throw Violation(.malformedFrame, kind: .truncated) }
        let isGenuine = try? key.verify(frame.extracting(end..<frame.count), of: frame.extracting(0..<end))
        guard isGenuine == true else { throw Violation(.authenticationFailed, offset: end) }
    }

    /// What a frame of epoch 0 carries: on a stream a whole message.
    static func parse(
        _ frame: Span<UInt8>, header: FrameHeader, isStream: Bool = true
    ) throws(Violation) -> HandshakePiece {
        do throws(WireError) {
            return try HandshakePiece.parse(
                frame, in: FrameHeader.size..<frame.count - FrameHeader.macSize, type: header.type,
                counter: header.sequence.counter, isStream: isStream)
        } catch {
            throw Violation(error)
        }
    }

    // [SCP-PROT-3]
    private static func authenticated<Authenticator: RecordAuthenticator>(
        _ bytes: consuming [UInt8], key: Authenticator
    ) throws(CryptoError) -> [UInt8] {
        var frame = bytes
        let mac = try key.authenticate(frame.span)
        for index in 0..<FrameHeader.macSize { frame.append(mac[index]) }
        return frame
    }
}
