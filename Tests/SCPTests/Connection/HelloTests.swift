import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// What an INIT has to prove, and what a responder says to those who cannot.
@Suite struct HelloTests {
    private func secret(_ fixture: Fixture) throws -> Secret { try fixture.provider.randomSecret(count: 32) }

    /// [SCP-HS-13] [SCP-HS-14] Every combination of what the initiator proves and what the responder requires.
    @Test(arguments: 0..<4 as Range<UInt8>, 0..<4 as Range<UInt8>)
    func helloCombinations(offered: UInt8, required: UInt8) throws {
        var fixture = try Fixture()
        let key = try secret(fixture)
        let (hello, requirement) = (HelloKey(rawValue: offered), HelloKey(rawValue: required))
        fixture.initiator.responderKey = hello.contains(.staticKey) ? fixture.responderPublic : nil
        fixture.initiator.accessKey = hello.contains(.accessKey) ? key : nil
        fixture.responder.accessKey = key
        fixture.responder.requiresHello = requirement
        var pipe = try fixture.pipe()
        pipe.settle()
        guard !hello.isSuperset(of: requirement) else {
            #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
            return
        }
        #expect(pipe.events[.responder]?.last?.failure?.code == .authenticationFailed)
        #expect(pipe.responder.statistics.bytesSent == 0)
    }

    enum Wrong: CaseIterable, Sendable {
        case accessKey, noAccessKey, staticKey, both
    }

    /// [SCP-HS-14] [SCP-HS-17] Keys that are not the responder's: not one byte comes back, whoever asks.
    @Test(arguments: Wrong.allCases, [true, false])
    func wrongKeysAreNotAnswered(wrong: Wrong, isSilent: Bool) throws {
        var fixture = try Fixture()
        fixture.responder.isSilent = isSilent
        let other = try fixture.provider.publicKey(of: fixture.provider.privateKey(secret(fixture)))
        fixture.initiator.responderKey = nil
        if wrong != .noAccessKey { fixture.responder.accessKey = try secret(fixture) }
        if wrong != .staticKey { fixture.initiator.accessKey = try secret(fixture) }
        if wrong == .staticKey || wrong == .both { fixture.initiator.responderKey = other }
        var pipe = try fixture.pipe()
        pipe.settle()
        #expect(pipe.responder.statistics.bytesSent == 0 && pipe.inFlight(from: .responder).isEmpty)
        #expect(pipe.events[.responder]?.last?.failure?.code == .authenticationFailed)
        #expect(pipe.events[.initiator]?.last?.failure?.code == .transportFailed)
    }

    /// Negative test 26: an HMAC that was made with static key and access key, under a hello that names the access key
    /// alone.
    @Test func helloThatNamesOtherKeys() throws {
        var fixture = try Fixture()
        let key = try secret(fixture)
        fixture.responder.accessKey = key
        var duel = try Duel(.responder, fixture) { peer in
            peer.hello = .all
            peer.accessKey = key
        }
        var frame = try duel.peer.initFrame()
        frame[23] = HelloKey.accessKey.rawValue
        frame = try duel.peer.remade(frame, .initiatorHello)
        let error = duel.feed(frame)
        duel.poll()
        #expect(error?.code == .authenticationFailed)
        #expect(duel.written.isEmpty)
    }

    enum Refusal: CaseIterable, Sendable {
        case version, suite, parameters, ephemeral, message3
    }

