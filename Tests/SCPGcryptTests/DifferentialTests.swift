import SCP
import SCPGcrypt
import SCPProviderLaws
import Testing

/// That asking two providers the same finds what one of them does wrong.
struct DifferentialTests {
    @Test func aProviderAgreesWithItself() throws {
        let report = try Differential(GcryptProvider(), GcryptProvider()).run(500, seed: 1)
        #expect(report.different == [])
        #expect(report.asked == Dictionary(uniqueKeysWithValues: Question.allCases.map { ($0, 100) }))
    }

    @Test(
        arguments: [
            (.negatedPublicKey, .agreement), (.unclampedScalar, .agreement), (.refusedNonCanonical, .agreement),
            (.acceptedLowOrder, .agreement), (.ignoredHeader, .frame), (.plaintextLeft, .frame),
            (.acceptedFlippedBit, .authentication), (.truncatedKey, .authentication),
            (.counterFromZero, .derivation), (.extractWithoutSalt, .derivation), (.forgottenSecondPiece, .hash),
        ] as [(Fault, Question)])
    func faultMakesADifference(_ fault: Fault, _ question: Question) throws {
        let report = try Differential(GcryptProvider(), FaultyProvider(fault: fault)).run(1_000, seed: 2)
        #expect(report.different.contains { $0.hasPrefix(question.rawValue) }, "\(fault): \(report.different)")
    }
}
