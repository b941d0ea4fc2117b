import CGcryptTestSupport
import Dispatch
import SCP
import SCPGcrypt
import SCPProviderLaws
import Synchronization
import Testing

/// What depends on the first touch of libgcrypt happens in a process of its own.
struct SetUpTests {
    @Test func fipsModeIsRefused() async {
        await #expect(processExitsWith: .success) {
            cgt_force_fips_mode()
            #expect(throws: GcryptError.fipsMode) { try GcryptProvider() }
            #expect(throws: GcryptError.fipsMode) { try GcryptProvider(allowingTableAES: true) }
            #expect(GcryptProvider.Diagnostics.current().isFIPSMode)
        }
    }

    @Test func tableAESIsRefused() async {
        await #expect(processExitsWith: .success) {
            cgt_disable_aes_instructions()
            #expect(throws: GcryptError.noConstantTimeAES) { try GcryptProvider() }
            #expect(!GcryptProvider.Diagnostics.current().hasConstantTimeAES)
            let provider = try GcryptProvider(allowingTableAES: true)
            #expect(ProviderLaws(provider).broken() == [])
        }
    }

    @Test func tableMultiplicationIsRefused() async {
        await #expect(processExitsWith: .success) {
            cgt_disable_multiplication_instructions()
            #expect(throws: GcryptError.noConstantTimeAES) { try GcryptProvider() }
            let provider = try GcryptProvider(allowingTableAES: true)
            #expect(ProviderLaws(provider).broken() == [])
        }
    }

    @Test func hostsChoicesHold() async {
        await #expect(processExitsWith: .success) {
            cgt_initialise_as_host()
            _ = try GcryptProvider()
            #expect(GcryptProvider.Diagnostics.current().isInitializedByHost)
            #expect(GcryptProvider.Diagnostics.current().randomSource == "standard")
            #expect(cgt_has_secure_memory())
        }
    }

    @Test func withoutAHostTheKernelGivesRandomBytes() async {
        await #expect(processExitsWith: .success) {
            _ = try GcryptProvider()
            #expect(!GcryptProvider.Diagnostics.current().isInitializedByHost)
            #expect(GcryptProvider.Diagnostics.current().randomSource == "system")
            #expect(!cgt_has_secure_memory())
        }
    }

    @Test func firstUseMayBeEverywhereAtOnce() async {
        await #expect(processExitsWith: .success) {
            let made = Atomic(0)
            DispatchQueue.concurrentPerform(iterations: 16) { _ in
                guard (try? GcryptProvider()) != nil else { return }
                made.add(1, ordering: .relaxed)
            }
            #expect(made.load(ordering: .relaxed) == 16)
        }
    }

    @Test func diagnosticsDescribeThisProcess() throws {
        _ = try GcryptProvider()
        let diagnostics = GcryptProvider.Diagnostics.current()
        #expect(diagnostics.version.hasPrefix("1."))
        #expect(diagnostics.hasConstantTimeAES)
        #expect(!diagnostics.hardwareFeatures.contains { $0.isEmpty || $0.contains(":") || $0 == "hwflist" })
        #expect(!diagnostics.hasConstantTimeKeyAgreement)
        #expect(!diagnostics.isFIPSMode)
    }

    /// One of the two alone leaves the other's table.
    @Test func constantTimeNeedsBothInstructions() {
        typealias Diagnostics = GcryptProvider.Diagnostics
        #expect(Diagnostics.haveConstantTimeAES(["intel-avx", "intel-aesni", "intel-pclmul"]))
        #expect(Diagnostics.haveConstantTimeAES(["arm-neon", "arm-aes", "arm-pmull"]))
        let lacking = [
            [], ["intel-aesni"], ["intel-pclmul"], ["arm-aes"], ["arm-pmull"], ["intel-aesni", "arm-pmull"],
        ]
        for features in lacking {
            #expect(!Diagnostics.haveConstantTimeAES(features))
        }
    }

    @Test func errorsSayWhatToDo() {
        #expect(GcryptError.oldVersion(found: "1.8.0", required: "1.10.0").description.contains("1.10.0"))
        #expect(GcryptError.fipsMode.description.contains("FIPS"))
        #expect(GcryptError.noConstantTimeAES.description.contains("AES"))
        #expect(GcryptError.selfTestFailed(.hkdf).description.contains("HKDF"))
    }
}

// [SCP-SEC-5]
/// Negative test 114: a wrong known answer leaves nobody with a provider.
struct SelfTestTests {
    @Test func publishedAnswersPass() throws {
        _ = try GcryptProvider(proving: .published)
    }

    @Test(arguments: SelfTestPrimitive.allCases)
    func wrongAnswerDisables(_ primitive: SelfTestPrimitive) {
        for change in [{ $0[0] ^= 1 }, { $0[$0.count - 1] ^= 0x80 }, { $0.removeLast() }, { $0 = [] }]
            as [(inout [UInt8]) -> Void]
        {
            var answers = KnownAnswers.published
            switch primitive {
            case .x25519: change(&answers.x25519)
            case .aesGCM: change(&answers.aesGCM)
            case .hmac: change(&answers.hmac)
            case .hkdf: change(&answers.hkdf)
            }
            #expect(throws: GcryptError.selfTestFailed(primitive)) { try GcryptProvider(proving: answers) }
        }
    }

    /// The self-test looks at more than the answer: what it must notice in a provider of the right values.
    @Test func carelessProvidersFail() throws {
        #expect(try KnownAnswers.published.firstFailure(of: FaultyProvider(fault: .plaintextLeft)) == .aesGCM)
        #expect(try KnownAnswers.published.firstFailure(of: FaultyProvider(fault: .ignoredHeader)) == .aesGCM)
        #expect(try KnownAnswers.published.firstFailure(of: FaultyProvider(fault: .asymmetricAgreement)) == .x25519)
        #expect(try KnownAnswers.published.firstFailure(of: FaultyProvider(fault: .counterFromZero)) == .hkdf)
    }
}
