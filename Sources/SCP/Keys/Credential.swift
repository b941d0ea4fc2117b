/// A signature scheme of TLS 1.3 (RFC 8446 4.2.3), by its number there.
/// [SCP-ID-11]
public struct SignatureScheme: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    /// ECDSA over P-256 with SHA-256; the signature is DER.
    public static let ecdsaP256 = SignatureScheme(rawValue: 0x0403)
    /// ECDSA over P-384 with SHA-384; the signature is DER.
    public static let ecdsaP384 = SignatureScheme(rawValue: 0x0503)
    /// RSASSA-PSS with SHA-256 and a key for any use of RSA.
    public static let rsaPSS = SignatureScheme(rawValue: 0x0804)
    public static let ed25519 = SignatureScheme(rawValue: 0x0807)
}

/// What we show in the encrypted part of the handshake: a chain of certificates, and who signs for its leaf.
///
/// The engine knows nothing of X.509: it asks for a signature over what [SCP-ID-10] says, and sends the chain as it is.
public struct Credential: Sendable {
    public let scheme: SignatureScheme
    /// Certificates in DER, the leaf first; at least one.
    public let chain: [[UInt8]]
    /// Signs the bytes with the leaf's private key. A closure, since an existential cannot be in Embedded Swift.
    package let sign: @Sendable (_ message: [UInt8]) throws(CryptoError) -> [UInt8]

    public init(
        scheme: SignatureScheme, chain: [[UInt8]],
        sign: @escaping @Sendable (_ message: [UInt8]) throws(CryptoError) -> [UInt8]
    ) {
        self.scheme = scheme
        self.chain = chain
        self.sign = sign
    }
}

/// What the peer has shown. Nothing of it has been verified: the embedder checks that ``signature`` is the leaf's over
/// ``signedBytes``, and that the chain is one it trusts, for the name it expects.
public struct PeerCredential: Hashable, Sendable {
    /// The peer's number, which may be one we do not know.
    public let scheme: SignatureScheme
    public let signature: [UInt8]
    /// Certificates in DER, the leaf first, at least one, none empty. Nobody has parsed them.
    public let chain: [[UInt8]]
    /// What the signature has to be over: it binds the handshake, the peer's role, its static key and the chain.
    /// [SCP-ID-10]
    public let signedBytes: [UInt8]
    /// The static key that the certificate is to vouch for.
    public let publicKey: PublicKey

    public init(
        scheme: SignatureScheme, signature: [UInt8], chain: [[UInt8]], signedBytes: [UInt8], publicKey: PublicKey
    ) {
        self.scheme = scheme
        self.signature = signature
        self.chain = chain
        self.signedBytes = signedBytes
        self.publicKey = publicKey
    }
}

/// Whether the peer may, or must, show a credential.
/// [SCP-ID-11]
public enum CredentialPolicy: Hashable, Sendable {
    /// One that is shown ends the handshake.
    case refused
    /// Verified when it is there.
    case optional
    /// Without one the handshake ends.
    case required
}
