#if Certificates
import Foundation
import SCP
import SwiftASN1
import Testing
import X509
import _CryptoExtras

@testable import SCPCertificates

/// What the policy of the library lets through, and RFC 5280 does not.
// [SCP-ID-14]
@Suite("Rules of paths")
struct PathTests {
    private let estate: Estate
    private let key = CertificateKeyKind.p256.makeKey()
    private let authorityKey = CertificateKeyKind.p256.makeKey()

    init() throws { estate = try Estate() }

    /// The words of the error, when it is one about the path; they fit into a line, whatever the certificates hold.
    private func objection(_ shown: PeerCredential, _ names: [String] = ["host.example"]) async throws -> String {
        let found = await error(estate.verifier(names), shown)
        guard case .invalidPath(let reason) = found else { return "\(String(describing: found))" }
        #expect(reason.count <= 500 && !reason.contains("\n") && !reason.contains("Certificate("), "\(reason)")
        return reason
    }

    /// A leaf under an authority with these extensions, under the root.
    private func shown(
        by extensions: Certificate.Extensions, version: Certificate.Version = .v3,
        _ names: [String] = ["host.example"]
    ) throws -> PeerCredential {
        let certificate = try Estate.make(
            "Below", authorityKey.publicKey, version: version, by: estate.root, extensions: extensions)
        let authority = try CertificateAuthority(certificate: certificate, key: authorityKey)
        return try Estate.certificate(key, by: authority, with: [certificate], extensions: Estate.names(names))
    }

    @Test("what is of version 1 issues nothing, and names nobody")
    func versions() async throws {
        let below = try shown(by: Certificate.Extensions(), version: .v1)
        #expect(try await objection(below) == "certificate 1 is not of version 3")
        let leaf = try Estate.certificate(key, version: .v1, by: estate.root, extensions: Certificate.Extensions())
        #expect(await error(estate.verifier(), leaf) == .wrongName)
        let any = CertificateVerifier(roots: [estate.root.certificate], names: .any)
        #expect(await error(any, leaf) == .invalidPath("certificate 0 is not of version 3"))
    }

