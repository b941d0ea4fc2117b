public import SCP

/// What a simulated session came to.
public struct SessionOutcome: Sendable {
    /// The first rule that was broken; nil for none.
    public var broken: BrokenInvariant?
    /// Stands for every byte that was sent, when, and what the application was told: the same in every process and
    /// build.
    public var hash: UInt64
    /// Steps of the simulation.
    public var events: Int
    public var simulated: Duration
    /// How each side ended.
    public var closures: [Closure?]
    public var frames: Int
    public var messages: Int
    public var rotations: Int
    /// The newest entries of the log.
    public var tail: [String]
}

/// Does what a ``SessionPlan`` says, between two real engines, and holds both to the rules of the protocol after every
/// step.
///
/// Safety. **S1** the sequence of protected frames rises. **S2** only what the peer sent is accepted, and once.
/// **S3** messages arrive as they were sent and as their channel promises. **S4** nothing before the peer is accepted.
/// **S5** both have the same keys for an epoch, and export the same. **S6** epochs differ by one at most, and of two at
/// most there are keys. **S7** memory is bounded. **S8** who is asked twice says nothing the second time. **S9** an
/// address that has proved nothing gets three times what it sent. **S10** what is not authentic changes nothing.
/// **S11** clean means delivered, and nothing follows the close. **S12** both have the same session, or none, and
/// opposite roles. **S13** no secret is sent or reported.
///
/// Liveness. **T1** once the network is good, everything arrives. **T2** soon, both are established in one epoch.
/// **T3** deadlines lie ahead, a closed connection has none, and nobody is woken for nothing. **T4** what is repeated
/// has an end. **T5** every connection ends, and has no keys then. **T7** with a reader that reads, something arrives
/// all the time.
public final class SessionRun {
    /// From when nothing is in the way until all has arrived: a probe timeout may have doubled to the idle time.
    private static var patience: Duration { .seconds(60) }
    /// Until both are closed, whatever happened: idle times, and those of closing, which last three probe timeouts
    /// where a datagram was held back for long.
    private static var end: Duration { .seconds(600) }
    /// Frames of both sides in that time, keep-alive and rotation included.
    private static var lastWords: Int { 1_000 }
    let plan: SessionPlan
    let world: any SessionWorld
    let witness: SessionWitness
    var model: ReferenceModel
    private let keys: [ForgeablePrivateKey]
    private let provider: ForgeableProvider
    /// What each side has been asked, and when it answers.
    var questions: [[(event: Event, due: Instant)]] = [[], []]
    private(set) var steps = 0
    var stepsAtOnce = 0
    var lastInstant = Instant.zero
    /// How much was missing on a good network, and since when no less.
    var lastArrival = (missing: Int.max, at: Instant.zero)
    /// How often both ends are asked for something although they have not asked to be; nil for never.
    private let ticks: Duration?

    /// - Parameters:
    ///   - ticks: call both ends this often, beside when they ask for it. It must make no difference.
    ///   - log: how many of the newest entries of the log are kept as text.
    public init(_ plan: SessionPlan, ticks: Duration? = nil, log: Int = 0) throws(ConfigurationError) {
        self.plan = plan
        self.ticks = ticks
        let ledger = SecretLedger()
        witness = SessionWitness(keeping: log, ledger)
        model = ReferenceModel(seed: plan.seed)
        provider = ForgeableProvider(seed: plan.seed, isKeyed: true, ledger: ledger)
        do throws(CryptoError) {
            keys = [
                try provider.privateKey(provider.randomSecret(count: 32)),
                try provider.privateKey(provider.randomSecret(count: 32)),
            ]
        } catch { throw .backend }
        var configurations: [Configuration<ForgeableProvider>] = []
        for side in 0..<2 {
            configurations.append(plan.sides[side].configuration(provider, keys[side], keys[1 - side]))
        }
        world =
            switch plan.transport {
            case .datagrams: try DatagramWorld(configurations, plan, witness)
            case .stream: try StreamWorld(configurations, witness)
            }
    }

