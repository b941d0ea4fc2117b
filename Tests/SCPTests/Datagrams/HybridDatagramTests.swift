import SCPGcrypt
import SCPRepeatableMLKEM
import SCPSimulation
import Testing

@testable import SCP

private typealias Repeatable = RepeatableProvider<GcryptProvider>

/// Suites 0x02 and 0x82 on datagrams, where neither a handshake message nor a rotation fits one frame.
@Suite("Hybrid suites on datagrams")
struct HybridDatagramTests {
    typealias Ends = [Configuration<RepeatableProvider<GcryptProvider>>]

    private func pair(
        _ ends: Ends, seed: UInt64 = 1, connectionIDs: [[UInt8]] = [[], []]
    ) throws -> DatagramPair<Repeatable> {
        try DatagramPair(
            initiator: ends[0], responder: ends[1], seed: seed, connectionIDs: connectionIDs, conditions: .plain,
            at: Instant(nanoseconds: 5_000_000_000))
    }

    private func established(_ ends: Ends, connectionIDs: [[UInt8]] = [[], []]) throws -> DatagramPair<Repeatable> {
        var pair = try pair(ends, connectionIDs: connectionIDs)
        pair.run(for: .seconds(1))
        return pair
    }

    private func epochs(_ pair: borrowing DatagramPair<Repeatable>) -> [UInt16] {
        [pair.initiator.statistics.epoch, pair.responder.statistics.epoch]
    }

    private func failure(_ pair: borrowing DatagramPair<Repeatable>, _ side: Int) -> ConnectionError? {
        guard case .closed(.failed(let error))? = pair.events[side].last else { return nil }
        return error
    }

    // MARK: Handshake

    // [SCP-HS-2] [SCP-DGRAM-8] [SCP-DGRAM-10]
    @Test("message 1 and message 2 go in two pieces each, and the suite is agreed on", arguments: [false, true])
    func handshake(usesPSK: Bool) throws {
        var ends = try HybridFixture.ends(31)
        if usesPSK {
            let secret = try ends[0].provider.randomSecret(count: 32)
            for index in ends.indices { ends[index].usePresharedKeys(.common(secret)) }
        }
        var pair = try pair(ends)
        let seen = Notes<String>()
        pair.passes = { _, bytes in
            seen.items.append("\(Seen.kinds(bytes)[0]) \(bytes.count)")
            return true
        }
        pair.run(for: .seconds(1))
        let (first, second) = (pair.initiator.negotiatedSuite, pair.responder.negotiatedSuite)
        #expect(first == (usesPSK ? .hybridPSK : .hybrid) && second == first)
        #expect(seen.items.prefix(2) == ["init/0 1200", "init/0 1200"])
        #expect(seen.items.count { $0.hasPrefix("init/0") } == 2)
        #expect(seen.items.count { $0.hasPrefix("response/0") } == 2)
    }

    // [SCP-DGRAM-8] [SCP-DGRAM-9] [SCP-DGRAM-11] [SCP-DGRAM-12]
    @Test("any one datagram of the handshake is lost, or any two", arguments: 1..<7)
    func losses(number: Int) throws {
        for other in number..<7 {
            var pair = try pair(try HybridFixture.ends(32))
            let count = Notes<Int>()
            pair.passes = { _, _ in
                count.items.append(0)
                return count.items.count != number && count.items.count != other
            }
            pair.run(for: .seconds(9))
            let suites = [pair.initiator.negotiatedSuite, pair.responder.negotiatedSuite]
            let up = pair.initiator.isUp && pair.responder.isUp
            #expect(up && suites == [.hybrid, .hybrid], "without \(number), \(other)")
        }
    }

