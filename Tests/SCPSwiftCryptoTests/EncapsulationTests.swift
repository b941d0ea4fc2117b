#if SwiftCrypto
import SCP
import SCPProviderLaws
import SCPRepeatableMLKEM
import SCPSimulation
import SCPSwiftCrypto
import Testing

/// ML-KEM-768 of swift-crypto: the laws, the published vectors, and a second implementation.
struct EncapsulationTests {
    private let encapsulation: SwiftCryptoEncapsulation

    init() throws { encapsulation = try #require(try SwiftCryptoProvider().encapsulation) }

    @Test func lawsHold() throws { #expect(try EncapsulationLaws(encapsulation).firstBroken() == nil) }

    @Test(.enabled(if: VectorFiles.directory != nil, "no vectors: set SCP_VECTORS"))
    func wycheproof() throws {
        #expect(
            try EncapsulationLaws(encapsulation).wycheproofDecapsulation()
                == VectorReport(answered: 193 - 40, refused: 40))
    }

    /// Keys and secrets are those of the repeatable implementation, whoever encapsulates; of damaged ciphertexts too.
    @Test func agreesWithTheRepeatable() throws {
        let generator = SeededGenerator(seed: 203)
        let other = RepeatableMLKEM(seed: 203)
        for _ in 0..<20 {
            let seed = try SwiftCryptoProvider().randomSecret(count: EncapsulationKey.seedSize)
            let (ours, theirs) = (try encapsulation.decapsulationKey(seed), try other.decapsulationKey(seed))
            let key = try encapsulation.encapsulationKey(of: ours)
            #expect(try other.encapsulationKey(of: theirs) == key)
            for made in [try encapsulation.encapsulate(to: key), try other.encapsulate(to: key)] {
                var ciphertext = made.ciphertext
                for _ in 0..<2 {
                    let first = try encapsulation.decapsulate(ciphertext.span, with: ours)
                    let second = try other.decapsulate(ciphertext.span, with: theirs)
                    #expect(first.bytes.indices.allSatisfy { first.bytes[$0] == second.bytes[$0] })
                    ciphertext[generator.next(below: ciphertext.count)] ^= 1
                }
            }
        }
    }
}
#endif