    /// Runs the plan to its end, or to the first rule that is broken.
    public func run() -> SessionOutcome {
        do throws(BrokenInvariant) {
            for step in plan.steps {
                try pass(step.after)
                try perform(step)
                try look()
            }
            try settle()
            try finish()
        } catch {
            witness.breaks(error.name, error.text)
        }
        let statistics = world.engines.map { $0.connection.statistics }
        return SessionOutcome(
            broken: witness.broken, hash: witness.log.hash, events: steps, simulated: world.now.since(.zero),
            closures: model.closures, frames: witness.sentFrames[0] + witness.sentFrames[1], messages: model.read,
            rotations: Int(clamping: statistics[0].rotations), tail: witness.log.tail)
    }

    // MARK: Time

    private func pass(_ time: Duration) throws(BrokenInvariant) {
        let end = world.now.advanced(by: time)
        while true {
            let left = end.since(world.now)
            let slice = min(left, ticks ?? left)
            var broken: BrokenInvariant?
            world.run(for: slice) {
                steps += 1
                do throws(BrokenInvariant) { try look() } catch { broken = error }
                return broken != nil
            }
            if let broken { throw broken }
            if world.now >= end { return }
        }
    }

    /// Takes the obstacles away, and waits for everything to arrive.
    private func settle() throws(BrokenInvariant) {
        world.heal()
        lastArrival.at = world.now
        let end = world.now.advanced(by: Self.patience)
        while world.now < end {
            for side in 0..<2 {
                answer(side, all: true)
                try read(side, 1_000)
            }
            try look()
            if isSettled { return }
            if !isOver { try lookAtProgress(missing: missing.count) }
            try pass(.milliseconds(250))
        }
        if !isOver, let first = missing.first {
            throw BrokenInvariant("T1", "\(missing.count) messages did not arrive, the first \(first)")
        }
        if !isOver {
            throw BrokenInvariant("T2", "epochs \(epochs), states \(world.engines.map { $0.connection.state })")
        }
    }

    var epochs: [UInt16] { world.engines.map { $0.connection.statistics.epoch } }
    private var missing: [(channel: Channel, id: Int)] { (0..<2).flatMap { model.missing(from: $0) } }
    private var isOver: Bool { model.closures[0] != nil || model.closures[1] != nil }
    private var isSettled: Bool {
        if isOver { return true }
        let states = world.engines.map { $0.connection.state }
        return states == [.established, .established] && epochs[0] == epochs[1] && missing.isEmpty
    }

    /// Ends the session as the plan says, and sees to it that both ends notice.
    private func finish() throws(BrokenInvariant) {
        switch plan.ending {
        case .closedByInitiator: world.engines[0].connection.close(at: world.now)
        case .closedByResponder: world.engines[1].connection.close(at: world.now)
        case .closedByBoth: for engine in world.engines { engine.connection.close(at: world.now) }
        case .partition: world.part()
        case .silence: break
        }
        // With keep-alive on, silence has no end.
        let isEndless = plan.ending == .silence && plan.sides.contains { $0.keepAlive }
        let (wakeUps, frames) = (world.wakeUps, witness.sentFrames[0] + witness.sentFrames[1])
        for _ in 0..<12 {
            try pass(Self.end / 12)
            for side in 0..<2 { try read(side, 1_000) }
        }
        for side in 0..<2 where !isEndless || model.closures[side] != nil {
            let connection = world.engines[side].connection.state
            guard connection == .closed else { throw BrokenInvariant("T5", "side \(side) is \(connection) at the end") }
        }
        if world.wakeUps - wakeUps > 5_000 {
            throw BrokenInvariant("T3", "woken \(world.wakeUps - wakeUps) times for nothing")
        }
        let said = witness.sentFrames[0] + witness.sentFrames[1] - frames
        if said > Self.lastWords { throw BrokenInvariant("T4", "\(said) frames with nothing left to say") }
        try model.checkEnd()
    }

    // MARK: The application

