import SCPSimulation
import Testing

@testable import SCP

/// [SCP-DGRAM-31]
@Suite("Accepted counters")
struct AcceptedCountersTests {
    @Test("in order, after a gap and late are told apart")
    func arrivals() {
        var counters = AcceptedCounters()
        #expect(counters.insert(0, at: .zero) == .inOrder)
        #expect(counters.insert(1, at: .zero) == .inOrder)
        #expect(counters.insert(4, at: .zero) == .afterGap)
        #expect(counters.insert(3, at: .zero) == .late)
        #expect(counters.ranges == [0...1, 3...4])
        #expect(counters.insert(2, at: .zero) == .late)
        #expect(counters.ranges == [0...4])
        var other = AcceptedCounters()
        #expect(other.insert(2, at: .zero) == .afterGap)
    }

    @Test("an ACK names what is held, newest first")
    func acknowledgement() throws {
        var counters = AcceptedCounters()
        #expect(counters.acknowledgement(delay: 0, credit: 0) == nil)
        for counter: UInt64 in [0, 1, 5, 6, 9] { counters.insert(counter, at: Instant(nanoseconds: counter)) }
        let ack = try #require(counters.acknowledgement(delay: 7, credit: 8))
        #expect(ack.largest == 9 && ack.first == 0 && ack.ranges == [5...6, 0...1])
        #expect(ack.delay == 7 && ack.credit == 8)
        #expect(counters.newestTime == Instant(nanoseconds: 9))
    }

    @Test("there are 64 ranges at most: the oldest is forgotten and does not come back")
    func bound() throws {
        var counters = AcceptedCounters()
        for counter in 0..<100 as Range<UInt64> { counters.insert(counter * 2, at: .zero) }
        #expect(counters.ranges.count == 64)
        #expect(counters.ranges.first == 72...72)
        let ack = try #require(counters.acknowledgement(delay: 0, credit: 0))
        #expect(ack.ranges.count == 63)
        counters.insert(11, at: .zero)
        #expect(counters.ranges.count == 64 && counters.ranges.first == 72...72)
        counters.insert(73, at: .zero)
        #expect(counters.ranges.count == 63 && counters.ranges.first == 72...74)
    }

    @Test("what the peer knows is not told again, but for the newest")
    func forgetting() {
        var counters = AcceptedCounters()
        for counter: UInt64 in [0, 1, 2, 5, 6, 7] { counters.insert(counter, at: .zero) }
        counters.forget(upTo: 5)
        #expect(counters.ranges == [6...7])
        counters.forget(upTo: 7)
        #expect(counters.ranges == [6...7])
        counters.insert(3, at: .zero)
        #expect(counters.ranges == [6...7])
    }

    @Test("any order agrees with a set", arguments: 0..<6)
    func model(seed: Int) {
        let random = SeededGenerator(seed: UInt64(seed))
        var counters = AcceptedCounters()
        var model: Set<UInt64> = []
        for _ in 0..<3_000 {
            // Dense enough that there are never too many ranges.
            let counter = UInt64(random.next(below: 60))
            guard !model.contains(counter) else { continue }
            model.insert(counter)
            counters.insert(counter, at: .zero)
            #expect(Set(counters.ranges.flatMap { Array($0) }) == model)
            for (first, second) in zip(counters.ranges, counters.ranges.dropFirst()) {
                #expect(second.lowerBound > first.upperBound + 1)
            }
        }
        #expect(counters.ranges == [0...59])
    }
}
