#if Certificates
public import SCP
internal import SwiftASN1
public import X509

/// A chain of certificates with the private key of its leaf: who we are to peers that trust the chain's root.
public struct CertificateIdentity: Sendable {
    /// The leaf first, then what leads to the root, which may be left out: who verifies has it.
    public let chain: [Certificate]
    private let key: Certificate.PrivateKey
    private let scheme: SignatureScheme

    /// - Throws: ``CertificateError/unsupportedKey`` and ``CertificateError/keyOfAnother``.
    public init(chain: [Certificate], key: Certificate.PrivateKey) throws(CertificateError) {
        guard let leaf = chain.first, leaf.publicKey == key.publicKey else { throw .keyOfAnother }
        // RSA signs here as PKCS #1 v1.5 only, which no scheme of ours is; a peer's PSS is verified.
        guard let scheme = SignatureScheme(of: key.publicKey), scheme != .rsaPSS else { throw .unsupportedKey }
        self.chain = chain
        self.key = key
        self.scheme = scheme
    }

    /// - Parameters:
    ///   - certificates: PEM, the leaf first; the private key may stand in the same text.
    ///   - key: PEM, PKCS #8 or SEC 1, not encrypted.
    public init(certificates: String, key: String) throws(CertificateError) {
        try self.init(chain: PEM.certificates(certificates), key: PEM.privateKey(key))
    }

    /// What a configuration is given: `configuration.credential = try identity.credential()`.
    /// [SCP-ID-10] [SCP-ID-11] [SCP-ID-14]
    public func credential() throws(CertificateError) -> Credential {
        let (key, algorithm) = (key, scheme.algorithm)
        return Credential(scheme: scheme, chain: try chain.map(PEM.der)) { message throws(CryptoError) in
            guard let algorithm, let signature = try? key.sign(bytes: message, signatureAlgorithm: algorithm) else {
                throw .backend(0)
            }
            return signature.rawRepresentation
        }
    }
}

extension SignatureScheme {
    /// The scheme for a certificate's key, if there is one.
    init?(of key: Certificate.PublicKey) {
        if key.isP256 {
            self = .ecdsaP256
        } else if key.isP384 {
            self = .ecdsaP384
        } else if key.isEd25519 {
            self = .ed25519
        } else if key.isRSA {
            self = .rsaPSS
        } else {
            return nil
        }
    }

    /// What swift-certificates calls it; nil for RSA-PSS, which it does not have.
    var algorithm: Certificate.SignatureAlgorithm? {
        switch self {
        case .ed25519: .ed25519
        case .ecdsaP256: .ecdsaWithSHA256
        case .ecdsaP384: .ecdsaWithSHA384
        default: nil
        }
    }
}
#endif
