import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Whole sessions over networks that do everything to datagrams, with the invariants of the transport design (part 6.1)
/// looked at after every step.
@Suite("Random sessions on datagrams")
struct RandomDatagramTests {
    /// What must hold for the frames of one direction. S1: no sequence is used twice, the counters rise, and a higher
    /// counter has no lower epoch.
    private final class Watch {
        var last: [UInt64] = [0, 0]
        var isRising = true
        var isWithinLimit = true
    }

    private func conditions(_ random: SeededGenerator) -> LinkConditions {
        var conditions = LinkConditions.plain
        conditions.delay = .milliseconds(1 + random.next(below: 60))
        conditions.jitter = .milliseconds(random.next(below: 30))
        conditions.loss = Chance(UInt32([0, 10, 50, 150, 250][random.next(below: 5)]), in: 1_000)
        if random.next(below: 3) == 0 {
            conditions.bursts = BurstLoss(begins: Chance(1, in: 200), ends: Chance(1, in: 4), loss: .always)
        }
        conditions.duplication = Chance(UInt32([0, 50, 300][random.next(below: 3)]), in: 1_000)
        conditions.reordering = Chance(UInt32([0, 100][random.next(below: 2)]), in: 1_000)
        conditions.truncation = Chance(UInt32([0, 20][random.next(below: 2)]), in: 1_000)
        conditions.bitFlips = Chance(UInt32([0, 20][random.next(below: 2)]), in: 1_000)
        conditions.lengthening = Chance(UInt32([0, 20][random.next(below: 2)]), in: 1_000)
        conditions.replay = Chance(UInt32([0, 100][random.next(below: 2)]), in: 1_000)
        conditions.reflection = Chance(UInt32([0, 100][random.next(below: 2)]), in: 1_000)
        conditions.maximumSize = [nil, 1_200, 1_400][random.next(below: 3)]
        conditions.rate = [nil, nil, 200_000][random.next(below: 3)]
        return conditions
    }

    private func pair(
        _ seed: Int, _ random: SeededGenerator, _ watch: Watch
    ) throws -> DatagramPair<GcryptProvider> {
        var fixture = try Fixture()
        fixture.initiator.provider = fixture.provider
        fixture.initiator.rotation.frames = seed % 3 == 0 ? 60 : 1 << 23
        fixture.responder.timers.keepAlive = seed % 2 == 0
        fixture.responder.acknowledgesEveryMessage = seed % 5 == 0
        let identifiers: [[UInt8]] = seed % 4 < 2 ? [[], []] : [[1, 2, 3], [9, 9, 9, 9, 9, 9, 9, 9]]
        var pair = try fixture.datagrams(seed: UInt64(seed), connectionIDs: identifiers)
        pair.conditions = [conditions(random), conditions(random)]
        pair.passes = { side, bytes in
            for header in Seen.headers(bytes) where header.sequence.epoch > 0 {
                // Counters are one less than what is compared, so that the first may be 0.
                let sequence = header.sequence.rawValue &+ 1
                if sequence <= watch.last[side] { watch.isRising = false }
                watch.last[side] = sequence
            }
            if bytes.count > 1_452 { watch.isWithinLimit = false }
            return true
        }
        return pair
    }

