#if SwiftCrypto
import SCP
import SCPProviderLaws
import SCPSwiftCrypto
import Testing

/// Published vectors, all of them, with their counts: a file that went missing or empty fails.
@Suite(.enabled(if: VectorFiles.directory != nil, "no vectors: set SCP_VECTORS"))
struct VectorTests {
    let laws: ProviderLaws<SwiftCryptoProvider>

    init() throws { laws = ProviderLaws(try SwiftCryptoProvider()) }

    @Test func wycheproofX25519() throws {
        #expect(try laws.wycheproofX25519() == VectorReport(answered: 518 - 31, refused: 31))
    }

    @Test func rfc7748() throws {
        #expect(try laws.rfc7748() == VectorReport(answered: 3))
        let thousandth = hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51")
        #expect(try laws.rfc7748Iterated(1000) == thousandth)
    }

    @Test func wycheproofGCM() throws {
        let expected = VectorReport(
            answered: 39, refused: 27,
            inapplicable: [
                "the interface has no other key than 256 bits": 211,
                "the interface has no other IV than 96 bits": 39,
            ])
        let report = try laws.wycheproofGCM()
        #expect(report == expected)
        #expect(report.total == 316)
    }

    @Test func cavpGCM() throws {
        #expect(try laws.cavpGCM("gcmEncryptExtIV256_iv96_tag128.json") == VectorReport(answered: 375))
        #expect(
            try laws.cavpGCM("gcmDecrypt256_iv96_tag128.json") == VectorReport(answered: 375 - 191, refused: 191))
    }

    @Test func wycheproofHMAC() throws {
        let (whole, truncated) = try laws.wycheproofHMAC()
        #expect(whole == VectorReport(answered: 87))
        #expect(truncated == VectorReport(answered: 87))
    }

    @Test func rfc4231() throws { #expect(try laws.rfc4231() == VectorReport(answered: 6)) }

    @Test func wycheproofHKDF() throws {
        #expect(try laws.wycheproofHKDF() == VectorReport(answered: 83, refused: 3))
    }

    @Test func rfc5869() throws { #expect(try laws.rfc5869() == VectorReport(answered: 3)) }
}
#endif
