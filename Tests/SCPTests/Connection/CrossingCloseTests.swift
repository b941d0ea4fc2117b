import SCP
import SCPSimulation
import Testing

@Suite struct CrossingCloseTests {
    /// [SCP-CLOSE-25] Data that crosses a CLOSE is thrown away, so its sender must not hear of a clean end.
    @Test func dataThatCrossesACloseIsNotReportedClean() throws {
        var pipe = try Fixture().established()
        pipe.advance(by: .milliseconds(100))
        pipe.responder.close(at: pipe.now)
        pipe.collect(from: .responder)
        _ = try pipe.initiator.send("lost", at: pipe.now)
        pipe.initiator.close(at: pipe.now)
        pipe.collect(from: .initiator)
        pipe.settle()
        #expect(pipe.responder.readText(at: pipe.now) == nil)
        #expect(pipe.events[.initiator]?.last == .closed(.unconfirmed))
        #expect(pipe.events[.responder]?.last == .closed(.clean))
    }

    /// [SCP-CLOSE-22] Two closes that cross over nothing are clean on both sides.
    @Test func crossingClosesWithoutDataAreClean() throws {
        var pipe = try Fixture().established()
        pipe.advance(by: .milliseconds(100))
        pipe.responder.close(at: pipe.now)
        pipe.collect(from: .responder)
        pipe.initiator.close(at: pipe.now)
        pipe.collect(from: .initiator)
        pipe.settle()
        #expect(pipe.events[.initiator]?.last == .closed(.clean))
        #expect(pipe.events[.responder]?.last == .closed(.clean))
    }
}
