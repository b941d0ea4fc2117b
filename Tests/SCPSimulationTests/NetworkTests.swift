import SCP
import SCPSimulation
import Testing

/// The simulated network does what its conditions say, and always the same.
@Suite struct NetworkTests {
    private typealias Network = SimulatedNetwork<Int>

    private func after(_ milliseconds: Int64) -> Instant { .zero.advanced(by: .milliseconds(milliseconds)) }

    /// Sends `count` datagrams of 100 bytes, a millisecond apart, and gives what arrives: when, and the number in it.
    private func run(_ network: inout Network, count: Int = 1_000, size: Int = 100) -> [(due: Instant, bytes: [UInt8])]
    {
        for number in 0..<count {
            var bytes = [UInt8](repeating: 0xaa, count: size)
            bytes[0] = UInt8(number >> 8)
            bytes[1] = UInt8(number & 0xff)
            network.send(bytes, from: 1, to: 2, at: after(Int64(number)))
        }
        return drain(&network)
    }

    private func drain(_ network: inout Network, address: Int = 2) -> [(due: Instant, bytes: [UInt8])] {
        var found: [(Instant, [UInt8])] = []
        while let next = network.nextArrival {
            while let datagram = network.receive(at: next) {
                if datagram.destination == address { found.append((next, datagram.bytes)) }
            }
        }
        return found
    }

    private func number(_ bytes: [UInt8]) -> Int { Int(bytes[0]) << 8 | Int(bytes[1]) }

    @Test func aPerfectLinkCarriesEverythingInOrder() {
        var network = Network(seed: 1)
        let arrived = run(&network)
        #expect(arrived.map { number($0.bytes) } == Array(0..<1_000))
        #expect(arrived.enumerated().allSatisfy { $0.element.due == after(Int64($0.offset)) })
        #expect(network.counts.sent == 1_000 && network.counts.delivered == 1_000)
        #expect(network.counts.lost + network.counts.refused + network.counts.damaged == 0)
        #expect(network.inFlight == 0)
    }

    @Test(arguments: [Chance(1, in: 10), Chance(1, in: 2), .always, .never])
    func loss(chance: Chance) {
        var conditions = LinkConditions()
        conditions.loss = chance
        var network = Network(seed: 2, conditions: conditions)
        let arrived = run(&network).count
        let expected = 1_000 - 1_000 * Int(chance.numerator) / Int(chance.denominator)
        // Four standard deviations at the most.
        #expect(abs(arrived - expected) <= 64)
        #expect(network.counts.lost == 1_000 - arrived)
    }

    @Test func burstsLoseNeighbours() {
        var conditions = LinkConditions()
        conditions.bursts = BurstLoss(begins: Chance(1, in: 50), ends: Chance(1, in: 5), loss: .always)
        var network = Network(seed: 3, conditions: conditions)
        let arrived = Set(run(&network).map { number($0.bytes) })
        let lost = (0..<1_000).filter { !arrived.contains($0) }
        let pairs = lost.filter { lost.contains($0 + 1) }.count
        #expect(lost.count > 20 && lost.count < 400)
        // Without bursts so few losses would hardly ever be neighbours.
        #expect(pairs * 2 > lost.count)
    }

    @Test func delayJitterAndReordering() {
        var conditions = LinkConditions()
        conditions.delay = .milliseconds(30)
        var network = Network(seed: 4, conditions: conditions)
        #expect(run(&network).first?.due == after(30))
        conditions.jitter = .milliseconds(10)
        network = Network(seed: 4, conditions: conditions)
        let shaken = run(&network)
        let delays = shaken.map { $0.due.since(after(Int64(number($0.bytes)))) }
        #expect(delays.allSatisfy { $0 >= .milliseconds(30) && $0 <= .milliseconds(40) })
        #expect(shaken.map { number($0.bytes) } != Array(0..<1_000))
        conditions.jitter = .zero
        conditions.reordering = Chance(1, in: 10)
        network = Network(seed: 4, conditions: conditions)
        let numbers = run(&network).map { number($0.bytes) }
        let late = zip(numbers, numbers.dropFirst()).filter { $0 > $1 }.count
        #expect(late > 50 && late < 150)
        #expect(numbers.sorted() == Array(0..<1_000))
    }

    @Test func copiesReplaysAndReflections() {
        var conditions = LinkConditions()
        conditions.duplication = Chance(1, in: 10)
        var network = Network(seed: 5, conditions: conditions)
        let arrived = run(&network).count
        #expect(arrived == 1_000 + network.counts.duplicated && network.counts.duplicated > 50)
        conditions = LinkConditions()
        conditions.replay = Chance(1, in: 10)
        network = Network(seed: 5, conditions: conditions)
        let numbers = run(&network).map { number($0.bytes) }
        #expect(numbers.count > 1_050 && Set(numbers).count == 1_000)
        conditions = LinkConditions()
        conditions.reflection = .always
        network = Network(seed: 5, conditions: conditions)
        network.send([1, 2], from: 1, to: 2, at: .zero)
        var ends: [Int] = []
        while let datagram = network.receive(at: .zero) { ends.append(datagram.destination) }
        #expect(ends.sorted() == [1, 2])
    }

