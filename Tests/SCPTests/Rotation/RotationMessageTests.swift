import Testing

@testable import SCP

@Suite struct RotationMessageTests {
    private let noise = (0..<48).map { UInt8($0) }

    private func parse(_ bytes: [UInt8]) throws(WireError) -> RotationMessage {
        try RotationMessage.parse(bytes.span)
    }

    // [SCP-ROT-3] [SCP-ROT-4]
    @Test func layout() throws {
        let bytes = RotationMessage.encoded(
            target: 0x0102, nonce: 0x0304_0506_0708_090a, mode: .authenticated, noise: noise)
        #expect(bytes == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 0, 0, 48] + noise)
        let message = try parse(bytes)
        #expect(message.target == 0x0102 && message.nonce == 0x0304_0506_0708_090a)
        #expect(message.mode == .authenticated)
        #expect(Array(bytes[message.noise]) == noise)
    }

    // [SCP-FRAME-13]
    @Test func everyTruncationIsRefused() {
        let bytes = RotationMessage.encoded(target: 2, nonce: 1, mode: .ephemeral, noise: noise)
        for count in 0..<bytes.count {
            #expect(throws: WireError.self) { try parse(Array(bytes[..<count])) }
        }
        #expect(throws: WireError(.trailingBytes, at: 62)) { try parse(bytes + [0]) }
    }

    // [SCP-LIMIT-6] Whatever a byte becomes, the message is read or refused.
    @Test func everyMutationIsReadOrRefused() {
        let good = RotationMessage.encoded(target: 2, nonce: 1, mode: .ephemeral, noise: noise)
        for index in good.indices {
            for value in UInt8.min...UInt8.max {
                var bytes = good
                bytes[index] = value
                let isFixed = (11...13).contains(index) && value != good[index] || index == 10 && value > 1
                #expect(((try? parse(bytes)) == nil) == isFixed)
            }
        }
    }
}
