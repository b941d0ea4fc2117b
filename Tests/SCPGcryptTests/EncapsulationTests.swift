import SCP
import SCPProviderLaws
import SCPRepeatableMLKEM
import Testing

/// The ML-KEM-768 that vectors and repeatable sessions use is the published one.
struct EncapsulationTests {
    private static func repeatable(_ bytes: [UInt8]) -> RepeatableMLKEM { RepeatableMLKEM { bytes } }

    @Test func lawsHold() throws {
        #expect(try EncapsulationLaws(RepeatableMLKEM(seed: 768)).firstBroken() == nil)
    }

    /// One that always draws the same is found.
    @Test func brokenLawIsFound() throws {
        let encapsulation = Self.repeatable([UInt8](repeating: 1, count: 32))
        #expect(try EncapsulationLaws(encapsulation).firstBroken() == "every encapsulation is fresh")
    }

    // [SCP-HS-2] "An encapsulation key with a coefficient of 3,329 or more MUST be refused"
    @Test(.enabled(if: VectorFiles.directory != nil, "no vectors: set SCP_VECTORS"))
    func wycheproof() throws {
        #expect(
            try EncapsulationLaws(Self.repeatable([])).wycheproofDecapsulation()
                == VectorReport(answered: 193 - 40, refused: 40))
        #expect(
            try EncapsulationLaws.wycheproofEncapsulation(Self.repeatable)
                == VectorReport(answered: 133, refused: 132))
    }
}
