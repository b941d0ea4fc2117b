import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Scenarios 32 to 54.
@Suite("Delivery on datagrams")
struct DatagramTransferTests {
    /// Scenario 32. [SCP-DGRAM-32] [SCP-DGRAM-7]
    @Test("messages arrive whole and in order, whatever share of the datagrams is lost", arguments: [0, 20, 100, 300])
    func loss(thousandths: Int) throws {
        var conditions = LinkConditions.plain
        conditions.loss = Chance(UInt32(thousandths), in: 1_000)
        conditions.jitter = .milliseconds(3)
        var pair = try Fixture().establishedDatagrams(seed: UInt64(thousandths) + 3, conditions: conditions)
        var transfer = Transfer(size: 8_000, total: 60)
        _ = pair.transfer(&transfer, within: .seconds(300))
        #expect(transfer.isDone && transfer.isIntact)
        // T4: bounded work for a byte.
        #expect(pair.sentBytes[0] < 60 * 8_000 * 3)
        // S7: the sums of charges agree in the end.
        pair.run(for: .seconds(5))
        let (charged, reserved) = (pair.responder.inbox.connection.charged, pair.initiator.outbox.connection.reserved)
        #expect(charged == reserved && charged == 60 * 8_032)
        let (isEmpty, inFlight) = (pair.initiator.outbox.isEmpty, pair.initiator.link?.recovery.congestion.inFlight)
        #expect(isEmpty && inFlight == 0)
    }

    /// Scenario 33. [SCP-FLOW-10] [SCP-DGRAM-32]
    @Test("every ACK is lost for two seconds after the window has filled: it recovers")
    func lostAcknowledgements() throws {
        var pair = try Fixture().establishedDatagrams(conditions: LinkConditions.plain)
        var transfer = Transfer(size: 30_000, total: 20)
        transfer.send(&pair.initiator, at: pair.now)
        pair.run(for: .milliseconds(200))
        pair.conditions[1].isDown = true
        transfer.read(&pair.responder, at: pair.now)
        pair.run(for: .seconds(2))
        pair.conditions[1].isDown = false
        let time = pair.transfer(&transfer, within: .seconds(20))
        #expect(transfer.isDone && transfer.isIntact && time < .seconds(7))
    }

    /// Scenarios 34, 35. [SCP-FLOW-8]
    @Test("a reader pauses for a minute: no timeout, few frames, and another channel goes on")
    func pausedReader() throws {
        var fixture = try Fixture()
        fixture.initiator.limits.channelCredit = 140_000
        fixture.responder.limits.channelCredit = 140_000
        var pair = try fixture.establishedDatagrams()
        var stuck = Transfer(size: 30_000, total: 8, channel: Channel(1))
        stuck.send(&pair.initiator, at: pair.now)
        pair.run(for: .seconds(2))
        var other = Transfer(size: 500, total: 50, channel: Channel(2))
        _ = pair.transfer(&other, within: .seconds(10))
        #expect(other.isDone && other.isIntact)
        let before = pair.sent[0] + pair.sent[1]
        pair.run(for: .seconds(60))
        #expect(pair.sent[0] + pair.sent[1] - before < 60)
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
        _ = pair.transfer(&stuck, within: .seconds(20))
        #expect(stuck.isDone && stuck.isIntact)
    }

