import SCPSimulation
import Testing

@testable import SCP

/// [SCP-DGRAM-32] RFC 9002 section 7.
@Suite("Congestion control")
struct CongestionControlTests {
    private let start = Instant(nanoseconds: 1_000_000_000)

    @Test("it begins with ten datagrams")
    func initial() {
        var control = CongestionControl()
        #expect(control.window == 12_000)
        for _ in 0..<10 {
            #expect(control.allows(1_200))
            control.didSend(1_200)
        }
        #expect(!control.allows(1))
        #expect(control.inFlight == 12_000)
    }

    @Test("slow start doubles, up to the ceiling")
    func slowStart() {
        var control = CongestionControl()
        var expected = 12_000
        for _ in 0..<12 {
            let count = control.window / 1_200
            for _ in 0..<count { control.didSend(1_200) }
            for _ in 0..<count { control.didAcknowledge(1_200, sentAt: start, isLimited: true) }
            expected = min(524_288, expected + count * 1_200)
            #expect(control.window == expected)
            #expect(control.inFlight == 0)
        }
        #expect(control.window == 524_288)
    }

    @Test("a loss halves the window once for a flight, and it then grows by a datagram each round trip")
    func avoidance() {
        var control = CongestionControl()
        for _ in 0..<100 { control.didAcknowledge(1_200, sentAt: start, isLimited: true) }
        #expect(control.window == 132_000)
        let loss = start.advanced(by: .milliseconds(10))
        control.didLose(newest: start, at: loss)
        #expect(control.window == 66_000)
        #expect(!control.isInSlowStart)
        control.didLose(newest: loss, at: loss.advanced(by: .milliseconds(1)))
        #expect(control.window == 66_000)
        // What left before the recovery began does not grow it.
        for _ in 0..<200 { control.didAcknowledge(1_200, sentAt: loss, isLimited: true) }
        #expect(control.window == 66_000)
        let later = loss.advanced(by: .milliseconds(5))
        for _ in 0..<55 { control.didAcknowledge(1_200, sentAt: later, isLimited: true) }
        #expect(control.window == 67_200)
        control.didLose(newest: later, at: later.advanced(by: .milliseconds(1)))
        #expect(control.window == 33_600)
    }

    @Test("two datagrams are the least, and what persistent congestion leaves")
    func least() {
        var control = CongestionControl()
        var now = start
        for _ in 0..<10 {
            now = now.advanced(by: .milliseconds(10))
            control.didLose(newest: now, at: now.advanced(by: .milliseconds(1)))
        }
        #expect(control.window == 2_400)
        var other = CongestionControl()
        other.didLose(newest: start, at: start.advanced(by: .milliseconds(1)))
        other.persistentCongestion()
        #expect(other.window == 2_400)
        #expect(other.isInSlowStart)
    }

    @Test("a sender that had nothing to send does not grow its window")
    func applicationLimited() {
        var control = CongestionControl()
        for _ in 0..<1_000 {
            control.didSend(1_200)
            control.didAcknowledge(1_200, sentAt: start, isLimited: false)
        }
        #expect(control.window == 12_000)
        #expect(control.inFlight == 0)
    }

    @Test("random traffic: bytes in flight never go below zero, the window stays within its bounds")
    func random() {
        let random = SeededGenerator(seed: 3)
        var control = CongestionControl()
        var outstanding: [(size: Int, time: Instant)] = []
        var now = start
        for _ in 0..<20_000 {
            now = now.advanced(by: .microseconds(random.next(below: 900)))
            if random.next(below: 2) == 0, control.allows(1_200) {
                control.didSend(1_200)
                outstanding.append((1_200, now))
            } else if !outstanding.isEmpty {
                let sent = outstanding.remove(at: random.next(below: outstanding.count))
                if random.next(below: 20) == 0 {
                    control.forget(sent.size)
                    control.didLose(newest: sent.time, at: now)
                } else {
                    control.didAcknowledge(sent.size, sentAt: sent.time, isLimited: true)
                }
            }
            #expect(control.inFlight == outstanding.reduce(0) { $0 + $1.size })
            #expect((2_400...524_288).contains(control.window))
        }
        control.reset()
        #expect(control.window == 12_000 && control.inFlight == outstanding.reduce(0) { $0 + $1.size })
    }
}
