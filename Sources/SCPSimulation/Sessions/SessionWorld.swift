internal import SCP

/// Two engines and what lies between them.
protocol SessionWorld: AnyObject {
    typealias Engine = ConnectionBox<ForgeableProvider>

    var engines: [Engine] { get }
    var now: Instant { get }
    /// Calls of `advance` that an engine asked for.
    var wakeUps: Int { get }
    /// Whether the two have lost each other for good: one has moved, and the other cannot tell that it is the same, or
    /// both have, and neither knows where the other is.
    var isCutOff: Bool { get }
    /// What a side has reported and nobody has looked at.
    func takeEvents(_ side: Int) -> [Event]
    /// Lets a side say what it has to say.
    func collect(_ side: Int)
    /// Lets time go by; `body` is called after every step, and ends it early by saying true.
    func run(for time: Duration, until body: () -> Bool)
    /// What only the transport can do.
    func apply(_ step: SessionStep)
    /// Takes all obstacles away.
    func heal()
    /// Nothing passes any more.
    func part()
}

/// Over a ``SimulatedNetwork``.
final class DatagramWorld: SessionWorld {
    private var pair: DatagramPair<ForgeableProvider>
    private let witness: SessionWitness
    let engines: [Engine]
    private var taken = [0, 0]
    private let hasIdentifiers: [Bool]
    private var hasMoved = [false, false]
    private var isForgotten = false

    var isCutOff: Bool {
        let areBothLost = (0..<2).allSatisfy { engines[$0].connection.remoteAddress != pair.addresses[1 - $0] }
        return isForgotten || areBothLost
    }

    init(
        _ configurations: [Configuration<ForgeableProvider>], _ plan: SessionPlan, _ witness: SessionWitness
    ) throws(ConfigurationError) {
        let pair = try DatagramPair(
            initiator: configurations[0], responder: configurations[1], seed: plan.seed,
            connectionIDs: plan.sides.map(\.connectionID))
        self.pair = pair
        self.witness = witness
        engines = self.pair.engines
        hasIdentifiers = plan.sides.map { !$0.connectionID.isEmpty }
        self.pair.observe = { side, bytes, wasAccepted, now in
            if let wasAccepted {
                witness.arrived(side, bytes, wasAccepted: wasAccepted)
            } else {
                witness.sentDatagram(side, bytes, at: now)
            }
        }
    }

    var now: Instant { pair.now }
    var wakeUps: Int { pair.wakeUps }

    func takeEvents(_ side: Int) -> [Event] {
        defer { taken[side] = pair.events[side].count }
        return Array(pair.events[side][taken[side]...])
    }

    func collect(_ side: Int) { pair.collect(side) }

    func run(for time: Duration, until body: () -> Bool) {
        let end = pair.now.advanced(by: time)
        while pair.step(until: end) { if body() { return } }
        pair.skip(to: end)
    }

    func apply(_ step: SessionStep) {
        switch step.action {
        case .link(let conditions): pair.conditions[step.side] = conditions
        case .rebind(let port):
            hasMoved[step.side] = true
            pair.addresses[step.side] = pair.addresses[step.side].on(port: port)
            // Epoch 0 knows one address, and later ones another only with connection ids. [SCP-DGRAM-36]
            isForgotten =
                isForgotten || !hasIdentifiers[1 - step.side] || engines.contains { $0.connection.peer == nil }
        case .forge(let bit, let isReflected): forge(step.side, bit, isReflected)
        default: break
        }
    }

    /// [S10] What is not authentic changes nothing.
    private func forge(_ side: Int, _ bit: Int?, _ isReflected: Bool) {
        let known = witness.recent[isReflected ? side : 1 - side]
        guard !known.isEmpty else { return }
        var bytes = known[(bit ?? known.count - 1) % known.count]
        if let bit { bytes[bit / 8 % bytes.count] ^= 1 << UInt8(bit % 8) }
        let before = Snapshot(engines[side])
        let isAccepted = pair.deliver(bytes, to: side)
        let after = Snapshot(engines[side])
        if !isAccepted, before.state == .established, before != after {
            witness.breaks("S10", "a datagram that is not accepted changed \(before) to \(after)")
        }
    }

    func heal() {
        var conditions = LinkConditions()
        conditions.delay = .milliseconds(20)
        pair.conditions = [conditions, conditions]
        // Who has moved and has nothing to say is not found by one who has.
        for side in 0..<2 where hasMoved[side] { engines[side].connection.ping(at: pair.now) }
    }

    func part() {
        var conditions = LinkConditions()
        conditions.isDown = true
        pair.conditions = [conditions, conditions]
    }

    /// What may not change.
    private struct Snapshot: Equatable {
        let state: ConnectionState
        let deadline: Deadline?
        let memory: Int
        var statistics: Statistics

        init(_ engine: Engine) {
            state = engine.connection.state
            deadline = engine.connection.deadline
            memory = engine.connection.memory
            statistics = engine.connection.statistics
            statistics.drops = DropCounts()
            statistics.bytesReceived = 0
        }
    }
}

extension Address {
    fileprivate func on(port: UInt16) -> Address { Address(ipv4: UInt32(truncatingIfNeeded: low), port: port) }
}
