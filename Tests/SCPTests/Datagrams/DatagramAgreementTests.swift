import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Private keys that are elsewhere, of connections on datagrams.
@Suite("Agreements on datagrams that are made elsewhere")
struct DatagramAgreementTests {
    private let fixture: Fixture

    init() throws {
        var fixture = try Fixture()
        fixture.initiator.identity = .external(fixture.initiatorPublic)
        fixture.responder.identity = .external(fixture.responderPublic)
        fixture.initiator.rotation.mode = .authenticated
        self.fixture = fixture
    }

    private func requests(_ pair: borrowing DatagramPair<GcryptProvider>, _ side: Int) -> [AgreementRequest] {
        pair.events[side].compactMap { if case .agreementNeeded(let request) = $0 { request } else { nil } }
    }

    private func secret(_ request: AgreementRequest, _ side: Int) throws -> AgreementAnswer {
        .secret(
            try fixture.provider.sharedSecret(
                side == 0 ? fixture.initiatorKey : fixture.responderKey, with: request.peer))
    }

    private func answer(
        _ pair: inout DatagramPair<GcryptProvider>, _ side: Int, _ request: AgreementRequest, _ answer: AgreementAnswer
    ) -> AgreementOutcome {
        side == 0
            ? pair.initiator.resolveAgreement(request.id, answer, at: pair.now)
            : pair.responder.resolveAgreement(request.id, answer, at: pair.now)
    }

    /// Answers everything as soon as it is asked.
    private func serve(_ pair: inout DatagramPair<GcryptProvider>, for time: Duration) throws {
        var answered = [requests(pair, 0).count, requests(pair, 1).count]
        let end = pair.now.advanced(by: time)
        while pair.now < end {
            for side in 0..<2 {
                let all = requests(pair, side)
                for request in all.dropFirst(answered[side]) {
                    let outcome = answer(&pair, side, request, try secret(request, side))
                    #expect(outcome == .taken)
                }
                answered[side] = all.count
            }
            pair.run(for: .milliseconds(20))
        }
    }

    /// Scenario 21: INIT is repeated while the agreement is awaited; the holder is asked once. An answer that comes
    /// again, or too late, changes nothing. [SCP-ID-9] [SCP-HS-34]
    @Test("one request, however often INIT comes; answers twice, and late", arguments: [0, 1])
    func onlyOnce(side: Int) throws {
        var fixture = fixture
        if side == 0 {
            fixture.responder.identity = .held(fixture.responderKey)
        } else {
            fixture.initiator.identity = .held(fixture.initiatorKey)
        }
        var pair = try fixture.datagrams()
        let inits = Notes<[UInt8]>()
        pair.passes = { from, bytes in
            if from == 0 { inits.items.append(bytes) }
            return true
        }
        // Repetitions come after 1 s, 3 s and 5 s or so.
        pair.run(for: .seconds(6))
        let first = try #require(inits.items.first)
        pair.deliver(first, to: 1)
        pair.run(for: .milliseconds(200))
        #expect(inits.items.count > (side == 1 ? 2 : 0))
        let asked = requests(pair, side)
        #expect(asked.count == 1)
        let request = try #require(asked.first)
        let right = try secret(request, side)
        let once = answer(&pair, side, request, right)
        let twice = answer(&pair, side, request, right)
        #expect(once == .taken && twice == .unknownRequest)
        pair.run(for: .seconds(2))
        let states = [pair.initiator.state, pair.responder.state]
        #expect(states == [.established, .established])
        pair.initiator.close(at: pair.now)
        pair.run(for: .seconds(8))
        let late = answer(&pair, side, request, right)
        #expect(late == .unknownRequest)
        let ends = [pair.initiator.state, pair.responder.state]
        #expect(ends == [.closed, .closed])
    }

    @Test(
        "both keys are elsewhere: handshake, messages, a rotation that authenticates", arguments: [0, 200] as [UInt32])
    func wholeSession(thousandths: UInt32) throws {
        var conditions = LinkConditions.plain
        conditions.loss = Chance(thousandths, in: 1_000)
        var pair = try fixture.datagrams(seed: 7, conditions: conditions)
        try serve(&pair, for: .seconds(8))
        _ = try pair.initiator.send("there", at: pair.now)
        _ = try pair.responder.send("and back", at: pair.now)
        pair.initiator.rotateKeys(at: pair.now)
        try serve(&pair, for: .seconds(12))
        let texts = [pair.responder.readText(at: pair.now), pair.initiator.readText(at: pair.now)]
        #expect(texts == ["there", "and back"])
        let epochs = [pair.initiator.statistics.epoch, pair.responder.statistics.epoch]
        #expect(epochs == [2, 2])
        let counts = [requests(pair, 0).count, requests(pair, 1).count]
        // Once in the handshake, and twice in Noise KK: with the peer's ephemeral, and with its static key.
        #expect(counts == [3, 3])
    }

