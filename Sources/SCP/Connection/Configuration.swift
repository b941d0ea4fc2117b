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
    public var provider: Provider
    /// Our static key: who we are.
    public var identity: StaticKey<Provider>
    public var identityPolicy: IdentityPolicy
    /// When set, only the psk suites are used, and never a fallback without.
    public var presharedKeys: PresharedKeys?
    /// Initiator: the key to prove knowledge of in INIT (hello 0x01). Set by `.pinned` and a known first-use key.
    public var responderKey: PublicKey?
    /// 32 bytes shared out of band; strangers who lack it cannot even test that a listener is there.
    public var accessKey: Secret?
    /// Responder: what an INIT must prove.
    public var requiresHello: HelloKey = []
    /// In order of preference; empty for none.
    public var applicationProtocols: [ApplicationProtocol] = []
    /// Suites accepted, in order of preference; by default the one that fits ``presharedKeys``.
    public var suites: [Suite]
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

    public init(provider: Provider, identity: Provider.PrivateKey, identityPolicy: IdentityPolicy) {
        self.init(provider: provider, identity: .held(identity), identityPolicy: identityPolicy)
    }

    /// - Parameter identity: a key that is here, or the public half of one whose holder is asked.
    public init(provider: Provider, identity: StaticKey<Provider>, identityPolicy: IdentityPolicy) {
        self.provider = provider
        self.identity = identity
        self.identityPolicy = identityPolicy
        suites = [.classic]
        switch identityPolicy {
        // [SCP-HS-13]
        case .pinned(let key): responderKey = key
        case .trustOnFirstUse(let known): responderKey = known
        case .allowed, .ask, .anyone: responderKey = nil
        }
    }

    /// Uses pre-shared keys, and the suite that has them.
    public mutating func usePresharedKeys(_ keys: PresharedKeys) {
        presharedKeys = keys
        suites = [.classicPSK]
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
        guard !suites.isEmpty, suites.allSatisfy({ $0.isSupported && $0.usesPSK == (presharedKeys != nil) })
        else { throw .suites }
        var size = 0
        for name in applicationProtocols {
            guard (1...255).contains(name.bytes.count) else { throw .applicationProtocol }
            size += 1 + name.bytes.count
        }
        guard size <= 4_096 else { throw .applicationProtocol }
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
    /// Suites must be supported and fit the presence of pre-shared keys.
    case suites
    /// An application protocol has 1 to 255 bytes; all together at most 4,096.
    case applicationProtocol
    /// The crypto provider failed.
    case backend
}
