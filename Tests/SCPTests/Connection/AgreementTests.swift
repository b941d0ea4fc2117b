import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Private keys that are elsewhere: what the engine asks, and what it makes of the answers.
@Suite struct AgreementTests {
    typealias End = Pipe<GcryptProvider>.End

    /// The holder of both private keys.
    struct Holder {
        let fixture: Fixture
        private(set) var asked: [End: [AgreementRequest]] = [:]

        init(_ fixture: Fixture) { self.fixture = fixture }

        func secret(_ request: AgreementRequest, of end: End) throws -> Secret {
            let key = end == .initiator ? fixture.initiatorKey : fixture.responderKey
            #expect(request.key == (end == .initiator ? fixture.initiatorPublic : fixture.responderPublic))
            return try fixture.provider.sharedSecret(key, with: request.peer)
        }

        /// What an end has asked since the last look.
        mutating func next(_ pipe: borrowing Pipe<GcryptProvider>, _ end: End) -> AgreementRequest? {
            let all = (pipe.events[end] ?? []).compactMap { event in
                if case .agreementNeeded(let request) = event { return request }
                return nil
            }
            let known = asked[end]?.count ?? 0
            guard all.count > known else { return nil }
            asked[end, default: []].append(all[known])
            return all[known]
        }

        /// Answers everything until nobody asks.
        mutating func serve(_ pipe: inout Pipe<GcryptProvider>) throws {
            var isBusy = true
            while isBusy {
                isBusy = false
                pipe.settle()
                for end in End.allCases {
                    guard let request = next(pipe, end) else { continue }
                    isBusy = true
                    let outcome = pipe.resolve(end, request.id, .secret(try secret(request, of: end)))
                    #expect(outcome == .taken)
                }
            }
        }
    }

    private static func fixture(mode: RotationMode = .ephemeral) throws -> Fixture {
        var fixture = try Fixture()
        fixture.initiator.identity = .external(fixture.initiatorPublic)
        fixture.responder.identity = .external(fixture.responderPublic)
        fixture.initiator.rotation.mode = mode
        fixture.responder.rotation.mode = mode
        return fixture
    }

    /// [SCP-ID-9] [SCP-HS-34] [SCP-STATE-23] One question at each side, and the session stands.
    @Test func handshakeOfTwoKeysThatAreElsewhere() throws {
        let fixture = try Self.fixture()
        var holder = Holder(fixture)
        var pipe = try fixture.pipe()
        pipe.settle()
        #expect(pipe.responder.state == .agreeing)
        #expect(pipe.initiator.state == .waiting)
        try holder.serve(&pipe)
        #expect(pipe.initiator.state == .established)
        #expect(pipe.responder.state == .established)
        #expect(holder.asked[.initiator]?.count == 1)
        #expect(holder.asked[.responder]?.count == 1)
        let same =
            pipe.initiator.sessionIdentifier.map(PublicKey.init)
            == pipe.responder.sessionIdentifier.map(
                PublicKey.init)
        #expect(same)
        _ = try pipe.initiator.send("across", at: pipe.now)
        pipe.settle()
        #expect(pipe.responder.readText(at: pipe.now) == "across")
    }

    /// [SCP-HS-24] Nothing is asked for message 3 before the responder is accepted.
    @Test func noQuestionBeforeTheDecision() throws {
        var fixture = try Self.fixture()
        fixture.initiator.identityPolicy = .ask
        var holder = Holder(fixture)
        var pipe = try fixture.pipe()
        try holder.serve(&pipe)
        #expect(pipe.initiator.state == .deciding)
        #expect(holder.asked[.initiator] == nil)
        pipe.initiator.resolveIdentity(.accept, at: pipe.now)
        #expect(pipe.initiator.state == .agreeing)
        // [SCP-STATE-25] There is nothing left to decide.
        pipe.initiator.resolveIdentity(.reject, at: pipe.now)
        #expect(pipe.initiator.state == .agreeing)
        try holder.serve(&pipe)
        #expect(pipe.initiator.state == .established)
    }

