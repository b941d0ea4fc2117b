import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// What `scp-simulate` has found, each at its shortest.
@Suite("Found by simulated sessions")
struct FoundBySimulationTests {
    /// The engine trapped when a message was begun behind one that had never been.
    @Test("messages that are given up before they are begun leave no trace", arguments: [false, true])
    func givenUpBeforeBegun(byPeer: Bool) throws {
        var pair = try Fixture().establishedDatagrams()
        pair.passes = { _, _ in false }
        for number in 0..<3 {
            let id = try pair.initiator.send("given up \(number)", at: pair.now)
            if byPeer {
                pair.responder.refuse(id, at: pair.now)
            } else {
                let isCancelled = pair.initiator.cancel(id, at: pair.now)
                #expect(isCancelled)
            }
        }
        pair.passes = nil
        pair.run(for: .seconds(1))
        _ = try pair.initiator.send("kept", at: pair.now)
        pair.run(for: .seconds(1))
        var texts: [String] = []
        while let text = pair.responder.readText(at: pair.now) { texts.append(text) }
        #expect(texts.last == "kept")
        let span = pair.initiator.outbox.span
        #expect(span == 0)
    }

    /// The same at the peer's wish: its limits, once they are known, forbid a message that was accepted before.
    @Test("messages that the peer's limits forbid leave no trace")
    func forbiddenBeforeBegun() throws {
        var fixture = try Fixture()
        fixture.responder.limits.messageLimit = 10_000
        var pair = try DatagramPair(initiator: fixture.initiator, responder: fixture.responder)
        let large = [UInt8](repeating: 7, count: 20_000)
        _ = try pair.initiator.send(large.span, at: pair.now)
        _ = try pair.initiator.send("kept", at: pair.now)
        pair.run(for: .seconds(1))
        #expect(pair.events[0].contains(.refused(.default, MessageID(rawValue: 0), .messageTooLarge)))
        let text = pair.responder.readText(at: pair.now)
        #expect(text == "kept")
        let span = pair.initiator.outbox.span
        #expect(span == 0)
    }

    /// A datagram with nothing in it was sent whenever messages had no credit. [SCP-DGRAM-2]
    @Test("a sender without credit sends no empty datagrams")
    func noCredit() throws {
        var fixture = try Fixture()
        fixture.responder.identityPolicy = .ask
        var pair = try DatagramPair(initiator: fixture.initiator, responder: fixture.responder)
        let sizes = Notes<Int>()
        pair.passes = { side, bytes in
            if side == 0 { sizes.items.append(bytes.count) }
            return true
        }
        pair.run(for: .seconds(1))
        let states = [pair.initiator.state, pair.responder.state]
        #expect(states == [.established, .held])
        let before = sizes.items.count
        _ = try pair.initiator.send("waits", at: pair.now)
        pair.run(for: .milliseconds(1))
        #expect(sizes.items.count == before)
        pair.run(for: .seconds(5))
        #expect(sizes.items.allSatisfy { $0 >= FrameHeader.overhead })
        pair.responder.resolveIdentity(.accept, at: pair.now)
        pair.run(for: .seconds(5))
        let text = pair.responder.readText(at: pair.now)
        #expect(text == "waits")
    }

    /// The answer to a challenge went where the peer had been, and nothing else was known to work. [SCP-DGRAM-36]
    @Test("both sides move at once, and find each other")
    func bothMove() throws {
        let identifiers: [[UInt8]] = [[1, 2, 3, 4], [5, 6, 7, 8]]
        var pair = try Fixture().establishedDatagrams(connectionIDs: identifiers)
        let old = pair.addresses
        let new = [Address(ipv4: 0x0a00_0001, port: 50_000), Address(ipv4: 0x0a00_0002, port: 50_001)]
        // Both know of the other's move, and have not proved it, when what led to the old places is gone.
        for side in 0..<2 {
            let instant = pair.now
            if side == 0 { pair.initiator.ping(at: instant) } else { pair.responder.ping(at: instant) }
            let bytes = [UInt8](capacity: 2_000) { output in
                _ =
                    side == 0
                    ? pair.initiator.pollTransmit(datagram: &output, at: instant)
                    : pair.responder.pollTransmit(datagram: &output, at: instant)
            }
            pair.deliver(bytes, to: 1 - side, from: new[side])
        }
        pair.addresses = new
        pair.run(for: .seconds(3))
        let remotes = [pair.responder.remoteAddress, pair.initiator.remoteAddress]
        #expect(remotes == new && old != new)
        _ = try pair.initiator.send("here", at: pair.now)
        _ = try pair.responder.send("there", at: pair.now)
        pair.run(for: .seconds(2))
        let texts = [pair.responder.readText(at: pair.now), pair.initiator.readText(at: pair.now)]
        #expect(texts == ["here", "there"])
    }

