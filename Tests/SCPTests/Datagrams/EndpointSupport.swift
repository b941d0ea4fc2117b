import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Endpoints on one simulated network.
final class Town {
    final class House {
        var address: Address
        var endpoint: DatagramEndpoint<GcryptProvider>
        var events: [(connection: ConnectionHandle, event: Event)] = []
        var sentBytes = 0
        var sent = 0

        init(_ address: Address, _ endpoint: consuming DatagramEndpoint<GcryptProvider>) {
            self.address = address
            self.endpoint = endpoint
        }

        /// The connections that were established, the newest last.
        var established: [ConnectionHandle] {
            events.compactMap { if case .established = $0.event { $0.connection } else { nil } }
        }
    }

    var now = Instant(nanoseconds: 50_000_000_000)
    var network: SimulatedNetwork<Address>
    var houses: [Address: House] = [:]
    private var collections = 0
    /// The datagrams that are lost, by the order in which they were sent.
    var lost: Set<Int> = []
    /// Whether a datagram is lost for what is in it.
    var loses: ([UInt8]) -> Bool = { _ in false }
    /// Every datagram that was sent, with who sent it where.
    var seen: [(from: Address, to: Address, bytes: [UInt8])] = []

    init(seed: UInt64 = 1, conditions: LinkConditions = .plain) {
        network = SimulatedNetwork(seed: seed, conditions: conditions)
    }

    func add(
        _ address: Address, _ configuration: Configuration<GcryptProvider>,
        _ settings: DatagramEndpointSettings = .init()
    ) throws -> House {
        let house = House(address, try DatagramEndpoint(configuration, settings: settings, at: now))
        houses[address] = house
        return house
    }

    private func collect(_ house: House) {
        let instant = now
        while true {
            var transmit = DatagramTransmit.nothing
            let bytes = [UInt8](capacity: 2_000) { output in
                transmit = house.endpoint.pollTransmit(datagram: &output, at: instant)
            }
            guard case .datagram(let destination) = transmit else { break }
            house.sent += 1
            house.sentBytes += bytes.count
            seen.append((house.address, destination, bytes))
            guard !lost.contains(seen.count - 1), !loses(bytes) else { continue }
            network.send(bytes, from: house.address, to: destination, at: now)
        }
        while let event = house.endpoint.pollEvent() { house.events.append(event) }
        collections += 1
        if house.endpoint.count < 20 || collections.isMultiple(of: 61) { house.endpoint.checkCounts() }
    }

    /// A house has another address from now on.
    func move(_ house: House, to address: Address) {
        houses[house.address] = nil
        house.address = address
        houses[address] = house
    }

    /// A house is empty again, with nothing remembered.
    func forget(_ house: House) throws -> House {
        try add(house.address, house.endpoint.configuration, house.endpoint.settings)
    }

    /// Gives a datagram to a house, as if from an address.
    @discardableResult
    func deliver(_ bytes: [UInt8], to house: House, from address: Address) -> Routed {
        var copy = bytes
        var span = copy.mutableSpan
        let routed = house.endpoint.receive(
            datagram: &span, from: address, localPort: house.address.port, at: now)
        collect(house)
        return routed
    }

    func run(for duration: Duration) {
        let end = now.advanced(by: duration)
        while true {
            for house in ordered { collect(house) }
            var next = network.nextArrival
            for house in ordered {
                if let due = house.endpoint.deadline { next = min(next ?? due, due) }
            }
            guard let next, next <= end else { break }
            now = max(now, next)
            while let datagram = network.receive(at: now) {
                guard let house = houses[datagram.destination] else { continue }
                deliver(datagram.bytes, to: house, from: datagram.source)
            }
            let instant = now
            for house in ordered { house.endpoint.advance(to: instant) }
        }
        now = end
    }

    private var ordered: [House] { houses.values.sorted { $0.address.low < $1.address.low } }
}

extension Address {
    static func host(_ number: UInt32, port: UInt16 = 4_000) -> Address {
        Address(ipv4: 0x0a00_0000 + number, port: port)
    }
}

extension DatagramEndpoint {
    /// What is counted as it changes is what one finds by looking at every connection.
    func checkCounts() {
        var recount = Census()
        var earliest: Instant?
        for place in places {
            guard let slot = place.slot else { continue }
            recount.replace(Census(), with: Census(slot.connection, isOwn: slot.isOwn))
            if let due = slot.connection.deadline?.instant { earliest = min(earliest ?? due, due) }
        }
        #expect(census == recount)
        #expect(deadline == earliest)
        #expect(tellers.isEmpty)
    }
}
