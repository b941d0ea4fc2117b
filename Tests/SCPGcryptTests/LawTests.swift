import SCP
import SCPGcrypt
import SCPProviderLaws
import Testing

struct LawTests {
    // [SCP-KEY-10], [SCP-KEY-11], [SCP-PROT-4], [SCP-PROT-8], [SCP-SEC-1]
    @Test(arguments: Law.allCases)
    func gcryptHolds(_ law: Law) throws {
        try ProviderLaws(GcryptProvider()).check(law)
    }

    @Test func combinedProviderHolds() throws {
        let provider = try CombinedProvider(agreement: GcryptProvider(), protection: GcryptProvider())
        #expect(ProviderLaws(provider).broken() == [])
    }

    /// A law that nothing can break proves nothing.
    @Test(arguments: Fault.allCases)
    func faultIsFound(_ fault: Fault) throws {
        let broken = try ProviderLaws(FaultyProvider(fault: fault)).broken()
        #expect(broken.contains(fault.law), "\(fault) breaks \(broken) only")
    }

    @Test func everyLawHasAFault() {
        #expect(Set(Fault.allCases.map(\.law)) == Set(Law.allCases))
    }
}
