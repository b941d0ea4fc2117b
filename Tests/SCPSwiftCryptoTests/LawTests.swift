#if SwiftCrypto
import SCP
import SCPGcrypt
import SCPProviderLaws
import SCPSwiftCrypto
import Testing

struct LawTests {
    // [SCP-KEY-10], [SCP-KEY-11], [SCP-PROT-4], [SCP-PROT-8], [SCP-SEC-1]
    @Test(arguments: Law.allCases)
    func swiftCryptoHolds(_ law: Law) throws {
        try ProviderLaws(SwiftCryptoProvider()).check(law)
    }

    @Test func mixedProvidersHold() throws {
        let gcrypt = try GcryptProvider()
        let swiftCrypto = try SwiftCryptoProvider()
        #expect(ProviderLaws(CombinedProvider(agreement: swiftCrypto, protection: gcrypt)).broken() == [])
        #expect(ProviderLaws(CombinedProvider(agreement: gcrypt, protection: swiftCrypto)).broken() == [])
    }

    /// Even without the list of low-order encodings no zero secret comes out of the multiplication: swift-crypto does
    /// not look.
    // [SCP-KEY-10]
    @Test(arguments: lowOrderEncodings)
    func secondBarrierAgainstLowOrder(_ encoding: [UInt8]) throws {
        let provider = try SwiftCryptoProvider()
        let key = try provider.privateKey(provider.randomSecret(count: 32))
        let point = PublicKey([32 of UInt8] { encoding[$0] })
        #expect(throws: CryptoError.invalidPublicKey) { try key.agree(with: point) }
    }

    @Test func x25519IsConstantTime() { #expect(SwiftCryptoProvider.hasConstantTimeKeyAgreement) }
}

// [SCP-SEC-5]
/// A wrong known answer leaves nobody with a provider.
struct SelfTestTests {
    @Test func publishedAnswersPass() throws { _ = try SwiftCryptoProvider(proving: .published) }

    @Test(arguments: SelfTestPrimitive.allCases)
    func wrongAnswerDisables(_ primitive: SelfTestPrimitive) {
        var answers = KnownAnswers.published
        switch primitive {
        case .x25519: answers.x25519[0] ^= 1
        case .aesGCM: answers.aesGCM[31] ^= 0x80
        case .hmac: answers.hmac[0] ^= 1
        case .hkdf: answers.hkdf.removeLast()
        }
        #expect(throws: SwiftCryptoError.selfTestFailed(primitive)) { try SwiftCryptoProvider(proving: answers) }
        #expect(SwiftCryptoError.selfTestFailed(primitive).description.contains(primitive.rawValue))
    }
}
#endif
