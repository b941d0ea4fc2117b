import SCP
import SCPGcrypt
import SCPRepeatableMLKEM
import SCPSimulation

enum HybridFixture {
    /// Two ends that pin each other, with providers of which either may lack ML-KEM.
    static func ends(
        _ seed: UInt64, initiatorHas: Bool = true, responderHas: Bool = true
    ) throws -> [Configuration<RepeatableProvider<GcryptProvider>>] {
        let base = try GcryptProvider()
        let providers = [
            RepeatableProvider(base, seed: seed, isHybrid: initiatorHas),
            RepeatableProvider(base, seed: ~seed, isHybrid: responderHas),
        ]
        let keys = try providers.map { try $0.privateKey($0.randomSecret(count: 32)) }
        let publicKeys = try keys.map { try base.publicKey(of: $0) }
        return (0..<2).map {
            Configuration(provider: providers[$0], identity: keys[$0], identityPolicy: .pinned(publicKeys[1 - $0]))
        }
    }
}
