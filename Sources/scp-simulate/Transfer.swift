import ArgumentParser
import SCP
import SCPSimulation

/// Carries bytes over datagrams through a network that loses some of them, and compares what arrives.
struct Transfer: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Bytes over datagrams through a network that loses some of them.")

    @Option(help: "How many bytes.")
    var bytes = 100_000_000

    @Option(help: "Datagrams of a hundred that are lost, in each direction.")
    var loss: UInt32 = 10

    @Option(help: "Milliseconds from end to end.")
    var delay = 10

    @Option(help: "The seed of the network.")
    var seed: UInt64 = 1

    private static let messageSize = 100_000

    func validate() throws {
        guard bytes > 0, loss < 100, delay >= 0 else { throw ValidationError("That cannot be carried.") }
    }

    func run() throws {
        var pair = try connect()
        var sender = Pattern()
        var receiver = Pattern()
        var left = bytes
        var next: [UInt8] = []
        var received = 0
        var isIntact = true
        let clock = ContinuousClock()
        let begun = clock.now
        while received < bytes {
            while left > 0 || !next.isEmpty {
                if next.isEmpty {
                    next = sender.next(min(left, Self.messageSize))
                    left -= next.count
                }
                guard (try? pair.initiator.send(next.span, at: pair.now)) != nil else { break }
                next = []
            }
            pair.run(for: .milliseconds(5))
            while let part = Self.read(&pair) {
                isIntact = isIntact && part == receiver.next(part.count)
                received += part.count
            }
            guard pair.initiator.state != .closed else { throw ValidationError("The connection has ended.") }
        }
        let statistics = pair.initiator.statistics
        print(
            "\(received) bytes, \(loss) of 100 datagrams lost each way:", isIntact ? "intact" : "NOT INTACT",
            "- digest \(String(receiver.digest, radix: 16)) of \(String(sender.digest, radix: 16));",
            "\(pair.sent[0]) datagrams, \(statistics.framesLost) frames sent anew,",
            "\(pair.now.since(.zero)) simulated, in \(clock.now - begun)")
        if !isIntact || receiver.digest != sender.digest { throw ExitCode(1) }
    }

    private func connect() throws -> DatagramPair<ForgeableProvider> {
        let provider = ForgeableProvider(seed: seed, isKeyed: true)
        let keys = try (0..<2).map { _ in try provider.privateKey(provider.randomSecret(count: 32)) }
        var conditions = LinkConditions()
        conditions.loss = Chance(loss, in: 100)
        conditions.delay = .milliseconds(delay)
        return try DatagramPair(
            initiator: Configuration(provider: provider, identity: keys[0], identityPolicy: .anyone),
            responder: Configuration(provider: provider, identity: keys[1], identityPolicy: .anyone), seed: seed,
            conditions: conditions)
    }

    private static func read(_ pair: inout DatagramPair<ForgeableProvider>) -> [UInt8]? {
        pair.responder.read(at: pair.now) { _, bytes in
            [UInt8](capacity: bytes.count) { output in for index in bytes.indices { output.append(bytes[index]) } }
        }
    }
}

/// Bytes that never repeat for long, with a digest of all that were given out.
private struct Pattern {
    private let generator = SeededGenerator(seed: 42)
    /// FNV-1a, 64 bits: equal streams are told from different ones.
    private(set) var digest: UInt64 = 0xcbf2_9ce4_8422_2325

    mutating func next(_ count: Int) -> [UInt8] {
        var word: UInt64 = 0
        return (0..<count).map { index in
            word = index % 8 == 0 ? generator.next() : word >> 8
            let byte = UInt8(truncatingIfNeeded: word)
            digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3
            return byte
        }
    }
}
