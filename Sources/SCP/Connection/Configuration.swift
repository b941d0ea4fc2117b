/// Which peers are accepted.
///
/// X25519 keys are compared as the points they name, so no authorised key has a second spelling.
/// [SCP-ID-3]
public enum IdentityPolicy: Sendable {
    /// Exactly this key.
    case pinned(PublicKey)
    /// Any of these keys.
    case allowed([PublicKey])
    /// This key if one is known; otherwise any, reported with ``Peer/isFirstUse`` so that the embedder stores it.
    case trustOnFirstUse(known: PublicKey?)
    /// The embedder decides: ``Event/identityPending(_:)``, then `resolveIdentity`.
    case ask
    /// Any key. The peer is then known by nothing but having one.
    case anyone
}

/// The answer to ``Event/identityPending(_:)``.
public enum IdentityDecision: Sendable {
    case accept
    case reject
    /// The credential does not hold: the peer learns CREDENTIAL_INVALID. [SCP-ID-11]
    case rejectCredential
}

/// The name of an application protocol: 1 to 255 bytes, as in ALPN (RFC 7301).
public struct ApplicationProtocol: Hashable, Sendable, ExpressibleByStringLiteral {
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) { self.bytes = bytes }
    public init(_ name: String) { bytes = Array(name.utf8) }
    public init(stringLiteral name: String) { bytes = Array(name.utf8) }
}

extension ApplicationProtocol: CustomStringConvertible {
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// Everything a connection is told once.
public struct Configuration<Provider: CryptoProvider>: Sendable {
    public var identityPolicy: IdentityPolicy
    /// When set, only the psk suites are used, and never a fallback without.
    public var presharedKeys: PresharedKeys?
    /// Initiator: the key to prove knowledge of in INIT (hello 0x01). Set by `.pinned` and a known first-use key.
    public var responderKey: PublicKey?
    /// 32 bytes shared out of band; strangers who lack it cannot even test that a listener is there.
    public var accessKey: Secret?
    /// Responder: what an INIT must prove.
    public var requiresHello: HelloKey = []
    /// What we show to vouch for our static key; nil for nothing. Its chain has 1 to 10 certificates, none empty, and
    /// at most some 13 KB, for it shares message 2 with the signature and application protocols. [SCP-ID-13]
    public var credential: Credential?
    /// Whether the peer may show one, or must. What it shows is the embedder's to verify, whatever ``identityPolicy``
    /// says of its key: ``Event/identityPending(_:)`` comes, and ``Connection/pendingCredential`` is there.
    public var credentialPolicy = CredentialPolicy.refused
    /// In order of preference; empty for none.
    public var applicationProtocols: [ApplicationProtocol] = []
    /// Suites accepted, in order of preference; ``use(_:)`` sets them. By default the hybrid one before the classic
    /// where the provider has ML-KEM, else the classic one.
    public var suites: [Suite]
    /// Initiator: the suite to offer, one of ``suites``; nil for the first. A later one is for a responder that has
    /// refused the first: should it be able to do better after all, the handshake ends with
    /// ``ErrorCode/downgradeDetected``.
    public var offeredSuite: Suite?
    public var limits = Limits()
    public var timers = TimerSettings()
    public var rotation = RotationSettings()
    /// Acknowledge every DATA frame at once, so that DATA and ACK take turns.
    public var acknowledgesEveryMessage = false
    /// Responder: nothing is answered to what has not been verified, refusals included.
    public var isSilent = false
    /// Whether a peer that holds our own static key is accepted.
    public var allowsSelfConnection = false
    /// Initiator: whether the peer may be an initiator too, at the same time, as when both punch holes into NATs. Of
    /// the two attempts one becomes the session. On datagrams it takes a ``DatagramEndpoint`` that listens.
    /// [SCP-DGRAM-29] [SCP-HS-36]
    public var isSymmetric = false
    // Last, since their size depends on the provider, as in `Connection`.
    public var provider: Provider
    /// Our static key: who we are.
    public var identity: StaticKey<Provider>

