import SCPGcrypt
import SCPMisbehaviours
import SCPSimulation
import Testing

@testable import SCP

/// Who is let in, who decides it, and that nothing passes before.
@Suite struct IdentityTests {
    enum Policy: CaseIterable, Sendable {
        case pinned, pinnedOther, allowed, allowedOthers, allowedNobody, firstUseNew, firstUseKnown, firstUseChanged
        case anyone, askAccept, askReject

        var isAccepted: Bool {
            switch self {
            case .pinned, .allowed, .firstUseNew, .firstUseKnown, .anyone, .askAccept: true
            case .pinnedOther, .allowedOthers, .allowedNobody, .firstUseChanged, .askReject: false
            }
        }

        func policy(for key: PublicKey, other: PublicKey) -> IdentityPolicy {
            switch self {
            case .pinned: .pinned(key)
            case .pinnedOther: .pinned(other)
            case .allowed: .allowed([other, key])
            case .allowedOthers: .allowed([other])
            case .allowedNobody: .allowed([])
            case .firstUseNew: .trustOnFirstUse(known: nil)
            case .firstUseKnown: .trustOnFirstUse(known: key)
            case .firstUseChanged: .trustOnFirstUse(known: other)
            case .anyone: .anyone
            case .askAccept, .askReject: .ask
            }
        }

        var decision: IdentityDecision { self == .askReject ? .reject : .accept }
        var asks: Bool { self == .askAccept || self == .askReject }
    }

    private func stranger(_ fixture: Fixture) throws -> PublicKey {
        try fixture.provider.publicKey(of: fixture.provider.privateKey(fixture.provider.randomSecret(count: 32)))
    }

    /// [SCP-ID-3] [SCP-ID-4] [SCP-ID-5] [SCP-STATE-22] Every policy of the initiator. A pinned key of somebody else is
    /// already noticed by the responder, who cannot verify INIT with it.
    @Test(arguments: Policy.allCases)
    func initiatorPolicy(policy: Policy) throws {
        var fixture = try Fixture()
        fixture.initiator = Configuration(
            provider: fixture.provider, identity: fixture.initiatorKey,
            identityPolicy: policy.policy(for: fixture.responderPublic, other: try stranger(fixture)))
        fixture.initiator.responderKey = nil
        var pipe = try fixture.pipe()
        pipe.settle()
        if policy.asks {
            #expect(pipe.initiator.state == .deciding)
            #expect(pipe.events[.initiator] == [.identityPending(fixture.responderPublic)])
            pipe.initiator.resolveIdentity(policy.decision, at: pipe.now)
            pipe.settle()
        }
        let events = try #require(pipe.events[.initiator])
        guard policy.isAccepted else {
            #expect(events.last?.failure?.code == .identityRejected)
            #expect(events.last?.failure?.origin == .local)
            let told = pipe.events[.responder]?.last?.failure
            #expect(told?.code == .identityRejected && told?.origin == .peer(isAuthenticated: false))
            return
        }
        let peer = Peer(
            publicKey: fixture.responderPublic, applicationProtocol: nil, isFirstUse: policy == .firstUseNew)
        #expect(events.last == .established(peer))
        #expect(pipe.initiator.peer == peer)
    }

    /// [SCP-ID-7] Every policy of the responder, which answers with an authenticated CLOSE.
    @Test(arguments: Policy.allCases)
    func responderPolicy(policy: Policy) throws {
        var fixture = try Fixture()
        fixture.responder.identityPolicy = policy.policy(for: fixture.initiatorPublic, other: try stranger(fixture))
        var pipe = try fixture.pipe()
        pipe.settle()
        if policy.asks {
            #expect(pipe.responder.state == .held)
            #expect(pipe.events[.responder] == [.identityPending(fixture.initiatorPublic)])
            pipe.responder.resolveIdentity(policy.decision, at: pipe.now)
            pipe.settle()
        }
        let events = try #require(pipe.events[.responder])
        guard policy.isAccepted else {
            #expect(events.last?.failure?.code == .identityRejected)
            #expect(pipe.events[.initiator]?.last == .closed(.byPeer(.identityRejected, reason: [])))
            #expect(pipe.responder.peer == nil)
            return
        }
        let peer = Peer(
            publicKey: fixture.initiatorPublic, applicationProtocol: nil, isFirstUse: policy == .firstUseNew)
        #expect(events.last == .established(peer))
        #expect(pipe.responder.peer == peer)
    }

    /// [SCP-HS-13] A first-use key that has changed is noticed even before M2, since INIT proves knowledge of it.
    @Test func changedKeyIsNotAnswered() throws {
        var fixture = try Fixture()
        fixture.initiator = Configuration(
            provider: fixture.provider, identity: fixture.initiatorKey,
            identityPolicy: .trustOnFirstUse(known: try stranger(fixture)))
        var pipe = try fixture.pipe()
        pipe.settle()
        #expect(pipe.events[.responder]?.last?.failure?.code == .authenticationFailed)
        #expect(pipe.events[.initiator]?.last?.failure?.code == .transportFailed)
        #expect(pipe.responder.statistics.framesSent == 0)
    }

    /// [SCP-ID-2] Another spelling of the pinned point is the same key.
    @Test func keysAreComparedAsPoints() throws {
        var fixture = try Fixture()
        let bytes = fixture.initiatorPublic.bytes
        let spelling = PublicKey([32 of UInt8] { $0 == 31 ? bytes[31] | 0x80 : bytes[$0] })
        fixture.responder.identityPolicy = .pinned(spelling)
        let pipe = try fixture.established()
        #expect(pipe.responder.state == .established)
    }