    /// Scenario 46. [SCP-DGRAM-7] [SCP-REC-6]
    @Test("unreliable messages: at most once, never sent again; sequenced ones never go back")
    func unreliable() throws {
        for mode in [DeliveryMode.unreliable, .unreliableSequenced] {
            var conditions = LinkConditions.plain
            conditions.loss = Chance(200, in: 1_000)
            conditions.duplication = Chance(100, in: 1_000)
            conditions.jitter = .milliseconds(12)
            var pair = try Fixture().establishedDatagrams(seed: 9, conditions: conditions)
            let channel = Channel(3, mode)
            var seen: [UInt8] = []
            for number in 0..<200 as Range<UInt8> {
                let bytes = [UInt8](repeating: number, count: 700)
                _ = try pair.initiator.send(bytes.span, on: channel, at: pair.now)
                pair.run(for: number == 199 ? .seconds(20) : .milliseconds(60))
                while let read = pair.responder.readBytes(from: channel, at: pair.now) {
                    let isWhole = read == [UInt8](repeating: read.first ?? 0, count: 700)
                    #expect(isWhole)
                    seen.append(read.first ?? 0)
                }
            }
            #expect(Set(seen).count == seen.count)
            #expect(seen.count > 110 && seen.count < 190)
            if mode == .unreliableSequenced { #expect(seen == seen.sorted()) }
            let isEmpty = pair.initiator.outbox.isEmpty
            #expect(isEmpty)
            let large = [UInt8](repeating: 0, count: 1_200)
            #expect(throws: SendError.self) { try pair.initiator.send(large.span, on: channel, at: pair.now) }
        }
    }

    /// [SCP-REC-5]
    @Test("unordered messages pass each other, each once", arguments: [1, 2, 3])
    func unordered(seed: Int) throws {
        var conditions = LinkConditions.plain
        conditions.loss = Chance(150, in: 1_000)
        conditions.jitter = .milliseconds(8)
        var pair = try Fixture().establishedDatagrams(seed: UInt64(seed), conditions: conditions)
        let channel = Channel(5, .reliableUnordered)
        var sent = 0
        var seen: [UInt64: Int] = [:]
        for _ in 0..<4_000 where seen.count < 600 {
            while sent < 600 {
                let bytes = Transfer.bytes(sent, 50 + sent % 7 * 400)
                guard (try? pair.initiator.send(bytes.span, on: channel, at: pair.now)) != nil else { break }
                sent += 1
            }
            pair.run(for: .milliseconds(10))
            while let (id, bytes) = pair.responder.read(
                from: channel, at: pair.now, { message, bytes in (message.id.rawValue, Array(copying: bytes)) })
            {
                seen[id, default: 0] += 1
                let isWhole = bytes == Transfer.bytes(Int(id), 50 + Int(id) % 7 * 400)
                #expect(isWhole)
            }
        }
        #expect(seen.count == 600 && seen.values.allSatisfy { $0 == 1 })
    }

    /// [SCP-DGRAM-40]
    @Test("small messages behind a lost one never bring the receiver to its limits", arguments: [0, 1])
    func manySmall(mode: Int) throws {
        let channel = Channel(1, mode == 0 ? .reliableOrdered : .reliableUnordered)
        var pair = try Fixture().establishedDatagrams()
        let losses = Notes<Int>()
        pair.passes = { side, bytes in
            // A large datagram is lost now and then, one that holds many messages, and what repeats it too.
            guard side == 0, bytes.count > 900 else { return true }
            losses.items.append(0)
            return losses.items.count % 3 != 0
        }
        var sent = 0
        var received = 0
        for _ in 0..<6_000 where received < 4_000 {
            while sent < 4_000, (try? pair.initiator.send("x", on: channel, at: pair.now)) != nil { sent += 1 }
            pair.run(for: .milliseconds(5))
            while pair.responder.readBytes(from: channel, at: pair.now) != nil { received += 1 }
            let span = pair.initiator.outbox.span
            #expect(span <= Outbox.maximumSpan)
        }
        #expect(received == 4_000)
        let up = pair.responder.isUp
        #expect(up)
    }

    /// Scenarios 44, 45. [SCP-DGRAM-33] [SCP-REC-30]
    @Test("a message that expires under a partition is skipped, and what follows arrives in order")
    func expiry() throws {
        var pair = try Fixture().establishedDatagrams()
        pair.conditions[0].isDown = true
        let large = [UInt8](repeating: 7, count: 20_000)
        let gone = try pair.initiator.send(
            large.span, expiring: pair.now.advanced(by: .milliseconds(700)), at: pair.now)
        _ = try pair.initiator.send("one", at: pair.now)
        pair.run(for: .seconds(2))
        pair.conditions[0].isDown = false
        _ = try pair.initiator.send("two", at: pair.now)
        pair.run(for: .seconds(6))
        let texts = [pair.responder.readText(at: pair.now), pair.responder.readText(at: pair.now)]
        #expect(texts == ["one", "two"])
        #expect(pair.events[1].contains(.cancelled(.default, gone, .noError)))
        #expect(pair.events[0].last == .delivered(.default, through: MessageID(rawValue: 2)))
        let isEmpty = pair.initiator.outbox.isEmpty
        #expect(isEmpty)
    }

    /// Scenario 44. [SCP-DGRAM-33]
    @Test("a message is delivered when every piece of it was acknowledged, not when its last one was")
    func receipts() throws {
        var pair = try Fixture().establishedDatagrams()
        let count = Notes<Int>()
        pair.passes = { side, bytes in
            guard side == 0, bytes.count > 1_000 else { return true }
            count.items.append(0)
            return count.items.count != 2
        }
        let large = [UInt8](repeating: 7, count: 6_000)
        _ = try pair.initiator.send(large.span, at: pair.now)
        pair.run(for: .milliseconds(21))
        #expect(!pair.events[0].contains(.delivered(.default, through: MessageID(rawValue: 0))))
        let early = pair.responder.isReadable()
        #expect(!early)
        pair.run(for: .seconds(2))
        #expect(pair.events[0].last == .delivered(.default, through: MessageID(rawValue: 0)))
        let bytes = pair.responder.readBytes(at: pair.now)
        #expect(bytes == large)
    }

    /// Scenario 41. [SCP-DGRAM-7] [SCP-DGRAM-35] [SCP-DGRAM-37]
    @Test("the path shrinks below what was proved: pieces are cut anew, and the bytes are the same")
    func shrinkingPath() throws {
        var pair = try Fixture().establishedDatagrams()
        var first = Transfer(size: 40_000, total: 12)
        _ = pair.transfer(&first, within: .seconds(30))
        #expect(first.isDone && first.isIntact)
        let proved = pair.initiator.link?.recovery.pathSize.current
        #expect(proved == 1_452)
        pair.conditions[0].maximumSize = 1_280
        var second = Transfer(size: 40_000, total: 12)
        _ = pair.transfer(&second, within: .seconds(60))
        #expect(second.isDone && second.isIntact)
        let size = pair.initiator.link?.recovery.pathSize.current
        #expect(size == 1_200)
        pair.initiator.transmitFailed(.unreachable, at: pair.now)
        pair.run(for: .seconds(1))
        let up = pair.initiator.isUp
        #expect(up)
    }

    /// Scenario 49. [SCP-DGRAM-32]
    @Test("neighbours that swap places are no losses")
    func swaps() throws {
        var conditions = LinkConditions.plain
        conditions.reordering = Chance(50, in: 1_000)
        conditions.reorderDelay = .microseconds(900)
        conditions.rate = 2_000_000
        // Nothing may be lost for want of room.
        conditions.queue = 4 << 20
        var pair = try Fixture().establishedDatagrams(conditions: conditions)
        var transfer = Transfer(size: 30_000, total: 40)
        _ = pair.transfer(&transfer, within: .seconds(60))
        #expect(transfer.isDone && transfer.isIntact)
        let refused = pair.network.counts.refused
        #expect(refused == 0)
        let (lost, sent) = (pair.initiator.statistics.framesLost, pair.sent[0])
        #expect(Int(lost) * 1_000 <= sent, "\(lost) of \(sent)")
    }

    @Test("frames that are lost are counted, and the count outlives the session")
    func lossIsCounted() throws {
        var conditions = LinkConditions.plain
        conditions.loss = Chance(50, in: 1_000)
        var pair = try Fixture().establishedDatagrams(conditions: conditions)
        var transfer = Transfer(size: 30_000, total: 40)
        _ = pair.transfer(&transfer, within: .seconds(60))
        let lost = pair.initiator.statistics.framesLost
        #expect(lost > 0)
        pair.initiator.abort(at: pair.now)
        pair.run(for: .seconds(30))
        let state = pair.initiator.state
        #expect(state == .closed)
        let after = pair.initiator.statistics.framesLost
        #expect(after >= lost)
    }

    /// Scenario 52. [SCP-DGRAM-32]
    @Test("a sender with little to say does not grow its window")
    func applicationLimited() throws {
        var pair = try Fixture().establishedDatagrams()
        for _ in 0..<300 {
            _ = try pair.initiator.send("a little", at: pair.now)
            pair.run(for: .milliseconds(50))
            _ = pair.responder.readText(at: pair.now)
        }
        let window = pair.initiator.link?.recovery.congestion.window ?? 0
        #expect(window <= 13_200)
    }

    /// Scenario 53. [SCP-DGRAM-31]
    @Test("one that only receives keeps few ranges, since it asks for an answer now and then")
    func receiverOnly() throws {
        var conditions = LinkConditions.plain
        conditions.loss = Chance(30, in: 1_000)
        var pair = try Fixture().establishedDatagrams(conditions: conditions)
        var transfer = Transfer(size: 1_000, total: 2_500)
        var most = 0
        for _ in 0..<6_000 where !transfer.isDone {
            transfer.send(&pair.initiator, at: pair.now)
            transfer.read(&pair.responder, at: pair.now)
            pair.run(for: .milliseconds(5))
            most = max(most, pair.responder.link?.accepted.ranges.count ?? 0)
        }
        #expect(transfer.isDone && transfer.isIntact)
        #expect(most <= 64)
        let log = pair.responder.link?.recovery.log.count ?? 0
        #expect(log < 200)
    }

    /// Scenario 54. [SCP-DGRAM-5]
    @Test("every frame of a session comes again: all are dropped, and the idle time goes on")
    func replays() throws {
        var pair = try Fixture().establishedDatagrams()
        let kept = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 0 { kept.items.append(bytes) }
            return true
        }
        var transfer = Transfer(size: 1_000, total: 300)
        _ = pair.transfer(&transfer, within: .seconds(20))
        pair.run(for: .seconds(5))
        let (idle, state, before) = (pair.responder.timers.idle, pair.responder.state, pair.sent[1])
        var accepted = 0
        for bytes in kept.items where pair.deliver(bytes, to: 1) { accepted += 1 }
        pair.collect(1)
        #expect(kept.items.count > 100 && accepted == 0)
        let after = (pair.responder.timers.idle, pair.responder.state)
        #expect(after.0 == idle && after.1 == state && pair.sent[1] == before)
        let drops = pair.responder.statistics.drops[.replayed]
        #expect(drops >= UInt64(kept.items.count))
    }

    /// [SCP-CLOSE-16] [SCP-DGRAM-39]
    @Test("finish waits until everything has arrived, so that the sums agree", arguments: [0, 100, 250])
    func finish(loss: Int) throws {
        var conditions = LinkConditions.plain
        conditions.loss = Chance(UInt32(loss), in: 1_000)
        conditions.jitter = .milliseconds(15)
        var pair = try Fixture().establishedDatagrams(seed: 5, conditions: conditions)
        var transfer = Transfer(size: 3_000, total: 30)
        transfer.send(&pair.initiator, at: pair.now)
        pair.initiator.finish(at: pair.now)
        _ = pair.transfer(&transfer, within: .seconds(60))
        pair.run(for: .seconds(10))
        #expect(transfer.isDone && transfer.isIntact)
        #expect(pair.events[1].contains(.peerFinished))
        let up = pair.responder.isUp
        #expect(up)
    }
}

extension [UInt8] {
    init(copying bytes: Span<UInt8>) { self = bytes.indices.map { bytes[$0] } }
}
