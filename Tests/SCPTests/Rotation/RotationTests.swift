import SCP
import SCPGcrypt
import SCPSimulation
import Testing

@Suite struct RotationTests {
    private func pipe(
        _ change: (inout Configuration<GcryptProvider>) -> Void = { _ in }
    ) throws -> Pipe<GcryptProvider> {
        var fixture = try Fixture()
        change(&fixture.initiator)
        change(&fixture.responder)
        return try fixture.established()
    }

    /// Scenario 55: quiet connections rotate whoever asks, and both at once; afterwards one epoch is left.
    @Test(arguments: [(true, false), (false, true), (true, true)])
    func quietRotationCompletesOnBothSides(initiatorAsks: Bool, responderAsks: Bool) throws {
        var pipe = try pipe()
        if initiatorAsks { pipe.initiator.rotateKeys(at: pipe.now) }
        if responderAsks { pipe.responder.rotateKeys(at: pipe.now) }
        pipe.settle()
        #expect(pipe.initiator.statistics.epoch == 2)
        #expect(pipe.responder.statistics.epoch == 2)
        #expect(pipe.events[.initiator]?.contains(.rotated(epoch: 2)) == true)
        #expect(pipe.events[.responder]?.contains(.rotated(epoch: 2)) == true)
        _ = try pipe.initiator.send("after", at: pipe.now)
        _ = try pipe.responder.send("wards", at: pipe.now)
        pipe.settle()
        #expect(pipe.responder.readText(at: pipe.now) == "after")
        #expect(pipe.initiator.readText(at: pipe.now) == "wards")
    }

    /// Scenario 59: data in both directions during crossing rotations, cut into single bytes.
    @Test(arguments: [1, 7, 100_000])
    func dataFlowsThroughCrossingRotations(segment: Int) throws {
        var pipe = try pipe()
        var sent = 0
        for round in 0..<20 {
            _ = try pipe.initiator.send("i\(round)", at: pipe.now)
            if round % 3 == 0 { pipe.initiator.rotateKeys(at: pipe.now) }
            if round % 4 == 0 { pipe.responder.rotateKeys(at: pipe.now) }
            _ = try pipe.responder.send("r\(round)", at: pipe.now)
            pipe.settle(segment: segment)
            pipe.advance(by: .seconds(2), segment: segment)
            #expect(pipe.responder.readText(at: pipe.now) == "i\(round)")
            #expect(pipe.initiator.readText(at: pipe.now) == "r\(round)")
            sent += 1
        }
        #expect(sent == 20)
        #expect(pipe.initiator.statistics.epoch == pipe.responder.statistics.epoch)
        #expect(pipe.initiator.statistics.epoch >= 8)
    }

    /// Scenario 63: limits by bytes, by frames and by time.
    @Test func limitsByFrames() throws {
        var pipe = try pipe { $0.rotation.frames = 50 }
        for _ in 0..<200 {
            _ = try pipe.initiator.send("x", at: pipe.now)
            pipe.advance(by: .milliseconds(300))
            _ = pipe.responder.readText(at: pipe.now)
        }
        #expect(pipe.initiator.statistics.rotations >= 3)
        #expect(pipe.initiator.state == .established)
    }

    @Test func limitsByBytes() throws {
        var pipe = try pipe { $0.rotation.bytes = 100_000 }
        let message = [UInt8](repeating: 1, count: 10_000)
        for _ in 0..<40 {
            _ = try pipe.initiator.send(message.span, at: pipe.now)
            pipe.advance(by: .milliseconds(300))
            _ = pipe.responder.readBytes(at: pipe.now)
        }
        #expect(pipe.initiator.statistics.rotations >= 3)
    }

    @Test func limitsByTime() throws {
        var pipe = try pipe {
            $0.rotation.age = .seconds(60)
            $0.timers.keepAlive = true
        }
        pipe.advance(by: .seconds(200))
        #expect(pipe.initiator.statistics.epoch == 4)
        #expect(pipe.responder.statistics.epoch == 4)
        #expect(pipe.initiator.state == .established)
    }

