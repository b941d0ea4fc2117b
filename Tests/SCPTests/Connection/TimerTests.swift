import SCPGcrypt
import SCPMisbehaviours
import SCPSimulation
import Testing

@testable import SCP

/// Time, which is virtual here and costs nothing.
@Suite struct TimerTests {
    private func pipe(
        _ change: (inout Configuration<GcryptProvider>) -> Void = { _ in }
    ) throws -> Pipe<GcryptProvider> {
        var fixture = try Fixture()
        change(&fixture.initiator)
        change(&fixture.responder)
        return try fixture.established()
    }

    /// [SCP-ITEM-26] The smaller of both idle times that are not zero holds, whoever has it; two zeros are none.
    @Test(arguments: [0, 7, 30, 100], [0, 7, 30, 100])
    func idleTimes(first: Int, second: Int) throws {
        var fixture = try Fixture()
        fixture.initiator.timers.idle = .seconds(first)
        fixture.responder.timers.idle = .seconds(second)
        var pipe = try fixture.established()
        // The last frame that was accepted: the ACK of the confirmation at the responder, the confirmation at the
        // other.
        let wanted = [first, second].filter { $0 > 0 }.min()
        guard let wanted else {
            pipe.advance(by: .seconds(3_000))
            #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
            #expect(pipe.initiator.deadline?.reason == .rotation)
            return
        }
        pipe.advance(by: .seconds(wanted) - .nanoseconds(1))
        #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
        pipe.advance(by: .nanoseconds(1))
        let codes = [pipe.events[.initiator], pipe.events[.responder]].map { $0?.last?.failure?.code }
        #expect(codes.contains(.idleTimeout))
        pipe.advance(by: .seconds(4))
        #expect(pipe.initiator.state == .closed && pipe.responder.state == .closed)
    }

    /// [SCP-ACK-10] Two engines that have nothing to say fall silent, and ask for no more attention than a few
    /// deadlines.
    @Test func silence() throws {
        var pipe = try pipe { $0.timers.idle = .zero }
        pipe.advance(by: .milliseconds(100))
        let before = [pipe.initiator.statistics.framesSent, pipe.responder.statistics.framesSent]
        var wakes = 0
        while let next = pipe.nextDeadline, next < .zero.advanced(by: .seconds(3_000)) {
            pipe.advanceToDeadline()
            pipe.settle()
            wakes += 1
            try #require(wakes < 10)
        }
        #expect([pipe.initiator.statistics.framesSent, pipe.responder.statistics.framesSent] == before)
        // After a message each there is one ACK each, and silence again.
        _ = try pipe.initiator.send("a", at: pipe.now)
        _ = try pipe.responder.send("b", at: pipe.now)
        pipe.settle()
        pipe.advance(by: .seconds(100))
        let after = [pipe.initiator.statistics.framesSent, pipe.responder.statistics.framesSent]
        #expect(after == before.map { $0 + 2 })
    }

    /// Scenario 80: keep-alive on one side keeps both for ten minutes, with fewer than 80 frames from each.
    @Test(arguments: [true, false])
    func keepAlive(isInitiator: Bool) throws {
        var fixture = try Fixture()
        fixture.initiator.timers.keepAlive = isInitiator
        fixture.responder.timers.keepAlive = !isInitiator
        var pipe = try fixture.established()
        pipe.advance(by: .seconds(600))
        #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
        #expect(pipe.initiator.statistics.framesSent < 80 && pipe.responder.statistics.framesSent < 80)
        #expect(pipe.initiator.statistics.framesSent > 50 && pipe.responder.statistics.framesSent > 50)
    }

    /// Scenario 34: a reader that pauses for 60 s, longer than the idle time. The sender's probes keep the session,
    /// there
    /// are fewer than 20, and it goes on.
    @Test func pausedReader() throws {
        var pipe = try pipe { configuration in
            configuration.limits.messageLimit = 10_000
            configuration.limits.connectionCredit = 20_000
        }
        let message = [UInt8](repeating: 1, count: 10_000)
        for _ in 0..<4 { _ = try pipe.initiator.send(message.span, at: pipe.now) }
        pipe.advance(by: .seconds(60))
        #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
        #expect(pipe.initiator.statistics.blockedProbes == 19)
        #expect(pipe.responder.statistics.framesSent < 25)
        var read = 0
        for _ in 0..<10 {
            while pipe.responder.readBytes(at: pipe.now)?.count == 10_000 { read += 1 }
            pipe.settle()
        }
        #expect(read == 4)
        #expect(pipe.initiator.deadline?.reason != .blocked)
    }

