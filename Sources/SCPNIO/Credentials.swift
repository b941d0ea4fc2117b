public import SCP

/// What came of verifying what a peer showed.
public enum CredentialVerdict: Hashable, Sendable {
    /// It holds. The names are those that it vouches for: ``SecureChannel/peerNames``.
    case accept(names: [String])
    /// It does not. The reason is for us alone, in the log and in ``SecureChannelError/detail``; the peer learns
    /// CREDENTIAL_INVALID.
    case reject(reason: String)
}

/// Verifies what a peer showed: that the leaf's signature is over the signed bytes, and that the chain is a trusted one
/// for whom we expect. The connection ends by its timers, and the task is cancelled, when that takes too long.
public typealias CredentialVerifier = @Sendable (PeerCredential) async -> CredentialVerdict

/// What a connection does with the key of its peer, and with what vouches for it, where the engine asks.
struct Judge: Sendable {
    /// The key that is known for the peer's address, and whether there is a store that would know it.
    var known: PublicKey?
    var hasStore = false
    var ask: PeerDecision?
    var verify: CredentialVerifier?
    /// Whether the engine's policy leaves the key to us; otherwise it has accepted the key, and asks for its
    /// credential's sake.
    let decidesOnKey: Bool

    init<Provider>(_ configuration: Configuration<Provider>, _ options: TransportOptions) {
        ask = options.askPeer
        verify = options.verifyCredential
        decidesOnKey = if case .ask = configuration.identityPolicy { true } else { false }
    }

    /// What is answered, and what else is known then.
    enum Ruling: Sendable {
        case accept(names: [String])
        case reject
        case rejectCredential(reason: String)

        var decision: IdentityDecision {
            switch self {
            case .accept: .accept
            case .reject: .reject
            case .rejectCredential: .rejectCredential
            }
        }
    }

    /// A key that is known to be another is not vouched for by any credential; a person is asked only about a peer
    /// whose credential holds.
    func decide(on key: PublicKey, _ credential: PeerCredential?) async -> Ruling {
        if let known, !known.names(sameKeyAs: key) { return .reject }
        var names: [String] = []
        if let credential {
            guard let verify else { return .rejectCredential(reason: "nobody verifies credentials here") }
            switch await verify(credential) {
            case .accept(let vouched): names = vouched
            case .reject(let reason): return .rejectCredential(reason: reason)
            }
        }
        switch await decide(onVouched: key) {
        case .accept: return .accept(names: names)
        case .reject: return .reject
        case .rejectCredential: return .rejectCredential(reason: "it is not enough for who was asked")
        }
    }

    private func decide(onVouched key: PublicKey) async -> IdentityDecision {
        guard decidesOnKey, known == nil else { return .accept }
        if let ask { return await ask(key) }
        return hasStore ? .accept : .reject
    }
}