    /// A window full of what was sent to the old address kept the answer back, for ever. [SCP-DGRAM-36]
    @Test("a full congestion window does not keep the answer to a challenge back")
    func fullWindow() throws {
        var conditions = LinkConditions.plain
        conditions.delay = .milliseconds(20)
        var pair = try Fixture().establishedDatagrams(
            connectionIDs: [[1, 2, 3, 4], [5, 6, 7, 8]], conditions: conditions)
        let large = [UInt8](repeating: 9, count: 100_000)
        _ = try pair.initiator.send(large.span, at: pair.now)
        // Long enough for probes to have become rare.
        var broken = conditions
        broken.isDown = true
        pair.conditions = [broken, broken]
        pair.run(for: .seconds(6))
        pair.conditions = [conditions, conditions]
        pair.addresses[0] = Address(ipv4: 0x0a00_0001, port: 50_000)
        var received = 0
        for _ in 0..<40 {
            pair.run(for: .milliseconds(250))
            received += pair.responder.read(at: pair.now) { $1.count } ?? 0
        }
        #expect(received == 100_000)
    }

    /// What somebody thought about for six seconds was taken for a round trip, and the peer's silence for minutes was
    /// none. [SCP-DGRAM-32]
    @Test("a slow decision is not a round trip", arguments: [0, 1])
    func slowDecision(side: Int) throws {
        var fixture = try Fixture()
        if side == 0 { fixture.initiator.identityPolicy = .ask } else { fixture.responder.identityPolicy = .ask }
        var conditions = LinkConditions.plain
        conditions.delay = .milliseconds(20)
        var pair = try fixture.datagrams(conditions: conditions)
        pair.run(for: .seconds(6))
        if side == 0 {
            pair.initiator.resolveIdentity(.accept, at: pair.now)
        } else {
            pair.responder.resolveIdentity(.accept, at: pair.now)
        }
        pair.run(for: .seconds(1))
        let states = [pair.initiator.state, pair.responder.state]
        #expect(states == [.established, .established])
        let trips = [pair.initiator.link?.recovery.roundTrip, pair.responder.link?.recovery.roundTrip]
        #expect(trips.allSatisfy { $0.map { $0.probeTimeout < .seconds(2) } ?? false })
        pair.passes = { _, _ in false }
        pair.run(for: .seconds(45))
        let ends = [pair.initiator.state, pair.responder.state]
        #expect(ends == [.closed, .closed])
    }

    /// Refused questions used to cost a part of the allowance, by rounding. [SCP-DGRAM-32]
    @Test("a pacer that is asked too often says the same")
    func pacer() {
        var patient = Pacer()
        var hasty = Pacer()
        func ask(_ pacer: inout Pacer, _ now: Instant) -> Instant? {
            pacer.delay(for: 1_200, window: 12_345, roundTrip: .milliseconds(97), datagram: 1_200, at: now)
        }
        var now = Instant(nanoseconds: 1_000_000)
        for _ in 0..<100 {
            while let next = ask(&patient, now) {
                var between = now
                while between < next {
                    #expect(ask(&hasty, between) == next)
                    between = between.advanced(by: .nanoseconds(1_234_567))
                }
                now = next
            }
            #expect(ask(&hasty, now) == nil)
            patient.didSend(1_200)
            hasty.didSend(1_200)
        }
    }
}
