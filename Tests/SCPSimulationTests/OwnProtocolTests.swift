import SCP
import SCPSimulation
import Synchronization
import Testing

/// How a user tests a protocol of their own on the simulation: stop and wait, which repeats a message until its number
/// comes back. `isCareless` leaves out the check of the number, as a first draft might.
private final class StopAndWait: SimulatedNode {
    let peer: Int
    let isCareless: Bool
    private var toSend: [UInt8]
    private var next: UInt8 = 0
    private var expected: UInt8 = 0
    private var owed: [[UInt8]] = []
    private(set) var received: [UInt8] = []
    private(set) var deadline: Instant?

    init(peer: Int, sends messages: [UInt8] = [], isCareless: Bool = false) {
        self.peer = peer
        self.isCareless = isCareless
        toSend = messages
        if !messages.isEmpty { deadline = .zero }
    }

    var isDone: Bool { toSend.isEmpty }

    func receive(_ bytes: [UInt8], from source: Int, at now: Instant) {
        guard bytes.count == 3, bytes[2] == bytes[0] &+ bytes[1] else { return }  // a checksum against damage
        if bytes[0] & 0x80 == 0 {
            owed.append([bytes[0] | 0x80, bytes[1], (bytes[0] | 0x80) &+ bytes[1]])
            guard isCareless || bytes[0] == expected else { return }
            received.append(bytes[1])
            expected = bytes[0] ^ 1
        } else if !toSend.isEmpty, isCareless || bytes[0] & 0x7f == next {
            toSend.removeFirst()
            next ^= 1
            deadline = toSend.isEmpty ? nil : now
        }
    }

    func advance(to now: Instant) {
        guard let message = toSend.first else { return }
        owed.append([next, message, next &+ message])
        deadline = now.advanced(by: .milliseconds(200))
    }

    func pollTransmit(at now: Instant) -> (bytes: [UInt8], destination: Int)? {
        owed.isEmpty ? nil : (owed.removeFirst(), peer)
    }
}

@Suite struct OwnProtocolTests {
    private static let messages: [UInt8] = Array(10..<30)

    private func run(
        _ conditions: LinkConditions, seed: UInt64, isCareless: Bool = false,
        _ decide: (@Sendable (SimulatedDatagram<Int>) -> SimulatedNetwork<Int>.Fate)? = nil
    ) -> (received: [UInt8], log: EventLog, stop: Simulation<StopAndWait>.Stop) {
        var simulation = Simulation<StopAndWait>(network: SimulatedNetwork(seed: seed, conditions: conditions))
        simulation.network.decide = decide
        let sender = StopAndWait(peer: 2, sends: Self.messages, isCareless: isCareless)
        let receiver = StopAndWait(peer: 1, isCareless: isCareless)
        simulation.add(sender, at: 1)
        simulation.add(receiver, at: 2)
        let stop = simulation.run(for: .seconds(3_600)) { _ in sender.isDone }
        return (receiver.received, simulation.log, stop)
    }

    @Test(arguments: UInt64(0)..<200)
    func everySeedArrives(seed: UInt64) {
        // A late copy of an old message can pass for a new one when there is but one bit of number: not its promise.
        var conditions = LinkConditions.swarm(SeededGenerator(seed: seed))
        conditions.replay = .never
        conditions.duplication = .never
        conditions.reflection = .never
        conditions.reordering = .never
        conditions.jitter = .zero
        conditions.delay = min(conditions.delay, .milliseconds(90))
        conditions.rate = nil
        let (received, _, stop) = run(conditions, seed: seed)
        #expect(stop == .condition)
        #expect(received == Self.messages)
    }

    /// The careless one fails, and shrinking leaves the one loss that it cannot bear.
    @Test func shrinkingFindsTheOneLossThatMatters() {
        let lossy = Array(0..<40)
        func fails(_ lost: [Int]) -> Bool {
            let counter = Counter()
            let (received, _, _) = run(LinkConditions(), seed: 1, isCareless: true) { _ in
                lost.contains(counter.next()) ? .lost : .usual
            }
            return received != Self.messages
        }
        #expect(fails(lossy.filter { $0 % 3 == 1 }))
        let smallest = shrink(lossy.filter { $0 % 3 == 1 }, while: fails)
        #expect(smallest.count == 1)
        #expect(fails(smallest) && !fails([]))
    }

    /// The same in every process and build: the number is written down.
    @Test func theLogOfASeedHasOneHash() {
        let conditions = LinkConditions.swarm(SeededGenerator(seed: 7))
        let first = run(conditions, seed: 7).log
        let second = run(conditions, seed: 7).log
        #expect(first.hash == second.hash && first.count == second.count)
        #expect(first.hash == 14_007_698_538_482_324_938)
        #expect(run(conditions, seed: 8).log.hash != first.hash)
        #expect(first.tail.count == first.count && first.tail.first?.contains("deadline 1") == true)
    }

    @Test func aSimulationFallsQuietOrRunsOutOfTime() {
        var simulation = Simulation<StopAndWait>(network: SimulatedNetwork(seed: 1))
        simulation.add(StopAndWait(peer: 2), at: 1)
        let first = simulation.run(for: .seconds(5))
        #expect(first == .quiet)
        #expect(simulation.now == .zero.advanced(by: .seconds(5)))
        // Nobody answers: it goes on for ever, by its timer.
        simulation.add(StopAndWait(peer: 3, sends: [1]), at: 1)
        let second = simulation.run(for: .seconds(10))
        let third = simulation.run(for: .seconds(10), atMost: 3)
        #expect(second == .time && third == .steps)
        #expect(simulation.steps > 50)
        // A host that crashes and begins anew.
        simulation.add(StopAndWait(peer: 3), at: 1)
        #expect(simulation.node(at: 1)?.isDone == true)
    }
}

/// Numbers, one after the other.
private final class Counter: Sendable {
    private let value = Mutex(0)

    func next() -> Int {
        value.withLock { value in
            defer { value += 1 }
            return value
        }
    }
}
