import SCP
import SCPGcrypt
import SCPProviderLaws
import Testing

/// Published vectors, all of them, with their counts: a file that went missing or empty fails.
@Suite(.enabled(if: VectorFiles.directory != nil, "no vectors: set SCP_VECTORS"))
struct VectorTests {
    let laws: ProviderLaws<GcryptProvider>

    init() throws { laws = ProviderLaws(try GcryptProvider()) }

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

    /// A provider with a mistake does not pass them.
    @Test func vectorsFindFaults() throws {
        func laws(_ fault: Fault) throws -> ProviderLaws<FaultyProvider> {
            ProviderLaws(try FaultyProvider(fault: fault))
        }
        #expect(try laws(.acceptedLowOrder).wycheproofX25519().wrong.count == 31)
        #expect(try laws(.refusedNonCanonical).wycheproofX25519().wrong.count > 0)
        #expect(try laws(.ignoredHeader).wycheproofGCM().wrong.count > 0)
        #expect(try laws(.plaintextLeft).cavpGCM("gcmDecrypt256_iv96_tag128.json").wrong.count > 0)
        #expect(try laws(.acceptedPrefix).wycheproofHMAC().truncated.wrong.count == 33)
        #expect(try laws(.truncatedKey).rfc4231().wrong.count == 2)
        #expect(try laws(.counterFromZero).rfc5869().wrong.count == 3)
        #expect(try laws(.anyOutputLength).wycheproofHKDF().wrong.count == 3)
    }
}
