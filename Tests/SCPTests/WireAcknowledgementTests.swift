import SCPMisbehaviours
import Testing

@testable import SCP

/// ACK of epoch 1 and later (negative test 82).
@Suite struct WireAcknowledgementTests {
    private func parse(_ bytes: [UInt8], isStream: Bool = false) throws(WireError) -> Acknowledgement {
        try Acknowledgement.parse(bytes.span, in: 0..<bytes.count, isStream: isStream)
    }

    private func encode(_ ack: Acknowledgement) -> [UInt8] { wireBytes(2_000) { ack.write(to: &$0) } }

    // [SCP-ACK-2]
    @Test func streamRoundTrip() throws {
        var random = WireRandom(seed: 12)
        for _ in 0..<500 {
            let ack = Acknowledgement(upTo: random.next() >> 16, credit: random.varint())
            let bytes = encode(ack)
            #expect(bytes.count == ack.encodedSize)
            #expect(try parse(bytes, isStream: true) == ack)
            #expect(try parse(bytes, isStream: false) == ack)
        }
    }

    @Test func datagramRoundTrip() throws {
        var random = WireRandom(seed: 13)
        for _ in 0..<1_000 {
            let largest = random.next() >> 16
            let first = random.next() % min(1_000, largest + 1)
            var ranges: [ClosedRange<UInt64>] = []
            var smallest = largest - first
            for _ in 0..<Int(random.next() % 64) {
                let gap = random.varint() >> 30
                let length = random.next() % 1_000
                guard smallest >= gap + length + 2 else { break }
                let upper = smallest - gap - 2
                smallest = upper - length
                ranges.append(smallest...upper)
            }
            let ecn =
                Bool.random(using: &random)
                ? Acknowledgement.ECN(ect0: random.varint(), ect1: random.varint(), ce: random.varint()) : nil
            let ack = try #require(
                Acknowledgement(
                    largest: largest, delay: random.varint(), first: first, ranges: ranges, credit: random.varint(),
                    ecn: ecn))
            let bytes = encode(ack)
            #expect(bytes.count == ack.encodedSize)
            #expect(try parse(bytes) == ack)
        }
    }

    // [SCP-ACK-1]
    @Test func layout() throws {
        // flags, largest 9, delay 5, count 1, first 2 (7...9), gap 1 (5, 6 missing), len 3 (1...4), credit 16, ECN.
        let bytes: [UInt8] = [1, 9, 5, 1, 2, 1, 3, 16, 7, 8, 9]
        let ack = try parse(bytes)
        #expect(ack.largest == 9 && ack.delay == 5 && ack.first == 2 && ack.ranges == [1...4] && ack.credit == 16)
        #expect(ack.ecn == .init(ect0: 7, ect1: 8, ce: 9))
        #expect(encode(ack) == bytes)
    }

    // [SCP-ACK-1]
    @Test(arguments: [0x02, 0x80, 0xff, 0x03] as [UInt8])
    func flags(_ flags: UInt8) {
        #expect(throws: WireError(.reservedFlags, at: 0)) { try parse([flags, 0, 0, 0, 0, 0]) }
    }

    // [SCP-ACK-1]
    @Test func underflow() throws {
        #expect(throws: WireError(.rangeUnderflow, at: 4)) { try parse([0, 3, 0, 0, 4, 0]) }
        #expect(throws: WireError(.rangeUnderflow, at: 5)) { try parse([0, 3, 0, 1, 2, 0, 0, 0]) }
        #expect(throws: WireError(.rangeUnderflow, at: 5)) { try parse([0, 3, 0, 1, 1, 0, 1, 0]) }
        #expect(try parse([0, 3, 0, 1, 1, 0, 0, 0]).ranges == [0...0])
        let huge = varintBytes(Varint.maximum)
        #expect(throws: WireError(.rangeUnderflow, at: 12)) {
            try parse(([0] as [UInt8]) + huge + ([0, 1, 0] as [UInt8]) + huge + huge + ([0] as [UInt8]))
        }
        #expect(throws: WireError(.rangeUnderflow, at: 14)) {
            try parse([0] + huge + ([0, 2, 0, 0, 0] as [UInt8]) + huge + huge + ([0] as [UInt8]))
        }
    }

    // [SCP-ACK-1]
    @Test func rangesAreCounted() throws {
        let most: [UInt8] = [0] + varintBytes(1_000) + [0] + varintBytes(63) + [0] + [UInt8](repeating: 0, count: 127)
        #expect(try parse(most).ranges.count == 63)
        for count: UInt64 in [64, 10_000, Varint.maximum] {
            #expect(throws: WireError(.tooManyRanges, at: 4)) {
                try parse([0] + varintBytes(1_000) + [0] + varintBytes(count) + [UInt8](repeating: 0, count: 500))
            }
        }
    }

    // [SCP-ACK-2]
    @Test(arguments: [[0, 9, 1, 0, 0, 0], [0, 9, 0, 1, 0, 0, 0, 0], [0, 9, 0, 0, 1, 0]] as [[UInt8]])
    func streamsHaveNoRanges(_ bytes: [UInt8]) throws {
        #expect(throws: WireError(.streamRanges, at: 2)) { try parse(bytes, isStream: true) }
        _ = try parse(bytes, isStream: false)
    }

    @Test func ends() {
        #expect(throws: WireError(.trailingBytes, at: 6)) { try parse([0, 9, 0, 0, 0, 0, 0]) }
        #expect(throws: WireError(.truncated, at: 6)) { try parse([1, 9, 0, 0, 0, 0]) }
    }

    @Test func localRangesAreChecked() {
        let bad: [(UInt64, UInt64, [ClosedRange<UInt64>])] = [
            (3, 4, []), (9, 0, [8...8]), (9, 0, [7...9]), (9, 0, [5...6, 4...4]), (9, 0, [1...2, 5...6]),
            (1, 0, [0...0]), (9, 9, [0...0]),
        ]
        for (largest, first, ranges) in bad {
            #expect(
                Acknowledgement(largest: largest, delay: 0, first: first, ranges: ranges, credit: 0) == nil,
                "\(largest) \(first) \(ranges)")
        }
        let many = (0..<64).map { (index: UInt64) in (1_000 - 2 * index)...(1_000 - 2 * index) }
        #expect(Acknowledgement(largest: 1_002, delay: 0, first: 0, ranges: many, credit: 0) == nil)
        #expect(
            Acknowledgement(largest: 1_002, delay: 0, first: 0, ranges: Array(many.prefix(63)), credit: 0) != nil)
    }
}