    /// [SCP-HS-18] A silent responder refuses without a byte; one that is not says why.
    @Test(arguments: Refusal.allCases, [true, false])
    func silence(refusal: Refusal, isSilent: Bool) throws {
        var fixture = try Fixture()
        fixture.responder.isSilent = isSilent
        var duel = try Duel(.responder, fixture) { peer in
            if refusal == .parameters { peer.parameters = itemBytes(0x01, [0]) }
        }
        var frame = try duel.peer.initFrame()
        switch refusal {
        case .version: frame[0] = 2
        case .suite: frame[61] = 0x7f
        case .ephemeral: for index in 64..<96 { frame[index] = 0 }
        default: break
        }
        if refusal != .version { frame = try duel.peer.remade(frame, .initiatorHello) }
        duel.feed(frame)
        duel.poll()
        if refusal == .message3 {
            let response = duel.takeFrames()
            #expect(response.map(\.kind) == ["response/0"])
            try duel.peer.readResponse(response[0].raw)
            var ack = try duel.peer.ackFrame()
            ack[40] ^= 1
            duel.feed(try duel.peer.remade(ack, .finished))
            duel.poll()
        }
        let codes: [Refusal: ErrorCode] = [
            .version: .unsupportedVersion, .suite: .unsupportedSuite, .parameters: .malformedFrame,
            .ephemeral: .authenticationFailed, .message3: .authenticationFailed,
        ]
        let wanted = try #require(codes[refusal])
        #expect(duel.closure?.error?.code == wanted)
        #expect(duel.takeFrames().map(\.closeCode) == (isSilent ? [] : [wanted]))
    }

    /// [SCP-CLOSE-11] A responder of another version is understood in every attempt, and only for that code.
    @Test(arguments: [true, false])
    func refusedVersion(isPlain: Bool) throws {
        var fixture = try Fixture()
        fixture.initiator.responderKey = isPlain ? nil : fixture.responderPublic
        var duel = try Duel.at(.waiting, .initiator, fixture)
        var stranger = HostilePeer(.responder, fixture)
        try stranger.introduce(Attempt(rawValue: 0))
        let error = duel.feed(try stranger.plainClose(ErrorCode.unsupportedVersion.rawValue, list: [3, 2]))
        #expect(error?.code == .unsupportedVersion)
        #expect(error?.alternatives == [3, 2])
        #expect(error?.origin == .peer(isAuthenticated: false))
        #expect(duel.engine.state == .closed)

        var other = try Duel.at(.waiting, .initiator, fixture)
        let refused = other.feed(try stranger.plainClose(ErrorCode.unsupportedSuite.rawValue, list: [3, 2]))
        #expect(refused?.code == .unexpectedMessage)
        other.poll()
        #expect(other.engine.state == .draining)
    }

    /// [SCP-CLOSE-4] [SCP-CLOSE-5] [SCP-HS-15] CLOSE of epoch 0 under every key octet, for this attempt and another.
    @Test(arguments: [ConnectionState.waiting, .deciding, .unconfirmed, .halfOpen])
    func keysOfClose(state: ConnectionState) throws {
        let role: Role = state == .halfOpen ? .responder : .initiator
        for octet in [0, 1, 2, 3, 4, 0x7f, 0x80, 0xff] as [UInt8] {
            for isOther in [false, true] {
                let fixture = try Fixture()
                var duel = try Duel.at(state, role, fixture)
                var peer = duel.peer
                if state == .waiting { try peer.readInit(Frames.split(duel.written).frames[0]) }
                let own: HostilePeer.Key = role == .initiator ? .responderHello : .initiatorHello
                let close = try peer.plainClose(
                    ErrorCode.shuttingDown.rawValue, named: octet, attempt: isOther ? Attempt(rawValue: 5) : nil,
                    octet == 0x80 && state != .waiting ? .finished : own)
                let error = duel.feed(close)
                let isNamed = octet == peer.hello.rawValue || octet == 0x80 && state == .halfOpen
                let code: ErrorCode =
                    octet > 3 && octet != 0x80
                    ? .malformedFrame
                    : isOther ? .unexpectedMessage : isNamed ? .shuttingDown : .authenticationFailed
                #expect(error?.code == code, "octet \(octet), other attempt \(isOther)")
                let state = duel.engine.state
                #expect(state == (code == .shuttingDown ? .closed : .draining))
            }
        }
    }
}

extension Closure {
    var error: ConnectionError? {
        guard case .failed(let error) = self else { return nil }
        return error
    }
}
