import SCPSimulation
import Testing

@testable import SCP

/// [SCP-DGRAM-32]
@Suite("Loss detection")
struct RecoveryTests {
    private static let start = Instant(nanoseconds: 1_000_000_000)

    private static func at(_ milliseconds: Int) -> Instant { start.advanced(by: .milliseconds(milliseconds)) }

    /// Sends one datagram with an eliciting frame that holds a record numbered like it.
    private static func send(_ recovery: inout Recovery, _ counter: UInt64, at now: Instant, isEarly: Bool = false) {
        recovery.note(.piece(.default, message: counter, start: 0, end: 1_000))
        recovery.didSend(counter, at: now, isEliciting: true, isEarly: isEarly)
        recovery.didSendDatagram(size: 1_200)
    }

    private static func probe(_ recovery: inout Recovery, _ now: Instant) -> Int? { recovery.nextSizeProbe(at: now) }

    private static func fresh() -> Recovery { Recovery(pathSize: PathSize(limit: 1_200)) }

    private static func ack(_ largest: UInt64, first: UInt64 = 0, _ ranges: [ClosedRange<UInt64>] = []) throws
        -> Acknowledgement
    {
        try #require(Acknowledgement(largest: largest, delay: 0, first: first, ranges: ranges, credit: 0))
    }

    private static func lost(_ recovery: inout Recovery) -> [UInt64] {
        var result: [UInt64] = []
        while let record = recovery.takeLost() {
            if case .piece(_, let message, _, _) = record { result.append(message) }
        }
        return result
    }

    private static func acknowledged(_ recovery: inout Recovery) -> [UInt64] {
        var result: [UInt64] = []
        while let record = recovery.takeAcknowledged() {
            if case .piece(_, let message, _, _) = record { result.append(message) }
        }
        return result
    }

    @Test("three datagrams later is lost, two is not")
    func packetThreshold() throws {
        var recovery = Self.fresh()
        for counter in 0..<4 as Range<UInt64> { Self.send(&recovery, counter, at: Self.at(Int(counter))) }
        recovery.acknowledge(try Self.ack(2), at: Self.at(50))
        #expect(Self.acknowledged(&recovery) == [2])
        #expect(Self.lost(&recovery) == [])
        recovery.acknowledge(try Self.ack(3, first: 1), at: Self.at(51))
        #expect(Self.acknowledged(&recovery) == [3])
        #expect(Self.lost(&recovery) == [0])
        #expect(recovery.congestion.window == 7_200)
        #expect(recovery.congestion.inFlight == 1_200)
    }

    @Test("the threshold counts datagrams and not the frames in them")
    func datagramsCount() throws {
        var recovery = Self.fresh()
        // An ACK and a DATA frame in each: six counters, three datagrams.
        for datagram in 0..<3 as Range<UInt64> {
            recovery.didSend(datagram * 2, at: Self.start, isEliciting: false, acknowledges: 7)
            recovery.note(.credit)
            recovery.didSend(datagram * 2 + 1, at: Self.start, isEliciting: true)
            recovery.didSendDatagram(size: 1_200)
        }
        recovery.acknowledge(try Self.ack(5, first: 1), at: Self.at(10))
        let lost = recovery.takeLost()
        let acknowledged = recovery.takeAcknowledged()
        #expect(lost == nil && acknowledged == .credit)
        #expect(recovery.knownAcknowledgement == 7)
        #expect(recovery.congestion.inFlight == 2_400)
    }

    @Test("9/8 of a round trip later is lost, by the timer")
    func timeThreshold() throws {
        var recovery = Self.fresh()
        Self.send(&recovery, 0, at: Self.at(0))
        Self.send(&recovery, 1, at: Self.at(0))
        recovery.acknowledge(try Self.ack(1), at: Self.at(80))
        #expect(recovery.deadline == Self.at(90))
        recovery.expire(at: Self.at(89))
        #expect(Self.lost(&recovery) == [])
        recovery.expire(at: Self.at(90))
        #expect(Self.lost(&recovery) == [0])
        #expect(recovery.deadline == nil)
        #expect(recovery.congestion.inFlight == 0)
        #expect(recovery.log.count == 0)
    }

