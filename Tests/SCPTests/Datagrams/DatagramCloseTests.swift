import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Scenarios 67 to 84.
@Suite("Ends on datagrams")
struct DatagramCloseTests {
    /// Scenario 67. [SCP-DGRAM-34]
    @Test("a graceful close waits for what is in flight: clean means delivered", arguments: 1..<7)
    func graceful(seed: Int) throws {
        var conditions = LinkConditions.plain
        conditions.loss = Chance(300, in: 1_000)
        var pair = try Fixture().establishedDatagrams(seed: UInt64(seed), conditions: conditions)
        var transfer = Transfer(size: 4_000, total: 8)
        transfer.send(&pair.initiator, at: pair.now)
        pair.initiator.close(at: pair.now)
        for _ in 0..<40 {
            pair.run(for: .milliseconds(500))
            transfer.read(&pair.responder, at: pair.now)
        }
        let isClean = pair.events[0].last == .closed(.clean)
        #expect(pair.events[0].last == .closed(.clean) || pair.events[0].last == .closed(.unconfirmed))
        #expect(!isClean || transfer.isDone && transfer.isIntact)
        if isClean { #expect(pair.events[1].last == .closed(.byPeer(.noError, reason: []))) }
        let states = (pair.initiator.state, pair.responder.state)
        #expect(states == (.closed, .closed))
        let deadlines = (pair.initiator.deadline, pair.responder.deadline)
        #expect(deadlines.0 == nil && deadlines.1 == nil)
    }

    /// Scenario 68. [SCP-DGRAM-28] [SCP-DGRAM-27]
    @Test("CLOSE is lost n times, and then its ACK n times: clean all the same", arguments: 0..<5, 0..<5)
    func lostClose(closes: Int, acknowledgements: Int) throws {
        var pair = try Fixture().establishedDatagrams()
        let notes = Notes<Int>()
        let answers = Notes<Int>()
        pair.passes = { side, bytes in
            if side == 0, Seen.kinds(bytes).contains("close/1") {
                notes.items.append(0)
                return notes.items.count > closes
            }
            if side == 1 { answers.items.append(0) }
            return side == 0 || answers.items.count > acknowledgements
        }
        pair.initiator.close(reason: "done", at: pair.now)
        pair.run(for: .seconds(8))
        #expect(pair.events[0].last == .closed(.clean))
        #expect(pair.events[1].last == .closed(.byPeer(.noError, reason: Array("done".utf8))))
        let counters = notes.items.count
        #expect(counters >= closes + 1)
    }

    /// Scenario 69.
    @Test("both close at once, whatever is lost: no loop, both end in order", arguments: 0..<16)
    func simultaneous(losses: Int) throws {
        var pair = try Fixture().establishedDatagrams()
        let count = Notes<Int>()
        pair.passes = { _, _ in
            count.items.append(0)
            return count.items.count > 4 || losses & 1 << (count.items.count - 1) == 0
        }
        pair.initiator.close(at: pair.now)
        pair.responder.close(at: pair.now)
        pair.run(for: .seconds(10))
        for side in 0..<2 {
            #expect(
                pair.events[side].last == .closed(.clean)
                    || pair.events[side].last == .closed(.byPeer(.noError, reason: [])))
        }
        #expect(count.items.count < 30)
    }

    /// Scenario 70. [SCP-DGRAM-28]
    @Test("the peer is gone: CLOSING ends after 3 s, unconfirmed")
    func gone() throws {
        var pair = try Fixture().establishedDatagrams()
        pair.conditions[0].isDown = true
        pair.initiator.close(at: pair.now)
        pair.run(for: .milliseconds(2_900))
        let early = pair.initiator.state
        #expect(early == .closing)
        pair.run(for: .milliseconds(200))
        let late = pair.initiator.state
        #expect(late == .closed)
        #expect(pair.events[0].last == .closed(.unconfirmed))
    }

    /// Scenario 73. [SCP-DGRAM-28]
    @Test("a close before the confirmation goes behind the ACK flight, in one datagram")
    func earlyClose() throws {
        var pair = try Fixture().datagrams()
        let notes = Notes<[String]>()
        pair.passes = { side, bytes in
            if side == 0 { notes.items.append(Seen.kinds(bytes)) }
            return side == 1 || Seen.kinds(bytes) != ["ack/0"]
        }
        pair.run(for: .milliseconds(25))
        let state = pair.initiator.state
        #expect(state == .unconfirmed)
        pair.initiator.close(ErrorCode(rawValue: 0x1234), at: pair.now)
        pair.run(for: .seconds(5))
        #expect(notes.items.contains(["ack/0", "close/1"]))
        #expect(pair.events[1].last == .closed(.byPeer(ErrorCode(rawValue: 0x1234), reason: [])))
        #expect(pair.events[0].last == .closed(.clean))
    }