    /// By the protocol's own hour a session lives on, and both epochs agree.
    @Test func aDayOfSilence() throws {
        var pipe = try pipe { $0.timers.keepAlive = true }
        pipe.advance(by: .seconds(24 * 3_600))
        #expect(pipe.initiator.statistics.epoch == 24 || pipe.initiator.statistics.epoch == 25)
        #expect(pipe.initiator.statistics.epoch == pipe.responder.statistics.epoch)
        #expect(pipe.responder.state == .established)
    }

    @Test func authenticatedMode() throws {
        var pipe = try pipe { $0.rotation.mode = .authenticated }
        pipe.responder.rotateKeys(at: pipe.now)
        pipe.settle()
        #expect(pipe.initiator.statistics.epoch == 2)
        pipe.advance(by: .seconds(2))
        pipe.initiator.rotateKeys(at: pipe.now)
        pipe.settle()
        #expect(pipe.responder.statistics.epoch == 3)
    }

    /// A wish spoken before the session is confirmed is kept until it may be followed (scenario 65).
    @Test func wishBeforeConfirmationIsDeferred() throws {
        let fixture = try Fixture()
        var pipe = try fixture.pipe()
        pipe.collect(from: .initiator)
        try pipe.deliver(to: .responder)
        pipe.collect(from: .responder)
        try pipe.deliver(to: .initiator)
        #expect(pipe.initiator.state == .unconfirmed)
        pipe.initiator.rotateKeys(at: pipe.now)
        pipe.collect(from: .initiator)
        #expect(pipe.initiator.statistics.epoch == 1)
        pipe.settle()
        #expect(pipe.initiator.statistics.epoch == 2)
        #expect(pipe.responder.statistics.epoch == 2)
    }

    /// An initiator that wishes while it is being decided on waits for the credit that says it was accepted: a
    /// responder in HOLD refuses requests. Found by the second implementation. [SCP-ROT-2]
    @Test func wishWhileTheResponderDecidesIsDeferred() throws {
        var fixture = try Fixture()
        fixture.responder.identityPolicy = .ask
        var pipe = try fixture.established()
        #expect(pipe.responder.state == .held)
        pipe.initiator.rotateKeys(at: pipe.now)
        pipe.settle()
        #expect(pipe.responder.state == .held)
        #expect(pipe.initiator.statistics.epoch == 1)
        pipe.responder.resolveIdentity(.accept, at: pipe.now)
        pipe.settle()
        #expect(pipe.initiator.statistics.epoch == 2)
        #expect(pipe.responder.statistics.epoch == 2)
    }

    /// The session identifier is the first handshake's, whatever the epoch.
    @Test func sessionIdentifierStays() throws {
        var pipe = try pipe()
        let before = pipe.initiator.sessionIdentifier
        pipe.initiator.rotateKeys(at: pipe.now)
        pipe.settle()
        let after = pipe.initiator.sessionIdentifier
        let (first, second) = (try #require(before), try #require(after))
        #expect((0..<32).allSatisfy { first[$0] == second[$0] })
    }

    /// Scenario 64: close in every rotation sub-state is clean, and nothing of the rotation is left to do.
    @Test(arguments: 0..<8)
    func closeDuringRotation(steps: Int) throws {
        var pipe = try pipe()
        pipe.initiator.rotateKeys(at: pipe.now)
        for step in 0..<steps {
            let end: Pipe<GcryptProvider>.End = step % 2 == 0 ? .initiator : .responder
            pipe.collect(from: end)
            try pipe.deliver(to: end.other)
        }
        pipe.responder.close(at: pipe.now)
        pipe.settle()
        #expect(pipe.events[.responder]?.last == .closed(.clean))
        #expect(pipe.events[.initiator]?.last == .closed(.byPeer(.noError, reason: [])))
        #expect(pipe.initiator.deadline == nil && pipe.responder.deadline == nil)
    }
}
