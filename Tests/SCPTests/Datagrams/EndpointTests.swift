import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Scenarios of the endpoint: 11, 12, 14, 28 to 30, 78, 85, 86, 94, 95.
@Suite("Endpoints")
struct EndpointTests {
    private let server = Address.host(1)
    private let client = Address.host(2)

    private func open() throws -> Fixture {
        var fixture = try Fixture()
        fixture.responder.identityPolicy = .anyone
        return fixture
    }

    /// INITs as a stranger sends them: genuine, each of an attempt of its own.
    private func initDatagram(_ fixture: Fixture) throws -> [UInt8] {
        var connection = try Connection(.initiator, fixture.initiator, to: server, at: .zero)
        return [UInt8](capacity: 2_000) { output in _ = connection.pollTransmit(datagram: &output, at: .zero) }
    }

    private func attempt(of datagram: [UInt8]) -> Attempt {
        Attempt(rawValue: datagram[14..<22].reduce(0) { $0 << 8 | UInt64($1) })
    }

    /// Scenario 86. [SCP-DGRAM-1] [SCP-DGRAM-21]
    @Test("many clients, several connections each: every message reaches its own")
    func many() throws {
        let fixture = try open()
        let town = Town()
        let host = try town.add(server, fixture.responder)
        var handles: [(house: Town.House, connection: ConnectionHandle, text: String)] = []
        for number in 2..<8 as Range<UInt32> {
            let house = try town.add(.host(number), fixture.initiator)
            for part in 0..<2 {
                let handle = try house.endpoint.connect(to: server, at: town.now)
                let text = "\(number).\(part)"
                _ = house.endpoint.withConnection(handle) { try? $0.send(text, at: town.now) }
                handles.append((house, handle, text))
                // The second stands beside the first, which must be there before it.
                town.run(for: .milliseconds(300))
            }
        }
        town.run(for: .seconds(2))
        var texts: [String] = []
        for handle in host.established {
            if let text = host.endpoint.withConnection(handle, { $0.readText(at: town.now) }) {
                texts.append(text ?? "none")
            }
        }
        #expect(Set(texts).isSuperset(of: (2..<8).map { "\($0).1" }))
        #expect(handles.allSatisfy { $0.house.established.contains($0.connection) })
        // The second connection of an address has taken the place of the first.
        let replaced = host.events.count { $0.event.isEnd(.replaced) }
        #expect(replaced == 6)
    }

    /// Scenario 86.
    @Test("without connection ids a second connection with an address is refused")
    func exists() throws {
        let fixture = try open()
        let town = Town()
        var settings = DatagramEndpointSettings()
        settings.connectionIDSize = 0
        let house = try town.add(client, fixture.initiator, settings)
        let first = try house.endpoint.connect(to: server, at: town.now)
        var seen: ConnectError?
        do { _ = try house.endpoint.connect(to: server, at: town.now) } catch { seen = error }
        #expect(seen == .exists(first))
    }

