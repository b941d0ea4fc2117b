/// What message 3 settled.
struct AcceptedInitiator<Provider: CryptoProvider> {
    let peerKey: PublicKey
    let applicationProtocol: ApplicationProtocol?
    /// What the initiator wants before datagrams for it.
    let connectionID: [UInt8]?
    /// Nobody has looked into it.
    let shown: ShownCredential?
    let schedule: KeySchedule<Provider>
}

/// The responder's side of the handshake.
struct ResponderHandshake<Provider: CryptoProvider> {
    let suite: Suite
    let attempt: Attempt
    let hello: HelloKeys<Provider>
    /// The initiator's parameters.
    let parameters: TransportParameters
    private var noise: HandshakeState<Provider>
    /// Verifies the initiator's ACK, and its CLOSE from now on.
    let finished: Provider.Authenticator

    /// An INIT that is genuine as far as its HMAC tells, not yet looked into.
    struct Verified {
        let attempt: Attempt
        let hello: HelloKeys<Provider>
        let piece: HandshakePiece
    }

    /// Checks the frame's HMAC, and that it proves what we require. Until this succeeds nothing is answered.
    /// [SCP-HS-14] [SCP-HS-16]
    static func verify(
        _ frame: Span<UInt8>, header: FrameHeader, _ configuration: Configuration<Provider>, isStream: Bool = true
    ) throws(Violation) -> Verified {
        let piece = try HandshakeFrame.parse(frame, header: header, isStream: isStream)
        guard piece.hello.isSuperset(of: configuration.requiresHello) else {
            throw Violation(.authenticationFailed, offset: FrameHeader.size + 9)
        }
        let hello: HelloKeys<Provider>
        do throws(CryptoError) {
            hello = try HelloKeys(
                provider: configuration.provider, hello: piece.hello,
                responderKey: try configuration.identity.publicKey(configuration.provider),
                accessKey: configuration.accessKey, attempt: piece.attempt)
        } catch {
            throw Violation(.authenticationFailed, offset: FrameHeader.size + 9)
        }
        try HandshakeFrame.verify(frame, key: hello.initiatorToResponder)
        return Verified(attempt: piece.attempt, hello: hello, piece: piece)
    }

    /// Message 1 has been read, and message 2 can be written.
    struct Prepared {
        let suite: Suite
        let verified: Verified
        let parameters: TransportParameters
        /// Where message 1 stands in its frame, for errors.
        let offset: Int
        var noise: HandshakeState<Provider>
    }

    /// Reads message 1, which lies in `range` of `bytes`.
    /// [SCP-HS-16]
    static func prepare(
        _ verified: Verified, _ bytes: Span<UInt8>, _ range: Range<Int>, _ configuration: Configuration<Provider>
    ) throws(Violation) -> Prepared {
        let message: InitMessage
        do throws(WireError) {
            message = try InitMessage.parse(
                bytes, in: range, supporting: configuration.suites.map(\.rawValue))
        } catch {
            throw Violation(error)
        }
        guard let suite = configuration.suites.first(where: { $0.rawValue == message.suite }) else {
            throw Violation(.unsupportedSuite, kind: .unsupportedSuite, offset: message.opening.lowerBound)
        }
        let prologue = InitMessage.prologue(attempt: verified.attempt, opening: bytes, in: message.opening)
        do throws(NoiseError) {
            var noise = try suite.handshake(.responder, configuration, prologue: prologue)
            // A public key of low order in message 1 fails here, before we make an ephemeral of our own.
            _ = try noise.read(bytes.extracting(message.noise))
            return Prepared(
                suite: suite, verified: verified, parameters: message.parameters, offset: message.noise.lowerBound,
                noise: noise)
        } catch {
            throw Violation(error, offset: message.noise.lowerBound)
        }
    }

    /// Writes message 2.
    /// [SCP-HS-19] [SCP-HS-31] [SCP-HS-34]
    static func respond(
        to prepared: Prepared, _ configuration: Configuration<Provider>, isStream: Bool, connectionID: [UInt8]
    ) throws(NoiseError) -> (handshake: ResponderHandshake, message: [UInt8]) {
        var noise = prepared.noise
        let verified = prepared.verified
        var offer = configuration.offer(prepared.suite, isStream: isStream, connectionID: connectionID)
        let begun = try noise.begun()
        offer.credential = try configuration.credentialItem(.responder, hash: begun.state.handshakeHash)
        let response = try noise.finish(begun, payload: offer.encoded.span)
        let handshake = ResponderHandshake(
            suite: prepared.suite, attempt: verified.attempt, hello: verified.hello, parameters: prepared.parameters,
            noise: noise, finished: try noise.finishedKey())
        return (handshake, response)
    }

    /// Reads the ACK frame with message 3. A failed one leaves the handshake as it was.
    /// [SCP-HS-20] [SCP-HS-15] [SCP-HS-29]
    mutating func read(
        _ frame: Span<UInt8>, header: FrameHeader, _ configuration: Configuration<Provider>
    ) throws(Violation) -> AcceptedInitiator<Provider> {
        try HandshakeFrame.verify(frame, key: finished)
        let piece = try HandshakeFrame.parse(frame, header: header)
        guard piece.attempt == attempt else { throw Violation(.unexpectedMessage, offset: FrameHeader.size) }
        return try accept(frame, piece.bytes, configuration)
    }

    /// Reads message 3, which lies in `range` of `bytes`. A failed one leaves the handshake as it was.
    /// [SCP-HS-20] [SCP-HS-29]
    mutating func accept(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ configuration: Configuration<Provider>
    ) throws(Violation) -> AcceptedInitiator<Provider> {
        var next = noise
        let (payload, hash) = try next.readPayload(bytes, range)
        let items: HandshakeItems
        do throws(WireError) {
            items = try HandshakeItems.parse(payload.span, in: 0..<payload.count, of: .m3, suite: suite.rawValue)
        } catch {
            throw Violation(error, base: range.lowerBound)
        }
        let chosen = try configuration.accept(chosen: items.applicationProtocols)
        guard let peerKey = next.remoteStatic else { throw Violation(.internalError) }
        do throws(NoiseError) {
            let schedule = try next.schedule()
            noise = next
            return AcceptedInitiator(
                peerKey: peerKey, applicationProtocol: chosen, connectionID: items.connectionID,
                shown: items.credential.map { ShownCredential(item: $0, hash: hash) }, schedule: schedule)
        } catch {
            throw Violation(error)
        }
    }
}
