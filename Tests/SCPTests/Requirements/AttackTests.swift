import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Attacks on whole sessions by somebody who has recorded some, or holds one of the keys. `Spec/ThreatModel.md` has the
/// list of all attacks, and the tests of the others.
@Suite struct AttackTests {
    /// Frames that go back to who wrote them: none is taken, at any moment of a session with all types of frames.
    /// [SCP-SEC-7] [SCP-KEY-6]
    @Test(arguments: [Role.initiator, .responder])
    func everyFrameReflected(role: Role) throws {
        let recording = try Recording.make(role, rotationFrames: 6)
        var tried = 0
        for moment in 0..<recording.frames.count {
            func playback() throws -> Playback {
                var playback = try Playback(recording)
                for frame in recording.frames[..<moment] {
                    playback.feed(frame[...])
                    playback.poll()
                }
                return playback
            }
            let before = try playback()
            try #require(before.error == nil)
            for frame in Frames.split(before.written).frames {
                var victim = try playback()
                victim.feed(frame[...])
                victim.poll()
                #expect(victim.error != nil, "after \(moment) frames, \(frame.prefix(14))")
                #expect(victim.messages == before.messages)
                tried += 1
            }
        }
        #expect(tried > 80)
    }

    /// What an initiator said to a responder, said again to the same one, whose ephemeral is another: its M1 is
    /// answered as any stranger's would be, and then nothing of it is worth anything.
    /// [SCP-HS-19] [SCP-HS-3]
    @Test func sessionOfAnInitiatorReplayed() throws {
        let recording = try Recording.make(.responder)
        var control = try Playback(recording)
        var configuration = try Recording.configuration(.responder, rotationFrames: 1 << 23)
        configuration.provider = SeededProvider(try GcryptProvider(), seed: 99)
        var victim = try Connection(.responder, configuration, at: .zero)
        let memory = victim.memory
        var code: ErrorCode?
        for frame in recording.frames {
            control.feed(frame[...])
            control.poll()
            var copy = frame
            var span = copy.mutableSpan
            do throws(ConnectionError) {
                try victim.receive(&span, at: .zero)
            } catch {
                code = code ?? error.code
            }
            _ = [UInt8](capacity: 70_000) { output in _ = victim.pollTransmit(into: &output, unwritten: 0, at: .zero) }
        }
        // With the ephemeral that was recorded it is all taken: it is the ephemeral that matters.
        #expect(control.messages.count == 12)
        #expect(code == .authenticationFailed)
        #expect(victim.peer == nil && victim.statistics.messagesReceived == 0)
        #expect(victim.readBytes(at: .zero) == nil)
        #expect(victim.memory <= memory + 16_430)
    }

    /// Messages 2 and 3 of another session between the same two do not fit, even at the right place.
    /// [SCP-HS-15]
    @Test(arguments: [Role.initiator, .responder])
    func messagesOfAnotherSession(victim: Role) throws {
        let fixture = try Fixture()
        var first = try fixture.pipe()
        var second = try fixture.pipe()
        let writer: Pipe<GcryptProvider>.End = victim == .initiator ? .responder : .initiator
        func advance(_ pipe: inout Pipe<GcryptProvider>) throws {
            pipe.collect(from: .initiator)
            try pipe.deliver(to: .responder)
            pipe.collect(from: .responder)
            guard victim == .responder else { return }
            try pipe.deliver(to: .initiator)
            pipe.collect(from: .initiator)
        }
        try advance(&first)
        try advance(&second)
        first.replaceInFlight(from: writer, with: second.inFlight(from: writer))
        var code: ErrorCode?
        do throws(ConnectionError) {
            try first.deliver(to: writer.other)
        } catch {
            code = error.code
        }
        // The attempt is another, and so are the keys that its frames are verified with.
        #expect(code == .authenticationFailed)
        second.settle()
        #expect(second.initiator.state == .established && second.responder.state == .established)
        first.settle()
        #expect(first.initiator.peer == nil && first.responder.peer == nil)
    }