    /// Scenarios 11, 12. [SCP-DGRAM-16]
    @Test("a cookie holds for its address, port, attempt and size, 30 s, and over one change of the secret")
    func cookies() throws {
        let provider = try GcryptProvider()
        let start = Instant(nanoseconds: 90_000_000_000)
        var keys = try CookieKeys(provider, at: start)
        func binding(
            _ remote: Address, port: UInt16 = 4_000, attempt: UInt64 = 7, total: Int = 35
        ) -> CookieKeys<GcryptProvider>.Binding {
            .init(remote: remote, localPort: port, attempt: Attempt(rawValue: attempt), total: total)
        }
        let cookie = try keys.cookie(binding(client), at: start)
        #expect(cookie.count == 32)
        #expect(keys.isValid(cookie, binding(client), at: start))
        #expect(keys.isValid(cookie, binding(client), at: start.advanced(by: .seconds(30))))
        #expect(!keys.isValid(cookie, binding(client), at: start.advanced(by: .seconds(31))))
        #expect(!keys.isValid(cookie, binding(.host(3)), at: start))
        #expect(!keys.isValid(cookie, binding(.host(2, port: 4_001)), at: start))
        #expect(!keys.isValid(cookie, binding(Address(ipv6: 0, client.low, port: 4_000)), at: start))
        #expect(!keys.isValid(cookie, binding(client, port: 1), at: start))
        #expect(!keys.isValid(cookie, binding(client, attempt: 8), at: start))
        #expect(!keys.isValid(cookie, binding(client, total: 36), at: start))
        for index in 0..<32 {
            var forged = cookie
            forged[index] ^= 1
            #expect(!keys.isValid(forged, binding(client), at: start))
        }
        #expect(!keys.isValid([], binding(client), at: start))
        let late = start.advanced(by: .seconds(119))
        let last = try keys.cookie(binding(client), at: late)
        keys.advance(to: start.advanced(by: .seconds(120)))
        #expect(keys.isValid(last, binding(client), at: start.advanced(by: .seconds(121))))
        keys.advance(to: start.advanced(by: .seconds(240)))
        #expect(!keys.isValid(last, binding(client), at: late.advanced(by: .seconds(20))))
    }

    /// Scenario 14. [SCP-DGRAM-16] [SCP-DGRAM-38]
    @Test("10,000 INITs a second from everywhere: an honest client connects, and memory stays in its bounds")
    func flood() throws {
        let fixture = try open()
        let town = Town()
        let host = try town.add(server, fixture.responder)
        let house = try town.add(client, fixture.initiator)
        let random = SeededGenerator(seed: 5)
        let forged = try (0..<20).map { _ in try initDatagram(fixture) }
        var received = 0
        var most = 0
        func flood(_ milliseconds: Int) {
            for _ in 0..<milliseconds {
                for _ in 0..<10 {
                    // From the client's own network too: what a spoofer sends must not be charged to it.
                    let origin = Address.host(
                        UInt32(3 + random.next(below: 200)), port: UInt16(random.next(below: 60_000)))
                    received += 1_200
                    town.deliver(forged[random.next(below: forged.count)], to: host, from: origin)
                }
                town.run(for: .milliseconds(1))
                most = max(most, host.endpoint.memory)
            }
        }
        flood(150)
        let handle = try house.endpoint.connect(to: server, at: town.now)
        let start = town.now
        while house.established.isEmpty, town.now.since(start) < .seconds(5) { flood(5) }
        let time = town.now.since(start)
        // INIT, retry, INIT, RESPONSE, ACK, confirmation: three round trips of 20 ms.
        #expect(house.established == [handle] && time <= .milliseconds(75), "\(time)")
        #expect(host.endpoint.retries > 500)
        #expect(host.sentBytes < 3 * received)
        #expect(most < 4 << 20)
        #expect(host.endpoint.census.halfOpen <= 1_024)
        // All of it is gone after the handshake's time.
        town.run(for: .seconds(12))
        #expect(host.endpoint.census.halfOpen == 0)
        #expect(host.endpoint.count <= 2)
    }

    /// Scenario 85. [SCP-DGRAM-38]
    @Test("four half-open handshakes for an address, and no more than the limits in all")
    func caps() throws {
        let fixture = try open()
        var settings = DatagramEndpointSettings()
        settings.halfOpen = 8
        settings.prefixBurst = 1_000
        let town = Town()
        let host = try town.add(server, fixture.responder, settings)
        for number in 0..<40 {
            let origin = Address.host(UInt32(10 + number / 8))
            var connection = try Connection(.initiator, fixture.initiator, to: server, at: town.now)
            for _ in 0..<2 {
                let instant = town.now
                let bytes = [UInt8](capacity: 2_000) { output in
                    _ = connection.pollTransmit(datagram: &output, at: instant)
                }
                guard !bytes.isEmpty else { break }
                town.deliver(bytes, to: host, from: origin)
                // What came back is a RESPONSE, or a retry that is answered in the next round.
                guard let answer = town.seen.last(where: { $0.to == origin })?.bytes else { break }
                var copy = answer
                var span = copy.mutableSpan
                connection.receive(datagram: &span, from: server, at: town.now)
                if connection.state != .waiting { break }
            }
            let here = host.endpoint.halfOpen(at: origin)
            #expect(here <= 4)
            #expect(host.endpoint.census.halfOpen <= 8)
        }
        #expect(host.endpoint.census.halfOpen == 8)
        town.run(for: .seconds(11))
        #expect(host.endpoint.count == 0 && host.endpoint.memory == 0)
    }

