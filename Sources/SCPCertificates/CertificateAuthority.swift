#if Certificates
internal import Crypto
internal import SCP
internal import SwiftASN1
public import X509

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The kinds of keys that certificates are made with here.
public enum CertificateKeyKind: String, CaseIterable, Sendable {
    case ed25519
    case p256
    case p384

    /// A new key.
    public func makeKey() -> Certificate.PrivateKey {
        switch self {
        case .ed25519: Certificate.PrivateKey(Curve25519.Signing.PrivateKey())
        case .p256: Certificate.PrivateKey(P256.Signing.PrivateKey())
        case .p384: Certificate.PrivateKey(P384.Signing.PrivateKey())
        }
    }
}

/// Makes certificates: for a private network, for development, for tests.
public struct CertificateAuthority: Sendable {
    /// Certificates begin so long before they are made, for the sake of clocks that are behind.
    public static let leeway: TimeInterval = 300

    public let certificate: Certificate
    public let key: Certificate.PrivateKey

    /// An authority that is there.
    public init(certificate: Certificate, key: Certificate.PrivateKey) throws(CertificateError) {
        guard certificate.publicKey == key.publicKey else { throw .keyOfAnother }
        guard SignatureScheme(of: key.publicKey)?.algorithm != nil else { throw .unsupportedKey }
        self.certificate = certificate
        self.key = key
    }

    /// A new root.
    ///
    /// - Parameters:
    ///   - name: the subject's common name.
    ///   - pathLength: how many authorities may stand between it and a leaf.
    ///   - lifetime: in seconds.
    public init(
        name: String, kind: CertificateKeyKind = .p256, pathLength: Int = 0, lifetime: TimeInterval, now: Date = Date()
    ) throws(CertificateError) {
        let key = kind.makeKey()
        do {
            let subject = try DistinguishedName { CommonName(name) }
            let certificate = try Self.make(
                subject, key.publicKey, issuer: subject, key, lifetime: lifetime, now: now,
                extensions: Self.authorityExtensions(key.publicKey, pathLength: pathLength, issuer: nil))
            try self.init(certificate: certificate, key: key)
        } catch {
            throw .notIssued("\(error)")
        }
    }

    /// An authority below this one.
    public func issueAuthority(
        name: String, kind: CertificateKeyKind = .p256, pathLength: Int = 0, lifetime: TimeInterval, now: Date = Date()
    ) throws(CertificateError) -> CertificateAuthority {
        let key = kind.makeKey()
        do {
            let certificate = try Self.make(
                try DistinguishedName { CommonName(name) }, key.publicKey, issuer: self.certificate.subject, self.key,
                lifetime: lifetime, now: now,
                extensions: Self.authorityExtensions(key.publicKey, pathLength: pathLength, issuer: self.certificate))
            return try CertificateAuthority(certificate: certificate, key: key)
        } catch {
            throw .notIssued("\(error)")
        }
    }

    /// A new key with its certificate, as ``issue(to:name:names:lifetime:now:)`` makes it; the first name is the common
    /// name.
    public func identity(
        names: [PeerName], kind: CertificateKeyKind = .p256, lifetime: TimeInterval, now: Date = Date()
    ) throws(CertificateError) -> CertificateIdentity {
        let key = kind.makeKey()
        let leaf = try issue(
            to: key.publicKey, name: names.first?.description ?? "", names: names, lifetime: lifetime, now: now)
        // What stands above goes with it, but for a root, which verifiers have.
        let isRoot = certificate.issuer == certificate.subject
        return try CertificateIdentity(chain: isRoot ? [leaf] : [leaf, certificate], key: key)
    }

    /// A certificate for both roles of a peer: digitalSignature, serverAuth and clientAuth, and its names.
    ///
    /// - Parameters:
    ///   - name: the subject's common name, for people.
    ///   - names: what peers compare with whom they expect.
    ///   - lifetime: in seconds; no longer than the authority's.
    /// - Throws: ``CertificateError/notIssued(_:)`` when the authority has expired, or a name is none.
    public func issue(
        to publicKey: Certificate.PublicKey, name: String, names: [PeerName], lifetime: TimeInterval, now: Date = Date()
    ) throws(CertificateError) -> Certificate {
        guard now < certificate.notValidAfter else { throw .notIssued("the authority has expired") }
        for name in names where PeerName(name.generalName) == nil { throw .notIssued("'\(name)' is no name") }
        do {
            let issuer = certificate
            let extensions = try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.serverAuth, .clientAuth])
                SubjectAlternativeNames(names.map(\.generalName))
                SubjectKeyIdentifier(hash: publicKey)
                try Self.identifier(of: issuer)
            }
            return try Self.make(
                try DistinguishedName { CommonName(name) }, publicKey, issuer: issuer.subject, key,
                lifetime: min(lifetime, issuer.notValidAfter.timeIntervalSince(now)), now: now, extensions: extensions)
        } catch {
            throw .notIssued("\(error)")
        }
    }

    private static func authorityExtensions(
        _ key: Certificate.PublicKey, pathLength: Int, issuer: Certificate?
    ) throws -> Certificate.Extensions {
        try Certificate.Extensions {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: pathLength))
            Critical(KeyUsage(keyCertSign: true, cRLSign: true))
            SubjectKeyIdentifier(hash: key)
            if let issuer { try identifier(of: issuer) }
        }
    }

    private static func identifier(of issuer: Certificate) throws -> AuthorityKeyIdentifier {
        AuthorityKeyIdentifier(keyIdentifier: try issuer.extensions.subjectKeyIdentifier?.keyIdentifier)
    }

    private static func make(
        _ subject: DistinguishedName, _ publicKey: Certificate.PublicKey, issuer: DistinguishedName,
        _ key: Certificate.PrivateKey, lifetime: TimeInterval, now: Date, extensions: Certificate.Extensions
    ) throws -> Certificate {
        guard let algorithm = SignatureScheme(of: key.publicKey)?.algorithm else {
            throw CertificateError.unsupportedKey
        }
        return try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: publicKey,
            notValidBefore: now.addingTimeInterval(-leeway), notValidAfter: now.addingTimeInterval(lifetime),
            issuer: issuer, subject: subject, signatureAlgorithm: algorithm, extensions: extensions,
            issuerPrivateKey: key)
    }
}
#endif