    @Test("without an answer a probe is due after the probe timeout, doubling, and ends at 3 s")
    func probes() throws {
        var recovery = Self.fresh()
        Self.send(&recovery, 0, at: Self.at(0))
        recovery.acknowledge(try Self.ack(0), at: Self.at(100))
        #expect(recovery.deadline == nil)
        for counter in 1..<5 as Range<UInt64> { Self.send(&recovery, counter, at: Self.at(200)) }
        let timeout = recovery.roundTrip.probeTimeout
        #expect(timeout == .milliseconds(100 + 200 + 25))
        var due = Self.at(200).advanced(by: timeout)
        #expect(recovery.deadline == due)
        recovery.expire(at: due)
        #expect(recovery.probesOwed == 1 && recovery.allowsDatagram(isProbe: true))
        // The oldest is repeated, nothing is lost yet.
        #expect(Self.lost(&recovery) == [1])
        #expect(recovery.congestion.window == 13_200)
        #expect(recovery.deadline == nil)
        Self.send(&recovery, 5, at: due)
        #expect(recovery.probesOwed == 0)
        due = due.advanced(by: timeout * 2)
        #expect(recovery.deadline == due)
        recovery.expire(at: due)
        #expect(Self.lost(&recovery) == [2, 3])
        #expect(recovery.probesOwed == 2)
        for counter in 6..<8 as Range<UInt64> { Self.send(&recovery, counter, at: due) }
        for _ in 0..<10 {
            let next = try #require(recovery.deadline)
            #expect(next.since(due) <= .seconds(3))
            due = next
            recovery.expire(at: due)
            Self.send(&recovery, recovery.log.end, at: due)
            Self.send(&recovery, recovery.log.end, at: due)
        }
        #expect(recovery.probeTimeout == .seconds(3))
        recovery.acknowledge(try Self.ack(7), at: due)
        #expect(recovery.probeCount == 0)
    }