    // [SCP-HS-33] [SCP-DGRAM-15] [SCP-ITEM-4] [SCP-ITEM-27]
    @Test(
        "prefer, require and classic come to what they say",
        arguments: HybridPolicy.allCases, HybridPolicy.allCases)
    func policies(wanted: HybridPolicy, offered: HybridPolicy) throws {
        var ends = try HybridFixture.ends(33)
        ends[0].use(wanted)
        ends[1].use(offered)
        var pair = try pair(ends)
        pair.run(for: .seconds(9))
        var suite: Suite? = .hybrid
        switch (wanted, offered) {
        case (.classic, .require), (.require, .classic), (.prefer, .classic): suite = nil
        case (.classic, _): suite = .classic
        default: break
        }
        let agreed = [pair.initiator.negotiatedSuite, pair.responder.negotiatedSuite]
        #expect(agreed == [suite, suite])
        guard suite == nil else { return }
        let failed = failure(pair, 0)
        let error = try #require(failed)
        #expect(error.code == .unsupportedSuite && error.alternatives == (offered == .classic ? [1] : [2]))
        // Another attempt, with what the responder has named, is for who only prefers.
        #expect(ends[0].suite(after: error) == (wanted == .prefer ? .classic : nil))
        guard wanted == .prefer else { return }
        ends[0].offeredSuite = .classic
        let next = try established(ends)
        #expect(next.initiator.negotiatedSuite == .classic)
    }

    /// Somebody on the path has said that the responder has no hybrid suite, which it has. A message 2 that says so may
    /// itself be somebody else's: the genuine one has until the timer.
    // [SCP-ITEM-28] [SCP-DGRAM-13] "instead of HANDSHAKE_TIMEOUT" [SCP-TIME-1]
    @Test("a suite that was taken back by somebody else is a downgrade")
    func downgrade() throws {
        var ends = try HybridFixture.ends(34)
        ends[0].offeredSuite = .classic
        var pair = try pair(ends)
        pair.run(for: .seconds(9))
        let state = pair.initiator.state
        #expect(state == .waiting)
        pair.run(for: .seconds(2))
        let error = failure(pair, 0)
        #expect(error?.code == .downgradeDetected && error?.origin == .local)
        let up = [pair.initiator.isUp, pair.responder.isUp]
        #expect(up == [false, false])
    }

    // MARK: Rotation

    // [SCP-ROT-22] [SCP-ROT-23] [SCP-ROT-24]
    @Test(
        "one asks in silence, or the other, or both at once: both switch",
        arguments: 1..<4, [RotationMode.ephemeral, .authenticated])
    func rotation(who: Int, mode: RotationMode) throws {
        var ends = try HybridFixture.ends(35)
        for index in ends.indices { ends[index].rotation.mode = mode }
        var pair = try established(ends)
        let seen = Notes<String>()
        pair.passes = { _, bytes in
            seen.items += Seen.kinds(bytes)
            return true
        }
        for epoch in 2...3 as ClosedRange<UInt16> {
            seen.items = []
            if who & 1 != 0 { pair.initiator.rotateKeys(at: pair.now) }
            if who & 2 != 0 { pair.responder.rotateKeys(at: pair.now) }
            pair.run(for: .seconds(3))
            #expect(epochs(pair) == [epoch, epoch])
            // Nothing was lost, so every piece goes once: two of each request and two of the one answer.
            #expect(seen.items.count { $0 == "init/\(epoch - 1)" } == (who == 3 ? 4 : 2))
            #expect(seen.items.count { $0 == "response/\(epoch - 1)" } == 2)
        }
    }

    // [SCP-ROT-23] "Pieces are repeated by loss recovery while the request or answer is alive"
    @Test("any one datagram of a rotation is lost, or any two", arguments: 1..<11)
    func lossesInRotation(number: Int) throws {
        for other in number..<11 {
            for who in 1..<4 {
                var pair = try Fixture.forgeable(isHybrid: true)
                pair.run(for: .seconds(1))
                let count = Notes<Int>()
                pair.passes = { _, _ in
                    count.items.append(0)
                    return count.items.count != number && count.items.count != other
                }
                if who & 1 != 0 { pair.initiator.rotateKeys(at: pair.now) }
                if who & 2 != 0 { pair.responder.rotateKeys(at: pair.now) }
                pair.run(for: .seconds(9))
                let epochs = [pair.initiator.statistics.epoch, pair.responder.statistics.epoch]
                let suites = [pair.initiator.negotiatedSuite, pair.responder.negotiatedSuite]
                #expect(epochs == [2, 2] && suites == [.hybrid, .hybrid], "without \(number), \(other), by \(who)")
                let up = pair.initiator.isUp && pair.responder.isUp
                #expect(up)
            }
        }
    }

