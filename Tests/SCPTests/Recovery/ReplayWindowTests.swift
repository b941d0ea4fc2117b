import SCPSimulation
import Testing

@testable import SCP

/// [SCP-DGRAM-5]
@Suite("The replay window")
struct ReplayWindowTests {
    @Test("a counter is accepted once")
    func once() {
        var window = ReplayWindow()
        #expect(window.highest == nil)
        for counter: UInt64 in [0, 5, 3, 4_095, 4_096, 10_000, 9_999] {
            #expect(window.accepts(counter))
            window.mark(counter)
            #expect(!window.accepts(counter))
        }
        #expect(window.highest == 10_000)
    }

    @Test("4,096 counters are told apart, and what lies below is seen", arguments: [0 as UInt64, 1, 63, 64, 4_000])
    func edges(offset: UInt64) {
        let highest = 100_000 + offset
        var window = ReplayWindow()
        window.mark(highest)
        #expect(window.accepts(highest - 4_095))
        #expect(!window.accepts(highest - 4_096))
        #expect(!window.accepts(0))
        window.mark(highest - 4_095)
        #expect(!window.accepts(highest - 4_095))
        #expect(window.accepts(highest - 4_094))
        // One step forward pushes the oldest out and keeps the next.
        window.mark(highest + 1)
        #expect(!window.accepts(highest - 4_095))
        #expect(window.accepts(highest - 4_094))
    }

    @Test("any order within the window is accepted whole, and every repetition refused")
    func reordering() {
        let random = SeededGenerator(seed: 7)
        var window = ReplayWindow()
        for block in 0..<20 {
            var counters = (0..<4_096).map { UInt64(block * 4_096 + $0) }
            for index in counters.indices.reversed() { counters.swapAt(index, random.next(below: index + 1)) }
            // The last of a block may be 4,095 above the first of it at most.
            for counter in counters {
                #expect(window.accepts(counter))
                window.mark(counter)
            }
            #expect(counters.allSatisfy { !window.accepts($0) })
        }
    }

    @Test("random counters agree with a set of all that were seen", arguments: 0..<8)
    func model(seed: Int) {
        let random = SeededGenerator(seed: UInt64(seed))
        var window = ReplayWindow()
        var seen: Set<UInt64> = []
        var highest: UInt64 = 0
        for _ in 0..<30_000 {
            let jump = [1, 3, 70, 5_000, 300_000][random.next(below: seed % 2 == 0 ? 3 : 5)]
            let counter =
                random.next(below: 3) == 0
                ? highest + UInt64(random.next(below: jump) + 1)
                : highest - min(highest, UInt64(random.next(below: 4_300)))
            let isTooOld = highest >= 4_096 && counter <= highest - 4_096
            #expect(window.accepts(counter) == (!isTooOld && !seen.contains(counter)))
            guard window.accepts(counter) else { continue }
            window.mark(counter)
            seen.insert(counter)
            highest = max(highest, counter)
            #expect(window.highest == highest)
        }
    }

    @Test("the largest counters do not trap")
    func largest() {
        var window = ReplayWindow()
        window.mark(0)
        window.mark(.max)
        #expect(!window.accepts(.max))
        #expect(window.accepts(.max - 1))
        #expect(!window.accepts(0))
    }
}
