import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// What an endpoint throws away before any connection has seen it is counted, each reason apart.
struct EndpointDropTests {
    private let server = Address.host(1)
    private let client = Address.host(2)

    /// The reasons that an endpoint can have by itself.
    @Test(arguments: [
        DropReason.notSCP, .malformed, .unknownAddress, .unexpected, .unauthentic, .replayed, .limited,
    ])
    func everyReasonIsCounted(_ reason: DropReason) throws {
        var fixture = try Fixture()
        fixture.responder.identityPolicy = .anyone
        fixture.responder.isSilent = reason == .replayed
        var settings = DatagramEndpointSettings()
        if reason == .limited { settings.halfOpenPerAddress = 0 }
        let town = Town()
        let host = try town.add(server, fixture.responder, settings)
        let genuine = try initDatagram(fixture)
        var bytes = genuine
        switch reason {
        case .notSCP: bytes[0] = 0x80
        case .malformed: bytes[12] = 0xff
        case .unknownAddress: bytes[3] = 1
        case .unexpected: bytes[1] = FrameType.handshakeResponse.rawValue
        case .unauthentic: bytes[bytes.count - 1] ^= 1
        case .replayed:
            // The attempt ends, and the same first message comes once more.
            town.deliver(genuine, to: host, from: client)
            town.run(for: .seconds(20))
            #expect(host.endpoint.count == 0)
        default: break
        }
        #expect(host.endpoint.drops == DropCounts())
        #expect(town.deliver(bytes, to: host, from: client) == .dropped(reason))
        #expect(host.endpoint.drops[reason] == 1 && host.endpoint.drops.total == 1)
    }

    /// A connection id that nobody has.
    @Test func anUnknownConnectionIDIsCounted() throws {
        let town = Town()
        let host = try town.add(server, Fixture().responder)
        let datagram = [0x04, 3, 1, 2, 3] + [UInt8](repeating: 0, count: 60)
        #expect(town.deliver(datagram, to: host, from: client) == .dropped(.unknownAddress))
        #expect(host.endpoint.drops[.unknownAddress] == 1 && host.endpoint.drops.total == 1)
    }

    private func initDatagram(_ fixture: Fixture) throws -> [UInt8] {
        var connection = try Connection(.initiator, fixture.initiator, to: server, at: .zero)
        return [UInt8](capacity: 2_000) { output in _ = connection.pollTransmit(datagram: &output, at: .zero) }
    }
}
