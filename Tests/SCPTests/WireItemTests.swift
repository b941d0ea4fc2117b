import SCPMisbehaviours
import Testing

@testable import SCP

/// Parameters of M1 and items of M2 and M3 (negative tests 31, 32).
@Suite struct WireItemTests {
    private func parameters(_ bytes: [UInt8]) throws(WireError) -> TransportParameters {
        try TransportParameters.parse(bytes.span, in: 0..<bytes.count)
    }

    private func items(
        _ bytes: [UInt8], of message: HandshakeMessage = .m3, suite: UInt8 = 1
    ) throws(WireError) -> HandshakeItems {
        try HandshakeItems.parse(bytes.span, in: 0..<bytes.count, of: message, suite: suite)
    }

    /// What M2 cannot do without: versions and suites.
    private let required = itemBytes(0x0c, [1]) + itemBytes(0x0d, [1])

    // MARK: Round trips

    @Test func defaultsAreAnEmptyList() throws {
        #expect(TransportParameters().encodedSize == 0)
        #expect(try parameters([]) == TransportParameters())
        let written = wireBytes(8) { TransportParameters().write(to: &$0) }
        #expect(written.isEmpty)
    }

    static func randomParameters(_ random: inout WireRandom) -> TransportParameters {
        var result = TransportParameters()
        if Bool.random(using: &random) { result.frameLimit = .random(in: 2_048...1_048_576, using: &random) }
        if Bool.random(using: &random) { result.messageLimit = random.varint() >> 14 }
        if Bool.random(using: &random) || result.messageLimit > 262_112 {
            let least = result.messageLimit + 32
            result.connectionCredit = Bool.random(using: &random) ? 0 : max(least, random.varint())
            result.channelCredit = max(least, random.varint())
        }
        if Bool.random(using: &random) { result.channels = .random(in: 1...65_536, using: &random) }
        if Bool.random(using: &random) { result.idleTimeout = random.varint() }
        if Bool.random(using: &random) { result.datagramSize = .random(in: 1_200...65_527, using: &random) }
        result.acceptsParts = Bool.random(using: &random)
        return result
    }

    // [SCP-ITEM-17]
    @Test func parametersRoundTrip() throws {
        var random = WireRandom(seed: 5)
        for _ in 0..<2_000 {
            let value = WireItemTests.randomParameters(&random)
            #expect(value.outOfBounds == nil)
            let bytes = wireBytes(200) { value.write(to: &$0) }
            #expect(bytes.count == value.encodedSize)
            #expect(try parameters(bytes) == value)
        }
    }

