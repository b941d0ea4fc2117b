/// The only place where keys are agreed on: what every backend, agent or token must refuse is refused here too.
enum DiffieHellman {
    /// 32 bytes, never all zero.
    static func agree<Provider: KeyAgreement>(
        _ provider: Provider, _ key: Provider.PrivateKey, _ peer: PublicKey
    ) throws(CryptoError) -> Secret {
        // [SCP-KEY-11]
        guard !peer.isLowOrder else { throw .invalidPublicKey }
        return try checked(try provider.sharedSecret(key, with: peer))
    }

    /// What a backend, an agent or a token gave.
    static func checked(_ secret: Secret) throws(CryptoError) -> Secret {
        guard secret.count == 32 else { throw .invalidLength }
        // [SCP-KEY-10]
        guard !secret.isZero else { throw .invalidPublicKey }
        return secret
    }
}