    /// [SCP-ID-9] Late, double, unknown and misshapen answers are without effect.
    /// Scenario 21.
    @Test(arguments: [End.initiator, .responder])
    func answersThatNobodyWaitsFor(_ end: End) throws {
        var fixture = try Self.fixture()
        if end == .initiator {
            fixture.responder.identity = .held(fixture.responderKey)
        } else {
            fixture.initiator.identity = .held(fixture.initiatorKey)
        }
        var holder = Holder(fixture)
        var pipe = try fixture.pipe()
        pipe.settle()
        let found = holder.next(pipe, end)
        let request = try #require(found)
        let secret = try holder.secret(request, of: end)
        #expect(pipe.resolve(end, request.id &+ 1, .secret(secret)) == .unknownRequest)
        #expect(pipe.resolve(end, request.id &+ 1, .failed) == .unknownRequest)
        for count in [0, 31, 33, 64] {
            #expect(pipe.resolve(end, request.id, .secret(Secret(count: count))) == .wrongLength)
        }
        #expect(pipe.state(of: end) == .agreeing)
        #expect(pipe.resolve(end, request.id, .secret(secret)) == .taken)
        #expect(pipe.resolve(end, request.id, .secret(secret)) == .unknownRequest)
        pipe.settle()
        #expect(pipe.state(of: end) == .established)
        #expect(pipe.resolve(end, request.id, .failed) == .unknownRequest)
        #expect(pipe.state(of: end) == .established)
    }

    /// [SCP-HS-35] The reason is told to the embedder, and to the peer only that it was not its fault.
    @Test(arguments: [End.initiator, .responder])
    func refusal(_ end: End) throws {
        let fixture = try Self.fixture()
        var holder = Holder(fixture)
        var pipe = try fixture.pipe()
        pipe.settle()
        if end == .initiator {
            let first = holder.next(pipe, .responder)
            let request = try #require(first)
            _ = pipe.resolve(.responder, request.id, .secret(try holder.secret(request, of: .responder)))
            pipe.settle()
        }
        let found = holder.next(pipe, end)
        let request = try #require(found)
        #expect(pipe.resolve(end, request.id, .failed) == .taken)
        pipe.settle()
        guard case .closed(.failed(let own)) = pipe.events[end]?.last,
            case .closed(let other) = pipe.events[end.other]?.last
        else {
            Issue.record("both ends were to end")
            return
        }
        #expect(own.code == .keyUnavailable)
        switch other {
        case .failed(let error): #expect(error.code == .internalError)
        case .byPeer(let code, _): #expect(code == .internalError)
        default: Issue.record("\(other)")
        }
    }

    /// [SCP-KEY-10] An agent's zeros are refused like a peer's.
    @Test(arguments: [End.initiator, .responder])
    func zeros(_ end: End) throws {
        var fixture = try Self.fixture()
        if end == .initiator { fixture.responder.identity = .held(fixture.responderKey) }
        var holder = Holder(fixture)
        var pipe = try fixture.pipe()
        pipe.settle()
        let found = holder.next(pipe, end)
        let request = try #require(found)
        #expect(pipe.resolve(end, request.id, .secret(Secret(count: 32))) == .taken)
        pipe.settle()
        guard case .closed(.failed(let error)) = pipe.events[end]?.last else {
            Issue.record("not refused")
            return
        }
        #expect(error.code == .authenticationFailed)
    }

    /// [SCP-TIME-18] Nobody answers. [SCP-STATE-25] The peer's own end is noticed meanwhile.
    @Test(arguments: [End.initiator, .responder])
    func silence(_ end: End) throws {
        var fixture = try Self.fixture()
        if end == .initiator { fixture.responder.identity = .held(fixture.responderKey) }
        fixture.initiator.timers.handshake = .seconds(end == .initiator ? 10 : 20)
        var pipe = try fixture.pipe()
        pipe.settle()
        #expect(pipe.state(of: end) == .agreeing)
        pipe.advance(by: .seconds(11))
        guard case .closed(.failed(let error)) = pipe.events[end]?.last else {
            Issue.record("not over")
            return
        }
        #expect(error.code == .keyUnavailable)
    }