    @Test(
        "everything that was accepted arrives, once, in order, and both ends are told how it ended", arguments: 0..<40)
    func sessions(seed: Int) throws {
        let random = SeededGenerator(seed: UInt64(seed) &* 77)
        let watch = Watch()
        var pair = try pair(seed, random, watch)
        let channels = [Channel(0), Channel(1), Channel(2, .reliableUnordered), Channel(3, .unreliable)]
        var sent: [[Channel: [[UInt8]]]] = [[:], [:]]
        var got: [[Channel: [UInt64: [UInt8]]]] = [[:], [:]]
        var isInOrder = true
        func read(_ pair: inout DatagramPair<GcryptProvider>) {
            for side in 0..<2 {
                let now = pair.now
                while true {
                    let item =
                        side == 0
                        ? pair.initiator.read(at: now) { ($0.channel, $0.id.rawValue, Array(copying: $1)) }
                        : pair.responder.read(at: now) { ($0.channel, $0.id.rawValue, Array(copying: $1)) }
                    guard let (channel, id, bytes) = item else { break }
                    // S3
                    let before = got[side][channel, default: [:]]
                    if before[id] != nil { isInOrder = false }
                    if channel.mode == .reliableOrdered, id != UInt64(before.count) { isInOrder = false }
                    got[side][channel, default: [:]][id] = bytes
                }
            }
        }
        for step in 0..<60 {
            for _ in 0..<random.next(below: 4) {
                let (side, channel) = (random.next(below: 2), channels[random.next(below: 4)])
                let size = [0, 20, 900, 6_000, 40_000][random.next(below: channel.mode.isReliable ? 5 : 3)]
                let bytes = Transfer.bytes(step, size)
                let id =
                    side == 0
                    ? try? pair.initiator.send(bytes.span, on: channel, at: pair.now)
                    : try? pair.responder.send(bytes.span, on: channel, at: pair.now)
                if id != nil { sent[side][channel, default: []].append(bytes) }
            }
            if random.next(below: 30) == 0 { pair.initiator.rotateKeys(at: pair.now) }
            if random.next(below: 30) == 0 { pair.responder.rotateKeys(at: pair.now) }
            pair.run(for: .milliseconds(1 + random.next(below: 250)))
            read(&pair)
            check(&pair)
        }
        // T1, T2: the network is fair from now on.
        var fair = LinkConditions.plain
        fair.loss = Chance(20, in: 1_000)
        pair.conditions = [fair, fair]
        for _ in 0..<300 {
            pair.run(for: .milliseconds(100))
            read(&pair)
            let isDone = pair.initiator.outbox.isEmpty && pair.responder.outbox.isEmpty
            if isDone { break }
        }
        let up = pair.initiator.isUp && pair.responder.isUp
        let ends = [pair.initiator.state, pair.responder.state]
        // A handshake may fail within its ten seconds where a quarter of everything is lost; nothing else may.
        guard up else {
            #expect(
                ends == [.closed, .closed] || ends == [.closed, .halfOpen] || ends == [.closed, .awaitingInit],
                "\(pair.events)")
            #expect(pair.events[1].isEmpty || got[0].isEmpty)
            return
        }
        for side in 0..<2 {
            for (channel, messages) in sent[side] {
                let arrived = got[1 - side][channel, default: [:]]
                for (id, bytes) in messages.enumerated() where channel.mode.isReliable || arrived[UInt64(id)] != nil {
                    #expect(arrived[UInt64(id)] == bytes, "\(id) on \(channel) of \(side)")
                }
            }
        }
        #expect(isInOrder && watch.isRising && watch.isWithinLimit)
        // S5, S12
        let (a, b) = (pair.initiator.sessionIdentifier, pair.responder.sessionIdentifier)
        let isSame = (0..<32).allSatisfy { a?[$0] == b?[$0] }
        #expect(isSame)
        try close(&pair)
    }

    private func close(_ pair: inout DatagramPair<GcryptProvider>) throws {
        pair.conditions = [.plain, .plain]
        pair.initiator.close(at: pair.now)
        pair.run(for: .seconds(8))
        #expect(pair.events[0].last == .closed(.clean))
        #expect(pair.events[1].last == .closed(.byPeer(.noError, reason: [])))
        // T5: nothing is left.
        let deadlines = (pair.initiator.deadline, pair.responder.deadline)
        #expect(deadlines.0 == nil && deadlines.1 == nil)
    }

    /// S6, S7, S8, T3.
    private func check(_ pair: inout DatagramPair<GcryptProvider>) {
        let ceiling = 262_144 / 4 * 5 + 65_536 + 4_096 + 2 * (262_144 / 8 * 9) + 8_192 * 200
        let memory = (pair.initiator.memory, pair.responder.memory)
        #expect(memory.0 < ceiling && memory.1 < ceiling)
        let spans = (pair.initiator.outbox.span, pair.responder.outbox.span)
        #expect(spans.0 >= 0 && spans.0 <= Outbox.maximumSpan && spans.1 >= 0 && spans.1 <= Outbox.maximumSpan)
        let deadlines = (pair.initiator.deadline?.instant, pair.responder.deadline?.instant)
        #expect(deadlines.0.map { $0 > pair.now } ?? true)
        #expect(deadlines.1.map { $0 > pair.now } ?? true)
        let flights = (
            pair.initiator.link?.recovery.congestion.inFlight ?? 0, pair.initiator.link?.recovery.congestion.window ?? 0
        )
        #expect(flights.0 >= 0 && flights.1 <= 524_288)
    }

    /// T6. [SCP-DGRAM-11]
    @Test("the same seed gives the same datagrams")
    func determinism() throws {
        var runs: [[[UInt8]]] = []
        for _ in 0..<2 {
            let notes = Notes<[UInt8]>()
            var conditions = LinkConditions.plain
            conditions.loss = Chance(100, in: 1_000)
            conditions.duplication = Chance(100, in: 1_000)
            conditions.jitter = .milliseconds(9)
            var pair = try Fixture.forgeable(seed: 4, conditions: conditions)
            pair.passes = { _, bytes in
                notes.items.append(bytes)
                return true
            }
            var transfer = Transfer(size: 3_000, total: 20)
            _ = pair.transfer(&transfer, within: .seconds(30))
            #expect(transfer.isDone)
            runs.append(notes.items)
        }
        #expect(runs[0] == runs[1] && runs[0].count > 50)
    }
}
