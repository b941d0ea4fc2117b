#if Certificates
internal import Crypto
internal import SCP
internal import X509
internal import _CryptoExtras

extension Certificate.PublicKey {
    var isP256: Bool { P256.Signing.PublicKey(self) != nil }
    var isP384: Bool { P384.Signing.PublicKey(self) != nil }
    var isRSA: Bool { _RSA.Signing.PublicKey(self) != nil }

    /// By the algorithm of its SubjectPublicKeyInfo, 1.3.101.112 (RFC 8410).
    var isEd25519: Bool { Curve25519.Signing.PublicKey(self) != nil }

    /// Whether a signature is this key's, in a scheme that fits it.
    /// [SCP-ID-14]
    func verifies(_ signature: [UInt8], over message: [UInt8], _ scheme: SignatureScheme) -> Bool {
        if let algorithm = scheme.algorithm {
            return isValidSignature(signature, for: message, signatureAlgorithm: algorithm)
        }
        guard scheme == .rsaPSS, let key = _RSA.Signing.PublicKey(self) else { return false }
        return key.isValidSignature(
            _RSA.Signing.RSASignature(rawRepresentation: signature), for: SHA256.hash(data: message), padding: .PSS)
    }
}
#endif
