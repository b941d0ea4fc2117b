import SCPGcrypt
import SCPRepeatableMLKEM
import SCPSimulation
import Testing

@testable import SCP

private typealias Repeatable = RepeatableProvider<GcryptProvider>
private typealias Settings = Configuration<Repeatable>
private typealias End = Pipe<Repeatable>.End

/// Suites 0x02 and 0x82: X25519 with ML-KEM-768, in the handshake and in rotation.
struct HybridTests {
    private func pipe(_ ends: [Settings]) throws -> Pipe<Repeatable> {
        try Pipe(initiator: ends[0], responder: ends[1])
    }

    private func failure(_ pipe: borrowing Pipe<Repeatable>, _ end: End) -> ConnectionError? {
        guard case .closed(.failed(let error))? = pipe.events[end]?.last else { return nil }
        return error
    }

    private func frames(_ bytes: [UInt8]) -> [[UInt8]] {
        var rest = bytes[...]
        var frames: [[UInt8]] = []
        while rest.count >= 14 {
            let start = rest.startIndex
            let size = 46 + rest[start + 10..<start + 14].reduce(0) { $0 << 8 | Int($1) }
            frames.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        return frames
    }

    // [SCP-HS-2] "`-> e, e1`, `<- e, ee, ekem1, s, es`, `-> s, se`" [SCP-ITEM-3]
    @Test(arguments: [false, true])
    func handshake(usesPSK: Bool) throws {
        var ends = try HybridFixture.ends(1)
        if usesPSK {
            let secret = try ends[0].provider.randomSecret(count: 32)
            for index in ends.indices { ends[index].usePresharedKeys(.common(secret)) }
        }
        var pipe = try pipe(ends)
        pipe.collect(from: .initiator)
        // A frame of 46 bytes with 15 of its own and a cookie of 32, and M1 with 3 before its Noise message.
        let noise = usesPSK ? 1_248 : 1_216
        #expect(pipe.inFlight(from: .initiator).count == 46 + 15 + 32 + 3 + noise)
        #expect(pipe.inFlight(from: .initiator)[46 - 32 + 15 + 32] == (usesPSK ? 0x82 : 0x02))
        try pipe.deliver(to: .responder)
        pipe.collect(from: .responder)
        // Both suites are listed: `0d 02 82 81`, and a ciphertext with its tag makes 1,104 bytes more than suite 0x01.
        #expect(pipe.inFlight(from: .responder).count == 46 + 15 + 32 + 1_104 + 48 + 3 + 4 + 16)
        pipe.settle()
        #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
        #expect(pipe.initiator.negotiatedSuite == (usesPSK ? .hybridPSK : .hybrid))
        #expect(pipe.responder.negotiatedSuite == pipe.initiator.negotiatedSuite)
        let identifiers = [pipe.initiator.sessionIdentifier, pipe.responder.sessionIdentifier].map { $0.map(array(_:)) }
        #expect(identifiers[0] == identifiers[1])
    }

    // [SCP-ROT-22] "T MUST be 1,248 in INIT and 1,152 in RESPONSE" [SCP-ROT-6]
    @Test(arguments: [RotationMode.ephemeral, .authenticated], [false, true])
    func rotation(mode: RotationMode, responderAsks: Bool) throws {
        var ends = try HybridFixture.ends(2)
        for index in ends.indices { ends[index].rotation.mode = mode }
        var pipe = try pipe(ends)
        pipe.settle()
        let asker = responderAsks ? End.responder : .initiator
        let answerer = asker.other
        for round in 1...3 {
            if responderAsks {
                pipe.responder.rotateKeys(at: pipe.now)
            } else {
                pipe.initiator.rotateKeys(at: pipe.now)
            }
            pipe.collect(from: asker)
            #expect(frames(pipe.inFlight(from: asker)).first { $0[1] == 1 }?.count == 46 + 16 + 14 + 1_248)
            try pipe.deliver(to: answerer)
            pipe.collect(from: answerer)
            #expect(frames(pipe.inFlight(from: answerer)).first { $0[1] == 2 }?.count == 46 + 16 + 14 + 1_152)
            pipe.settle()
            pipe.advance(by: .seconds(2))
            #expect(pipe.initiator.statistics.epoch == UInt16(round + 1))
            #expect(pipe.responder.statistics.epoch == UInt16(round + 1))
            _ = try pipe.initiator.send("round \(round)", at: pipe.now)
            pipe.settle()
            #expect(pipe.responder.readText(at: pipe.now) == "round \(round)")
        }
    }

    private static let policies: [(HybridPolicy, Bool)] = [
        (.classic, false), (.classic, true), (.prefer, false), (.prefer, true), (.require, true),
    ]

    /// What the two ends of every pair of policies come to, with and without ML-KEM in the backend.
    // [SCP-HS-33] [SCP-ITEM-4] [SCP-ITEM-27]
    @Test(arguments: HybridTests.policies.indices, HybridTests.policies.indices)
    func everyPairOfPolicies(initiator: Int, responder: Int) throws {
        let (wanted, initiatorHas) = Self.policies[initiator]
        let (offered, responderHas) = Self.policies[responder]
        var ends = try HybridFixture.ends(3, initiatorHas: initiatorHas, responderHas: responderHas)
        ends[0].use(wanted)
        ends[1].use(offered)
        let ours = wanted == .prefer && !initiatorHas ? .classic : wanted
        let theirs = offered == .prefer && !responderHas ? .classic : offered
        var pipe = try pipe(ends)
        pipe.settle()
        if ours == .classic && theirs == .require || ours != .classic && theirs == .classic {
            let failed = failure(pipe, .initiator)
            let error = try #require(failed)
            #expect(error.code == .unsupportedSuite)
            #expect(error.alternatives == (theirs == .classic ? [1] : [2]))
            guard ours == .prefer else { return }
            // A program may now offer the other suite of its list, and is told when that was a trick.
            ends[0].offeredSuite = .classic
            pipe = try self.pipe(ends)
            pipe.settle()
            #expect(pipe.initiator.negotiatedSuite == .classic)
        } else {
            #expect(pipe.initiator.negotiatedSuite == (ours == .classic ? .classic : .hybrid))
        }
        #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
    }

    /// Somebody on the path has said that the responder has no hybrid suite, which it has.
    // [SCP-ITEM-28]
    @Test func downgradeIsDetected() throws {
        var ends = try HybridFixture.ends(4)
        ends[0].offeredSuite = .classic
        var pipe = try pipe(ends)
        pipe.settle()
        let error = failure(pipe, .initiator)
        #expect(error?.code == .downgradeDetected)
        #expect(pipe.responder.state != .established)
    }

    /// A hybrid suite without ML-KEM, and an offer that is not in the list.
    @Test func impossibleConfigurationsAreRefused() throws {
        var ends = try HybridFixture.ends(5, initiatorHas: false)
        #expect(ends[0].suites == [.classic] && ends[1].suites == [.hybrid, .classic])
        ends[0].use(.require)
        #expect(throws: ConfigurationError.suites) { _ = try Connection(.initiator, ends[0], at: .zero) }
        ends[1].use(.require)
        ends[1].offeredSuite = .classic
        #expect(throws: ConfigurationError.suites) { _ = try Connection(.initiator, ends[1], at: .zero) }
        ends[1].usePresharedKeys(.common(Secret(count: 32)))
        #expect(ends[1].suites == [.hybridPSK])
    }

    /// Any byte of the encapsulation key in M1 changed, and of the ciphertext in M2: nobody has a session. The frames'
    /// own HMAC is a checksum here, so it is made anew.
    // [SCP-HS-2]
    @Test(arguments: [0, 32, 700, 1_215])
    func damagedKeys(place: Int) throws {
        var ends = try HybridFixture.ends(6)
        for index in ends.indices { ends[index].responderKey = nil }
        for end in [End.initiator, .responder] {
            var pipe = try pipe(ends)
            pipe.collect(from: .initiator)
            if end == .responder {
                try pipe.deliver(to: .responder)
                pipe.collect(from: .responder)
            }
            var frame = pipe.inFlight(from: end)
            let start = end == .initiator ? 14 + 15 + 32 + 3 : 14 + 15
            frame[start + min(place, 1_135)] ^= 0xff
            let provider = ends[0].provider
            let attempt = Attempt(rawValue: frame[14..<22].reduce(0) { $0 << 8 | UInt64($1) })
            let keys = try HelloKeys(
                provider: provider, hello: [], responderKey: nil, accessKey: nil, attempt: attempt)
            let key = end == .initiator ? keys.initiatorToResponder : keys.responderToInitiator
            let body = Array(frame.dropLast(32))
            frame = body + array(try key.authenticate(body.span))
            pipe.replaceInFlight(from: end, with: frame)
            pipe.settle()
            #expect(pipe.initiator.state != .established && pipe.responder.state != .established)
            let failures = End.allCases.compactMap { failure(pipe, $0) }.filter { $0.origin == .local }
            #expect(failures.map(\.code) == [.authenticationFailed])
        }
    }
}