    /// The initiator's key is elsewhere. It has asked for a rotation, and the answer is here and waits for the holder.
    private func finishing(holding held: Notes<[UInt8]>) throws -> DatagramPair<GcryptProvider> {
        var fixture = fixture
        fixture.responder.identity = .held(fixture.responderKey)
        fixture.responder.rotation.mode = .authenticated
        var pair = try fixture.datagrams()
        pair.run(for: .milliseconds(100))
        let first = try #require(requests(pair, 0).first)
        _ = answer(&pair, 0, first, try secret(first, 0))
        pair.run(for: .seconds(1))
        // The responder asks as well, and what it says arrives late.
        pair.passes = { from, bytes in
            guard from == 1, Seen.kinds(bytes).contains("init/1") else { return true }
            held.items.append(bytes)
            return false
        }
        pair.initiator.rotateKeys(at: pair.now)
        pair.run(for: .milliseconds(5))
        let second = try #require(requests(pair, 0).dropFirst().first)
        _ = answer(&pair, 0, second, try secret(second, 0))
        pair.responder.rotateKeys(at: pair.now)
        pair.run(for: .milliseconds(60))
        return pair
    }

    private func expectRotated(_ pair: inout DatagramPair<GcryptProvider>) throws {
        let request = try #require(requests(pair, 0).dropFirst(2).first)
        let states = [pair.initiator.state, pair.responder.state]
        #expect(states == [.established, .established])
        let outcome = answer(&pair, 0, request, try secret(request, 0))
        #expect(outcome == .taken)
        pair.run(for: .seconds(4))
        let epochs = [pair.initiator.statistics.epoch, pair.responder.statistics.epoch]
        #expect(epochs[0] == epochs[1] && epochs[0] >= 2)
    }

    /// [SCP-ROT-25] "An answer that comes again meanwhile on datagrams MUST be acknowledged and ignored."
    @Test("an answer to a rotation comes again while the key's holder thinks")
    func answerComesAgain() throws {
        var pair = try finishing(holding: Notes())
        let before = pair.initiator.statistics.drops[.staleRotation]
        // The answerer hears of nothing that has arrived, and says it again.
        pair.passes = { from, _ in from == 1 }
        pair.run(for: .seconds(2))
        pair.passes = { _, _ in true }
        let dropped = pair.initiator.statistics.drops[.staleRotation]
        #expect(dropped > before)
        try expectRotated(&pair)
    }

    /// [SCP-ROT-10] "initiator of the connection: MUST acknowledge and ignore"
    @Test("a request that crossed ours arrives while the key's holder thinks")
    func lateCrossing() throws {
        let held = Notes<[UInt8]>()
        var pair = try finishing(holding: held)
        pair.passes = { _, _ in true }
        #expect(!held.items.isEmpty)
        for datagram in held.items { pair.deliver(datagram, to: 0) }
        pair.run(for: .milliseconds(100))
        try expectRotated(&pair)
    }

    /// [SCP-HS-35]
    @Test("a holder that refuses ends the handshake with KEY_UNAVAILABLE", arguments: [0, 1])
    func refusal(side: Int) throws {
        var pair = try fixture.datagrams()
        if side == 0 {
            pair.run(for: .milliseconds(100))
            let request = try #require(requests(pair, 1).first)
            _ = answer(&pair, 1, request, try secret(request, 1))
        }
        pair.run(for: .milliseconds(100))
        let request = try #require(requests(pair, side).first)
        let outcome = answer(&pair, side, request, .failed)
        #expect(outcome == .taken)
        pair.run(for: .milliseconds(100))
        guard case .closed(.failed(let error)) = pair.events[side].last else {
            Issue.record("no end")
            return
        }
        #expect(error.code == .keyUnavailable && error.origin == .local)
    }
}
