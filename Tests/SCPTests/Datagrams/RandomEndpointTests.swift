import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// A listener with many clients, drawn from a seed: they come, talk, move, forget everything, go, and others pretend to
/// be them; and what the listener promises holds after every step. What happens follows from the seed; keys and
/// connection ids are real ones, and different each time.
private final class TownRun {
    private static let settings: DatagramEndpointSettings = {
        var settings = DatagramEndpointSettings()
        settings.halfOpen = 24
        settings.halfOpenBytes = 200_000
        return settings
    }()

    private let dice: SeededGenerator
    private let town: Town
    private let server: Town.House
    private var clients: [Town.House] = []
    private let fixture: Fixture
    /// What was sent in a session, by its identifier and the side that has to read it.
    private var sent: [[UInt8]: [Set<String>]] = [:]
    private(set) var read = 0
    private var texts = 0
    private var moves = 0
    private var bytesFrom: [Address: Int] = [:]

    init(seed: UInt64) throws {
        dice = SeededGenerator(seed: seed)
        var fixture = try Fixture()
        fixture.responder.identityPolicy = .anyone
        fixture.initiator.timers.keepAlive = true
        self.fixture = fixture
        town = Town(seed: seed, conditions: .plain)
        server = try town.add(.host(1), fixture.responder, Self.settings)
        for number in 2..<10 as Range<UInt32> {
            // Two on each host.
            clients.append(try town.add(.host(number / 2 + 1, port: UInt16(4_000 + number)), fixture.initiator))
        }
    }

    func run() throws {
        for _ in 0..<80 {
            try step()
            town.run(for: .milliseconds(dice.next(below: 300)))
            try look()
        }
        town.network.conditions = .plain
        town.run(for: .seconds(5))
        try look()
        server.endpoint.drain(at: town.now)
        for house in clients { house.endpoint.drain(at: town.now) }
        // The last timers are three probe timeouts, which are minutes where a datagram was held back for long.
        town.run(for: .seconds(700))
        #expect(server.endpoint.count == 0 && server.endpoint.memory == 0)
        #expect(clients.allSatisfy { $0.endpoint.count == 0 })
        #expect(server.endpoint.byAddress.isEmpty && server.endpoint.deadline == nil)
    }

    private func step() throws {
        let number = dice.next(below: clients.count)
        let house = clients[number]
        switch dice.next(below: 12) {
        case 0, 1, 2: _ = try house.endpoint.connect(to: server.address, at: town.now)
        case 3, 4, 5: send(from: house)
        case 6: send(from: server)
        case 7:
            moves += 1
            town.move(house, to: Address(ipv4: UInt32(house.address.low), port: UInt16(5_000 + moves)))
        case 8: clients[number] = try town.forget(house)
        case 9:
            house.established.last.map { handle in
                _ = house.endpoint.withConnection(handle) { $0.close(at: town.now) }
            }
        case 10: try pretend()
        default: town.network.conditions = .swarm(dice)
        }
    }

    private func send(from house: Town.House) {
        guard let handle = house.established.last, let key = session(house, handle) else { return }
        texts += 1
        let text = "message \(texts)"
        let isSent = house.endpoint.withConnection(handle) { (try? $0.send(text, at: town.now)) != nil }
        guard isSent == true else { return }
        sent[key, default: [[], []]][house === server ? 0 : 1].insert(text)
    }

    private func session(_ house: Town.House, _ handle: ConnectionHandle) -> [UInt8]? {
        house.endpoint.withConnection(handle) { connection in
            connection.sessionIdentifier.map { digest in digest.indices.map { digest[$0] } }
        } ?? nil
    }

    /// What was seen before, from where it came from or from elsewhere, whole or not; and INITs of nobody.
    private func pretend() throws {
        for _ in 0..<20 {
            let elsewhere = Address.host(UInt32(100 + dice.next(below: 200)), port: 9_000)
            let theirs = town.seen.filter { $0.to == server.address }
            guard dice.next(below: 3) > 0, !theirs.isEmpty else {
                var connection = try Connection(.initiator, fixture.initiator, to: server.address, at: .zero)
                let bytes = [UInt8](capacity: 2_000) { output in
                    _ = connection.pollTransmit(datagram: &output, at: .zero)
                }
                deliver(bytes, from: elsewhere)
                continue
            }
            let old = theirs[dice.next(below: theirs.count)]
            var bytes = old.bytes
            if dice.next(below: 2) == 0 { bytes[dice.next(below: bytes.count)] ^= 1 << UInt8(dice.next(below: 8)) }
            deliver(bytes, from: dice.next(below: 2) == 0 ? old.from : elsewhere)
        }
    }

    private func deliver(_ bytes: [UInt8], from address: Address) {
        bytesFrom[address, default: 0] += bytes.count
        town.deliver(bytes, to: server, from: address)
    }

    private func look() throws {
        for house in [server] + clients {
            for handle in house.established {
                guard let key = session(house, handle) else { continue }
                while let text = house.endpoint.withConnection(handle, { $0.readText(at: town.now) }) ?? nil {
                    // To its own session, to the other side, and once.
                    #expect(sent[key]?[house === server ? 1 : 0].remove(text) != nil, "\(text)")
                    read += 1
                }
            }
        }
        let census = server.endpoint.census
        #expect(census.halfOpen <= Self.settings.halfOpen && census.halfOpenBytes <= Self.settings.halfOpenBytes)
        #expect(server.endpoint.memory < 4 << 20)
        // [SCP-DGRAM-18] Addresses from which only pretenders speak.
        var bytesTo: [Address: Int] = [:]
        for datagram in town.seen where datagram.from == server.address && datagram.to.port == 9_000 {
            bytesTo[datagram.to, default: 0] += datagram.bytes.count
        }
        for (address, bytes) in bytesTo { #expect(bytes <= 3 * bytesFrom[address, default: 0], "\(address)") }
    }
}

@Suite("Endpoints, from seeds")
struct RandomEndpointTests {
    /// [SCP-DGRAM-18] [SCP-DGRAM-21] [SCP-DGRAM-30] [SCP-DGRAM-36] [SCP-DGRAM-38]
    @Test("many clients that come, move, forget and go, beside pretenders", arguments: UInt64(1)...40)
    func everyPromiseHolds(seed: UInt64) throws {
        let run = try TownRun(seed: seed)
        try run.run()
        #expect(run.read > 0)
    }
}