    private func perform(_ step: SessionStep) throws(BrokenInvariant) {
        let side = step.side
        let engine = world.engines[side]
        let now = world.now
        switch step.action {
        case .send(let channel, let size, let expiry): try send(side, channel, size, expiry)
        case .read(let count): try read(side, count)
        case .cancel(let channel):
            let id = model.nextID(side, channel) - 1
            guard id >= 0 else { return }
            if engine.connection.cancel(MessageID(rawValue: UInt64(id)), on: channel, at: now) {
                // On datagrams one that has been sent whole may be given up, and arrive all the same.
                model.excuse(side, channel, UInt64(id), isCancelled: plan.transport == .stream)
            }
        case .refuse(let channel):
            let id = UInt64(model.firstUnread(1 - side, channel))
            engine.connection.refuse(MessageID(rawValue: id), on: channel, at: now)
            model.excuse(1 - side, channel, id)
        case .rotate: engine.connection.rotateKeys(at: now)
        case .ping: engine.connection.ping(at: now)
        case .finish: engine.connection.finish(at: now)
        case .abort: engine.connection.abort(at: now)
        case .close(let waits): engine.connection.close(afterPeerFinished: waits, at: now)
        case .forge, .link, .rebind, .stream, .cut: world.apply(step)
        }
        world.collect(side)
    }

    private func send(_ side: Int, _ channel: Channel, _ size: Int, _ expiry: Duration?) throws(BrokenInvariant) {
        let bytes = model.payload(side, channel, model.nextID(side, channel), size: size)
        let expires = plan.transport == .datagrams ? expiry.map { world.now.advanced(by: $0) } : nil
        let id: MessageID
        do throws(SendError) {
            id = try world.engines[side].connection.send(bytes.span, on: channel, expiring: expires, at: world.now)
        } catch { return }
        try model.accepted(side, channel, id, size: size, expires: expires != nil)
    }

    private func read(_ side: Int, _ count: Int) throws(BrokenInvariant) {
        try hear(side)
        for _ in 0..<count {
            let message = world.engines[side].connection.read(at: world.now) { message, bytes in
                (
                    message,
                    [UInt8](capacity: bytes.count) { output in
                        for index in bytes.indices { output.append(bytes[index]) }
                    }
                )
            }
            guard let (message, bytes) = message else { break }
            witness.note("read", bytes, at: world.now)
            try model.didRead(side, message, bytes)
        }
        world.collect(side)
    }

    /// Answers what a side has asked, as far as its time has come.
    func answer(_ side: Int, all: Bool = false) {
        let engine = world.engines[side]
        let due = questions[side].filter { all || $0.due <= world.now }
        guard !due.isEmpty else { return }
        questions[side].removeAll { all || $0.due <= world.now }
        for question in due {
            switch question.event {
            case .identityPending:
                let isWelcome = plan.sides[side].policy != .askAndReject
                engine.connection.resolveIdentity(isWelcome ? .accept : .reject, at: world.now)
            case .agreementNeeded(let request):
                let secret = try? provider.sharedSecret(keys[side], with: request.peer)
                engine.connection.resolveAgreement(request.id, secret.map { .secret($0) } ?? .failed, at: world.now)
            default: break
            }
        }
        world.collect(side)
    }

    /// Takes note of what a side has reported.
    func hear(_ side: Int) throws(BrokenInvariant) {
        for event in world.takeEvents(side) {
            witness.reported(event, at: world.now)
            try model.note(event, of: side)
            switch event {
            case .identityPending, .agreementNeeded:
                let time = plan.sides[side].answersAfter
                questions[side].append((event, time.map { world.now.advanced(by: $0) } ?? Instant(nanoseconds: .max)))
            default: break
            }
        }
    }
}

extension SessionPlan.Side {
    fileprivate func configuration(
        _ provider: ForgeableProvider, _ key: ForgeablePrivateKey, _ peer: ForgeablePrivateKey
    ) -> Configuration<ForgeableProvider> {
        let known = peer.publicKey
        let identity: IdentityPolicy =
            switch policy {
            case .pinned: .pinned(known)
            case .anyone: .anyone
            case .ask, .askAndReject: .ask
            }
        var configuration = Configuration(
            provider: provider, identity: isKeyExternal ? .external(key.publicKey) : .held(key),
            identityPolicy: identity)
        configuration.limits = limits
        configuration.rotation = rotation
        configuration.timers.keepAlive = keepAlive
        configuration.acknowledgesEveryMessage = acknowledgesEveryMessage
        return configuration
    }
}
