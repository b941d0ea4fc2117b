/// CLOSE of epoch 0, before there are keys of a session.
extension Connection {
    /// A CLOSE of epoch 0: believed on a stream, and reported as unauthenticated. [SCP-CLOSE-7]
    mutating func processHandshakeClose(_ frame: Span<UInt8>) throws(Violation) {
        let close: HandshakeClose
        let payload = FrameHeader.size..<frame.count - FrameHeader.macSize
        do throws(WireError) { close = try HandshakeClose.parse(frame, in: payload) } catch { throw Violation(error) }
        try verifyClose(close, frame)
        let list = (0..<close.list.count).map { frame[close.list.lowerBound + $0] }
        end(
            .failed(
                ConnectionError(
                    close.code, origin: .peer(isAuthenticated: false), position: position, alternatives: list)))
    }

    // [SCP-HS-12] [SCP-HS-15] [SCP-CLOSE-5]
    func verifyClose(_ close: HandshakeClose, _ frame: Span<UInt8>) throws(Violation) {
        switch phase {
        case .waiting(let phase):
            try verifyRefusal(close, frame, attempt: phase.handshake.attempt, hello: phase.handshake.hello)
        case .deciding(let phase):
            try verifyRefusal(close, frame, attempt: phase.handshake.attempt, hello: phase.handshake.hello)
        case .agreeing(let phase):
            try verifyRefusal(close, frame, attempt: phase.handshake.attempt, hello: phase.handshake.hello)
        case .unconfirmed(let phase):
            try verifyRefusal(close, frame, attempt: phase.attempt, hello: phase.hello)
        case .answering(let phase):
            // The initiator has no message 2 that it could have accepted.
            let verified = phase.prepared.verified
            guard close.attempt == verified.attempt
            else { throw Violation(.unexpectedMessage, offset: FrameHeader.size) }
            guard close.key == .hello(verified.hello.hello)
            else { throw Violation(.authenticationFailed, offset: FrameHeader.size + 8) }
            try HandshakeFrame.verify(frame, key: verified.hello.initiatorToResponder)
        case .halfOpen(let phase):
            guard close.attempt == phase.handshake.attempt
            else { throw Violation(.unexpectedMessage, offset: FrameHeader.size) }
            let hello = phase.handshake.hello
            switch close.key {
            case .finished: try HandshakeFrame.verify(frame, key: phase.handshake.finished)
            case .hello(hello.hello): try HandshakeFrame.verify(frame, key: hello.initiatorToResponder)
            case .hello: throw Violation(.authenticationFailed, offset: FrameHeader.size + 8)
            }
        default:
            // Before INIT there is no attempt that a CLOSE could be about.
            throw Violation(.unexpectedMessage, offset: 1)
        }
    }

    /// A refusal by the responder. That of a version goes out without a key, and on a stream without an attempt id,
    /// since its sender cannot read the INIT it refuses. [SCP-CLOSE-11]
    private func verifyRefusal(
        _ close: HandshakeClose, _ frame: Span<UInt8>, attempt: Attempt, hello: HelloKeys<Provider>
    ) throws(Violation) {
        let isVersion = close.code == .unsupportedVersion && close.key == .hello([])
        guard close.attempt == attempt || isVersion && close.attempt == Attempt(rawValue: 0)
        else { throw Violation(.unexpectedMessage, offset: FrameHeader.size) }
        if close.key == .hello(hello.hello), close.attempt == attempt {
            return try HandshakeFrame.verify(frame, key: hello.responderToInitiator)
        }
        guard isVersion,
            let plain = try? HelloKeys(
                provider: configuration.provider, hello: [], responderKey: nil, accessKey: nil, attempt: close.attempt)
        else { throw Violation(.authenticationFailed, offset: FrameHeader.size + 8) }
        try HandshakeFrame.verify(frame, key: plain.responderToInitiator)
    }

    /// Our own CLOSE of epoch 0, under the key that the state has.
    /// [SCP-HS-17] [SCP-HS-18] [SCP-CLOSE-4] [SCP-CLOSE-8] [SCP-CLOSE-11]
    mutating func appendHandshakeClose(_ code: ErrorCode) {
        guard role == .initiator || !configuration.isSilent else { return }
        // [SCP-CLOSE-10]
        let list = code == .unsupportedVersion ? [FrameHeader.version] : []
        if let identity = phase.closeIdentity {
            return appendClose(attempt: identity.attempt, named: identity.named, code, list: list, key: identity.key)
        }
        // Before an INIT was verified only its version is ever refused in words.
        guard code == .unsupportedVersion, state == .awaitingInit else { return }
        let none = Attempt(rawValue: 0)
        guard
            let plain = try? HelloKeys(
                provider: configuration.provider, hello: [], responderKey: nil, accessKey: nil, attempt: none)
        else { return }
        appendClose(attempt: none, named: .hello([]), code, list: list, key: plain.responderToInitiator)
    }

    mutating func appendClose(
        attempt: Attempt, named: HandshakeClose.Key, _ code: ErrorCode, list: [UInt8] = [],
        key: Provider.Authenticator
    ) {
        // [SCP-ERR-3]
        guard code.maySendInHandshake,
            let frame = try? HandshakeFrame.close(
                attempt: attempt, named: named, code: code, list: list, key: key)
        else { return }
        flight.append(frame)
        counts.framesSent &+= 1
    }
}
