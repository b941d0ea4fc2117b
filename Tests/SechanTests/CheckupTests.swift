import SCP
import Testing

@testable import SCPGcrypt
@testable import sechan

/// The doctor's verdicts for machines that this one is not.
@Suite struct CheckupTests {
    private static let intel = ["intel-cpu", "intel-aesni", "intel-pclmul"]

    private func checks(_ features: [String], _ error: GcryptError?, random: String = "system") -> [Check] {
        Checkup.cryptography(
            GcryptProvider.Diagnostics(
                version: "1.10.1", hardwareFeatures: features, randomSource: random,
                isFIPSMode: error == .fipsMode, isInitializedByHost: false),
            error: error)
    }

    private func verdict(_ name: String, _ checks: [Check]) throws -> Check {
        try #require(checks.first { $0.name == name })
    }

    @Test func fitMachine() throws {
        let checks = checks(CheckupTests.intel, nil)
        #expect(Checkup.status(of: checks) == .done)
        #expect(try verdict("crypto library", checks).verdict == .good)
        #expect(try verdict("hardware features", checks).finding == "intel-cpu intel-aesni intel-pclmul")
        #expect(try verdict("constant-time AES", checks).verdict == .good)
        #expect(try verdict("randomness", checks).verdict == .good)
        // A fact about libgcrypt that people must know, and no reason to refuse.
        #expect(try verdict("constant-time X25519", checks).verdict == .warning)
    }

    @Test func otherRandomGenerator() throws {
        let check = try verdict("randomness", checks(CheckupTests.intel, nil, random: "standard"))
        #expect(check.verdict == .warning)
        #expect(check.finding.contains("standard"))
    }

    @Test(arguments: [[], ["intel-aesni"], ["intel-pclmul"], ["intel-aesni", "arm-pmull"]])
    func tableAES(features: [String]) throws {
        let checks = checks(features, .noConstantTimeAES)
        #expect(Checkup.status(of: checks) == .configuration)
        #expect(try verdict("crypto library", checks).verdict == .good)
        let aes = try verdict("constant-time AES", checks)
        #expect(aes.verdict == .bad(.configuration))
        #expect(aes.remedy != nil)
        #expect(try (verdict("hardware features", checks).verdict == .warning) == features.isEmpty)
    }

    @Test(arguments: [
        (GcryptError.fipsMode, "FIPS"), (.oldVersion(found: "1.10.1", required: "1.11"), "older than 1.11"),
        (.selfTestFailed(.hkdf), "self-test of HKDF-SHA-256"),
    ])
    func unusableLibrary(error: GcryptError, finding: String) throws {
        let library = try verdict("crypto library", checks(CheckupTests.intel, error))
        #expect(library.verdict == .bad(.configuration))
        #expect(library.finding.contains(finding))
        #expect(library.remedy != nil)
    }

    @Test func worstVerdictIsTheStatus() {
        let missing = Check("a", .bad(.noInput), "")
        let unfit = Check("b", .bad(.configuration), "")
        #expect(Checkup.status(of: []) == .done)
        #expect(Checkup.status(of: [Check("c", .warning, "")]) == .done)
        #expect(Checkup.status(of: [missing]) == .noInput)
        #expect(Checkup.status(of: [missing, unfit]) == .configuration)
        #expect(Checkup.status(of: [unfit, missing]) == .configuration)
    }
}
