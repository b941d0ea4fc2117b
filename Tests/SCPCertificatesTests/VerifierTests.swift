#if Certificates
import Foundation
import SCP
import SwiftASN1
import Testing
import X509

@testable import SCPCertificates

// [SCP-ID-11] [SCP-ID-14]
@Suite("Verification of certificates")
struct VerifierTests {
    private let estate: Estate

    init() throws { estate = try Estate() }

    @Test(
        "every kind of key, under every kind of root", arguments: CertificateKeyKind.allCases,
        CertificateKeyKind.allCases)
    func kinds(root: CertificateKeyKind, leaf: CertificateKeyKind) async throws {
        let estate = try Estate(root)
        for role in [Role.initiator, .responder] {
            let shown = try estate.identity(kind: leaf).shown()
            let peer = try await estate.verifier().verify(shown, from: role)
            #expect(peer.names == [.dns("host.example")] && peer.path.count == 2)
        }
    }

    @Test("an authority between, which the chain brings")
    func intermediate() async throws {
        let below = try estate.root.issueAuthority(name: "Below", lifetime: 300 * day)
        let whole = try estate.identity(by: below, with: [below.certificate])
        #expect(try await estate.verifier().verify(whole.shown(), from: .responder).path.count == 3)
        let part = try estate.identity(by: below)
        #expect(await error(estate.verifier(), try part.shown()) == .untrusted)
    }

    @Test("time")
    func time() async throws {
        let shown = try estate.identity(lifetime: day).shown()
        var verifier = estate.verifier()
        verifier.now = { Date().addingTimeInterval(2 * day) }
        #expect(await error(verifier, shown) == .expired)
        verifier.now = { Date().addingTimeInterval(-2 * day) }
        #expect(await error(verifier, shown) == .notYetValid)
        // An authority that is not valid yet above a leaf that is; and none issues for longer than it lives.
        let below = try estate.root.issueAuthority(
            name: "Later", lifetime: 9 * day, now: Date().addingTimeInterval(day))
        let early = try estate.identity(by: below, with: [below.certificate])
        #expect(early.chain[0].notValidAfter <= below.certificate.notValidAfter)
        #expect(await error(estate.verifier(), try early.shown()) == .notYetValid)
        var late = estate.verifier()
        late.now = { Date().addingTimeInterval(400 * day) }
        let long = try Estate.certificate(CertificateKeyKind.p256.makeKey(), by: estate.root, lifetime: 500 * day)
        #expect(await error(late, long) == .expired)
    }

    @Test("times that no calendar has", arguments: [Date.distantPast, .distantFuture])
    func ends(time: Date) async throws {
        var verifier = estate.verifier()
        verifier.now = { time }
        let shown = try estate.identity().shown()
        #expect(await error(verifier, shown) == (time == .distantPast ? .notYetValid : .expired))
    }

    @Test("names")
    func names() async throws {
        let shown = try estate.identity(["host.example", "10.0.0.1", "spiffe://a/b"]).shown()
        for name in ["host.example", "10.0.0.1", "spiffe://a/b"] {
            let peer = try await estate.verifier([name]).verify(shown, from: .responder)
            #expect(peer.names.first == PeerName(name) && peer.names.count == 3)
        }
        for name in ["other.example", "10.0.0.2", "spiffe://a/c", "leaf", "a@host.example"] {
            #expect(await error(estate.verifier([name]), shown) == .wrongName, "\(name)")
        }
        #expect(await error(estate.verifier([]), shown) == .wrongName)
        let nameless = try estate.identity([]).shown()
        #expect(await error(estate.verifier(), nameless) == .wrongName)
        let any = CertificateVerifier(roots: [estate.root.certificate], names: .any)
        #expect(try await any.verify(shown, from: .initiator).names.count == 3)
    }

    @Test("roots")
    func roots() async throws {
        let shown = try estate.identity().shown()
        let other = try Estate().verifier()
        #expect(await error(other, shown) == .untrusted)
        #expect(await error(CertificateVerifier(roots: [], names: .any), shown) == .untrusted)
    }

