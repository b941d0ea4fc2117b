import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// What is thrown away of datagrams is counted, each reason apart, and changes nothing.
/// [SCP-DGRAM-2]
struct DatagramDropTests {
    static let reasons: [DropReason] = [
        .notSCP, .malformed, .unknownAddress, .unknownEpoch, .replayed, .unauthentic, .failedMessage, .limited,
    ]

    /// The reasons that one changed datagram of an established session causes, and nothing but it.
    @Test(arguments: reasons.filter { $0 != .failedMessage && $0 != .limited })
    func everyReasonIsCounted(_ reason: DropReason) throws {
        var pair = try Fixture().establishedDatagrams()
        let notes = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 0 { notes.items.append(bytes) }
            return side != 0
        }
        _ = try pair.initiator.send("once", at: pair.now)
        pair.collect(0)
        let genuine = try #require(notes.items.first)
        let before = pair.responder.statistics.drops
        #expect(before == DropCounts())

        var address = pair.addresses[0]
        var bytes = genuine
        switch reason {
        case .notSCP: bytes[0] = 0xff
        case .malformed: bytes.removeLast()
        case .unknownAddress: address = .host(99)
        case .unknownEpoch: bytes[3] = 9
        case .replayed: pair.deliver(genuine, to: 1)
        default: bytes[bytes.count - 1] ^= 1
        }
        let isAccepted = pair.deliver(bytes, to: 1, from: address)
        #expect(!isAccepted)
        let drops = pair.responder.statistics.drops
        #expect(drops[reason] == 1 && drops.total == 1)

        // The genuine one still works, once.
        pair.deliver(genuine, to: 1)
        let text = pair.responder.readText(at: pair.now)
        #expect(text == "once")
    }

    /// What a side that has closed has no use for.
    @Test func afterTheCloseNothingIsWanted() throws {
        var pair = try Fixture().establishedDatagrams()
        pair.conditions[0].isDown = true
        pair.initiator.close(at: pair.now)
        pair.collect(0)
        _ = try pair.responder.send("late", at: pair.now)
        pair.run(for: .milliseconds(15))
        let (state, drops) = (pair.initiator.state, pair.initiator.statistics.drops)
        #expect(state == .closing)
        #expect(drops[.unexpected] == 1 && drops.total == 1)
    }

    /// An M2 from a key that the policy refuses. [SCP-DGRAM-13]
    @Test func aHandshakeMessageThatFailsIsCounted() throws {
        var fixture = try Fixture()
        let other = try fixture.provider.publicKey(
            of: fixture.provider.privateKey(fixture.provider.randomSecret(count: 32)))
        fixture.initiator.identityPolicy = .allowed([other])
        fixture.initiator.responderKey = nil
        var pair = try fixture.datagrams()
        pair.run(for: .milliseconds(25))
        let drops = pair.initiator.statistics.drops
        #expect(drops[.failedMessage] == 1 && drops.total == 1)
    }

    /// Four datagrams wait for message 3, and no fifth. [SCP-DGRAM-14]
    @Test func whatThereIsNoRoomForIsCounted() throws {
        var pair = try Fixture().datagrams()
        pair.passes = { side, bytes in side == 1 || Seen.kinds(bytes).contains("init/0") }
        pair.run(for: .milliseconds(30))
        let state = pair.responder.state
        #expect(state == .halfOpen)
        let early = try #require(ForgeableProvider.forge(.data, epoch: 1, counter: 0, plaintext: [0x01]))
        for _ in 0..<6 { pair.deliver(early, to: 1) }
        let drops = pair.responder.statistics.drops
        #expect(drops[.limited] == 2 && drops.total == 2)
    }
}
