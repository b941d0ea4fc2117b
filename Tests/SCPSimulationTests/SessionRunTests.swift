import Testing

@testable import SCP
@testable import SCPSimulation

/// Sessions by their seeds. `scp-simulate` runs thousands of them; here is what makes them worth running.
struct SessionRunTests {
    @Test(arguments: SessionPlan.Transport.allCases)
    func everyRuleIsKept(_ transport: SessionPlan.Transport) throws {
        var messages = 0
        var rotations = 0
        var orderly = 0
        for seed in UInt64(1)...60 {
            let outcome = try SessionRun(SessionPlan(seed: seed, transport: transport)).run()
            #expect(outcome.broken == nil, "seed \(seed)")
            messages += outcome.messages
            rotations += outcome.rotations
            if outcome.closures.contains(where: { $0?.isOrderly ?? false }) { orderly += 1 }
        }
        // They were sessions worth looking at.
        #expect(messages > 100 && rotations > 10 && orderly > 15)
    }

    /// Scenario 91: `.ci/simulate` compares processes and builds.
    @Test func aSeedIsTheSameSessionEveryTime() throws {
        for seed in UInt64(1)...20 {
            let first = try SessionRun(SessionPlan(seed: seed)).run()
            let second = try SessionRun(SessionPlan(seed: seed)).run()
            #expect(first.hash == second.hash && first.events == second.events)
        }
        let hashes = try (UInt64(1)...20).map { try SessionRun(SessionPlan(seed: $0)).run().hash }
        #expect(Set(hashes).count == 20)
    }

    /// Who calls an engine although it has asked for nothing gets nothing else.
    @Test(arguments: SessionPlan.Transport.allCases)
    func callsThatNobodyAskedForMakeNoDifference(_ transport: SessionPlan.Transport) throws {
        for seed in UInt64(1)...15 {
            let plan = SessionPlan(seed: seed, transport: transport)
            let usual = try SessionRun(plan).run()
            let ticking = try SessionRun(plan, ticks: .milliseconds(11)).run()
            #expect(usual.hash == ticking.hash, "seed \(seed)")
        }
    }

    /// Whatever is left out of a plan, the rest is one.
    @Test func aPlanMayBeCut() throws {
        let plan = SessionPlan(seed: 3)
        let shortest = try shrink(plan.steps) { steps in
            var shorter = plan
            shorter.steps = steps
            let outcome = try SessionRun(shorter).run()
            return outcome.broken == nil && outcome.messages >= 2
        }
        #expect(shortest.count < plan.steps.count)
        #expect(shortest.count >= 2)
    }
}

/// The rules themselves can be broken.
struct ReferenceModelTests {
    private let channel = Channel(0)

    private func model(_ channel: Channel, _ count: Int) throws -> ReferenceModel {
        var model = ReferenceModel(seed: 5)
        for id in 0..<count {
            try model.accepted(0, channel, MessageID(rawValue: UInt64(id)), size: 10, expires: false)
        }
        let key = PublicKey([32 of UInt8](repeating: 1))
        try model.note(
            .established(Peer(publicKey: key, applicationProtocol: nil, isFirstUse: false)), of: 1)
        return model
    }

    private func read(_ model: inout ReferenceModel, _ channel: Channel, _ id: Int) throws(BrokenInvariant) {
        let bytes = model.payload(0, channel, id, size: 10)
        try model.didRead(1, ReceivedMessage(channel: channel, id: MessageID(rawValue: UInt64(id))), bytes)
    }

    private func broken(_ body: () throws(BrokenInvariant) -> Void) -> String? {
        do throws(BrokenInvariant) { try body() } catch { return error.name }
        return nil
    }

    @Test(arguments: DeliveryMode.allCases)
    func orderAndRepetition(_ mode: DeliveryMode) throws {
        let channel = Channel(1, mode)
        var model = try model(channel, 3)
        #expect(broken { () throws(BrokenInvariant) in try read(&model, channel, 0) } == nil)
        #expect(broken { () throws(BrokenInvariant) in try read(&model, channel, 0) } == "S3")
        // 1 is left out: only where every message comes in order is that wrong.
        let skipped = broken { () throws(BrokenInvariant) in try read(&model, channel, 2) }
        #expect(skipped == (mode == .reliableOrdered ? "S3" : nil))
        guard skipped == nil else { return }
        let late = broken { () throws(BrokenInvariant) in try read(&model, channel, 1) }
        #expect(late == (mode == .unreliableSequenced ? "S3" : nil))
    }