    @Test func damage() {
        for keyPath in [\LinkConditions.bitFlips, \.truncation, \.lengthening] {
            var conditions = LinkConditions()
            conditions[keyPath: keyPath] = .always
            var network = Network(seed: 6, conditions: conditions)
            for _ in 0..<100 { network.send([UInt8](repeating: 0xaa, count: 50), from: 1, to: 2, at: .zero) }
            for (_, bytes) in drain(&network) {
                let changed = bytes.filter { $0 != 0xaa }.map { ($0 ^ 0xaa).nonzeroBitCount }
                switch keyPath {
                case \.bitFlips: #expect(bytes.count == 50 && changed == [1])
                case \.truncation: #expect(bytes.count < 50 && changed == [])
                default: #expect(bytes.count > 50 && bytes.count <= 66)
                }
            }
            #expect(network.counts.damaged == 100)
        }
        // Nothing to damage, and nothing breaks.
        var conditions = LinkConditions()
        (conditions.bitFlips, conditions.truncation) = (.always, .always)
        var network = Network(seed: 6, conditions: conditions)
        network.send([], from: 1, to: 2, at: .zero)
        #expect(network.receive(at: .zero)?.bytes == [])
    }

    @Test func sizesRatesAndPartitions() {
        var conditions = LinkConditions()
        conditions.maximumSize = 1_199
        var network = Network(seed: 7, conditions: conditions)
        network.send([UInt8](repeating: 0, count: 1_200), from: 1, to: 2, at: .zero)
        network.send([UInt8](repeating: 0, count: 1_199), from: 1, to: 2, at: .zero)
        #expect(drain(&network).map(\.bytes.count) == [1_199] && network.counts.refused == 1)
        conditions = LinkConditions()
        conditions.rate = 100_000
        conditions.queue = 5_000
        network = Network(seed: 7, conditions: conditions)
        for _ in 0..<20 { network.send([UInt8](repeating: 0, count: 1_000), from: 1, to: 2, at: .zero) }
        let arrived = drain(&network)
        // Ten milliseconds each; six are accepted with at most 5,000 bytes waiting before them.
        #expect(arrived.map(\.due) == (1...6).map { after(Int64($0 * 10)) })
        #expect(network.counts.refused == 14)
        conditions = LinkConditions()
        conditions.isDown = true
        network = Network(seed: 7)
        network.set(conditions, from: 1, to: 2)
        network.send([1], from: 1, to: 2, at: .zero)
        network.send([2], from: 2, to: 1, at: .zero)
        #expect(network.receive(at: .zero)?.bytes == [2])
        #expect(network.nextArrival == nil)
        network.set(LinkConditions(), from: 1, to: 2)
        network.send([3], from: 1, to: 2, at: .zero)
        #expect(network.receive(at: .zero)?.bytes == [3])
    }

    @Test func aHostThatMovesIsReachedWhereItIs() {
        var network = Network(seed: 8)
        network.rebind(1, to: 77)
        network.send([1], from: 1, to: 2, at: .zero)
        #expect(network.receive(at: .zero)?.source == 77)
        network.send([2], from: 2, to: 77, at: .zero)
        #expect(network.receive(at: .zero)?.destination == 1)
        network.rebind(1, to: 78)
        network.send([3], from: 2, to: 77, at: .zero)
        #expect(network.receive(at: .zero)?.destination == 77)  // nobody's any more
        network.rebind(1, to: nil)
        network.send([4], from: 1, to: 2, at: .zero)
        #expect(network.receive(at: .zero)?.source == 1)
    }

    @Test func oneDatagramCanBeSingledOut() {
        var network = Network(seed: 9)
        network.decide = { datagram in
            switch datagram.bytes[1] {
            case 1: .lost
            case 2: .repeated(after: .milliseconds(500))
            case 3: .held(.milliseconds(100))
            case 4: .replaced([9, 9])
            default: .usual
            }
        }
        let numbers = run(&network, count: 6).map { number($0.bytes) }
        #expect(numbers == [0, 2, 9 << 8 | 9, 5, 3, 2])
    }

    @Test func theSameSeedIsTheSameNetwork() {
        func trace(_ seed: UInt64) -> [[UInt8]] {
            var network = Network(seed: seed, conditions: .swarm(SeededGenerator(seed: seed)))
            return run(&network).map(\.bytes)
        }
        for seed in UInt64(0)..<20 { #expect(trace(seed) == trace(seed)) }
        #expect(Set((UInt64(0)..<20).map { trace($0) }).count == 20)
    }
}
