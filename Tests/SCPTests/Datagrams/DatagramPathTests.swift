import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Scenarios 83, 87, 93 and what every datagram is held to.
@Suite("Datagrams and paths")
struct DatagramPathTests {
    private static let identifiers: [[UInt8]] = [[], [1, 2, 3, 4, 5, 6, 7, 8]]

    /// Scenario 83. [SCP-DGRAM-36] [SCP-DGRAM-1]
    @Test("with a connection id a session follows its peer to another port, once that has proved itself")
    func rebinding() throws {
        var pair = try Fixture().establishedDatagrams(connectionIDs: Self.identifiers)
        let moved = Address(ipv4: 0x0a00_0001, port: 50_000)
        let notes = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 0 { notes.items.append(bytes) }
            return true
        }
        pair.addresses[0] = moved
        _ = try pair.initiator.send("from elsewhere", at: pair.now)
        pair.run(for: .seconds(2))
        #expect(notes.items.allSatisfy { $0.prefix(10) == [4, 8, 1, 2, 3, 4, 5, 6, 7, 8] })
        let text = pair.responder.readText(at: pair.now)
        #expect(text == "from elsewhere")
        #expect(pair.events[1].contains(.pathChanged(moved)))
        let remote = pair.responder.remoteAddress
        #expect(remote == moved)
        _ = try pair.responder.send("back", at: pair.now)
        pair.run(for: .seconds(1))
        let back = pair.initiator.readText(at: pair.now)
        #expect(back == "back")
    }

    /// Scenario 83. [SCP-DGRAM-36] [SCP-DGRAM-18]
    @Test("a replayed or older frame from another address moves nothing, and a new one gets three times its size")
    func forgedMove() throws {
        var pair = try Fixture().establishedDatagrams(connectionIDs: Self.identifiers)
        let elsewhere = Address(ipv4: 0x0b00_0001, port: 1)
        let notes = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 0 { notes.items.append(bytes) }
            return side == 1 || notes.items.count != 2
        }
        for text in ["one", "two", "three"] {
            _ = try pair.initiator.send(text, at: pair.now)
            pair.run(for: .milliseconds(50))
        }
        let home = pair.responder.remoteAddress
        for bytes in notes.items { pair.deliver(bytes, to: 1, from: elsewhere) }
        let move = pair.responder.link?.path.move?.address
        #expect(move == nil)
        // One that nobody has seen: the address is asked, and never gets more than three times what came from it.
        pair.passes = { side, _ in side == 1 }
        pair.initiator.ping(at: pair.now)
        let instant = pair.now
        let fresh = [UInt8](capacity: 2_000) { output in
            _ = pair.initiator.pollTransmit(datagram: &output, at: instant)
        }
        pair.deliver(fresh, to: 1, from: elsewhere)
        var asked: UInt64 = 0
        for _ in 0..<100 {
            pair.run(for: .milliseconds(50))
            guard let limit = pair.responder.link?.path.move?.limit else { continue }
            #expect(limit.sent <= 3 * limit.received && limit.received == UInt64(fresh.count))
            asked = limit.sent
        }
        #expect(asked > 0)
        let after = pair.responder.remoteAddress
        #expect(after == home)
        let end = pair.responder.link?.path.move?.address
        #expect(end == nil)
    }

    /// Scenario 84. [SCP-DGRAM-36]
    @Test("without a connection id nothing is accepted from elsewhere")
    func unknownAddress() throws {
        var pair = try Fixture().establishedDatagrams()
        pair.addresses[0] = Address(ipv4: 0x0a00_0001, port: 50_000)
        _ = try pair.initiator.send("lost", at: pair.now)
        pair.run(for: .seconds(10))
        let text = pair.responder.readText(at: pair.now)
        #expect(text == nil)
        let drops = pair.responder.statistics.drops[.unknownAddress]
        #expect(drops > 0)
        #expect(pair.events[0].contains(.pathSuspect))
    }

    /// Scenario 87. [SCP-DGRAM-2] [SCP-DGRAM-4]
    @Test("sixteen frames are read, the rest not; garbage ends a datagram, an old counter does not")
    func manyFrames() throws {
        var pair = try Fixture.forgeable()
        pair.run(for: .seconds(1))
        func frame(_ counter: UInt64) throws -> [UInt8] {
            try #require(ForgeableProvider.forge(.data, epoch: 1, counter: counter, plaintext: [0x01]))
        }
        let before = pair.responder.statistics.framesReceived
        let many = try (100..<120).flatMap { try frame(UInt64($0)) }
        pair.deliver(many, to: 1)
        let read = pair.responder.statistics.framesReceived - before
        #expect(read == 16)
        pair.deliver(try frame(100) + frame(200) + [9, 9, 9] + frame(201), to: 1)
        let more = pair.responder.statistics.framesReceived - before - read
        #expect(more == 1)
        var wrong = try frame(300)
        wrong[wrong.count - 1] ^= 1
        pair.deliver(try wrong + frame(301), to: 1)
        let none = pair.responder.statistics.framesReceived - before - read - more
        #expect(none == 0)
        // One that claims more than there is.
        pair.deliver(Array(try frame(302).dropLast()), to: 1)
        let drops = pair.responder.statistics.drops
        #expect(drops[.malformed] == 2 && drops[.replayed] == 1 && drops[.unauthentic] == 1)
        let up = pair.responder.isUp
        #expect(up)
    }

    /// Scenario 93. [SCP-DGRAM-1]
    @Test("first octets of other protocols, and reserved prefixes, are dropped")
    func firstOctets() throws {
        var pair = try Fixture().establishedDatagrams(connectionIDs: Self.identifiers)
        for octet in 0...255 where octet != 1 && octet != 4 {
            let accepted = pair.deliver([UInt8(octet)] + [UInt8](repeating: 8, count: 200), to: 1)
            #expect(!accepted)
        }
        for bytes in [[], [4], [4, 0], [4, 21], [4, 8], [1], [1, 3]] as [[UInt8]] {
            let accepted = pair.deliver(bytes + [UInt8](repeating: 4, count: bytes.count < 2 ? 0 : 60), to: 1)
            #expect(!accepted)
        }
        let (total, up) = (pair.responder.statistics.drops.total, pair.responder.isUp)
        #expect(total >= 261 && up)
    }

    /// Scenarios 29, 92; S10. [SCP-DGRAM-5]
    @Test("every bit of every frame turned over: nothing changes, and the session goes on", arguments: [0, 1])
    func damaged(side: Int) throws {
        var pair = try Fixture().establishedDatagrams()
        let kept = Notes<[UInt8]>()
        let target = 1 - side
        pair.passes = { from, bytes in
            if from == side { kept.items.append(bytes) }
            return from != side
        }
        if side == 0 {
            _ = try pair.initiator.send("x", at: pair.now)
        } else {
            _ = try pair.responder.send("x", at: pair.now)
        }
        pair.collect(side)
        let genuine = try #require(kept.items.first)
        for bit in 0..<genuine.count * 8 {
            var copy = genuine
            copy[bit / 8] ^= 1 << UInt8(bit % 8)
            let accepted = pair.deliver(copy, to: target)
            #expect(!accepted, "bit \(bit)")
        }
        for count in 0..<genuine.count {
            let accepted = pair.deliver(Array(genuine[..<count]), to: target)
            #expect(!accepted)
        }
        let accepted = pair.deliver(genuine, to: target)
        let text = target == 0 ? pair.initiator.readText(at: pair.now) : pair.responder.readText(at: pair.now)
        #expect(accepted && text == "x")
    }

    /// [SCP-DGRAM-6]
    @Test("after 2^36 failed authentications the keys are given up")
    func integrityLimit() throws {
        var pair = try Fixture().establishedDatagrams()
        pair.responder.link?.forgeries = (1 << 36) - 2
        let kept = Notes<[UInt8]>()
        pair.passes = { _, bytes in
            kept.items.append(bytes)
            return false
        }
        pair.initiator.ping(at: pair.now)
        pair.collect(0)
        var forged = try #require(kept.items.first)
        forged[forged.count - 1] ^= 1
        pair.deliver(forged, to: 1)
        let up = pair.responder.isUp
        #expect(up)
        pair.deliver(forged, to: 1)
        pair.collect(1)
        guard case .closed(.failed(let error)) = pair.events[1].last else {
            Issue.record("no end")
            return
        }
        #expect(error.code == .keyLimitReached)
    }

    /// Scenario 50. [SCP-ACK-4] [SCP-ACK-5] [SCP-DGRAM-31]
    @Test("an ACK of what was never sent, or of a range below zero, ends the session")
    func wrongAcknowledgements() throws {
        let cases: [([UInt8], ErrorCode)] = [
            ([0, 0x7f, 0xff, 0, 0, 0, 0], .sequenceViolation),
            ([0, 0, 0, 0, 5, 0], .malformedFrame),
            ([0, 0, 0, 1, 0, 0, 0, 0], .malformedFrame),
            ([2, 0, 0, 0, 0, 0], .malformedFrame),
            ([0, 0, 0, 0x40, 64, 0, 0], .malformedFrame),
        ]
        for (plaintext, code) in cases {
            var pair = try Fixture.forgeable()
            pair.run(for: .seconds(1))
            let frame = try #require(ForgeableProvider.forge(.ack, epoch: 1, counter: 77, plaintext: plaintext))
            pair.deliver(frame, to: 1)
            pair.collect(1)
            guard case .closed(.failed(let error)) = pair.events[1].last else {
                Issue.record("\(plaintext): no end")
                continue
            }
            #expect(error.code == code, "\(plaintext)")
        }
    }

    /// [SCP-DGRAM-3]
    @Test("a size below 1,200 bytes is a mistake of the configuration")
    func configuration() throws {
        for size in [1_199, 65_528] {
            var fixture = try Fixture()
            fixture.initiator.limits.datagramSize = size
            #expect(throws: ConfigurationError.limit(.datagramSize)) { _ = try fixture.datagrams() }
        }
    }

    /// Scenario 17. [SCP-DGRAM-35] [SCP-DGRAM-10]
    @Test("a path of 1,200 bytes carries everything")
    func smallPath() throws {
        var conditions = LinkConditions.plain
        conditions.maximumSize = 1_200
        var pair = try Fixture().datagrams(conditions: conditions)
        var transfer = Transfer(size: 20_000, total: 10)
        _ = pair.transfer(&transfer, within: .seconds(30))
        #expect(transfer.isDone && transfer.isIntact)
        let size = pair.initiator.link?.recovery.pathSize.current
        #expect(size == 1_200)
    }
}
