/// What message 2 settled: everything that message 3 and the session need.
struct AcceptedResponse {
    let parameters: TransportParameters
    let peerKey: PublicKey
    let applicationProtocol: ApplicationProtocol?
    /// What the responder wants before datagrams for it.
    let connectionID: [UInt8]?
    /// Nobody has looked into it.
    var shown: ShownCredential?
}

/// The initiator's side of the handshake: `-> e`, `<- e, ee, s, es`, `-> s, se`.
struct InitiatorHandshake<Provider: CryptoProvider> {
    let suite: Suite
    let attempt: Attempt
    let hello: HelloKeys<Provider>
    private var noise: HandshakeState<Provider>
    /// Protects our ACK and CLOSE once message 2 has been read.
    private(set) var finished: Provider.Authenticator?

    /// Draws the attempt id and builds message 1.
    static func begin(
        _ configuration: Configuration<Provider>, isStream: Bool = true
    ) throws(Violation) -> (handshake: InitiatorHandshake, message: [UInt8]) {
        guard let suite = configuration.offeredSuite ?? configuration.suites.first else {
            throw Violation(.internalError)
        }
        do throws(CryptoError) {
            let provider = configuration.provider
            // [SCP-HS-3]
            let attempt = try Attempt.random(provider)
            let hello = try HelloKeys(
                provider: provider, hello: configuration.offeredHello, responderKey: configuration.responderKey,
                accessKey: configuration.accessKey, attempt: attempt)
            let opening = InitMessage.opening(
                suite: suite.rawValue,
                parameters: configuration.parameters(
                    credit: configuration.limits.connectionCredit, isStream: isStream))
            let prologue = InitMessage.prologue(attempt: attempt, opening: opening.span, in: 0..<opening.count)
            guard var noise = try? suite.handshake(.initiator, configuration, prologue: prologue),
                let message = try? noise.write(payload: Span())
            else { throw .backend(0) }
            let handshake = InitiatorHandshake(suite: suite, attempt: attempt, hello: hello, noise: noise)
            return (handshake, opening + message)
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
        return try accept(frame, piece.bytes, configuration)
    }

    /// Reads message 2, which lies in `range` of `bytes`. A failed one leaves the handshake as it was.
    /// [SCP-HS-23] [SCP-HS-29]
    mutating func accept(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ configuration: Configuration<Provider>
    ) throws(Violation) -> AcceptedResponse {
        var next = noise
        let (payload, hash) = try next.readPayload(bytes, range)
        let items: HandshakeItems
        do throws(WireError) {
            items = try HandshakeItems.parse(payload.span, in: 0..<payload.count, of: .m2, suite: suite.rawValue)
        } catch {
            throw Violation(error, base: range.lowerBound)
        }
        var response = try settle(items, next, configuration)
        response.shown = items.credential.map { ShownCredential(item: $0, hash: hash) }
        do throws(NoiseError) { finished = try next.finishedKey() } catch { throw Violation(error) }
        noise = next
        return response
    }

    /// Everything that can end the attempt before message 3 exists.
    private func settle(
        _ items: HandshakeItems, _ noise: HandshakeState<Provider>, _ configuration: Configuration<Provider>
    ) throws(Violation) -> AcceptedResponse {
        guard let peerKey = noise.remoteStatic else { throw Violation(.internalError) }
        // [SCP-HS-32]
        try configuration.checkNotSelf(peerKey, isEphemeralReflected: noise.isEphemeralReflected)
        // [SCP-ITEM-28]
        let better = configuration.suites.prefix { $0 != suite }
        if better.contains(where: { items.suites.contains($0.rawValue) }) { throw Violation(.downgradeDetected) }
        // Of versions there is one, so a list that contains it, which parsing has made sure of, cannot hold a better.
        return AcceptedResponse(
            parameters: items.parameters, peerKey: peerKey,
            applicationProtocol: try configuration.chooseProtocol(from: items.applicationProtocols),
            connectionID: items.connectionID)
    }

    /// Builds message 3, and the session's keys. Only for an accepted responder. With an agreement to be made
    /// elsewhere nothing has changed, and nobody has been asked for a signature.
    /// [SCP-HS-24] [SCP-ITEM-29] [SCP-HS-34]
    mutating func complete(
        _ response: AcceptedResponse, _ configuration: Configuration<Provider>, connectionID: [UInt8] = []
    ) throws(NoiseError) -> (message: [UInt8], schedule: KeySchedule<Provider>) {
        var items = HandshakeItems()
        items.applicationProtocols = response.applicationProtocol.map { [$0.bytes] }
        if !connectionID.isEmpty { items.connectionID = connectionID }
        let begun = try noise.begun()
        items.credential = try configuration.credentialItem(.initiator, hash: begun.state.handshakeHash)
        let message = try noise.finish(begun, payload: items.encoded.span)
        return (message, try noise.schedule())
    }

    /// The result of an agreement that message 3 waits for.
    mutating func supply(_ secret: Secret, for peer: PublicKey) { noise.supply(secret, for: peer) }
}
