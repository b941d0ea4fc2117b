import SCPSimulation
import Testing

@testable import SCP

/// What is thrown away in silence is counted, each kind of it apart.
struct DropCountTests {
    private let unreliable = Channel(1, .unreliable)
    private let sequenced = Channel(1, .unreliableSequenced)

    /// Each reason has an input that causes it, and nothing but it. Those of datagrams are in `DatagramDropTests`.
    @Test(arguments: DropReason.allCases.filter { !DatagramDropTests.reasons.contains($0) })
    func everyReasonIsCounted(_ reason: DropReason) throws {
        var peer = try ForgingPeer(.responder) { $0.limits.frameLimit = 131_072 }
        #expect(peer.engine.statistics.drops == DropCounts())
        let expected = try cause(reason, &peer)
        let drops = peer.engine.statistics.drops
        #expect(drops[reason] == expected)
        #expect(drops.total == expected)
        let unreliable: [DropReason] = [.repeatedMessage, .lateMessage, .oversizedMessage, .unreadMessage]
        #expect(peer.engine.statistics.messagesDropped == (unreliable.contains(reason) ? expected : 0))
    }

    /// Returns how often it was caused.
    private func cause(_ reason: DropReason, _ peer: inout ForgingPeer) throws -> UInt64 {
        switch reason {
        case .unexpected:
            peer.engine.close(at: peer.now)
            _ = peer.listen()
            #expect(peer.engine.state == .closing)
            try peer.say(.ping)
            try peer.say(.handshakeInit, ForgingPeer.rotation(target: 2))
            try peer.hand(ForgingPeer.handshakeFrame(.handshakeInit, [UInt8](repeating: 0, count: 100)))
            return 3
        case .afterEnd:
            try peer.sayClose()
            try peer.hand([1])
            try peer.hand([UInt8](repeating: 2, count: 1_000))
            return 2
        case .staleRotation:
            try peer.say(.handshakeInit, ForgingPeer.rotation(target: 1))
            try peer.say(.handshakeResponse, ForgingPeer.rotation(target: 1))
            return 2
        case .unknownExtension:
            try peer.say(.data, [0x40, 0, 0x7e, 1, 9])
            return 2
        case .finishedMessage:
            try peer.sayPiece("a", message: 0)
            try peer.sayPiece("a", message: 0)
            return 1
        case .repeatedMessage:
            try sayUnreliable([4, 4, 3], on: unreliable, &peer)
            return 1
        case .lateMessage:
            try sayUnreliable([4, 4, 3, 5], on: sequenced, &peer)
            return 2
        case .oversizedMessage:
            try sayUnreliable([0], on: unreliable, size: 65_537, &peer)
            return 1
        case .unreadMessage:
            try sayUnreliable(Array(0..<66), on: unreliable, &peer)
            return 2
        case .unpolledNotice:
            for message in 0..<259 as Range<UInt64> {
                try peer.say(.cancel(.default, message: message, charge: 0, code: .noError))
            }
            return 3
        case .notSCP, .malformed, .unknownAddress, .unknownEpoch, .replayed, .unauthentic, .failedMessage, .limited:
            Issue.record("a reason of datagrams")
            return 0
        }
    }

    private func sayUnreliable(
        _ numbers: [UInt64], on channel: Channel, size: Int = 1, _ peer: inout ForgingPeer
    ) throws {
        let bytes = [UInt8](repeating: 7, count: size)
        for number in numbers {
            let plaintext = [UInt8](capacity: size + 32) { output in
                Record.unreliable(UnreliableMessage(channel: channel, number: number, bytes: 0..<size))
                    .write(to: &output, bytes: bytes.span)
            }
            try peer.say(.data, plaintext)
        }
    }

    /// A request of the peer's that crosses ours and loses.
    /// [SCP-ROT-10]
    @Test func aRequestThatLosesIsCounted() throws {
        var peer = try ForgingPeer(.initiator)
        _ = try peer.letAsk()
        try peer.say(.handshakeInit, ForgingPeer.rotation(target: 2))
        #expect(peer.engine.statistics.drops[.staleRotation] == 1)
    }

    /// A session of honest peers, both of which close, drops nothing.
    @Test func anHonestSessionDropsNothing() throws {
        var pipe = try Fixture().pipe()
        pipe.settle()
        for text in ["one", "two"] { _ = try pipe.initiator.send(Array(text.utf8).span, at: pipe.now) }
        pipe.settle(segment: 7)
        pipe.initiator.close(at: pipe.now)
        pipe.settle()
        pipe.advance(by: .seconds(10))
        #expect(pipe.initiator.state == .closed && pipe.responder.state == .closed)
        #expect(pipe.initiator.statistics.drops == DropCounts())
        #expect(pipe.responder.statistics.drops == DropCounts())
    }
}