    @Test func bytesAndNumbers() throws {
        var model = try model(channel, 1)
        let other = ReceivedMessage(channel: channel, id: MessageID(rawValue: 0))
        #expect(broken { () throws(BrokenInvariant) in try model.didRead(1, other, [1, 2, 3]) } == "S3")
        let unsent = ReceivedMessage(channel: channel, id: MessageID(rawValue: 7))
        #expect(broken { () throws(BrokenInvariant) in try model.didRead(1, unsent, []) } == "S3")
        #expect(broken { () throws(BrokenInvariant) in try model.didRead(0, other, []) } == "S4")
        let number = MessageID(rawValue: 5)
        #expect(
            broken { () throws(BrokenInvariant) in try model.accepted(0, channel, number, size: 1, expires: false) }
                == "S3")
    }

    @Test func whatWasGivenUpDoesNotArrive() throws {
        var model = try model(channel, 2)
        model.excuse(0, channel, 0, isCancelled: true)
        var copy = model
        #expect(broken { () throws(BrokenInvariant) in try read(&copy, channel, 0) } == "S3")
        // And what follows may.
        #expect(broken { () throws(BrokenInvariant) in try read(&model, channel, 1) } == nil)
    }

    @Test func cleanMeansDelivered() throws {
        var model = try model(channel, 1)
        try model.note(.closed(.clean), of: 0)
        #expect(broken { () throws(BrokenInvariant) in try model.checkEnd() } == "S11")
        #expect(broken { () throws(BrokenInvariant) in try model.note(.writable, of: 0) } == "S11")
        var other = try self.model(channel, 1)
        try other.note(.delivered(channel, through: MessageID(rawValue: 0)), of: 0)
        #expect(broken { () throws(BrokenInvariant) in try other.checkEnd() } == "S11")
        try read(&other, channel, 0)
        #expect(broken { () throws(BrokenInvariant) in try other.checkEnd() } == nil)
    }

    /// What goes over the wire is looked at as well.
    @Test func framesThatMayNotBe() throws {
        func frame(_ counter: UInt64) throws -> [UInt8] {
            try #require(ForgeableProvider.forge(.data, epoch: 1, counter: counter, plaintext: [1]))
        }
        let witness = SessionWitness(keeping: 0, SecretLedger())
        witness.sentDatagram(0, try frame(1) + frame(2), at: .zero)
        #expect(witness.broken == nil)
        witness.sentDatagram(0, try frame(2), at: .zero)
        #expect(witness.broken?.name == "S1")

        let empty = SessionWitness(keeping: 0, SecretLedger())
        empty.sentDatagram(0, [], at: .zero)
        #expect(empty.broken?.name == "S1")

        let foreign = SessionWitness(keeping: 0, SecretLedger())
        foreign.sentDatagram(0, try frame(1), at: .zero)
        foreign.arrived(1, try frame(1), wasAccepted: true)
        foreign.arrived(1, try frame(9), wasAccepted: false)
        #expect(foreign.broken == nil)
        foreign.arrived(0, try frame(1), wasAccepted: true)
        #expect(foreign.broken?.name == "S2")
    }

    /// [S2] A frame is accepted once.
    @Test func whatComesAgain() throws {
        let frame = try #require(ForgeableProvider.forge(.data, epoch: 1, counter: 1, plaintext: [1]))
        let witness = SessionWitness(keeping: 0, SecretLedger())
        witness.sentDatagram(0, frame, at: .zero)
        witness.arrived(1, frame, wasAccepted: true)
        witness.arrived(1, frame, wasAccepted: false)
        #expect(witness.broken == nil)
        witness.arrived(1, frame, wasAccepted: true)
        #expect(witness.broken?.name == "S2")
    }

    /// [S13] A secret on the wire or in what is reported is found, whole or in part, and nothing else is.
    @Test func secretsThatAreSaid() throws {
        let ledger = SecretLedger()
        let secret = (0..<32).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
        ledger.note(secret.span)
        let witness = SessionWitness(keeping: 0, ledger)
        witness.sent(0, [UInt8](repeating: 7, count: 200) + secret.reversed(), at: .zero)
        witness.reported(.writable, at: .zero)
        #expect(witness.broken == nil)
        #expect(ledger.find(in: [1, 2, 3] + secret[5..<20]) == 3 + 3)
        let digits = secret[10..<26].map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(
            ledger.isSaid(in: "key: 0\(digits)") && ledger.isSaid(in: digits) && !ledger.isSaid(in: "0123456789abcdef"))
        witness.sent(1, [0] + secret, at: .zero)
        #expect(witness.broken?.name == "S13")

        // A whole session has made some, and its provider told of all.
        let known = SecretLedger()
        let provider = ForgeableProvider(seed: 1, isKeyed: true, ledger: known)
        let keys = try (0..<2).map { _ in try provider.privateKey(provider.randomSecret(count: 32)) }
        var pipe = try Pipe(
            initiator: Configuration(provider: provider, identity: keys[0], identityPolicy: .anyone),
            responder: Configuration(provider: provider, identity: keys[1], identityPolicy: .anyone))
        pipe.settle()
        let binding = pipe.initiator.channelBinding
        let found = binding.map { secret in
            let bytes = secret.bytes
            return known.find(in: bytes.indices.map { bytes[$0] })
        }
        #expect(found == .some(0) && known.count > 100)
    }
}

/// What loss costs.
struct LossCostTests {
    /// [T4] With every tenth datagram lost both ways, at most three times the frames of a run without loss.
    @Test func threeTimesAtMost() throws {
        var (clean, lossy) = (0, 0)
        for seed in UInt64(1)...80 {
            var plan = SessionPlan(seed: seed, transport: .datagrams)
            plan.ending = .closedByInitiator
            plan.steps = plan.steps.filter { step in
                switch step.action {
                case .send(_, _, nil), .read, .rotate, .ping: true
                default: false
                }
            }
            var conditions = LinkConditions()
            conditions.delay = .milliseconds(20)
            func run(_ loss: Chance) throws -> SessionOutcome {
                var plan = plan
                conditions.loss = loss
                plan.steps = (0..<2).map { SessionStep(after: .zero, side: $0, action: .link(conditions)) } + plan.steps
                return try SessionRun(plan).run()
            }
            let runs = [try run(.never), try run(Chance(1, in: 10))]
            #expect(runs.allSatisfy { $0.broken == nil }, "seed \(seed)")
            // A session of few frames has a handshake, a close and a probe or two.
            #expect(runs[1].frames <= 3 * runs[0].frames + 30, "seed \(seed): \(runs.map(\.frames))")
            clean += runs[0].frames
            lossy += runs[1].frames
        }
        #expect(clean > 2_000 && lossy <= 2 * clean, "\(lossy) frames for \(clean)")
    }
}
