#if Certificates
import Foundation
import SCP
import Testing
import X509

@testable import SCPCertificates

let day: TimeInterval = 86_400

/// A root, and peers whom it vouches for.
struct Estate {
    let root: CertificateAuthority

    init(_ kind: CertificateKeyKind = .p256, pathLength: Int = 1) throws {
        root = try CertificateAuthority(name: "Root", kind: kind, pathLength: pathLength, lifetime: 365 * day)
    }

    func identity(
        _ names: [String] = ["host.example"], kind: CertificateKeyKind = .p256, lifetime: TimeInterval = 30 * day,
        now: Date = Date(), by issuer: CertificateAuthority? = nil, with others: [Certificate] = []
    ) throws -> CertificateIdentity {
        let key = kind.makeKey()
        let leaf = try (issuer ?? root).issue(
            to: key.publicKey, name: "leaf", names: names.map(PeerName.init), lifetime: lifetime, now: now)
        return try CertificateIdentity(chain: [leaf] + others, key: key)
    }

    /// A certificate that no authority of ours would make, shown by who has its key.
    static func certificate(
        _ key: Certificate.PrivateKey, version: Certificate.Version = .v3,
        by issuer: CertificateAuthority, lifetime: TimeInterval = 30 * day, with others: [Certificate] = [],
        extensions: Certificate.Extensions? = nil
    ) throws -> PeerCredential {
        try CertificateIdentity(
            chain: [
                make(
                    "leaf", key.publicKey, version: version, by: issuer, lifetime: lifetime,
                    extensions: extensions ?? names(["host.example"]))
            ] + others, key: key
        ).shown()
    }

    static func make(
        _ name: String, _ key: Certificate.PublicKey, version: Certificate.Version = .v3,
        by issuer: CertificateAuthority, _ algorithm: Certificate.SignatureAlgorithm = .ecdsaWithSHA256,
        lifetime: TimeInterval = 30 * day, extensions: Certificate.Extensions
    ) throws -> Certificate {
        try Certificate(
            version: version, serialNumber: Certificate.SerialNumber(), publicKey: key,
            notValidBefore: Date().addingTimeInterval(-day), notValidAfter: Date().addingTimeInterval(lifetime),
            issuer: issuer.certificate.subject, subject: try DistinguishedName { CommonName(name) },
            signatureAlgorithm: algorithm, extensions: extensions, issuerPrivateKey: issuer.key)
    }

    static func names(_ names: [String]) throws -> Certificate.Extensions {
        try Certificate.Extensions { SubjectAlternativeNames(names.map { PeerName($0).generalName }) }
    }

    func verifier(_ names: [String] = ["host.example"]) -> CertificateVerifier {
        CertificateVerifier(roots: [root.certificate], names: .anyOf(names.map(PeerName.init)))
    }
}

/// What the engine would have signed; real handshakes are in SessionTests.
let signedBytes = (0..<163).map { UInt8(truncatingIfNeeded: $0 &* 7) }

extension CertificateIdentity {
    func shown(_ signed: [UInt8] = signedBytes, over claimed: [UInt8] = signedBytes) throws -> PeerCredential {
        let credential = try credential()
        return PeerCredential(
            scheme: credential.scheme, signature: try credential.sign(signed), chain: credential.chain,
            signedBytes: claimed, publicKey: PublicKey([32 of UInt8](repeating: 9)))
    }
}

extension PeerCredential {
    func with(scheme: SignatureScheme? = nil, signature: [UInt8]? = nil, chain: [[UInt8]]? = nil) -> PeerCredential {
        PeerCredential(
            scheme: scheme ?? self.scheme, signature: signature ?? self.signature, chain: chain ?? self.chain,
            signedBytes: signedBytes, publicKey: publicKey)
    }
}

/// What is wrong; nil when nothing is.
func error(
    _ verifier: CertificateVerifier, _ shown: PeerCredential, from role: Role = .responder
) async -> SCPCertificates.CertificateError? {
    do throws(SCPCertificates.CertificateError) {
        _ = try await verifier.verify(shown, from: role)
        return nil
    } catch {
        return error
    }
}
#endif