    /// [SCP-DGRAM-15] [SCP-DGRAM-25]
    @Test("an initiator that gives up in the handshake says so once, without an answer; CLOSE e0 ends no HALF")
    func giveUp() throws {
        var pair = try Fixture().datagrams()
        pair.conditions[1].isDown = true
        pair.run(for: .milliseconds(15))
        let half = pair.responder.state
        #expect(half == .halfOpen)
        pair.initiator.close(at: pair.now)
        let before = pair.sent
        pair.run(for: .seconds(3))
        #expect(pair.sent[0] == before[0] + 1 && pair.sent[1] == before[1])
        let states = (pair.initiator.state, pair.responder.state)
        #expect(states == (.closed, .halfOpen))
        let isOver = pair.initiator.isTerminated
        #expect(isOver)
    }

    /// Scenario 77. [SCP-DGRAM-27]
    @Test("a CLOSE that comes again and again is acknowledged a few times, and after the wait not at all")
    func lateClose() throws {
        var pair = try Fixture().establishedDatagrams()
        let notes = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 0, Seen.kinds(bytes).contains("close/1") { notes.items.append(bytes) }
            return side == 0
        }
        pair.initiator.close(at: pair.now)
        pair.run(for: .seconds(2))
        #expect(notes.items.count >= 3)
        let before = pair.sent[1]
        #expect(before <= notes.items.count + 2)
        pair.run(for: .seconds(6))
        let after = pair.sent[1]
        for bytes in notes.items { pair.deliver(bytes, to: 1) }
        pair.run(for: .seconds(1))
        #expect(pair.sent[1] == after)
    }

    /// [SCP-CLOSE-20] [SCP-DGRAM-5]
    @Test("what is authentic and breaks a rule ends the session with its code, and CLOSE is repeated until answered")
    func violation() throws {
        var pair = try Fixture.forgeable()
        pair.run(for: .seconds(1))
        let frame = try #require(ForgeableProvider.forge(.data, epoch: 1, counter: 50, plaintext: [0x0f]))
        pair.conditions[1].isDown = true
        pair.deliver(frame, to: 1)
        pair.run(for: .seconds(1))
        pair.conditions[1].isDown = false
        pair.run(for: .seconds(8))
        guard case .closed(.failed(let error)) = pair.events[1].last else {
            Issue.record("\(pair.events[1])")
            return
        }
        #expect(error.code == .malformedFrame)
        #expect(pair.events[0].last == .closed(.byPeer(.malformedFrame, reason: [])))
    }

    /// Scenario 80. [SCP-DGRAM-28] [SCP-TIME-6]
    @Test("keep-alive on one side keeps both for ten minutes with few frames")
    func keepAlive() throws {
        var fixture = try Fixture()
        fixture.initiator.timers.keepAlive = true
        var pair = try fixture.establishedDatagrams()
        let before = pair.sent[0] + pair.sent[1]
        pair.run(for: .seconds(600))
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
        #expect(pair.sent[0] + pair.sent[1] - before < 160)
    }

    /// Scenarios 79, 82. [SCP-DGRAM-28] [SCP-TIME-5]
    @Test("silence for the idle time ends both without a word")
    func idle() throws {
        var pair = try Fixture().establishedDatagrams()
        let before = pair.sent
        pair.run(for: .seconds(40))
        #expect(pair.sent == before)
        for side in 0..<2 {
            guard case .closed(.failed(let error)) = pair.events[side].last else {
                Issue.record("no end")
                return
            }
            #expect(error.code == .idleTimeout)
        }
    }

    /// Scenario 82. [SCP-DGRAM-32]
    @Test("a partition of 25 s heals, one of 35 s ends both", arguments: [25, 35])
    func partition(seconds: Int) throws {
        var pair = try Fixture().establishedDatagrams()
        pair.conditions[0].isDown = true
        _ = try pair.initiator.send("through", at: pair.now)
        pair.run(for: .seconds(seconds))
        pair.conditions[0].isDown = false
        pair.run(for: .seconds(10))
        let text = pair.responder.readText(at: pair.now)
        #expect(text == (seconds == 25 ? "through" : nil))
        #expect(pair.events[0].contains(.pathSuspect))
        let states = (pair.initiator.isUp, pair.responder.isUp)
        #expect(states == (seconds == 25, seconds == 25))
    }

    /// Scenario 81. [SCP-TIME-13]
    @Test("the clock jumps an hour: the idle time comes first and nothing is sent")
    func clockJump() throws {
        var pair = try Fixture().establishedDatagrams()
        _ = try pair.initiator.send("x", at: pair.now)
        let late = pair.now.advanced(by: .seconds(3_600))
        pair.initiator.advance(to: late)
        let state = pair.initiator.state
        #expect(state == .closed)
        var transmit = DatagramTransmit.nothing
        let bytes = [UInt8](capacity: 2_000) { output in
            transmit = pair.initiator.pollTransmit(datagram: &output, at: late)
        }
        #expect(transmit == .nothing && bytes.isEmpty)
    }
}
