import Testing

@testable import SCP

/// [SCP-DGRAM-32] RFC 9002 section 7.7.
@Suite("Pacing")
struct PacerTests {
    private func delay(
        _ pacer: inout Pacer, window: Int, _ roundTrip: Duration, _ now: Instant, datagram: Int = 1_200
    ) -> Instant? {
        pacer.delay(for: 1_200, window: window, roundTrip: roundTrip, datagram: datagram, at: now)
    }

    @Test("ten datagrams leave at once, the next when its time has come")
    func burst() throws {
        var pacer = Pacer()
        var now = Instant(nanoseconds: 5_000_000_000)
        for _ in 0..<10 {
            #expect(delay(&pacer, window: 12_000, .milliseconds(100), now) == nil)
            pacer.didSend(1_200)
        }
        let next = delay(&pacer, window: 12_000, .milliseconds(100), now)
        let when = try #require(next)
        // 1,200 of 15,000 bytes in 100 ms.
        #expect(when.since(now) >= .milliseconds(8) && when.since(now) < .microseconds(8_001))
        now = when
        #expect(delay(&pacer, window: 12_000, .milliseconds(100), now) == nil)
    }

    @Test("over a round trip 5/4 of the window leave", arguments: [12_000, 120_000, 524_288])
    func rate(window: Int) {
        var pacer = Pacer()
        let start = Instant(nanoseconds: 1 << 40)
        var now = start
        var sent = 0
        while now.since(start) < .milliseconds(500) {
            if let when = delay(&pacer, window: window, .milliseconds(50), now) {
                #expect(when > now)
                now = when
            } else {
                pacer.didSend(1_200)
                sent += 1_200
            }
        }
        let expected = window / 4 * 5 * 10 + 12_000
        #expect(sent > expected * 9 / 10 && sent <= expected + 1_200)
    }

    @Test("extreme numbers neither trap nor stop it")
    func extremes() {
        var pacer = Pacer()
        pacer.didSend(.max)
        let late = Instant(nanoseconds: .max)
        #expect(delay(&pacer, window: .max / 8, .zero, late, datagram: 65_527) == nil)
        _ = pacer.delay(for: .max, window: 0, roundTrip: .seconds(1 << 40), datagram: 0, at: .zero)
        _ = pacer.delay(for: 1, window: 0, roundTrip: .seconds(1), datagram: 0, at: .zero)
    }
}
