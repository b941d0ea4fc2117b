public import SCP

/// Something that lives on a simulated network: an engine with what feeds it. Any protocol's will do, as long as it
/// does no I/O of its own.
public protocol SimulatedNode: AnyObject {
    associatedtype Address: Hashable & Sendable

    func receive(_ bytes: [UInt8], from source: Address, at now: Instant)
    /// The next datagram that it wants to send; nil when it has none.
    func pollTransmit(at now: Instant) -> (bytes: [UInt8], destination: Address)?
    /// When it wants to be called although nothing arrives; nil for never.
    var deadline: Instant? { get }
    /// The time has come to `now`: do what is due.
    func advance(to now: Instant)
}

/// Nodes, a network between them, and a clock that costs nothing: time jumps from one event to the next.
///
/// One step is one event, an arrival or a deadline; after it every node is polled until it is silent. A check can look
/// at everything after each step, which is how invariants are meant to be tested.
public struct Simulation<Node: SimulatedNode> {
    public enum Stop: Equatable, Sendable {
        /// The time that was asked for has come.
        case time
        /// Nothing is on its way, and nobody waits for anything.
        case quiet
        /// The condition that was waited for holds.
        case condition
        /// This many steps were made, and it goes on.
        case steps
    }

    public private(set) var now: Instant
    public var network: SimulatedNetwork<Node.Address>
    public private(set) var log = EventLog()
    public private(set) var steps = 0
    /// In the order in which they were added, so that every run visits them alike.
    private var nodes: [(address: Node.Address, node: Node)] = []

    public init(network: SimulatedNetwork<Node.Address>, at start: Instant = .zero) {
        self.network = network
        now = start
    }

    /// A node that is there already is replaced: its host has crashed and begins anew.
    public mutating func add(_ node: Node, at address: Node.Address) {
        if let index = nodes.firstIndex(where: { $0.address == address }) {
            nodes[index].node = node
        } else {
            nodes.append((address, node))
        }
        poll()
    }

    public func node(at address: Node.Address) -> Node? { nodes.first { $0.address == address }?.node }

    /// Lets every node say what it has to say. Called by itself after each step; after the application has done
    /// something to a node, call it.
    public mutating func poll() {
        for (address, node) in nodes {
            while let (bytes, destination) = node.pollTransmit(at: now) {
                log.note("sent \(address) to \(destination)", bytes, at: now)
                network.send(bytes, from: address, to: destination, at: now)
            }
        }
    }

    /// The earliest event to come.
    public var nextEvent: Instant? {
        let deadlines = nodes.compactMap(\.node.deadline)
        return ([network.nextArrival].compactMap { $0 } + deadlines).min()
    }

    /// Goes to the next event and lets it happen; false when there is none by `end`.
    public mutating func step(until end: Instant) -> Bool {
        guard let next = nextEvent, next <= end else { return false }
        now = max(now, next)
        steps += 1
        if let datagram = network.receive(at: now) {
            log.note("arrived \(datagram.source) at \(datagram.destination)", datagram.bytes, at: now)
            node(at: datagram.destination)?.receive(datagram.bytes, from: datagram.source, at: now)
        } else {
            for (address, node) in nodes {
                guard let deadline = node.deadline, deadline <= now else { continue }
                log.note("deadline \(address)", at: now)
                node.advance(to: now)
            }
        }
        poll()
        return true
    }

    /// Runs for a time.
    public mutating func run(for time: Duration, atMost limit: Int = .max) -> Stop {
        run(for: time, atMost: limit) { _ in false }
    }

    /// Runs for a time, or until a condition holds, which is looked at after every step.
    public mutating func run<Failure: Error>(
        for time: Duration, atMost limit: Int = .max, until condition: (Simulation) throws(Failure) -> Bool
    ) throws(Failure) -> Stop {
        let end = now.advanced(by: time)
        let first = steps
        poll()
        while try !condition(self) {
            guard steps - first < limit else { return .steps }
            guard step(until: end) else {
                let isQuiet = nextEvent == nil
                now = max(now, end)
                return isQuiet ? .quiet : .time
            }
        }
        return .condition
    }
}
