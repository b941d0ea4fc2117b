/// What a configuration says in the handshake, and what it makes of what the peer says.
extension Configuration {
    /// Our parameters, with the connection credit to announce.
    func parameters(credit: Int, isStream: Bool = true) -> TransportParameters {
        var parameters = TransportParameters()
        parameters.frameLimit = UInt64(clamping: limits.frameLimit)
        parameters.messageLimit = UInt64(clamping: limits.messageLimit)
        parameters.connectionCredit = UInt64(clamping: credit)
        parameters.channelCredit = UInt64(clamping: limits.channelCredit)
        parameters.channels = UInt64(clamping: limits.channels)
        parameters.idleTimeout = min(timers.idle.wholeMilliseconds, Varint.maximum)
        if !isStream { parameters.datagramSize = UInt64(clamping: limits.datagramSize) }
        return parameters
    }

    /// Which secrets an initiator proves to know in INIT.
    /// [SCP-HS-13]
    var offeredHello: HelloKey {
        var hello: HelloKey = []
        if responderKey != nil { hello.insert(.staticKey) }
        if accessKey != nil { hello.insert(.accessKey) }
        return hello
    }

    /// The items of message 2. No credit is granted to a peer on whom somebody has yet to decide.
    /// [SCP-FLOW-12]
    func offer(_ suite: Suite, isStream: Bool, connectionID: [UInt8]) -> HandshakeItems {
        var items = HandshakeItems()
        items.parameters = parameters(credit: asks ? 0 : limits.connectionCredit, isStream: isStream)
        if !connectionID.isEmpty { items.connectionID = connectionID }
        items.versions = [FrameHeader.version]
        // [SCP-ITEM-27]
        items.suites = suites.map(\.rawValue)
        // [SCP-ITEM-29]
        if !applicationProtocols.isEmpty { items.applicationProtocols = applicationProtocols.map(\.bytes) }
        return items
    }

    /// The initiator's choice among the protocols offered in message 2: our first that is there.
    /// [SCP-ITEM-29] [SCP-ITEM-30]
    func chooseProtocol(from offered: [[UInt8]]?) throws(Violation) -> ApplicationProtocol? {
        guard let offered else {
            guard applicationProtocols.isEmpty else { throw Violation(.noApplicationProtocol) }
            return nil
        }
        guard let choice = applicationProtocols.first(where: { offered.contains($0.bytes) })
        else { throw Violation(.noApplicationProtocol) }
        return choice
    }

    /// The responder's check of the initiator's choice in message 3, which has one exactly when message 2 offered.
    /// [SCP-ITEM-31]
    func accept(chosen: [[UInt8]]?) throws(Violation) -> ApplicationProtocol? {
        guard let name = chosen?.first else {
            guard applicationProtocols.isEmpty else { throw Violation(.malformedFrame, kind: .missingItem) }
            return nil
        }
        guard !applicationProtocols.isEmpty else { throw Violation(.malformedFrame, kind: .misplacedItem) }
        guard let choice = applicationProtocols.first(where: { $0.bytes == name })
        else { throw Violation(.noApplicationProtocol) }
        return choice
    }

    /// A party that meets its own static key refuses unless it may meet itself; an initiator that meets its own
    /// ephemeral always does.
    /// [SCP-HS-32] "An initiator that meets its own ephemeral in M2 MUST reject the peer with IDENTITY_REJECTED
    /// whatever it was told"
    func checkNotSelf(_ peerKey: PublicKey, isEphemeralReflected: Bool) throws(Violation) {
        if isEphemeralReflected { throw Violation(.identityRejected) }
        guard !allowsSelfConnection else { return }
        guard let own = try? identity.publicKey(provider) else { throw Violation(.internalError) }
        if peerKey.names(sameKeyAs: own) { throw Violation(.identityRejected) }
    }

    /// What the policy says of a peer's key at once; nil when somebody has to be asked.
    /// [SCP-ID-2] [SCP-ID-3] [SCP-ID-4]
    func verdict(on key: PublicKey) -> (isAccepted: Bool, isFirstUse: Bool)? {
        switch identityPolicy {
        case .pinned(let pinned): (pinned.names(sameKeyAs: key), false)
        case .allowed(let keys): (keys.contains { $0.names(sameKeyAs: key) }, false)
        // [SCP-ID-5]
        case .trustOnFirstUse(let known?): (known.names(sameKeyAs: key), false)
        case .trustOnFirstUse(nil): (true, true)
        case .anyone: (true, false)
        case .ask: nil
        }
    }
}

extension Attempt {
    /// 8 random bytes.
    static func random<Provider: CryptoProvider>(_ provider: Provider) throws(CryptoError) -> Attempt {
        var bytes = [UInt8](repeating: 0, count: 8)
        var span = bytes.mutableSpan
        try provider.fillRandom(&span)
        return Attempt(rawValue: bytes.reduce(0) { $0 << 8 | UInt64($1) })
    }
}