    @Test("what a probe repeated is not repeated a second time when the frame is lost, and counts when it came")
    func takenOver() throws {
        var recovery = Self.fresh()
        Self.send(&recovery, 0, at: Self.at(0))
        recovery.expire(at: try #require(recovery.deadline))
        #expect(Self.lost(&recovery) == [0])
        let late = Self.at(5_000)
        for counter in 1..<5 as Range<UInt64> { Self.send(&recovery, counter, at: late) }
        var other = recovery
        recovery.acknowledge(try Self.ack(4, first: 3), at: late.advanced(by: .milliseconds(9)))
        #expect(Self.lost(&recovery) == [])
        #expect(Self.acknowledged(&recovery) == [1, 2, 3, 4])
        other.acknowledge(try Self.ack(4, first: 4), at: late.advanced(by: .milliseconds(9)))
        #expect(Self.acknowledged(&other) == [0, 1, 2, 3, 4])
    }

    /// Scenario 51.
    @Test("losing everything for three probe timeouts is persistent congestion; one that came between is not")
    func persistentCongestion() throws {
        for hasSurvivor in [false, true] {
            var recovery = Self.fresh()
            Self.send(&recovery, 0, at: Self.at(0))
            recovery.acknowledge(try Self.ack(0), at: Self.at(40))
            for counter in 1..<8 as Range<UInt64> { Self.send(&recovery, counter, at: Self.at(Int(counter) * 100)) }
            Self.send(&recovery, 8, at: Self.at(900))
            let ranges: [ClosedRange<UInt64>] = hasSurvivor ? [4...4] : []
            recovery.acknowledge(try Self.ack(8, ranges), at: Self.at(940))
            #expect(Self.lost(&recovery) == (hasSurvivor ? [1, 2, 3, 5, 6, 7] : [1, 2, 3, 4, 5, 6, 7]))
            #expect((recovery.congestion.window == 2_400) == !hasSurvivor)
        }
    }

    @Test("losses before the peer had keys, and lost probes of the size, do not shrink the window")
    func innocentLosses() throws {
        var recovery = Recovery(pathSize: PathSize(limit: 1_400))
        for counter in 0..<5 as Range<UInt64> { Self.send(&recovery, counter, at: Self.at(0), isEarly: true) }
        recovery.acknowledge(try Self.ack(4), at: Self.at(10))
        #expect(Self.lost(&recovery) == [0, 1])
        #expect(recovery.congestion.window == 13_200)
        let size = try #require(Self.probe(&recovery, Self.at(20)))
        recovery.didSend(5, at: Self.at(20), isEliciting: true)
        recovery.didSendSizeProbe(5, size: size)
        recovery.didSendDatagram(size: size)
        for counter in 6..<9 as Range<UInt64> { Self.send(&recovery, counter, at: Self.at(20)) }
        recovery.acknowledge(try Self.ack(8, first: 2), at: Self.at(30))
        #expect(recovery.congestion.window >= 13_200)
        #expect(Self.probe(&recovery, Self.at(31)) == 1_400)
    }

    @Test("an ACK of what was settled, or of nothing in the log, changes nothing")
    func repeatedAcknowledgement() throws {
        var recovery = Self.fresh()
        for counter in 0..<3 as Range<UInt64> { Self.send(&recovery, counter, at: Self.at(0)) }
        recovery.acknowledge(try Self.ack(2, first: 2), at: Self.at(30))
        let trip = recovery.roundTrip.smoothed
        #expect(Self.acknowledged(&recovery).count == 3)
        recovery.acknowledge(try Self.ack(2, first: 2), at: Self.at(500))
        recovery.acknowledge(try Self.ack(.max >> 3, first: .max >> 3), at: Self.at(500))
        #expect(recovery.roundTrip.smoothed == trip)
        #expect(Self.acknowledged(&recovery) == [])
        #expect(recovery.congestion.inFlight == 0)
    }

    /// A network that loses, delays and repeats; every record is acknowledged in the end, or told to be sent again, and
    /// none is forgotten.
    @Test("random networks: every record is settled, the log stays small", arguments: 0..<20)
    func random(seed: Int) throws {
        let random = SeededGenerator(seed: UInt64(seed))
        var recovery = Self.fresh()
        var now = Self.start
        var waiting = (0..<400 as Range<UInt64>).map { $0 }
        var done: Set<UInt64> = []
        var accepted = AcceptedCounters()
        var arrivals: [(time: Instant, counter: UInt64)] = []
        var next: UInt64 = 0
        var steps = 0
        let loss = [0, 2, 10, 30][seed % 4]
        while done.count < 400, steps < 200_000 {
            steps += 1
            let mayProbe = recovery.probesOwed > 0
            let allows = recovery.allowsDatagram(isProbe: mayProbe)
            if !waiting.isEmpty || mayProbe, allows, random.next(below: 2) == 0 {
                if !waiting.isEmpty {
                    recovery.note(.piece(.default, message: waiting.removeFirst(), start: 0, end: 1))
                }
                recovery.didSend(next, at: now, isEliciting: true)
                recovery.didSendDatagram(size: 1_200)
                if random.next(below: 100) >= loss {
                    let delay = Duration.milliseconds(20 + random.next(below: 8))
                    arrivals.append((now.advanced(by: delay), next))
                }
                next += 1
                continue
            }
            now = now.advanced(by: .milliseconds(1))
            let due = arrivals.filter { $0.time <= now }
            arrivals.removeAll { $0.time <= now }
            for arrival in due { accepted.insert(arrival.counter, at: now) }
            if !due.isEmpty, random.next(below: 100) >= loss {
                let ack = try #require(accepted.acknowledgement(delay: 0, credit: 0))
                recovery.acknowledge(ack, at: now)
            }
            recovery.expire(at: now)
            if let deadline = recovery.deadline { #expect(deadline > now || recovery.probesOwed > 0) }
            done.formUnion(Self.acknowledged(&recovery))
            waiting += Self.lost(&recovery).filter { !done.contains($0) && !waiting.contains($0) }
            #expect(recovery.congestion.inFlight >= 0)
            #expect(recovery.log.count < 1_000)
        }
        #expect(done.count == 400)
    }
}
