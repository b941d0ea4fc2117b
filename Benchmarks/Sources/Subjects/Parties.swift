import SCP
import SCPGcrypt
import SCPSwiftCrypto

/// Key agreement from swift-crypto (BoringSSL), everything else from libgcrypt.
public typealias MixedProvider = CombinedProvider<SwiftCryptoProvider, GcryptProvider>

extension CombinedProvider where Agreement == SwiftCryptoProvider, Protection == GcryptProvider {
    public init() throws { self.init(agreement: try SwiftCryptoProvider(), protection: try GcryptProvider()) }
}

/// The configurations of two ends that know each other's keys.
public struct Parties<Provider: CryptoProvider>: Sendable {
    public var initiator: Configuration<Provider>
    public var responder: Configuration<Provider>

    /// - Parameter room: bytes of messages that may be under way; the default limits if nil.
    public init(_ provider: Provider, room: Int? = nil) throws {
        let first = try provider.privateKey(provider.randomSecret(count: PublicKey.size))
        let second = try provider.privateKey(provider.randomSecret(count: PublicKey.size))
        initiator = Configuration(
            provider: provider, identity: first, identityPolicy: .pinned(try provider.publicKey(of: second)))
        responder = Configuration(
            provider: provider, identity: second, identityPolicy: .allowed([try provider.publicKey(of: first)]))
        // What is compared with TLS and with X25519 alone: a provider with ML-KEM would prefer the hybrid suite.
        for side in [\Parties.initiator, \Parties.responder] { self[keyPath: side].use(.classic) }
        guard let room else { return }
        for side in [\Parties.initiator, \Parties.responder] {
            self[keyPath: side].limits.messageLimit = room
            self[keyPath: side].limits.connectionCredit = room * 2
            self[keyPath: side].limits.channelCredit = room * 2
            self[keyPath: side].limits.sendBuffer = room * 2
        }
    }
}
