#if Certificates
/// Why a peer's credential was not accepted, or a credential of ours could not be made.
///
/// The peer is never told more than ``SCP/ErrorCode/credentialInvalid``.
public enum CertificateError: Error, Hashable, Sendable {
    // MARK: A peer's

    /// A certificate, counted from the leaf, which is 0, is not DER of X.509 (RFC 5280), or an extension of it is not.
    case malformed(Int)
    /// More certificates than ``CertificateVerifier/maximumCertificates``.
    case tooManyCertificates(Int)
    /// A number of RFC 8446 4.2.3 that nobody here verifies.
    case unknownScheme(UInt16)
    /// The leaf's key is of another kind than the scheme.
    case schemeMismatch
    /// The signature is not the leaf's over this handshake, role, static key and chain.
    case badSignature
    /// The leaf's key usage leaves out digitalSignature (RFC 5280 4.2.1.3).
    case notForSignatures
    /// The leaf's extended key usage leaves out the peer's role: serverAuth of a responder, clientAuth of an initiator.
    case wrongPurpose
    /// The leaf, or an authority on its path, is not valid yet, or no longer.
    case notYetValid
    case expired
    /// None of the leaf's names is an expected one (RFC 9525 6).
    case wrongName
    /// No path leads to a root.
    case untrusted
    /// A path leads to a root, and breaks a rule of RFC 5280: one who is no authority has issued, the path is too long,
    /// a name is not permitted, an extension is critical and unknown, a signature is made with SHA-1. In words for
    /// people, which may quote a name of the peer's.
    case invalidPath(String)
    /// The revocation hook says so.
    case revoked
    /// The custom verifier says so.
    case refused(String)

    // MARK: Ours

    /// What should be a certificate or a private key in PEM is none.
    case unreadable(String)
    /// A key that no scheme is for: not Ed25519, ECDSA over P-256 or P-384, or RSA.
    case unsupportedKey
    /// The private key is not that of the leaf.
    case keyOfAnother
    /// The library made no certificate, for this reason.
    case notIssued(String)
}

extension CertificateError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .malformed(let index): "certificate \(index) of the chain is malformed"
        case .tooManyCertificates(let count): "the chain has \(count) certificates"
        case .unknownScheme(let number): "signature scheme 0x\(String(number, radix: 16)) is not known"
        case .schemeMismatch: "the leaf's key does not fit the signature scheme"
        case .badSignature: "the signature is not the leaf's over this handshake"
        case .notForSignatures: "the leaf is not for digital signatures"
        case .wrongPurpose: "the leaf is not for this role"
        case .notYetValid: "the certificate is not valid yet"
        case .expired: "the certificate has expired"
        case .wrongName: "the certificate is for another name"
        case .untrusted: "no root that is trusted vouches for the certificate"
        case .invalidPath(let reason): "the path to the root is invalid: \(reason)"
        case .revoked: "the certificate has been revoked"
        case .refused(let reason): "refused: \(reason)"
        case .unreadable(let what): "not PEM of \(what)"
        case .unsupportedKey: "the key is not Ed25519, ECDSA over P-256 or P-384, or RSA"
        case .keyOfAnother: "the private key is not that of the certificate"
        case .notIssued(let reason): "no certificate was made: \(reason)"
        }
    }
}
#else
/// Not in this build: BoringSSL takes long to build, so it is built only for who asks.
@available(
    *, unavailable, message: "enable the trait: .package(url: \"...swift-scp\", ..., traits: [\"Certificates\"])"
)
public struct CertificateVerifier {}
#endif
