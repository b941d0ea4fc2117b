public import SCP

/// Keys of peers by their address, for trust on first use. Given by the embedder, who knows where they are kept.
public protocol TrustStore: Sendable {
    /// The key that is known for the peer at this address; nil for a stranger.
    func knownKey(for peer: Endpoint) async throws -> PublicKey?
    /// Keeps the key of a stranger who was accepted and has proved it. Two connections may do this at once: the store
    /// throws when it holds another key by now, and the connection is then given up.
    func remember(_ key: PublicKey, for peer: Endpoint) async throws
}

/// Decides on a peer's key. The connection ends by its timers, and the task is cancelled, when that takes too long.
public typealias PeerDecision = @Sendable (PublicKey) async -> IdentityDecision