    // [SCP-ROT-18] [SCP-ROT-23]
    @Test("keys are replaced again and again under traffic, loss and reordering", arguments: 1..<6 as Range<UInt64>)
    func underTraffic(seed: UInt64) throws {
        var pair = try Fixture.forgeable(seed: seed, isHybrid: true) { first, second in
            first.rotation.frames = 150
            second.rotation.frames = 150
        }
        pair.run(for: .seconds(1))
        var conditions = LinkConditions.plain
        conditions.loss = Chance(80, in: 1_000)
        conditions.jitter = .milliseconds(6)
        pair.conditions = [conditions, conditions]
        var transfer = Transfer(size: 5_000, total: 200)
        _ = pair.transfer(&transfer, within: .seconds(120))
        #expect(transfer.isDone && transfer.isIntact)
        let (rotations, suite) = (pair.initiator.statistics.rotations, pair.initiator.negotiatedSuite)
        #expect(rotations >= 4 && suite == .hybrid)
    }

    // MARK: Endpoints

    /// One that would rather be hybrid, with clients that are, that are not, and that must be.
    // [SCP-HS-33] [SCP-DGRAM-16] [SCP-DGRAM-17] [SCP-DGRAM-38]
    @Test("an endpoint with suites of both kinds serves clients of both kinds")
    func endpoint() throws {
        let ends = try HybridFixture.ends(36)
        let town = SimulatedTown<Repeatable>()
        var settings = ends[1]
        settings.identityPolicy = .anyone
        let host = try town.add(.host(1), settings)
        let policies: [HybridPolicy] = [.prefer, .classic, .require, .classic]
        for (number, policy) in policies.enumerated() {
            var client = ends[0]
            client.use(policy)
            let house = try town.add(.host(UInt32(2 + number)), client)
            let handle = try house.endpoint.connect(to: .host(1), at: town.now)
            town.run(for: .seconds(1))
            let suite = house.endpoint.withConnection(handle) { $0.negotiatedSuite }
            #expect(suite == (policy == .classic ? .classic : .hybrid))
            #expect(host.established.count == number + 1)
            let theirs = host.established.last.flatMap { newest in
                host.endpoint.withConnection(newest) { $0.negotiatedSuite }
            }
            #expect(theirs == suite)
        }
        // Each of the two pieces of a hybrid M1 is asked for a cookie: no state is held for who has none. The second
        // retry has the cookie of the first, so that the flight is repeated once and not twice.
        #expect(host.endpoint.retries == 4)
        for (number, policy) in policies.enumerated() {
            let inits = town.seen.filter { $0.from == .host(UInt32(2 + number)) && Seen.kinds($0.bytes) == ["init/0"] }
            #expect(inits.count == (policy == .classic ? 1 : 4))
        }
    }

    /// A classic endpoint refuses who would rather be hybrid, who then begins anew, and leaves the hybrid alone.
    // [SCP-HS-33] [SCP-DGRAM-15]
    @Test("an endpoint without ML-KEM is met with the suite that it names", arguments: [HybridPolicy.prefer, .require])
    func classicEndpoint(policy: HybridPolicy) throws {
        var ends = try HybridFixture.ends(37, responderHas: false)
        ends[0].use(policy)
        let town = SimulatedTown<Repeatable>()
        let host = try town.add(.host(1), ends[1])
        #expect(ends[1].suites == [.classic])
        let house = try town.add(.host(2), ends[0])
        _ = try house.endpoint.connect(to: .host(1), at: town.now)
        town.run(for: .seconds(3))
        let failures = house.events.compactMap { event -> ConnectionError? in
            if case .closed(.failed(let error)) = event.event { error } else { nil }
        }
        #expect(failures.map(\.code) == [.unsupportedSuite])
        let suite = failures.first.flatMap { ends[0].suite(after: $0) }
        #expect(suite == (policy == .prefer ? .classic : nil))
        #expect(host.established.isEmpty)
        guard let suite else { return }
        ends[0].offeredSuite = suite
        let again = try house.endpoint.connect(to: .host(1), ends[0], at: town.now)
        town.run(for: .seconds(1))
        #expect(house.established == [again] && host.established.count == 1)
    }
}
