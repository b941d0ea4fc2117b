import SCPGcrypt
import SCPRepeatableMLKEM
import SCPSimulation
import Testing

@testable import SCP

/// Credentials in handshakes of many pieces.
@Suite struct DatagramCredentialTests {
    let signer: TestSigner
    var fixture: Fixture

    init() throws {
        fixture = try Fixture()
        signer = try TestSigner(fixture.provider)
    }

    /// Runs until both sides stand, or for ten seconds, accepting what is shown; gives how many questions there were.
    private func run<Provider>(_ pair: inout DatagramPair<Provider>, isUp: (Bool) -> Void = { _ in }) throws -> Int {
        var questions = 0
        for _ in 0..<100 {
            pair.run(for: .milliseconds(100))
            if let shown = pair.initiator.pendingCredential {
                #expect(try signer.verifies(shown))
                questions += 1
                pair.initiator.resolveIdentity(.accept, at: pair.now)
            }
            if let shown = pair.responder.pendingCredential {
                #expect(try signer.verifies(shown))
                questions += 1
                pair.responder.resolveIdentity(.accept, at: pair.now)
            }
            if pair.initiator.isUp, pair.responder.isUp { break }
        }
        let areUp = pair.initiator.isUp && pair.responder.isUp
        #expect(areUp)
        return questions
    }

    /// [SCP-ID-13] [SCP-DGRAM-8] Chains of 14 KB both ways, every tenth datagram lost.
    @Test(arguments: 1...5 as ClosedRange<UInt64>)
    func lossy(seed: UInt64) throws {
        var fixture = fixture
        for role in [Role.initiator, .responder] {
            fixture.show(role, signer.credential(chain: TestSigner.chain(14_000)))
        }
        var conditions = LinkConditions.plain
        conditions.loss = Chance(1, in: 10)
        var pair = try fixture.datagrams(seed: seed, conditions: conditions)
        #expect(try run(&pair) == 2)
    }

    /// The same with hybrid messages, the largest there are.
    @Test(arguments: 1...2 as ClosedRange<UInt64>)
    func lossyHybrid(seed: UInt64) throws {
        var ends = try HybridFixture.ends(seed)
        for side in 0..<2 {
            ends[side].credential = signer.credential(chain: TestSigner.chain(14_336 - 68))
            ends[side].credentialPolicy = .required
        }
        var conditions = LinkConditions.plain
        conditions.loss = Chance(1, in: 10)
        var pair = try DatagramPair(
            initiator: ends[0], responder: ends[1], seed: seed, conditions: conditions,
            at: Instant(nanoseconds: 5_000_000_000))
        #expect(try run(&pair) == 2)
        #expect(pair.initiator.negotiatedSuite == .hybrid)
    }

    /// [SCP-DGRAM-13] [SCP-ID-11] A message 2 whose credential is not wanted, or missing, is dropped, since anybody may
    /// have sent it, and the attempt ends late with the code. A responder says so in epoch 1.
    @Test(arguments: [Role.initiator, .responder], [CredentialPolicy.refused, .required])
    func refused(verifier: Role, policy: CredentialPolicy) throws {
        var fixture = fixture
        fixture.show(verifier.peer, policy == .refused ? signer.credential() : nil, policy)
        var pair = try fixture.datagrams()
        pair.run(for: .seconds(2))
        let state = pair.initiator.state
        if verifier == .initiator {
            #expect(state == .waiting)
            pair.run(for: .seconds(20))
            #expect(pair.events[0].last?.failure?.code == .credentialInvalid)
            #expect(pair.events[0].last?.failure?.origin == .local)
        } else {
            #expect(pair.events[1].last?.failure?.code == .credentialInvalid)
            #expect(pair.events[0].last == .closed(.byPeer(.credentialInvalid, reason: [])))
        }
    }

    /// [SCP-ID-11] Rejected by who verified it.
    @Test(arguments: [Role.initiator, .responder])
    func rejected(verifier: Role) throws {
        var fixture = fixture
        fixture.show(verifier.peer, signer.credential(chain: TestSigner.chain(12_000)))
        var pair = try fixture.datagrams()
        pair.run(for: .seconds(2))
        pair.initiator.resolveIdentity(.rejectCredential, at: pair.now)
        pair.responder.resolveIdentity(.rejectCredential, at: pair.now)
        pair.run(for: .seconds(2))
        let (first, second) = (pair.events[0].last, pair.events[1].last)
        if verifier == .initiator {
            #expect(first?.failure?.code == .credentialInvalid && first?.failure?.origin == .local)
            #expect(second?.failure?.code == .credentialInvalid)
            #expect(second?.failure?.origin == .peer(isAuthenticated: false))
        } else {
            #expect(second?.failure?.code == .credentialInvalid && second?.failure?.origin == .local)
            #expect(first == .closed(.byPeer(.credentialInvalid, reason: [])))
        }
    }

