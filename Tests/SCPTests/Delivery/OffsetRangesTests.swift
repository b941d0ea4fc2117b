import Testing

@testable import SCP

/// ``OffsetRanges`` against a set of numbers.
@Suite struct OffsetRangesTests {
    @Test(arguments: 0..<40 as Range<UInt64>)
    func behavesAsASet(seed: UInt64) {
        var random = WireRandom(seed: seed)
        var ranges = OffsetRanges()
        var model: Set<UInt64> = []
        let universe: UInt64 = seed % 2 == 0 ? 60 : 400
        for _ in 0..<120 {
            let start = UInt64.random(in: 0..<universe, using: &random)
            let length = UInt64.random(in: 0..<(seed % 3 == 0 ? 3 : 30), using: &random)
            let range = start..<start + length
            var gaps: [UInt64] = []
            ranges.forEachGap(in: range) { gaps += Array($0) }
            #expect(gaps == range.filter { !model.contains($0) })
            if Int.random(in: 0..<8, using: &random) == 0 {
                // What lies below is let go, as when ids are delivered.
                let next = ranges.advance(from: start)
                var expected = start
                while model.contains(expected) { expected += 1 }
                #expect(next == expected)
                model = model.filter { number in number >= next }
                // A range that begins above the first missing number is kept whole.
                #expect(ranges.ranges.allSatisfy { $0.lowerBound > next || next == 0 })
            } else {
                ranges.insert(range)
                model.formUnion(range)
            }
            check(ranges, model, upTo: universe + 40)
        }
    }

    private func check(_ ranges: OffsetRanges, _ model: Set<UInt64>, upTo end: UInt64) {
        #expect(ranges.ranges.flatMap { Array($0) } == model.sorted())
        #expect(zip(ranges.ranges, ranges.ranges.dropFirst()).allSatisfy { $0.upperBound < $1.lowerBound })
        #expect(ranges.ranges.allSatisfy { !$0.isEmpty })
        #expect((0..<end).allSatisfy { ranges.contains($0) == model.contains($0) })
        var missing: UInt64 = 0
        while model.contains(missing) { missing += 1 }
        #expect((0...end).allSatisfy { ranges.covers(upTo: $0) == ($0 <= missing) })
        #expect(ranges.count == ranges.ranges.count && ranges.isEmpty == model.isEmpty)
    }

    /// The ends of what a varint can say.
    @Test func largeNumbers() {
        var ranges = OffsetRanges()
        ranges.insert(Varint.maximum - 1..<Varint.maximum)
        ranges.insert(Varint.maximum..<Varint.maximum + 1)
        #expect(ranges.ranges == [Varint.maximum - 1..<Varint.maximum + 1])
        ranges.insert(0..<1)
        #expect(ranges.count == 2 && ranges.covers(upTo: 1) && !ranges.covers(upTo: 2))
        #expect(ranges.advance(from: 0) == 1)
    }
}