    public init(provider: Provider, identity: Provider.PrivateKey, identityPolicy: IdentityPolicy) {
        self.init(provider: provider, identity: .held(identity), identityPolicy: identityPolicy)
    }

    /// - Parameter identity: a key that is here, or the public half of one whose holder is asked.
    public init(provider: Provider, identity: StaticKey<Provider>, identityPolicy: IdentityPolicy) {
        self.provider = provider
        self.identity = identity
        self.identityPolicy = identityPolicy
        suites = provider.encapsulation == nil ? [.classic] : [.hybrid, .classic]
        switch identityPolicy {
        // [SCP-HS-13]
        case .pinned(let key): responderKey = key
        case .trustOnFirstUse(let known): responderKey = known
        case .allowed, .ask, .anyone: responderKey = nil
        }
    }

    /// Uses pre-shared keys, and the suites that have them.
    public mutating func usePresharedKeys(_ keys: PresharedKeys) {
        presharedKeys = keys
        suites = suites.map(\.withPresharedKey)
    }

    /// Sets ``suites``. `require` without a provider that has ML-KEM makes a configuration that no connection takes.
    public mutating func use(_ policy: HybridPolicy) {
        let chosen: [Suite] =
            switch policy {
            case .classic: [.classic]
            case .prefer: provider.encapsulation == nil ? [.classic] : [.hybrid, .classic]
            case .require: [.hybrid]
            }
        suites = presharedKeys == nil ? chosen : chosen.map(\.withPresharedKey)
    }

    /// The next of ``suites`` that a responder has which refused the one we offered, for ``offeredSuite`` of another
    /// attempt; nil when that is not why the connection failed, or nothing is left. Never after silence: only a refusal
    /// names suites, and ``ErrorCode/downgradeDetected`` tells when somebody else made it up.
    /// [SCP-HS-33]
    public func suite(after error: ConnectionError) -> Suite? {
        guard error.code == .unsupportedSuite, case .peer = error.origin else { return nil }
        let offered = offeredSuite ?? suites.first
        return suites.drop { $0 != offered }.dropFirst().first { error.alternatives.contains($0.rawValue) }
    }

    /// Throws when the values contradict each other or the protocol.
    func validate() throws(ConfigurationError) {
        if let problem = limits.problem { throw problem }
        // [SCP-KEY-11]
        if let key = identity.external, key.isLowOrder { throw .identity }
        // [SCP-KEY-4]
        if let accessKey, accessKey.count != 32 { throw .accessKey }
        if requiresHello.contains(.accessKey), accessKey == nil { throw .accessKey }
        // [SCP-PSK-1]
        if let presharedKeys, !presharedKeys.isValid { throw .presharedKey }
        // [SCP-PSK-4] [SCP-HS-33]
        guard !suites.isEmpty, suites.allSatisfy({ $0.usesPSK == (presharedKeys != nil) }) else { throw .suites }
        guard provider.encapsulation != nil || !suites.contains(where: \.isHybrid) else { throw .suites }
        if let offeredSuite, !suites.contains(offeredSuite) { throw .suites }
        var size = 0
        for name in applicationProtocols {
            guard (1...255).contains(name.bytes.count) else { throw .applicationProtocol }
            size += 1 + name.bytes.count
        }
        guard size <= 4_096 else { throw .applicationProtocol }
        try checkCredential()
    }
}

/// The embedder's mistake in a configuration, or a backend that could not start.
public enum ConfigurationError: Error, Equatable, Sendable {
    /// The named limit is out of its bounds.
    case limit(Limits.Name)
    /// An external identity of low order: no private key has such a public one.
    case identity
    /// An access key has 32 bytes, and is needed when one is required.
    case accessKey
    /// A pre-shared key has 32 bytes.
    case presharedKey
    /// Suites must fit the presence of pre-shared keys, hybrid ones need a provider with ML-KEM, and the offered one is
    /// one of them.
    case suites
    /// An application protocol has 1 to 255 bytes; all together at most 4,096.
    case applicationProtocol
    /// A credential has 1 to 10 certificates, none of them empty, and fits into message 2 with what else is in it.
    case credential
    /// The crypto provider failed.
    case backend
}