    /// [SCP-STATE-25] A frame that DECIDE has no use for ends it; a CLOSE of the initiator is believed.
    @Test func framesMeanwhile() throws {
        let fixture = try Self.fixture()
        var pipe = try fixture.pipe()
        pipe.collect(from: .initiator)
        let opening = pipe.inFlight(from: .initiator)
        pipe.settle()
        #expect(pipe.responder.state == .agreeing)
        var again = opening
        var span = again.mutableSpan
        #expect(throws: ConnectionError.self) { try pipe.responder.receive(&span, at: pipe.now) }
        #expect(pipe.responder.state == .draining)

        var second = try fixture.pipe()
        second.settle()
        second.initiator.close(at: second.now)
        second.settle()
        guard case .closed(let closure) = second.events[.responder]?.last else {
            Issue.record("not over")
            return
        }
        guard case .failed(let error) = closure else { return #expect(closure == .byPeer(.noError, reason: [])) }
        #expect(error.code == .noError)
    }

    /// [SCP-ROT-25] KKpsk0 asks both holders twice; data never stops.
    @Test(arguments: [End.initiator, .responder])
    func rotation(_ asker: End) throws {
        let fixture = try Self.fixture(mode: .authenticated)
        var holder = Holder(fixture)
        var pipe = try fixture.pipe()
        try holder.serve(&pipe)
        pipe.rotate(asker)
        var sent = 0
        var steps = 0
        while pipe.initiator.statistics.epoch < 2 || pipe.responder.statistics.epoch < 2 {
            steps += 1
            try #require(steps < 20, "the rotation does not end")
            _ = try pipe.initiator.send("forth", at: pipe.now)
            _ = try pipe.responder.send("back", at: pipe.now)
            sent += 1
            pipe.settle()
            #expect(pipe.responder.readText(at: pipe.now) == "forth")
            #expect(pipe.initiator.readText(at: pipe.now) == "back")
            for end in End.allCases {
                guard let request = holder.next(pipe, end) else { continue }
                #expect(pipe.resolve(end, request.id, .secret(try holder.secret(request, of: end))) == .taken)
            }
        }
        // Two for the handshake's one each: ss and se at the asker, es and ss at the answerer.
        #expect(holder.asked[.initiator]?.count == 3)
        #expect(holder.asked[.responder]?.count == 3)
        #expect(sent >= 4)
    }

    /// [SCP-ROT-25] Both want to, neither request is out yet: the one that is heard first is answered.
    @Test func crossingWishes() throws {
        let fixture = try Self.fixture(mode: .authenticated)
        var holder = Holder(fixture)
        var pipe = try fixture.pipe()
        try holder.serve(&pipe)
        pipe.rotate(.initiator)
        pipe.rotate(.responder)
        pipe.settle()
        let stale = holder.next(pipe, .responder)
        let dropped = try #require(stale)
        let own = holder.next(pipe, .initiator)
        let request = try #require(own)
        _ = pipe.resolve(.initiator, request.id, .secret(try holder.secret(request, of: .initiator)))
        pipe.settle()
        // The responder's own request was given up, and its answer comes too late.
        let late = try holder.secret(dropped, of: .responder)
        #expect(pipe.resolve(.responder, dropped.id, .secret(late)) == .unknownRequest)
        try holder.serve(&pipe)
        #expect(pipe.initiator.statistics.epoch == 2)
        #expect(pipe.responder.statistics.epoch == 2)
        #expect(pipe.initiator.state == .established)
    }

    /// A key without an owner anywhere.
    @Test func identityOfLowOrder() throws {
        var fixture = try Self.fixture()
        fixture.initiator.identity = .external(PublicKey([32 of UInt8](repeating: 0)))
        #expect(throws: ConfigurationError.identity) { _ = try fixture.pipe() }
    }
}

extension Pipe {
    mutating func resolve(_ end: End, _ id: UInt64, _ answer: AgreementAnswer) -> AgreementOutcome {
        switch end {
        case .initiator: initiator.resolveAgreement(id, answer, at: now)
        case .responder: responder.resolveAgreement(id, answer, at: now)
        }
    }

    mutating func rotate(_ end: End) {
        if end == .initiator { initiator.rotateKeys(at: now) } else { responder.rotateKeys(at: now) }
    }

    func state(of end: End) -> ConnectionState { end == .initiator ? initiator.state : responder.state }
}
