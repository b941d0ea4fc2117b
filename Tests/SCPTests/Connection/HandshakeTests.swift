import SCP
import SCPSimulation
import Testing

@Suite struct HandshakeTests {
    // [SCP-ID-1] [SCP-KEY-9]
    @Test func bothSidesAreEstablishedAndAgree() throws {
        let fixture = try Fixture()
        var pipe = try fixture.pipe()
        pipe.settle()
        #expect(pipe.initiator.state == .established)
        #expect(pipe.responder.state == .established)
        #expect(pipe.initiator.peer?.publicKey == fixture.responderPublic)
        #expect(pipe.responder.peer?.publicKey == fixture.initiatorPublic)
        let (left, right) = (pipe.initiator.sessionIdentifier, pipe.responder.sessionIdentifier)
        let first = try #require(left)
        let second = try #require(right)
        #expect((0..<32).allSatisfy { first[$0] == second[$0] })
    }

    @Test func messagesFlowBothWays() throws {
        var pipe = try Fixture().established()
        _ = try pipe.initiator.send("Hello, secure world!", at: pipe.now)
        _ = try pipe.responder.send("and back", at: pipe.now)
        pipe.settle()
        #expect(pipe.responder.readText(at: pipe.now) == "Hello, secure world!")
        #expect(pipe.initiator.readText(at: pipe.now) == "and back")
    }

    // [SCP-FRAME-15]
    @Test(arguments: [1, 2, 13, 14, 15, 61, 62, 63, 1_000])
    func anySegmentationGivesTheSame(segment: Int) throws {
        var pipe = try Fixture().pipe()
        _ = try pipe.initiator.send("one", at: pipe.now)
        pipe.settle(segment: segment)
        _ = try pipe.initiator.send("two", at: pipe.now)
        pipe.settle(segment: segment)
        #expect(pipe.responder.readText(at: pipe.now) == "one")
        #expect(pipe.responder.readText(at: pipe.now) == "two")
        pipe.initiator.close(at: pipe.now)
        pipe.settle(segment: segment)
        #expect(pipe.events[.initiator]?.last == .closed(.clean))
        #expect(pipe.events[.responder]?.last == .closed(.byPeer(.noError, reason: [])))
        #expect(pipe.initiator.state == .closed && pipe.responder.state == .closed)
    }

    // [SCP-STREAM-3] [SCP-STREAM-1]
    @Test(arguments: [1, 100, 400, 3_000])
    func smallBuffersLoseNothing(size: Int) throws {
        var pipe = try Fixture().pipe()
        pipe.outputSize = size
        let message = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        _ = try pipe.initiator.send(message.span, at: pipe.now)
        pipe.settle(segment: 777)
        #expect(pipe.responder.readBytes(at: pipe.now) == message)
    }
}