    @Test("an authority's key usage allows signing certificates, or says nothing")
    func keyUsage() async throws {
        let usages: [(KeyUsage?, Bool)] = [
            (nil, true), (KeyUsage(keyCertSign: true), true), (KeyUsage(digitalSignature: true, cRLSign: true), false),
        ]
        for (usage, isAllowed) in usages {
            let shown = try shown(
                by: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    if let usage { Critical(usage) }
                })
            #expect(
                try await objection(shown)
                    == (isAllowed ? "nil" : "certificate 1 is not for signing certificates"))
        }
    }

    @Test("SHA-1 vouches for nobody")
    func digests() async throws {
        let rsa = Certificate.PrivateKey(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        let root = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: rsa.publicKey,
            notValidBefore: Date().addingTimeInterval(-day), notValidAfter: Date().addingTimeInterval(day),
            issuer: try DistinguishedName { CommonName("RSA") }, subject: try DistinguishedName { CommonName("RSA") },
            // A root is trusted as it is.
            signatureAlgorithm: .sha1WithRSAEncryption,
            extensions: try Certificate.Extensions { BasicConstraints.isCertificateAuthority(maxPathLength: 0) },
            issuerPrivateKey: rsa)
        for (algorithm, expected) in [
            (Certificate.SignatureAlgorithm.sha256WithRSAEncryption, nil),
            (
                .sha1WithRSAEncryption,
                SCPCertificates.CertificateError.invalidPath("certificate 0 is signed with SHA-1")
            ),
        ] {
            let leaf = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: Date().addingTimeInterval(-day), notValidAfter: Date().addingTimeInterval(day),
                issuer: root.subject, subject: try DistinguishedName { CommonName("leaf") },
                signatureAlgorithm: algorithm, extensions: try Estate.names(["host.example"]), issuerPrivateKey: rsa)
            let verifier = CertificateVerifier(roots: [root], names: .anyOf([.dns("host.example")]))
            #expect(await error(verifier, try CertificateIdentity(chain: [leaf], key: key).shown()) == expected)
        }
    }

    @Test(
        "name constraints",
        arguments: [
            // (permitted hosts, excluded hosts, excluded URIs, the leaf's name, an expected name, whether it holds)
            (["b.example"], [], [], "a.b.example", "a.b.example", true),
            (["b.example"], [], [], "a.c.example", "a.c.example", false),
            ([], ["b.example"], [], "a.c.example", "a.c.example", true),
            ([], ["b.example"], [], "a.B.example", "a.b.example", false),
            ([], ["b.example"], [], "a.b.example.", "a.b.example", false),
            ([], ["a.b.example"], [], "*.b.example", "c.b.example", false),
            ([], ["A.b.example."], [], "*.B.example", "c.b.example", false),
            ([], ["a.c.example"], [], "*.b.example", "c.b.example", true),
            ([], [], ["b.example"], "spiffe://b.example/x", "spiffe://b.example/x", false),
            ([], [], ["b.example"], "spiffe://c.example/x", "spiffe://c.example/x", true),
            ([], [], ["b.example"], "spiffe://b.example./x", "spiffe://b.example./x", false),
            ([], [], ["b.example"], "spiffe://192.0.2.1/x", "spiffe://192.0.2.1/x", false),
            ([], [], ["b.example"], "urn:x:y", "urn:x:y", false),
        ] as [([String], [String], [String], String, String, Bool)])
    func nameConstraints(
        permitted: [String], excluded: [String], excludedURIs: [String], name: String, expected: String, holds: Bool
    ) async throws {
        let shown = try shown(
            by: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(
                    NameConstraints(
                        permittedDNSDomains: permitted, excludedDNSDomains: excluded, forbiddenURIDomains: excludedURIs)
                )
            }, [name])
        let found = await error(estate.verifier([expected]), shown)
        #expect((found == nil) == holds, "\(String(describing: found))")
        if !holds, name.last != "." { _ = try await objection(shown, [expected]) }
    }

    @Test("constraints on names that nobody here compares close the path")
    func otherConstraints() async throws {
        for constraints in [
            NameConstraints(permittedEmailAddresses: ["b.example"]),
            NameConstraints(excludedEmailAddresses: ["b.example"]),
        ] {
            let shown = try shown(
                by: Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                    Critical(constraints)
                })
            #expect(try await objection(shown).contains("unsupported constraint"))
        }
    }

    @Test("critical extensions that nobody knows, in the leaf and above")
    func criticalExtensions() async throws {
        let strange = Certificate.Extension(oid: [1, 2, 3, 4], critical: true, value: [5, 0])
        let leaf = try Estate.certificate(
            key, by: estate.root, extensions: Certificate.Extensions(Array(Estate.names(["host.example"])) + [strange]))
        #expect(try await objection(leaf) == "certificate 0 has a critical extension that nobody here knows")
        let below = try shown(
            by: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                strange
            })
        #expect(await error(estate.verifier(), below) == .untrusted)
    }

    @Test("an authority is no peer, unless it signs and is trusted by itself")
    func authorities() async throws {
        let root = try CertificateIdentity(chain: [estate.root.certificate], key: estate.root.key)
        #expect(await error(estate.verifier(), try root.shown()) == .notForSignatures)
        for (constraints, expected) in [
            (BasicConstraints.isCertificateAuthority(maxPathLength: nil), true),
            (.notCertificateAuthority, false),
        ] {
            let name = try DistinguishedName { CommonName("alone") }
            let alone = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: Date().addingTimeInterval(-day), notValidAfter: Date().addingTimeInterval(day),
                issuer: name, subject: name, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(constraints)
                    SubjectAlternativeNames([.dnsName("host.example")])
                }, issuerPrivateKey: key)
            let verifier = CertificateVerifier(roots: [alone], names: .anyOf([.dns("host.example")]))
            let found = await error(verifier, try CertificateIdentity(chain: [alone], key: key).shown())
            if expected {
                #expect(found == nil)
            } else {
                guard case .invalidPath = found else {
                    Issue.record("\(String(describing: found))")
                    return
                }
            }
        }
    }
}
#endif
