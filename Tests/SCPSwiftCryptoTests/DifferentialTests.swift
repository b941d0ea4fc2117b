#if SwiftCrypto
import Foundation
import SCP
import SCPGcrypt
import SCPProviderLaws
import SCPSwiftCrypto
import Testing

struct DifferentialTests {
    /// `make differential` asks more, with another seed each time.
    @Test func gcryptAndSwiftCryptoAgree() throws {
        let environment = ProcessInfo.processInfo.environment
        let count = environment["SCP_DIFFERENTIAL_CASES"].flatMap(Int.init) ?? 1_000
        let seed = environment["SCP_DIFFERENTIAL_SEED"].flatMap(UInt64.init) ?? 20_260_101
        let report = try Differential(GcryptProvider(), SwiftCryptoProvider()).run(count, seed: seed)
        #expect(report.different == [])
        #expect(report.asked.values.reduce(0, +) == count)
        #expect(report.asked.values.allSatisfy { $0 >= count / Question.allCases.count } && count > 0)
        let kinds = Question.allCases.map { "\($0.rawValue) \(report.asked[$0] ?? 0)" }.joined(separator: ", ")
        print("seed \(seed): \(count) questions (\(kinds)), \(report.different.count) answered differently")
    }
}
#endif
