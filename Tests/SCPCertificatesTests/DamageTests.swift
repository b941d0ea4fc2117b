#if Certificates
import SCP
import SCPSimulation
import Testing

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
