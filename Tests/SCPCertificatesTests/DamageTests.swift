#if Certificates
import SCP
import SCPSimulation
import SwiftASN1
import Testing
import X509

@testable import SCPCertificates

/// Certificates that were damaged on the way, or on purpose. The chain is signed, so that nobody can damage that of
/// another; but who has a leaf can sign whatever chain he likes.
// [SCP-ID-11] [SCP-ID-14]
@Suite("Damaged certificates", .timeLimit(.minutes(5)))
struct DamageTests {
    @Test("6,000 of them: none traps, and none is trusted for another name", arguments: 0..<6)
    func damaged(round: Int) async throws {
        let random = SeededGenerator(seed: UInt64(40 + round))
        let estate = try Estate(CertificateKeyKind.allCases[round % 3])
        let below = try estate.root.issueAuthority(name: "Below", lifetime: 100 * day)
        let shown = try estate.identity(
            kind: CertificateKeyKind.allCases[round / 2], by: below, with: [below.certificate]
        ).shown()
        let verifier = estate.verifier()
        var refusals: Set<SCPCertificates.CertificateError> = []
        for _ in 0..<1_000 {
            var chain = shown.chain
            let index = random.next(below: chain.count)
            damage(&chain[index], random)
            // Bytes that say the same otherwise, such as a bit that BER lets be anything, may be accepted.
            if let refusal = await error(verifier, shown.with(chain: chain)) { refusals.insert(refusal) }
            #expect(await error(estate.verifier(["other.example"]), shown.with(chain: chain)) != nil)
        }
        #expect(refusals.contains(.malformed(0)) && refusals.contains(.malformed(1)))
        #expect(refusals.count >= 4)
    }

    /// Who has an authority can have anything signed: here the rules of paths see what was damaged.
    @Test("3,000 that were damaged before their authority signed them: none traps", arguments: 0..<3)
    func signed(round: Int) async throws {
        let random = SeededGenerator(seed: UInt64(60 + round))
        let estate = try Estate(.ed25519)
        let (key, leafKey) = (CertificateKeyKind.ed25519.makeKey(), CertificateKeyKind.ed25519.makeKey())
        let below = try Estate.make(
            "Below", key.publicKey, by: estate.root, .ed25519,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true))
                Critical(
                    NameConstraints(
                        permittedDNSDomains: ["example"], excludedDNSDomains: ["other.example"],
                        excludedIPRanges: [ASN1OctetString(contentBytes: [10, 0, 0, 0, 255, 0, 0, 0])],
                        forbiddenURIDomains: ["other.example"]))
            })
        let leaf = try CertificateAuthority(certificate: below, key: key).issue(
            to: leafKey.publicKey, name: "leaf",
            names: ["host.example", "192.0.2.1", "spiffe://host.example/x", "a@host.example"].map(PeerName.init),
            lifetime: day)
        let shown = try CertificateIdentity(chain: [leaf, below], key: leafKey).shown()
        #expect(await error(estate.verifier(), shown) == nil)
        var refusals: Set<SCPCertificates.CertificateError> = []
        var accepted = 0
        for _ in 0..<1_000 {
            var chain = shown.chain
            let index = random.next(below: 2)
            var body = try #require(Self.body(of: chain[index]))
            for _ in 0...random.next(below: 3) {
                let at = random.next(below: body.count)
                body[at] =
                    random.next(below: 2) == 0
                    ? body[at] ^ (1 << UInt8(random.next(below: 8))) : body[random.next(below: body.count)]
            }
            chain[index] = try Self.certificate(body, by: index == 0 ? key : estate.root.key)
            if let refusal = await error(estate.verifier(), shown.with(chain: chain)) {
                refusals.insert(refusal)
            } else {
                accepted += 1
            }
            #expect(await error(estate.verifier(["other.example"]), shown.with(chain: chain)) != nil)
        }
        let paths = refusals.filter { if case .invalidPath = $0 { true } else { false } }
        #expect(accepted > 0 && paths.count >= 3 && refusals.contains(.malformed(0)), "\(accepted) \(refusals)")
    }

    /// TBSCertificate, which is what is signed (RFC 5280 4.1).
    private static func body(of certificate: [UInt8]) -> [UInt8]? {
        guard certificate.count > 8, certificate[1] == 0x82, certificate[5] == 0x82 else { return nil }
        return Array(certificate[4..<(8 + Int(certificate[6]) << 8 + Int(certificate[7]))])
    }

    private static func certificate(_ body: [UInt8], by key: Certificate.PrivateKey) throws -> [UInt8] {
        let signature = try key.sign(bytes: body, signatureAlgorithm: .ed25519).rawRepresentation
        let ed25519: [UInt8] = [0x30, 5, 6, 3, 0x2b, 0x65, 0x70]
        let content = body + ed25519 + [3, 65, 0] + signature
        return [0x30, 0x82, UInt8(content.count >> 8), UInt8(content.count & 0xff)] + content
    }

    private func damage(_ bytes: inout [UInt8], _ random: SeededGenerator) {
        for _ in 0...random.next(below: 3) {
            guard !bytes.isEmpty else { return }
            let at = random.next(below: bytes.count)
            switch random.next(below: 6) {
            case 0: bytes[at] ^= 1 << UInt8(random.next(below: 8))
            case 1: bytes[at] = UInt8(random.next(below: 256))
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + 1 + random.next(below: 9)))
            case 3:
                let length: [UInt8] = [0x30, 0x84, 0xff, 0xff, 0xff, 0xff]
                bytes.insert(contentsOf: length.prefix(1 + random.next(below: 6)), at: at)
            case 4: bytes = Array(bytes.prefix(at))
            default: bytes.swapAt(at, random.next(below: bytes.count))
            }
        }
    }
}
#endif
