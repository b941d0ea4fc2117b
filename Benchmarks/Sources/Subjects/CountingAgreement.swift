import SCP
import Synchronization

/// Multiplications of both sides of one handshake.
public struct MultiplicationCount: Sendable, Equatable {
    /// By the base point: a key made.
    public var keys: Int
    /// By a peer's point: a secret shared.
    public var secrets: Int
    public var total: Int { keys + secrets }
}

/// Key agreement that counts what it is asked for.
public final class CountingAgreement<Base: KeyAgreement>: KeyAgreement {
    private let base: Base
    private let keys = Atomic<Int>(0)
    private let secrets = Atomic<Int>(0)

    public init(_ base: Base) { self.base = base }

    public func takeCount() -> MultiplicationCount {
        MultiplicationCount(
            keys: keys.exchange(0, ordering: .relaxed), secrets: secrets.exchange(0, ordering: .relaxed))
    }

    public func privateKey(_ scalar: Secret) throws(CryptoError) -> Base.PrivateKey {
        keys.add(1, ordering: .relaxed)
        return try base.privateKey(scalar)
    }

    public func publicKey(of key: Base.PrivateKey) throws(CryptoError) -> PublicKey { try base.publicKey(of: key) }

    public func sharedSecret(_ key: Base.PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        secrets.add(1, ordering: .relaxed)
        return try base.sharedSecret(key, with: peer)
    }
}

extension MultiplicationCount {
    /// What a handshake of two ends that know each other multiplies.
    public static func ofHandshake(_ provider: some CryptoProvider) throws -> MultiplicationCount {
        let agreement = CountingAgreement(provider)
        let parties = try Parties(CombinedProvider(agreement: agreement, protection: provider))
        _ = agreement.takeCount()
        _ = try EnginePair(parties, capacity: 8_192)
        return agreement.takeCount()
    }
}
