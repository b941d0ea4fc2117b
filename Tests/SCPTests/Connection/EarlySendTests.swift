import SCP
import SCPSimulation
import Testing

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
}