    /// Somebody in the middle with a key of his own, whom both accept, has two sessions: neither their identifiers nor
    /// the keys that are reported join the two ends.
    /// [SCP-KEY-9]
    @Test func middlemanHasTwoSessions() throws {
        let fixture = try Fixture()
        let provider = fixture.provider
        func anyone(_ key: GcryptProvider.PrivateKey) -> Configuration<GcryptProvider> {
            Configuration(provider: provider, identity: key, identityPolicy: .anyone)
        }
        let middle = try provider.privateKey(provider.randomSecret(count: 32))
        let middlePublic = try provider.publicKey(of: middle)
        var first = try Pipe(initiator: anyone(fixture.initiatorKey), responder: anyone(middle))
        var second = try Pipe(initiator: anyone(middle), responder: anyone(fixture.responderKey))
        first.settle()
        second.settle()
        #expect(first.initiator.peer?.publicKey == middlePublic && second.responder.peer?.publicKey == middlePublic)
        // Copies, since the macro takes a connection apart, and that cannot be copied.
        let (near, far) = (first.initiator.sessionIdentifier, second.responder.sessionIdentifier)
        let (left, right) = (try #require(near), try #require(far))
        #expect((0..<32).contains { left[$0] != right[$0] })
    }

    /// Who holds the victim's own private key, and not the peer's, cannot play the peer; who holds the peer's can.
    /// [SCP-HS-1]
    @Test(arguments: [Role.initiator, .responder], [true, false])
    func impersonationWithTheVictimsKey(victim: Role, holdsThePeersKey: Bool) throws {
        let provider = try ObservedProvider()
        let victimsKey = try provider.privateKey(testSecret(1))
        let peersKey = try provider.privateKey(testSecret(2))
        let peersPublic = try provider.publicKey(of: peersKey)
        // It says that it is the peer, and computes with what it has.
        let impostor = holdsThePeersKey ? peersKey : victimsKey.claiming(peersPublic)
        let honest = Configuration(
            provider: provider, identity: victimsKey, identityPolicy: .pinned(peersPublic))
        let forging = Configuration(provider: provider, identity: impostor, identityPolicy: .anyone)
        var pipe = try Pipe(
            initiator: victim == .initiator ? honest : forging, responder: victim == .initiator ? forging : honest)
        pipe.settle()
        let peer = victim == .initiator ? pipe.initiator.peer : pipe.responder.peer
        let state = victim == .initiator ? pipe.initiator.state : pipe.responder.state
        #expect((peer != nil) == holdsThePeersKey)
        #expect((state == .established) == holdsThePeersKey)
        let failure = pipe.events[victim == .initiator ? .initiator : .responder]?.last?.failure
        #expect(failure?.code == (holdsThePeersKey ? nil : .authenticationFailed))
    }

    /// No number is used twice in a session, rotations and CLOSE included: (key, nonce) does not repeat.
    /// [SCP-FRAME-9] [SCP-SEC-4]
    @Test(arguments: [Role.initiator, .responder])
    func numbersNeverRepeat(role: Role) throws {
        let recording = try Recording.make(role, rotationFrames: 6)
        var playback = try Playback(recording)
        for frame in recording.frames {
            playback.feed(frame[...])
            playback.poll()
        }
        for frames in [recording.frames, Frames.split(playback.written).frames] {
            let headers = try frames.map { try FrameHeader.parse($0.span, at: 0, limit: 1 << 20) }
            let numbers = headers.filter { $0.sequence.epoch > 0 }.map(\.sequence)
            #expect(numbers.count > 5)
            #expect((numbers.map(\.epoch).max() ?? 0) >= 2)
            let counters = numbers.map(\.counter)
            #expect(counters == Array(0..<UInt64(counters.count)))
        }
    }
}