    @Test func itemsRoundTrip() throws {
        var random = WireRandom(seed: 6)
        for _ in 0..<1_000 {
            var value = HandshakeItems()
            if Bool.random(using: &random) { value.connectionID = random.bytes(.random(in: 1...20, using: &random)) }
            if Bool.random(using: &random) {
                value.applicationProtocols = (0..<Int.random(in: 1...5, using: &random)).map { _ in
                    random.bytes(.random(in: 1...255, using: &random))
                }
            }
            if Bool.random(using: &random) { value.credential = random.bytes(.random(in: 0...900, using: &random)) }
            value.parameters = WireItemTests.randomParameters(&random)
            value.versions = random.bytes(3) + [1]
            value.suites = [0x82] + random.bytes(2)
            let bytes = wireBytes(4_000) { value.write(to: &$0) }
            #expect(bytes.count == value.encodedSize)
            #expect(try items(bytes, of: .m2, suite: 0x82) == value)
            if value.credential != nil { #expect(bytes.count % 256 == 0) }
        }
    }

    @Test func everySizeOfCredentialIsPadded() throws {
        for size in 0...600 {
            var value = HandshakeItems()
            value.credential = [UInt8](repeating: 5, count: size)
            let bytes = wireBytes(2_000) { value.write(to: &$0) }
            #expect(bytes.count == value.encodedSize)
            #expect(bytes.count % 256 == 0)
            #expect(try items(bytes) == value)
        }
    }

    // [SCP-ITEM-6] [SCP-ITEM-11]
    @Test func anyOrder() throws {
        var chunks = [
            itemBytes(1, varintBytes(4_096)), itemBytes(2, varintBytes(500)), itemBytes(6, [0]), itemBytes(8, []),
            itemBytes(0, [1, 2, 3]), itemBytes(0x10, [9]), itemBytes(5, [1]),
        ]
        var random = WireRandom(seed: 7)
        let expected = try parameters(chunks.flatMap { $0 })
        #expect(expected.frameLimit == 4_096 && expected.messageLimit == 500 && expected.idleTimeout == 0)
        #expect(expected.channels == 1 && expected.acceptsParts)
        for _ in 0..<50 {
            chunks.shuffle(using: &random)
            #expect(try parameters(chunks.flatMap { $0 }) == expected)
        }
    }

    // MARK: Varint forms

    // [SCP-FRAME-12]
    @Test func longerFormsAreAccepted() throws {
        for size in [1, 2, 4, 8] {
            let bytes = varintBytes(1, size: size) + varintBytes(8, size: size) + varintBytes(4_096, size: 8)
            #expect(try parameters(bytes).frameLimit == 4_096)
        }
        #expect(try parameters(itemBytes(5, varintBytes(3, size: 4))).channels == 3)
    }

    // MARK: Unknown and repeated ids

    // [SCP-ITEM-8]
    /// Scenario 31.
    @Test func unknownEvenIsIgnoredAndOddRefused() throws {
        #expect(try parameters(itemBytes(0x10, [1, 2]) + itemBytes(1 << 40, [])) == TransportParameters())
        #expect(throws: WireError(.unknownOddItem, at: 2)) { try parameters(itemBytes(0x10, []) + itemBytes(0x11, [])) }
        #expect(throws: WireError(.unknownOddItem, at: 0)) { try parameters(itemBytes(0x0f, [])) }
        #expect(throws: WireError(.unknownOddItem, at: 0)) { try items(itemBytes(Varint.maximum, [])) }
    }

    // [SCP-ITEM-7]
    /// Scenario 31.
    @Test func repeatedKnownIds() {
        for id in UInt64(0)...0x0e {
            let value: [UInt8] =
                switch id {
                case 0x08: []
                case 0x0a: [1, 0x61]
                case 0x0e: [UInt8](repeating: 0, count: 16)
                case 1: varintBytes(4_096)
                case 3, 4: varintBytes(300_000)
                case 7: varintBytes(1_500)
                default: [1]
                }
            for size in [1, 2, 4, 8] {
                let bytes = itemBytes(id, value) + varintBytes(id, size: size) + [0]
                let error = WireError(.duplicateItem, at: 2 + value.count)
                #expect(throws: error) { try items(bytes, of: .m2) }
            }
        }
    }

    // [SCP-ITEM-7]
    @Test func repeatedUnknownIds() {
        for size in [1, 2, 4, 8] {
            let bytes = itemBytes(0x20, [5]) + itemBytes(0x22, []) + varintBytes(0x20, size: size) + [0]
            #expect(throws: WireError(.duplicateItem, at: bytes.count)) { try parameters(bytes) }
        }
    }

    @Test func thousandsOfUnknownIds() throws {
        // As many as 16 KB hold, in descending order, which a sorted insertion would suffer from.
        var bytes: [UInt8] = []
        for index in 0..<5_000 { bytes += varintBytes(0x3ffe - UInt64(index) * 2) + [0] }
        #expect(try parameters(bytes) == TransportParameters())
        #expect(throws: WireError(.duplicateItem, at: bytes.count + 3)) {
            try parameters(bytes + varintBytes(0x3ffe) + [0])
        }
    }

    // MARK: Where an item may stand

    // [SCP-ITEM-9]
    @Test func misplacedItems() {
        let inM1: Set<UInt64> = [0, 1, 2, 3, 4, 5, 6, 7, 8]
        let inM3: Set<UInt64> = [0, 9, 0x0a, 0x0b, 0x0e]
        for id in UInt64(0)...0x0e {
            let bytes = itemBytes(id, [])
            let misplaced = WireError(.misplacedItem, at: 0)
            let first = failure { try parameters(bytes) }
            let second = failure { try items(bytes, of: .m2) }
            let third = failure { try items(bytes, of: .m3) }
            #expect((first == misplaced) == !inM1.contains(id), "M1 \(id)")
            #expect(second != misplaced, "M2 \(id)")
            #expect((third == misplaced) == !inM3.contains(id), "M3 \(id)")
        }
    }

    private func failure<Result>(_ body: () throws -> Result) -> WireError? {
        do {
            _ = try body()
            return nil
        } catch {
            return error as? WireError
        }
    }

    // MARK: Sizes and bounds