    /// Scenario 28. [SCP-DGRAM-30]
    @Test("a client that has lost everything comes back from the same port: a cookie, a new session, the old REPLACED")
    func restart() throws {
        let fixture = try open()
        let town = Town()
        let host = try town.add(server, fixture.responder)
        let first = try town.add(client, fixture.initiator)
        _ = try first.endpoint.connect(to: server, at: town.now)
        town.run(for: .seconds(1))
        #expect(host.established.count == 1 && host.endpoint.retries == 0)
        let again = try town.add(client, fixture.initiator)
        let handle = try again.endpoint.connect(to: server, at: town.now)
        _ = again.endpoint.withConnection(handle) { try? $0.send("new", at: town.now) }
        let start = town.now
        while again.established.isEmpty, town.now.since(start) < .seconds(3) { town.run(for: .milliseconds(5)) }
        #expect(town.now.since(start) <= .milliseconds(70))
        town.run(for: .seconds(1))
        #expect(host.endpoint.retries == 1 && host.established.count == 2)
        #expect(host.events.contains { $0.connection == host.established[0] && $0.event.isEnd(.replaced) })
        let text = host.endpoint.withConnection(host.established[1]) { $0.readText(at: town.now) }
        #expect(text == "new")
        #expect(host.endpoint.withConnection(host.established[0], { $0.state }) == nil)
    }

    /// Scenario 29; S10. [SCP-DGRAM-21] [SCP-DGRAM-30]
    @Test("INITs, old ones and forged ones, and every early frame again: an association does not change")
    func besides() throws {
        let fixture = try open()
        let town = Town()
        let host = try town.add(server, fixture.responder)
        let house = try town.add(client, fixture.initiator)
        let own = try house.endpoint.connect(to: server, at: town.now)
        town.run(for: .seconds(1))
        let early = town.seen
        let handle = try #require(host.established.first)
        let before = host.endpoint.withConnection(handle) { ($0.state, $0.timers.idle) }
        // All but the ACK flight, whose duplicates have an answer for ten seconds.
        for item in early where item.to == server && Seen.kinds(item.bytes).first != "ack/0" {
            town.deliver(item.bytes, to: host, from: client)
        }
        for _ in 0..<20 { town.deliver(try initDatagram(fixture), to: host, from: client) }
        let after = host.endpoint.withConnection(handle) { ($0.state, $0.timers.idle) }
        #expect(before?.0 == after?.0 && before?.1 == after?.1)
        #expect(host.endpoint.count == 1)
        town.run(for: .seconds(2))
        _ = house.endpoint.withConnection(own) { try? $0.send("still here", at: town.now) }
        town.run(for: .seconds(1))
        let text = host.endpoint.withConnection(handle) { $0.readText(at: town.now) }
        #expect(text == "still here")
    }

    /// Scenario 30. [SCP-DGRAM-16]
    @Test("the client's address changes in the middle of the handshake: it completes")
    func rebindInHandshake() throws {
        let fixture = try open()
        let town = Town()
        _ = try town.add(server, fixture.responder)
        let house = try town.add(client, fixture.initiator)
        let handle = try house.endpoint.connect(to: server, at: town.now)
        town.run(for: .milliseconds(5))
        let home = client
        town.network.decide = { $0.destination == home ? .lost : .usual }
        town.network.rebind(client, to: .host(2, port: 9_999))
        town.run(for: .seconds(6))
        #expect(house.established == [handle])
    }

