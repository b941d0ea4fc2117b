import Testing

@testable import SCP

@Suite struct RotationPrologueTests {
    /// Both sides of this engine would agree on a prologue that is cut short; the second implementation does not.
    /// [SCP-ROT-6]
    @Test func prologueHoldsTheHandshakeHashOfTheEpoch() {
        let hash = Digest(repeating: 0xA5)
        let terms = RotationTerms(
            target: 0x0203, nonce: 0x0405_0607_0809_0A0B, mode: .authenticated, asker: .responder, suite: .classicPSK,
            hash: hash)
        let expected: [UInt8] =
            Array("SCP/1 rotate".utf8) + [0x01, 0x81, 0x01, 0x02, 0x03, 0x01]
            + [0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0A, 0x0B] + [UInt8](repeating: 0xA5, count: 32)
        #expect(terms.prologue == expected)
    }
}
