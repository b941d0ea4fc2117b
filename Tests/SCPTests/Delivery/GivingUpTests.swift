import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Messages that are given up, in numbers, and what a peer makes of it.
@Suite struct GivingUpTests {
    private func pipe(
        _ change: (inout Configuration<GcryptProvider>) -> Void = { _ in }
    ) throws -> Pipe<GcryptProvider> {
        var fixture = try Fixture()
        change(&fixture.initiator)
        change(&fixture.responder)
        return try fixture.established()
    }

    /// [SCP-REC-39] A thousand cancels of messages that wait are no attack: the receiver has no ranges to keep.
    @Test(arguments: [DeliveryMode.reliableOrdered, .reliableUnordered], [2_048, 65_536])
    func everySecondMessageIsCancelled(mode: DeliveryMode, frameLimit: Int) throws {
        var pipe = try pipe { $0.limits.frameLimit = frameLimit }
        let channel = Channel(4, mode)
        var ids: [MessageID] = []
        for number in 0..<700 {
            let message = [UInt8](repeating: UInt8(number & 0xff), count: 300)
            ids.append(try pipe.initiator.send(message.span, on: channel, at: pipe.now))
        }
        for id in ids where id.rawValue % 2 == 1 {
            let isCancelled = pipe.initiator.cancel(id, on: channel, code: ErrorCode(rawValue: 0x1001), at: pipe.now)
            #expect(isCancelled)
            let again = pipe.initiator.cancel(id, on: channel, at: pipe.now)
            #expect(!again)
        }
        pipe.settle()
        #expect(pipe.responder.state == .established)
        var received: [UInt64] = []
        while true {
            let next = pipe.responder.read(from: channel, at: pipe.now) { message, _ in message.id.rawValue }
            guard let next else { break }
            received.append(next)
            pipe.settle()
        }
        #expect(received == (0..<350).map { $0 * 2 })
        #expect(pipe.responder.statistics.messagesReceived == 350)
        // The channel goes on, with its credit whole.
        let last = try pipe.initiator.send([1, 2, 3].span, on: channel, at: pipe.now)
        pipe.settle()
        let bytes = pipe.responder.readBytes(from: channel, at: pipe.now)
        #expect(last.rawValue == 700 && bytes == [1, 2, 3])
    }

    /// A cancelled message behind another is told of when that one is done with; its bytes are free at once.
    @Test func aWithdrawnMessageFreesItsBytes() throws {
        var outbox = Outbox(limits: Limits())
        let bytes = [UInt8](repeating: 1, count: 50_000)
        _ = try outbox.send(bytes.span, on: .default)
        let second = try outbox.send(bytes.span, on: .default)
        let before = outbox.room(accepts: true).bytes
        let isCancelled = outbox.cancel(second.rawValue, on: .default, code: .noError)
        #expect(isCancelled && outbox.notices.isEmpty)
        #expect(outbox.room(accepts: true).bytes == before + 50_000)
        let isHeadCancelled = outbox.cancel(0, on: .default, code: .noError)
        #expect(isHeadCancelled && outbox.notices.count == 2 && outbox.isEmpty)
        #expect(outbox.room(accepts: true).bytes == Limits().sendBuffer)
    }

    /// [SCP-REC-39] [SCP-ITEM-26] Messages that the peer's limits exclude, every second one of many.
    @Test func excludedMessagesInNumbers() throws {
        var fixture = try Fixture()
        fixture.responder.limits.messageLimit = 100
        var pipe = try Pipe(initiator: fixture.initiator, responder: fixture.responder)
        for number in 0..<600 {
            let message = [UInt8](repeating: 1, count: number % 2 == 0 ? 100 : 101)
            _ = try pipe.initiator.send(message.span, at: pipe.now)
        }
        pipe.settle()
        #expect(pipe.responder.state == .established)
        var received = 0
        while pipe.responder.readBytes(at: pipe.now) != nil {
            received += 1
            pipe.settle()
        }
        #expect(received == 300)
    }

    /// [SCP-REC-39] [SCP-REC-32] More large messages at once than a peer may keep gaps for.
    @Test func noMoreAreBegunThanThePeerMayKeep() throws {
        var pipe = try pipe {
            $0.limits.channels = 1_200
            $0.limits.connectionCredit = 1 << 25
            $0.limits.sendBuffer = 1 << 25
        }
        let message = [UInt8](repeating: 1, count: 17_000)
        for number in 0..<1_100 { _ = try pipe.initiator.send(message.span, on: Channel(number), at: pipe.now) }
        pipe.settle()
        #expect(pipe.responder.state == .established)
        #expect(pipe.responder.statistics.messagesReceived == 1_100)
    }

    /// [SCP-REC-32] What many channels remember is bounded together, also while nobody has decided on the peer.
    @Test func rangesOfAllChannelsTogether() throws {
        var peer = try ForgingPeer(.responder, at: .acknowledgementDelivered) { $0.identityPolicy = .ask }
        _ = peer.listen()
        let code = codeThrown { () throws(ConnectionError) in
            for number in 0..<8 {
                for id in 0..<200 {
                    try peer.say(
                        .cancel(Channel(number), message: UInt64(2 * id + 1), charge: 0, code: .noError))
                }
            }
        }
        #expect(code == .limitExceeded)
        #expect(peer.engine.state == .draining)
    }

    /// [SCP-REC-2] Numbers that cannot be channels are nobody's, and the peer never hears of them.
    @Test(arguments: [-1, 256, Int.max, Int.min, 1 << 62])
    func channelsThatCannotBe(number: Int) throws {
        var pipe = try pipe()
        let message = [UInt8](repeating: 1, count: 100_000)
        let id = try pipe.initiator.send(message.span, at: pipe.now)
        pipe.collect(from: .initiator)
        let isCancelled = pipe.initiator.cancel(id, on: Channel(number), at: pipe.now)
        pipe.initiator.refuse(id, on: Channel(number), at: pipe.now)
        pipe.settle()
        #expect(!isCancelled && pipe.responder.state == .established)
        let isReadable = pipe.responder.isReadable(Channel(number))
        let read = pipe.responder.readBytes(from: Channel(number), at: pipe.now)
        #expect(!isReadable && read == nil)
        #expect(pipe.responder.readBytes(at: pipe.now) == message)
    }

    // [SCP-CLOSE-17]
    @Test func finishIsToldOnce() throws {
        var peer = try ForgingPeer()
        try peer.say(.finish(charge: 0))
        try peer.say(.finish(charge: 0))
        #expect(peer.events().filter { $0 == .peerFinished }.count == 1)
    }
}