    /// [SCP-TIME-1] [SCP-TIME-3] Scenario 19: decisions after 9, 11, 59 and 61 seconds. The initiator must decide while
    /// its responder still waits; a responder has a minute.
    @Test(arguments: [9, 11, 59, 61])
    func lateDecisions(seconds: Int) throws {
        var fixture = try Fixture()
        fixture.initiator.identityPolicy = .ask
        var pipe = try fixture.pipe()
        pipe.advance(by: .seconds(seconds))
        pipe.initiator.resolveIdentity(.accept, at: pipe.now)
        pipe.settle()
        if seconds < 10 {
            #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
        } else {
            #expect(pipe.events[.initiator]?.last?.failure?.code == .decisionTimeout)
            #expect(pipe.events[.responder]?.last?.failure != nil)
        }

        var other = try Fixture()
        other.responder.identityPolicy = .ask
        var held = try other.pipe()
        _ = try held.initiator.send("waiting", at: held.now)
        held.advance(by: .seconds(seconds))
        #expect(held.initiator.state == (seconds < 60 ? .established : .closed))
        let early = held.responder.readText(at: held.now)
        #expect(early == nil)
        held.responder.resolveIdentity(.accept, at: held.now)
        held.settle()
        if seconds < 60 {
            #expect(held.responder.state == .established)
            let text = held.responder.readText(at: held.now)
            #expect(text == "waiting")
        } else {
            #expect(held.events[.responder]?.last?.failure?.code == .decisionTimeout)
            #expect(held.events[.initiator]?.last == .closed(.byPeer(.decisionTimeout, reason: [])))
        }
    }

    /// [SCP-STATE-14] [SCP-HS-24] While the responder's key is being decided nothing leaves: no message 3, no frame of
    /// epoch 1, no second word.
    @Test func nothingLeavesBeforeTheInitiatorAccepts() throws {
        var duel = try Duel.at(.deciding, .initiator, Fixture())
        _ = try duel.engine.send("secret", at: duel.now)
        duel.engine.ping(at: duel.now)
        duel.engine.finish(at: duel.now)
        duel.engine.rotateKeys(at: duel.now)
        duel.poll()
        duel.advance(by: .milliseconds(9_999))
        #expect(duel.takeFrames().isEmpty)
        #expect(duel.engine.state == .deciding)
        duel.engine.resolveIdentity(.reject, at: duel.now)
        duel.engine.resolveIdentity(.accept, at: duel.now)
        duel.poll()
        duel.advance(by: .seconds(100))
        #expect(duel.takeFrames().map(\.kind) == ["close/0"])
    }

    /// [SCP-STATE-14] While the initiator is being decided on, nothing it sends is shown and nothing of ours leaves.
    @Test func nothingPassesBeforeTheResponderAccepts() throws {
        var duel = try Duel.at(.held, .responder, Fixture())
        let before = duel.events.count
        _ = try duel.engine.send("secret", at: duel.now)
        duel.engine.finish(at: duel.now)
        let sequenced = Channel(3, .unreliableSequenced)
        try duel.feed(.data, Plain.unreliable(sequenced, 0, [1]))
        try duel.feed(.data, Plain.cancel(0, charge: 0) + Plain.refuse(0) + Plain.finish(0))
        duel.poll()
        duel.advance(by: .seconds(15))
        #expect(duel.events.count == before)
        let (isReadable, read) = (duel.engine.isReadable(), duel.engine.readBytes(at: duel.now))
        #expect(!isReadable && read == nil)
        let records = duel.takeFrames().flatMap(\.records)
        #expect(records.allSatisfy { $0 == .ping })
        duel.engine.resolveIdentity(.accept, at: duel.now)
        duel.poll()
        let later = duel.engine.readBytes(at: duel.now)
        #expect(later == [1])
        let shown = duel.events[before...].map(TableStage.name)
        #expect(shown == ["established", "readable", "cancelled", "refused", "peerFinished"])
        #expect(duel.takeFrames().flatMap(\.records).contains { $0.isMessage })
    }

    /// [SCP-ID-6] The first answer counts.
    @Test(arguments: [true, false])
    func firstAnswerCounts(accepts: Bool) throws {
        var duel = try Duel.at(.held, .responder, Fixture())
        duel.engine.resolveIdentity(accepts ? .accept : .reject, at: duel.now)
        duel.engine.resolveIdentity(accepts ? .reject : .accept, at: duel.now)
        duel.poll()
        #expect(duel.engine.state == (accepts ? .established : .draining))
        #expect((duel.engine.peer != nil) == accepts)
    }

    /// [SCP-HS-32] Meeting oneself.
    @Test func selfConnection() throws {
        var fixture = try Fixture()
        fixture.initiator.identity = .held(fixture.responderKey)
        fixture.responder.identityPolicy = .anyone
        var refusing = try fixture.pipe()
        refusing.settle()
        #expect(refusing.events[.initiator]?.last?.failure?.code == .identityRejected)

        fixture.initiator.allowsSelfConnection = true
        var refusedLater = try fixture.pipe()
        refusedLater.settle()
        #expect(refusedLater.events[.responder]?.last?.failure?.code == .identityRejected)
        #expect(refusedLater.events[.initiator]?.last == .closed(.byPeer(.identityRejected, reason: [])))

        fixture.responder.allowsSelfConnection = true
        let allowed = try fixture.established()
        #expect(allowed.initiator.state == .established && allowed.responder.state == .established)
    }
}

extension Event {
    /// The error of a failed end.
    var failure: ConnectionError? {
        guard case .closed(.failed(let error)) = self else { return nil }
        return error
    }
}

extension Record {
    var isMessage: Bool {
        switch self {
        case .piece, .unreliable: true
        default: false
        }
    }
}