    // [SCP-ITEM-9] [SCP-ITEM-19] [SCP-ITEM-20] [SCP-ITEM-21] [SCP-ITEM-25]
    @Test func valuesOfTheWrongSize() {
        for id in UInt64(1)...7 {
            #expect(throws: WireError(.itemSize, at: 0)) { try parameters(itemBytes(id, [])) }
            #expect(throws: WireError(.itemSize, at: 0)) { try parameters(itemBytes(id, [0x40])) }
            #expect(throws: WireError(.itemSize, at: 0)) { try parameters(itemBytes(id, [0x50, 0x00, 0x00])) }
        }
        #expect(throws: WireError(.itemSize, at: 0)) { try parameters(itemBytes(8, [0])) }
        #expect(throws: WireError(.itemSize, at: 0)) { try items(itemBytes(9, [])) }
        #expect(throws: WireError(.itemSize, at: 0)) { try items(itemBytes(9, [UInt8](repeating: 0, count: 21))) }
        let lists: [[UInt8]] = [[], [0], [1], [2, 0x61], [1, 0x61, 0], [1, 0x61, 1]]
        for list in lists { #expect(throws: WireError(.itemSize, at: 0)) { try items(itemBytes(0x0a, list)) } }
        for count in [0, 15, 17] {
            #expect(throws: WireError(.itemSize, at: 0)) {
                try items(itemBytes(0x0e, [UInt8](repeating: 0, count: count)))
            }
        }
        for id: UInt64 in [0x0c, 0x0d] {
            #expect(throws: WireError(.itemSize, at: 0)) { try items(itemBytes(id, []), of: .m2) }
        }
    }

    // [SCP-ITEM-12] [SCP-ITEM-13] [SCP-ITEM-14] [SCP-ITEM-15] [SCP-ITEM-16] [SCP-ITEM-18]
    @Test(
        arguments: [
            (1, 2_048, 2_047), (1, 1_048_576, 1_048_577), (5, 1, 0), (5, 65_536, 65_537), (7, 1_200, 1_199),
            (7, 65_527, 65_528), (3, 131_104, 131_103), (4, 131_104, 131_103), (2, 262_112, 262_113),
            (3, 0, 1), (4, 1 << 61, 0), (2, 0, (1 << 48) + 1),
        ] as [(UInt64, UInt64, UInt64)])
    func bounds(_ id: UInt64, _ good: UInt64, _ bad: UInt64) throws {
        _ = try parameters(itemBytes(id, varintBytes(good)))
        #expect(throws: WireError(.itemOutOfBounds, at: 0)) { try parameters(itemBytes(id, varintBytes(bad))) }
        _ = try items(required + itemBytes(id, varintBytes(good)), of: .m2)
        #expect(throws: WireError(.itemOutOfBounds, at: 6)) {
            try items(required + itemBytes(id, varintBytes(bad)), of: .m2)
        }
    }

    // [SCP-ITEM-10] [SCP-ITEM-13] [SCP-ITEM-14] [SCP-ITEM-15]
    /// Scenario 31.
    @Test func creditsFollowTheMessageLimit() throws {
        let limit = itemBytes(2, varintBytes(1 << 48))
        #expect(throws: WireError(.itemOutOfBounds, at: 0)) { try parameters(limit) }
        let least = varintBytes((1 << 48) + 32)
        #expect(try parameters(limit + itemBytes(3, least) + itemBytes(4, least)).messageLimit == 1 << 48)
        #expect(try parameters(limit + itemBytes(3, [0]) + itemBytes(4, least)).connectionCredit == 0)
        #expect(throws: WireError(.itemOutOfBounds, at: 10)) {
            try parameters(limit + itemBytes(3, varintBytes((1 << 48) + 31)) + itemBytes(4, least))
        }
    }

    // [SCP-ITEM-9] [SCP-ITEM-23] [SCP-ITEM-24]
    @Test func versionsAndSuites() throws {
        #expect(try items(required, of: .m2).versions == [1])
        #expect(throws: WireError(.missingItem, at: 0)) { try items([], of: .m2) }
        #expect(throws: WireError(.missingItem, at: 3)) { try items(itemBytes(0x0c, [1]), of: .m2) }
        #expect(throws: WireError(.missingItem, at: 3)) { try items(itemBytes(0x0d, [1]), of: .m2) }
        #expect(throws: WireError(.itemOutOfBounds, at: 0)) { try items(itemBytes(0x0c, [2, 3]), of: .m2) }
        #expect(throws: WireError(.itemOutOfBounds, at: 3)) { try items(required, of: .m2, suite: 2) }
        #expect(try items([], of: .m3) == HandshakeItems())
    }

    // [SCP-ITEM-21]
    @Test func oneProtocolIsChosen() throws {
        let two = itemBytes(0x0a, [1, 0x61, 2, 0x62, 0x63])
        #expect(try items(required + two, of: .m2).applicationProtocols == [[0x61], [0x62, 0x63]])
        #expect(throws: WireError(.itemOutOfBounds, at: 0)) { try items(two, of: .m3) }
    }

    @Test func lengthsPastTheEnd() {
        for length in [1, 64, 16_384, 1 << 31, Varint.maximum] {
            let bytes = [0x00] + varintBytes(length)
            #expect(throws: WireError(.truncated, at: bytes.count)) { try parameters(bytes) }
            #expect(throws: WireError(.truncated, at: bytes.count)) { try items(bytes) }
        }
    }
}