    /// [SCP-FLOW-10] [SCP-FLOW-11] Probes come 10, 20, 40 ms apart and so on up to 5 s, each after the last was
    /// acknowledged and never because it was; new credit begins again at 10 ms.
    @Test func probes() throws {
        var duel = try Duel.at(.established, .initiator, Fixture()) { peer in
            peer.items += itemBytes(0x02, varintBytes(100)) + itemBytes(0x03, varintBytes(132))
            peer.grant = 132
        }
        let message = [UInt8](repeating: 1, count: 100)
        for _ in 0..<3 { _ = try duel.engine.send(message.span, at: duel.now) }
        duel.poll()
        let first = try #require(duel.takeFrames().last { $0.type == .data })
        for credit in [132, 264] as [UInt64] {
            // Not while a frame is in flight that will be answered.
            #expect(duel.engine.deadline?.reason != .blocked)
            var newest = credit == 132 ? first.counter : try #require(duel.takeFrames().last).counter
            var wait: Duration = .milliseconds(10)
            for _ in 0..<12 {
                try duel.feed(.ack, Plain.acknowledgement(newest, credit: credit))
                duel.poll()
                #expect(duel.takeFrames().isEmpty)
                let due = Deadline(instant: duel.now.advanced(by: wait), reason: .blocked)
                // Buffers are given back meanwhile.
                while duel.engine.deadline?.reason == .quiet { duel.advanceToDeadline() }
                let deadline = duel.engine.deadline
                #expect(deadline == due)
                duel.advanceToDeadline()
                let frames = duel.takeFrames()
                #expect(frames.flatMap(\.records) == [.blocked(limit: credit)])
                newest = try #require(frames.first).counter
                wait = min(wait * 2, .seconds(5))
            }
            try duel.feed(.ack, Plain.acknowledgement(newest, credit: credit + 132))
            duel.poll()
        }
        #expect(duel.takeFrames().flatMap(\.records).filter(\.isMessage).count == 1)
    }

    /// [SCP-ACK-8] [SCP-ACK-9] 25 ms after the first frame, or at the second; at once when every message is to be.
    @Test func acknowledgements() throws {
        for isEager in [false, true] {
            var fixture = try Fixture()
            fixture.responder.acknowledgesEveryMessage = isEager
            var duel = try Duel.at(.established, .responder, fixture)
            for round in 0..<3 as Range<UInt64> {
                try duel.feed(.data, Plain.piece(2 * round, [1]))
                duel.poll()
                if isEager {
                    #expect(duel.takeFrames().map(\.kind) == ["ack/1"])
                    try duel.feed(.data, Plain.piece(2 * round + 1, [2]))
                    duel.poll()
                    #expect(duel.takeFrames().map(\.kind) == ["ack/1"])
                    continue
                }
                #expect(duel.takeFrames().isEmpty)
                let deadline = duel.engine.deadline
                #expect(deadline == Deadline(instant: duel.now.advanced(by: .milliseconds(25)), reason: .acknowledge))
                if round < 2 {
                    try duel.feed(.data, Plain.piece(2 * round + 1, [2]))
                    duel.poll()
                } else {
                    duel.advanceToDeadline()
                }
                let acknowledgement = try #require(duel.takeFrames().last?.acknowledgement)
                #expect(acknowledgement.largest == duel.peer.nextCounter - 1)
                #expect(duel.engine.deadline?.reason != .acknowledge)
            }
        }
    }

    /// [SCP-TIME-14] A clock that goes back is taken as standing still, in every call.
    @Test func clockGoesBack() throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        duel.now = .zero.advanced(by: .seconds(1_000))
        try duel.feed(.data, Plain.ping)
        duel.poll()
        let idle = duel.now.advanced(by: .seconds(30))
        duel.now = .zero
        try duel.feed(.data, [0x40, 0])
        duel.poll()
        duel.engine.advance(to: .zero)
        _ = try duel.engine.send("x", at: .zero)
        duel.engine.ping(at: .zero)
        duel.poll()
        // The frames came at 1,000 s as far as the engine knows.
        let deadline = duel.engine.deadline
        #expect(deadline.map { $0.instant >= .zero.advanced(by: .seconds(1_000)) } == true)
        duel.now = Instant(nanoseconds: idle.nanoseconds - 1)
        duel.engine.advance(to: duel.now)
        duel.poll()
        #expect(duel.engine.state == .established)
    }

    /// Scenario 81: an hour passes at once. The session has expired, and nothing is sent for what else was due.
    @Test(arguments: [Role.initiator, .responder])
    func clockJumps(role: Role) throws {
        var fixture = try Fixture()
        fixture.initiator.timers.keepAlive = true
        fixture.responder.timers.keepAlive = true
        var duel = try Duel.at(.established, role, fixture)
        try duel.feed(.data, Plain.piece(0, [1]))
        _ = try duel.engine.send("never", at: duel.now)
        duel.engine.ping(at: duel.now)
        duel.now = duel.now.advanced(by: .seconds(3_600))
        duel.engine.advance(to: duel.now)
        duel.poll()
        #expect(duel.takeFrames().map(\.closeCode) == [.idleTimeout])
        let read = duel.engine.readBytes(at: duel.now)
        #expect(read == [1])  // what was complete stays readable
    }

    /// Scenario 82: silence of 29 s is survived, of 31 s not.
    @Test(arguments: [29, 31])
    func partition(seconds: Int) throws {
        var pipe = try pipe()
        pipe.advance(by: .seconds(seconds))
        _ = try? pipe.initiator.send("back", at: pipe.now)
        pipe.settle()
        let text = pipe.responder.readText(at: pipe.now)
        #expect(text == (seconds < 30 ? "back" : nil))
        let failure = pipe.events[.responder]?.last?.failure?.code
        #expect(failure == (seconds < 30 ? nil : .idleTimeout))
    }
}
