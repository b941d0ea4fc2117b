import Testing

@testable import SCP

// [SCP-KEY-1]
@Suite struct KeyDerivationTests {
    let reference: KeyReference

    init() throws { reference = try KeyReference() }

    @Test func saltIs37BytesOfASCII() {
        #expect(array(KeyDerivation.salt.span) == KeyReference.salt)
        #expect(KeyReference.salt.count == 37)
    }

    @Test func extractIsHMACUnderTheSalt() throws {
        for count in [0, 1, 32, 64, 65, 1_000] {
            let input = array(testSecret(1, count: count))
            let key = try KeyDerivation.extract(reference.provider, input.span)
            #expect(array(key) == (try reference.extract(input)))
        }
    }

    /// uint16(L), length of prefix and label, "scp1 ", label, length of the context, context.
    @Test func structureByHand() throws {
        let secret = testSecret(5)
        let context: [UInt8] = [0xc0, 0xc1]
        let info: [UInt8] = [0x00, 0x2a, 0x08, 0x73, 0x63, 0x70, 0x31, 0x20, 0x6b, 0x65, 0x79, 0x02, 0xc0, 0xc1]
        let expected = try reference.expand(array(secret), info, 42)
        let output = try KeyDerivation.expandLabel(reference.provider, secret, "key", context: context.span, count: 42)
        #expect(array(output.bytes) == expected)
    }

    @Test func structureAtEveryBound() throws {
        let secret = testSecret(6)
        for label in [0, 1, 8, 249, 250].map({ String(repeating: "x", count: $0) }) {
            for context in [0, 1, 32, 254, 255].map({ [UInt8](repeating: 7, count: $0) }) {
                for count in [1, 12, 31, 32, 33, 255, 256, 8_159, 8_160] {
                    let output = try KeyDerivation.expandLabel(
                        reference.provider, secret, label, context: context.span, count: count)
                    let expected = try reference.label(array(secret), label, context, count)
                    #expect(array(output.bytes) == expected)
                }
            }
        }
    }

    @Test func boundsAreChecked() {
        let cases = [(251, 0, 32), (1_000, 0, 32), (1, 256, 32), (1, 0, 0), (1, 0, -1), (1, 0, 8_161), (1, 0, 1 << 40)]
        for (label, context, count) in cases {
            let label = [UInt8](repeating: 1, count: label)
            let context = [UInt8](repeating: 2, count: context)
            let error = cryptoError { () throws(CryptoError) in
                try KeyDerivation.expandLabel(
                    reference.provider, testSecret(1), label, context: context.span, count: count)
            }
            #expect(error == .invalidLength)
        }
    }

    /// Lengths stand in front, so nothing moves from label to context, and no output is a prefix of another.
    @Test func everythingCounts() throws {
        let inputs: [(seed: UInt64, label: String, context: [UInt8], count: Int)] = [
            (1, "ab", [0x63], 32), (1, "a", [0x62, 0x63], 32), (1, "abc", [], 32), (1, "", [0x61, 0x62, 0x63], 32),
            (1, "ab", [0x63], 33), (1, "ab", [0x63], 16), (2, "ab", [0x63], 32), (1, "ab\0", [0x63], 32),
            (1, "ab", [0x63, 0x00], 32),
        ]
        let outputs = try inputs.map { input in
            let output = try KeyDerivation.expandLabel(
                reference.provider, testSecret(input.seed), input.label, context: input.context.span,
                count: input.count)
            return array(output.bytes.extracting(0..<16))
        }
        #expect(Set(outputs).count == inputs.count)
    }
}
