import SCPSimulation
import Testing

@testable import SCP

@Suite struct EarlySendTests {
    /// A message accepted before the peer's limits were known is given up when they forbid it; its neighbours arrive.
    @Test func messagesAboveLimitsLearntLaterAreRefused() throws {
        var fixture = try Fixture()
        fixture.responder.limits.messageLimit = 1_000
        fixture.responder.limits.channels = 2
        var pipe = try fixture.pipe()
        let large = [UInt8](repeating: 1, count: 1_001)
        let first = try pipe.initiator.send("before", at: pipe.now)
        let refused = try pipe.initiator.send(large.span, at: pipe.now)
        let last = try pipe.initiator.send("after", at: pipe.now)
        let stray = try pipe.initiator.send("nowhere", on: Channel(2), at: pipe.now)
        pipe.settle()
        #expect(pipe.initiator.state == .established)
        let events = pipe.events[.initiator] ?? []
        #expect(events.contains(.refused(.default, refused, .messageTooLarge)))
        #expect(events.contains(.refused(Channel(2), stray, .limitExceeded)))
        #expect(first < refused && refused < last)
        #expect(pipe.responder.readText(at: pipe.now) == "before")
        #expect(pipe.responder.readText(at: pipe.now) == "after")
        #expect(pipe.responder.readText(at: pipe.now) == nil)
    }

    /// All of them are told, in order, also when the session never stands: a clean end would otherwise claim that what
    /// was accepted had been delivered.
    @Test func everyMessageThatIsGivenUpIsTold() throws {
        var fixture = try Fixture()
        fixture.responder.limits.messageLimit = 10
        var duel = try Duel(.initiator, fixture) { peer in
            peer.items += itemBytes(0x02, [10])
        }
        let large = [UInt8](repeating: 1, count: 11)
        for _ in 0..<1_000 { _ = try duel.engine.send(large.span, at: duel.now) }
        duel.poll()
        try duel.peer.readInit(Frames.split(duel.written).frames[0])
        duel.feed(try duel.peer.responseFrame())
        duel.engine.abort(at: duel.now)
        duel.poll()
        #expect(duel.events == (0..<1_000).map { .refused(.default, MessageID(rawValue: $0), .messageTooLarge) })
    }
}