    @Test("signatures: of another handshake, of another key, another scheme, in the form of TLS")
    func signatures() async throws {
        let identity = try estate.identity()
        let verifier = estate.verifier()
        #expect(await error(verifier, try identity.shown(signedBytes.map { $0 ^ 1 })) == .badSignature)
        let other = try estate.identity().shown()
        let shown = try identity.shown()
        #expect(await error(verifier, shown.with(signature: other.signature)) == .badSignature)
        // The same leaf's CertificateVerify over the same hash (RFC 8446 4.4.3).
        let context = Array("TLS 1.3, server CertificateVerify".utf8)
        let tls = [UInt8](repeating: 0x20, count: 64) + context + [0] + signedBytes.suffix(64)
        #expect(await error(verifier, try identity.shown(tls)) == .badSignature)
        for signature in [[], [0], shown.signature.dropLast(), shown.signature + [0]] as [[UInt8]] {
            #expect(await error(verifier, shown.with(signature: signature)) == .badSignature)
        }
        let large = try estate.identity(kind: .p384).shown()
        #expect(await error(verifier, large.with(scheme: .ecdsaP256)) == .schemeMismatch)
        #expect(await error(verifier, shown.with(scheme: .ecdsaP384)) == .schemeMismatch)
        #expect(await error(verifier, shown.with(scheme: .ed25519)) == .schemeMismatch)
        #expect(await error(verifier, shown.with(scheme: .rsaPSS)) == .schemeMismatch)
        #expect(await error(verifier, shown.with(scheme: SignatureScheme(rawValue: 0x0401))) == .unknownScheme(0x0401))
    }

    @Test("chains: a swapped leaf, too many, malformed, in another order")
    func chains() async throws {
        let verifier = estate.verifier()
        let shown = try estate.identity().shown()
        let other = try estate.identity().shown()
        #expect(await error(verifier, shown.with(chain: other.chain)) == .badSignature)
        let many = shown.chain + Array(repeating: other.chain[0], count: 10)
        #expect(await error(verifier, shown.with(chain: many)) == .tooManyCertificates(11))
        #expect(await error(verifier, shown.with(chain: [])) == .malformed(0))
        #expect(await error(verifier, shown.with(chain: [[1, 2, 3]])) == .malformed(0))
        #expect(await error(verifier, shown.with(chain: shown.chain + [[0x30, 0x80]])) == .malformed(1))
        #expect(await error(verifier, shown.with(chain: [shown.chain[0] + [0]])) == .malformed(0))
    }

