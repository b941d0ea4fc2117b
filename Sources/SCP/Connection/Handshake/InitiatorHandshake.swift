/// What message 2 settled: everything that message 3 and the session need.
struct AcceptedResponse {
    let parameters: TransportParameters
    let peerKey: PublicKey
    let applicationProtocol: ApplicationProtocol?
}

/// The initiator's side of the handshake: `-> e`, `<- e, ee, s, es`, `-> s, se`.
struct InitiatorHandshake<Provider: CryptoProvider> {
    let suite: Suite
    let attempt: Attempt
    let hello: HelloKeys<Provider>
    private var noise: HandshakeState<Provider>
    /// Protects our ACK and CLOSE once message 2 has been read.
    private(set) var finished: Provider.Authenticator?

    /// Draws the attempt id and builds the INIT frame.
    static func begin(
        _ configuration: Configuration<Provider>
    ) throws(Violation) -> (handshake: InitiatorHandshake, frame: [UInt8]) {
        guard let suite = configuration.suites.first else { throw Violation(.internalError) }
        do throws(CryptoError) {
            let provider = configuration.provider
            // [SCP-HS-3]
            let attempt = try Attempt.random(provider)
            let hello = try HelloKeys(
                provider: provider, hello: configuration.offeredHello, responderKey: configuration.responderKey,
                accessKey: configuration.accessKey, attempt: attempt)
            let opening = InitMessage.opening(
                suite: suite.rawValue,
                parameters: configuration.parameters(credit: configuration.limits.connectionCredit))
            let prologue = InitMessage.prologue(attempt: attempt, opening: opening.span, in: 0..<opening.count)
            guard var noise = try? suite.handshake(.initiator, configuration, prologue: prologue),
                let message = try? noise.write(payload: Span())
            else { throw .backend(0) }
            let handshake = InitiatorHandshake(suite: suite, attempt: attempt, hello: hello, noise: noise)
            let frame = try HandshakeFrame.message(
                opening + message, type: .handshakeInit, attempt: attempt, hello: hello.hello,
                key: hello.initiatorToResponder)
            return (handshake, frame)
        } catch {
            throw Violation(.internalError)
        }
    }

    private init(suite: Suite, attempt: Attempt, hello: HelloKeys<Provider>, noise: HandshakeState<Provider>) {
        self.suite = suite
        self.attempt = attempt
        self.hello = hello
        self.noise = noise
    }

    /// Reads the RESPONSE frame. A failed one leaves the handshake as it was.
    /// [SCP-HS-23] [SCP-HS-15] [SCP-HS-29]
    mutating func read(
        _ frame: Span<UInt8>, header: FrameHeader, _ configuration: Configuration<Provider>
    ) throws(Violation) -> AcceptedResponse {
        try HandshakeFrame.verify(frame, key: hello.responderToInitiator)
        let piece = try HandshakeFrame.parse(frame, header: header)
        guard piece.attempt == attempt else { throw Violation(.unexpectedMessage, offset: FrameHeader.size) }
        guard piece.hello == hello.hello else { throw Violation(.malformedFrame, kind: .invalidHello, offset: 23) }
        var next = noise
        let payload = try next.readPayload(of: piece, in: frame)
        let items: HandshakeItems
        do throws(WireError) {
            items = try HandshakeItems.parse(payload.span, in: 0..<payload.count, of: .m2, suite: suite.rawValue)
        } catch {
            throw Violation(error, base: piece.bytes.lowerBound)
        }
        let response = try settle(items, next, configuration)
        do throws(NoiseError) { finished = try next.finishedKey() } catch { throw Violation(error) }
        noise = next
        return response
    }

    /// Everything that can end the attempt before message 3 exists.
    private func settle(
        _ items: HandshakeItems, _ noise: HandshakeState<Provider>, _ configuration: Configuration<Provider>
    ) throws(Violation) -> AcceptedResponse {
        // [SCP-ITEM-22]
        if items.credential != nil { throw Violation(.credentialInvalid) }
        guard let peerKey = noise.remoteStatic else { throw Violation(.internalError) }
        // [SCP-HS-32]
        try configuration.checkNotSelf(peerKey, isEphemeralReflected: noise.isEphemeralReflected)
        // [SCP-ITEM-28]
        let better = configuration.suites.prefix { $0 != suite }
        if better.contains(where: { items.suites.contains($0.rawValue) }) { throw Violation(.downgradeDetected) }
        // Of versions there is one, so a list that contains it, which parsing has made sure of, cannot hold a better.
        return AcceptedResponse(
            parameters: items.parameters, peerKey: peerKey,
            applicationProtocol: try configuration.chooseProtocol(from: items.applicationProtocols))
    }

    /// Builds the ACK frame with message 3, and the session's keys. Only for an accepted responder. With an agreement
    /// to be made elsewhere nothing has changed.
    /// [SCP-HS-24] [SCP-ITEM-29] [SCP-HS-34]
    mutating func complete(
        _ response: AcceptedResponse, _ configuration: Configuration<Provider>
    ) throws(NoiseError) -> (frame: [UInt8], schedule: KeySchedule<Provider>) {
        guard let finished else { throw .outOfTurn }
        var items = HandshakeItems()
        items.applicationProtocols = response.applicationProtocol.map { [$0.bytes] }
        let message = try noise.write(payload: items.encoded.span)
        guard
            let frame = try? HandshakeFrame.message(
                message, type: .ack, attempt: attempt, hello: [], key: finished)
        else { throw .missingKey }
        return (frame, try noise.schedule())
    }

    /// The result of an agreement that message 3 waits for.
    mutating func supply(_ secret: Secret, for peer: PublicKey) { noise.supply(secret, for: peer) }
}
