/// Pre-shared keys of 32 random bytes, never passwords.
/// [SCP-PSK-1]
public enum PresharedKeys: Sendable {
    /// One key for every peer.
    case common(Secret)
    /// A key for each peer; a responder looks it up once message 3 has said who the initiator is.
    case perPeer([(key: PublicKey, secret: Secret)])

    /// The key for a peer; nil when there is none, or the peer is not known yet and the key depends on it.
    /// [SCP-PSK-3]
    func secret(for peer: PublicKey?) -> Secret? {
        switch self {
        case .common(let secret): return secret
        case .perPeer(let entries):
            guard let peer else { return nil }
            return entries.first { $0.key.names(sameKeyAs: peer) }?.secret
        }
    }

    /// Whether every key has 32 bytes.
    var isValid: Bool {
        switch self {
        case .common(let secret): secret.count == 32
        case .perPeer(let entries): entries.allSatisfy { $0.secret.count == 32 }
        }
    }
}