    /// All with one subject and one key, told apart by a name each, so that every one can follow every other: eight
    /// have 110,000 paths, and the library would try them all, for minutes.
    @Test("many authorities that vouch for each other take no time")
    func mutualIssuers() async throws {
        let key = CertificateKeyKind.p256.makeKey()
        let subject = try DistinguishedName { CommonName("M") }
        let others = try (0..<8).map { number in
            try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: Date().addingTimeInterval(-day), notValidAfter: Date().addingTimeInterval(day),
                issuer: subject, subject: subject, signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
                    SubjectAlternativeNames([.dnsName("m\(number).example")])
                }, issuerPrivateKey: key)
        }
        let identity = try estate.identity(by: CertificateAuthority(certificate: others[0], key: key), with: others)
        let shown = try identity.shown()
        let clock = ContinuousClock()
        let begun = clock.now
        #expect(await error(estate.verifier(), shown) == .untrusted)
        #expect(clock.now - begun < .seconds(60))
    }

    @Test("what an authority does not issue")
    func notIssued() throws {
        let key = CertificateKeyKind.p256.makeKey().publicKey
        for name in [PeerName.dns("b\u{fc}cher.example"), .dns("a b"), .dns("a.example."), .ip([1, 2, 3]), .email("")] {
            #expect(throws: SCPCertificates.CertificateError.notIssued("'\(name)' is no name")) {
                try estate.root.issue(to: key, name: "x", names: [name], lifetime: day)
            }
        }
        #expect(throws: SCPCertificates.CertificateError.notIssued("the authority has expired")) {
            try estate.root.issue(
                to: key, name: "x", names: [], lifetime: day, now: Date().addingTimeInterval(366 * day))
        }
    }

    @Test("a leaf as an authority, and a path that is too long")
    func authorities() async throws {
        let key = CertificateKeyKind.p256.makeKey()
        let leaf = try estate.root.issue(to: key.publicKey, name: "leaf", names: [.dns("a.example")], lifetime: day)
        let usurper = try CertificateAuthority(certificate: leaf, key: key)
        let usurped = try estate.identity(by: usurper, with: [leaf])
        #expect(
            await error(estate.verifier(), try usurped.shown())
                == .invalidPath("certificate 1 is not for signing certificates"))
        let first = try estate.root.issueAuthority(name: "First", pathLength: 0, lifetime: 20 * day)
        let second = try first.issueAuthority(name: "Second", pathLength: 0, lifetime: 10 * day)
        let long = try estate.identity(lifetime: day, by: second, with: [second.certificate, first.certificate])
        #expect(
            await error(estate.verifier(), try long.shown())
                == .invalidPath(
                    "RFC5280Policy: CA certificate 2 has maximum path length 0, but chain has 1 subCAs"))
    }

    @Test("uses that the leaf allows")
    func usages() async throws {
        let cases: [(KeyUsage, [ExtendedKeyUsage.Usage], Role, SCPCertificates.CertificateError?)] = [
            (KeyUsage(keyAgreement: true), [.serverAuth], .responder, .notForSignatures),
            (KeyUsage(digitalSignature: true), [.serverAuth], .initiator, .wrongPurpose),
            (KeyUsage(digitalSignature: true), [.clientAuth], .responder, .wrongPurpose),
            (KeyUsage(digitalSignature: true), [.codeSigning], .responder, .wrongPurpose),
            (KeyUsage(digitalSignature: true), [.any], .responder, nil),
            (KeyUsage(digitalSignature: true), [], .initiator, nil),
        ]
        for (usage, purposes, role, expected) in cases {
            let key = CertificateKeyKind.ed25519.makeKey()
            let leaf = try Certificate(
                version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: key.publicKey,
                notValidBefore: Date().addingTimeInterval(-day), notValidAfter: Date().addingTimeInterval(day),
                issuer: estate.root.certificate.subject, subject: try DistinguishedName { CommonName("leaf") },
                signatureAlgorithm: .ecdsaWithSHA256,
                extensions: try Certificate.Extensions {
                    Critical(usage)
                    if !purposes.isEmpty { Critical(try ExtendedKeyUsage(purposes)) }
                    Critical(SubjectAlternativeNames([.dnsName("host.example")]))
                }, issuerPrivateKey: estate.root.key)
            let shown = try CertificateIdentity(chain: [leaf], key: key).shown()
            #expect(await error(estate.verifier(), shown, from: role) == expected, "\(purposes)")
        }
    }

    @Test("the hooks: revocation with the path, and the last word")
    func hooks() async throws {
        let identity = try estate.identity()
        var verifier = estate.verifier()
        let serial = identity.chain[0].serialNumber
        verifier.isRevoked = { path in path.count == 2 && path[0].serialNumber == serial }
        #expect(await error(verifier, try identity.shown()) == .revoked)
        #expect(await error(verifier, try estate.identity().shown()) == nil)
        verifier.approve = { peer throws(SCPCertificates.CertificateError) in
            await Task.yield()
            if peer.names.contains(.dns("host.example")) { throw .refused("not today") }
        }
        #expect(await error(verifier, try estate.identity().shown()) == .refused("not today"))
    }

    @Test("identities: keys that fit, text that is none")
    func identities() throws {
        let identity = try estate.identity()
        let certificates = try PEM.text(identity.chain[0]) + PEM.text(estate.root.certificate)
        #expect(throws: SCPCertificates.CertificateError.keyOfAnother) {
            try CertificateIdentity(certificates: certificates, key: PEM.text(estate.root.key))
        }
        #expect(throws: SCPCertificates.CertificateError.unreadable("certificates")) { try PEM.certificates("hello") }
        #expect(throws: SCPCertificates.CertificateError.unreadable("a private key")) {
            try PEM.privateKey(certificates)
        }
        for kind in CertificateKeyKind.allCases {
            let key = kind.makeKey()
            let leaf = try estate.root.issue(to: key.publicKey, name: "x", names: [], lifetime: day)
            let text = try PEM.text(leaf) + PEM.text(key)
            #expect(try CertificateIdentity(certificates: text, key: text).chain == [leaf])
        }
    }
}
#endif