    // MARK: Endpoints

    /// Runs a town until a session stands at both houses, accepting what is shown.
    private func settle(_ town: Town, _ houses: [Town.House]) throws {
        for _ in 0..<40 {
            town.run(for: .milliseconds(50))
            for house in houses {
                for handle in Set(house.events.map(\.connection)) {
                    let now = town.now
                    let isGood = house.endpoint.withConnection(handle) { connection -> Bool? in
                        guard let shown = connection.pendingCredential else { return nil }
                        let isGood = (try? signer.verifies(shown)) == true
                        connection.resolveIdentity(isGood ? .accept : .rejectCredential, at: now)
                        return isGood
                    }
                    #expect(isGood != .some(false))
                }
            }
        }
    }

    /// Scenario 50. [SCP-DGRAM-16] [SCP-DGRAM-18] A listener with a chain of 12 KB asks for the address to be proved
    /// first, and sends at most three times what it got before that. One with a short chain need not.
    @Test(arguments: [12_000, 2_000])
    func retryComesFirst(size: Int) throws {
        var fixture = fixture
        fixture.show(.responder, signer.credential(chain: TestSigner.chain(size)))
        let town = Town()
        let houses = [
            try town.add(.host(1), fixture.initiator), try town.add(.host(2), fixture.responder),
        ]
        _ = try houses[0].endpoint.connect(to: .host(2), at: town.now)
        try settle(town, houses)
        #expect(houses[0].established.count == 1 && houses[1].established.count == 1)
        #expect(houses[1].endpoint.retries == (size > 3_000 ? 1 : 0))
        var received = 0
        var sent = 0
        for datagram in town.seen {
            if datagram.to == .host(2) {
                received += datagram.bytes.count
                // With the cookie of a retry, or behind message 2, the address is proved.
                if datagram.bytes[29..<61].contains(where: { $0 != 0 }) { break }
                if Seen.kinds(datagram.bytes) != ["init/0"] { break }
            } else {
                sent += datagram.bytes.count
                #expect(sent <= 3 * received)
            }
        }
        #expect(sent > 0)
    }

    /// [SCP-DGRAM-18] Without an endpoint, what is beyond three times waits for the initiator to say more.
    @Test func amplificationOfOneConnection() throws {
        var fixture = fixture
        fixture.show(.responder, signer.credential(chain: TestSigner.chain(12_000)))
        var pair = try fixture.datagrams()
        let (received, sent, isProved) = (Notes<Int>(), Notes<Int>(), Notes<Bool>())
        pair.passes = { side, bytes in
            if Seen.kinds(bytes) != ["init/0"], side == 0 { isProved.items.append(true) }
            if side == 0 { received.items.append(bytes.count) } else { sent.items.append(bytes.count) }
            if isProved.items.isEmpty { #expect(sent.items.reduce(0, +) <= 3 * received.items.reduce(0, +)) }
            return true
        }
        #expect(try run(&pair) == 1)
    }

    /// [SCP-DGRAM-29] Two initiators that meet, both with long chains: one session, and both have looked at what the
    /// other showed.
    @Test(arguments: [0, 8, 25])
    func symmetricOpen(milliseconds: Int) throws {
        var fixture = fixture
        fixture.responder.identityPolicy = .pinned(fixture.initiatorPublic)
        fixture.responder.responderKey = fixture.initiatorPublic
        fixture.initiator.isSymmetric = true
        fixture.responder.isSymmetric = true
        for role in [Role.initiator, .responder] {
            fixture.show(role, signer.credential(chain: TestSigner.chain(6_000)))
        }
        for seed in 1...4 as ClosedRange<UInt64> {
            let town = Town(seed: seed)
            let houses = [
                try town.add(.host(1), fixture.initiator), try town.add(.host(2), fixture.responder),
            ]
            _ = try houses[0].endpoint.connect(to: .host(2), at: town.now)
            town.run(for: .milliseconds(milliseconds))
            _ = try? houses[1].endpoint.connect(to: .host(1), at: town.now)
            try settle(town, houses)
            for house in houses {
                #expect(house.established.count == 1)
                #expect(house.events.contains { if case .identityPending = $0.event { true } else { false } })
            }
        }
    }
}
