import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Scenarios 55 to 66.
@Suite("Rotation on datagrams")
struct DatagramRotationTests {
    private func epochs<Provider>(_ pair: borrowing DatagramPair<Provider>) -> [UInt16] {
        [pair.initiator.statistics.epoch, pair.responder.statistics.epoch]
    }

    /// Scenario 55. [SCP-ROT-23] [SCP-ROT-24]
    @Test("one asks in silence, or the other, or both at once: both switch, and the old keys go", arguments: 1..<4)
    func quiet(who: Int) throws {
        var pair = try Fixture().establishedDatagrams()
        if who & 1 != 0 { pair.initiator.rotateKeys(at: pair.now) }
        if who & 2 != 0 { pair.responder.rotateKeys(at: pair.now) }
        pair.run(for: .seconds(3))
        #expect(epochs(pair) == [2, 2])
        let first = pair.initiator.phase.keys?.hasPrevious
        let second = pair.responder.phase.keys?.hasPrevious
        #expect(first == false && second == false)
        pair.initiator.rotateKeys(at: pair.now)
        pair.run(for: .seconds(3))
        #expect(epochs(pair) == [3, 3])
    }

    /// Scenario 57. [SCP-ROT-23]
    @Test("any one datagram of a rotation is lost, or any two", arguments: 1..<7)
    func losses(number: Int) throws {
        for other in number..<7 {
            for who in 1..<4 {
                var pair = try Fixture().establishedDatagrams()
                let count = Notes<Int>()
                pair.passes = { _, _ in
                    count.items.append(0)
                    return count.items.count != number && count.items.count != other
                }
                if who & 1 != 0 { pair.initiator.rotateKeys(at: pair.now) }
                if who & 2 != 0 { pair.responder.rotateKeys(at: pair.now) }
                pair.run(for: .seconds(9))
                #expect(epochs(pair) == [2, 2], "without \(number), \(other), asked by \(who)")
                let up = pair.initiator.isUp && pair.responder.isUp
                #expect(up)
            }
        }
    }

    /// Scenario 56. [SCP-ROT-9]
    @Test("a crossing request that comes after all is over is acknowledged and ignored")
    func lateRequest() throws {
        var pair = try Fixture().establishedDatagrams()
        let kept = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            guard side == 1, Seen.kinds(bytes).contains("init/1") else { return true }
            kept.items.append(bytes)
            return false
        }
        pair.initiator.rotateKeys(at: pair.now)
        pair.responder.rotateKeys(at: pair.now)
        pair.run(for: .milliseconds(45))
        #expect(epochs(pair) == [2, 2])
        let late = try #require(kept.items.first)
        let accepted = pair.deliver(late, to: 0)
        #expect(accepted)
        pair.run(for: .seconds(3))
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
        #expect(epochs(pair) == [2, 2])
        pair.responder.rotateKeys(at: pair.now)
        pair.run(for: .seconds(3))
        #expect(epochs(pair) == [3, 3])
    }

    /// Scenario 58. [SCP-ROT-24]
    @Test("frames under the old keys are accepted for three probe timeouts, and dropped afterwards", arguments: [0, 1])
    func oldKeys(isLate: Int) throws {
        var pair = try Fixture().establishedDatagrams()
        let kept = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            guard side == 0, Seen.kinds(bytes) == ["data/1"], kept.items.isEmpty else { return true }
            kept.items.append(bytes)
            return false
        }
        _ = try pair.initiator.send("old", at: pair.now)
        pair.collect(0)
        pair.responder.rotateKeys(at: pair.now)
        pair.run(for: .milliseconds(70))
        #expect(epochs(pair) == [2, 2])
        if isLate == 1 { pair.run(for: .seconds(2)) }
        let accepted = pair.deliver(try #require(kept.items.first), to: 1)
        #expect(accepted == (isLate == 0))
        pair.run(for: .seconds(2))
        let texts = [pair.responder.readText(at: pair.now), pair.responder.readText(at: pair.now)]
        #expect(texts == ["old", nil])
    }

    /// [SCP-ROT-24]
    @Test("a frame under the old keys whose counter is above one under the new ends the session")
    func counterAcrossEpochs() throws {
        var pair = try Fixture.forgeable()
        pair.run(for: .seconds(1))
        pair.initiator.rotateKeys(at: pair.now)
        pair.run(for: .milliseconds(80))
        let epoch = pair.responder.statistics.epoch
        #expect(epoch == 2)
        let frame = try #require(ForgeableProvider.forge(.data, epoch: 1, counter: 900, plaintext: [0x01]))
        pair.deliver(frame, to: 1)
        pair.run(for: .seconds(1))
        guard case .closed(.failed(let error)) = pair.events[1].last else {
            Issue.record("\(pair.events[1])")
            return
        }
        #expect(error.code == .sequenceViolation)
    }

    /// Scenario 65. [SCP-ROT-2]
    @Test("a wish before the confirmation waits for it")
    func earlyWish() throws {
        var pair = try Fixture().datagrams()
        pair.run(for: .milliseconds(25))
        pair.initiator.rotateKeys(at: pair.now)
        let state = pair.initiator.state
        #expect(state == .unconfirmed)
        pair.run(for: .seconds(3))
        #expect(epochs(pair) == [2, 2])
    }

    /// Scenarios 59, 61, 63. [SCP-ROT-23]
    @Test("keys are replaced again and again under traffic and loss", arguments: [1, 2, 3])
    func underTraffic(seed: Int) throws {
        var fixture = try Fixture()
        fixture.initiator.rotation.frames = 150
        fixture.responder.rotation.frames = 150
        var conditions = LinkConditions.plain
        conditions.loss = Chance(80, in: 1_000)
        conditions.jitter = .milliseconds(6)
        var pair = try fixture.establishedDatagrams(seed: UInt64(seed), conditions: conditions)
        var transfer = Transfer(size: 5_000, total: 200)
        _ = pair.transfer(&transfer, within: .seconds(120))
        #expect(transfer.isDone && transfer.isIntact)
        let rotations = pair.initiator.statistics.rotations
        #expect(rotations >= 4)
    }
}
