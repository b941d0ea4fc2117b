import SCP
import SCPProviderLaws
import SCPSimulation
import Testing

/// The ML-KEM-768 that simulations and vectors use is the published one.
struct EncapsulationTests {
    private static func repeatable(_ bytes: [UInt8]) -> RepeatableMLKEM { RepeatableMLKEM { bytes } }

    @Test func lawsHold() throws {
        let generator = SeededGenerator(seed: 768)
        let encapsulation = RepeatableMLKEM { (0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) } }
        #expect(try EncapsulationLaws(encapsulation).firstBroken() == nil)
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