    /// Scenario 94. [SCP-DGRAM-15]
    @Test("an INIT of version 2 is answered with 1,200 bytes, not with 1,199; a CLOSE of version 2 never")
    func versions() throws {
        let fixture = try open()
        let town = Town()
        let host = try town.add(server, fixture.responder)
        var request = try initDatagram(fixture)
        request[0] = 2
        #expect(town.deliver(Array(request.dropLast()), to: host, from: client) == .dropped(.notSCP))
        #expect(town.seen.isEmpty)
        #expect(town.deliver(request, to: host, from: client) == .answered)
        let answer = try #require(town.seen.last?.bytes)
        #expect(answer.count < 1_200)
        let payload = Array(answer[14..<answer.count - 32])
        let close = try HandshakeClose.parse(payload.span, in: 0..<payload.count)
        #expect(close.code == .unsupportedVersion && close.attempt == attempt(of: request))
        #expect(payload[close.list] == [1])
        var other = request
        other[1] = 5
        #expect(town.deliver(other, to: host, from: client) == .dropped(.notSCP))
        #expect(town.seen.count == 1)
    }

    /// [SCP-DGRAM-19]
    @Test("a silent listener says nothing unverified, and nothing to an INIT that it has seen before")
    func silent() throws {
        var fixture = try open()
        fixture.responder.isSilent = true
        fixture.responder.requiresHello = .staticKey
        let town = Town()
        let host = try town.add(server, fixture.responder)
        var stranger = fixture
        stranger.initiator.responderKey = nil
        #expect(town.deliver(try initDatagram(stranger), to: host, from: client) == .dropped(.unauthentic))
        var version = try initDatagram(fixture)
        let genuine = version
        version[0] = 2
        #expect(town.deliver(version, to: host, from: client) == .dropped(.notSCP))
        #expect(town.seen.isEmpty)
        town.deliver(genuine, to: host, from: client)
        #expect(!town.seen.isEmpty)
        town.run(for: .seconds(11))
        let before = town.seen.count
        #expect(town.deliver(genuine, to: host, from: client) == .dropped(.replayed))
        town.run(for: .seconds(225))
        #expect(town.deliver(genuine, to: host, from: .host(9)) == .dropped(.replayed))
        #expect(town.seen.count == before)
        town.run(for: .seconds(20))
        town.deliver(genuine, to: host, from: client)
        #expect(town.seen.count > before)
    }

    /// Scenarios 78, 95. [SCP-DGRAM-28]
    @Test("drain closes every session in order, and a new one begins beside those that drain")
    func drain() throws {
        let fixture = try open()
        let town = Town()
        let host = try town.add(server, fixture.responder)
        var houses: [Town.House] = []
        for number in 2..<30 as Range<UInt32> {
            let house = try town.add(.host(number), fixture.initiator)
            _ = try house.endpoint.connect(to: server, at: town.now)
            houses.append(house)
        }
        town.run(for: .seconds(1))
        #expect(host.established.count == 28)
        host.endpoint.drain(at: town.now)
        town.run(for: .milliseconds(100))
        #expect(houses.allSatisfy { $0.events.contains { $0.event == .closed(.byPeer(.shuttingDown, reason: [])) } })
        let again = try houses[0].endpoint.connect(to: server, at: town.now)
        town.run(for: .seconds(1))
        #expect(houses[0].established.last == again)
        town.run(for: .seconds(5))
        #expect(host.endpoint.count == 1)
    }
}

extension Event {
    /// Whether it is the end with a code of our own.
    func isEnd(_ code: ErrorCode) -> Bool {
        if case .closed(.failed(let error)) = self { return error.code == code && error.origin == .local }
        return false
    }
}
