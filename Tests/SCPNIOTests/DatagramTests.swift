import NIOCore
import NIOPosix
import SCP
import SCPNIO
import SCPSimulation
import Testing

/// Channels on datagram sockets: UDP, and Unix-domain.
@Suite("Messages over datagrams", .timeLimit(.minutes(5)))
struct DatagramTests {
    private var ends: Ends

    init() throws { ends = try Ends() }

    enum Kind: CaseIterable { case ipv4, ipv6, unix }

    /// Runs `body` beside a server on a socket of the kind.
    private func withServer(
        _ kind: Kind, handler: @escaping @Sendable (SecureChannel) async throws -> Void = echo,
        _ body: (Endpoint) async throws -> Void
    ) async throws {
        switch kind {
        case .ipv4: try await ends.withServer(on: .udp("127.0.0.1", 0), handler: handler, body)
        case .ipv6: try await ends.withServer(on: .udp("::1", 0), handler: handler, body)
        case .unix:
            try await withTemporaryDirectory { directory in
                try await ends.withServer(on: .unixDatagram(directory + "/s"), handler: handler, body)
            }
        }
    }

    @Test("messages come back", arguments: Kind.allCases)
    func hello(kind: Kind) async throws {
        try await withServer(kind) { address in
            let channel = try await ends.connect(to: address)
            #expect(channel.peer.publicKey == ends.serverKey)
            for size in [0, 1, 1_200, 5_000, 131_072] {
                let bytes = pattern(size)
                try await channel.send(bytes)
                let reply = try await channel.receive()
                #expect(reply?.array == bytes)
            }
            try await channel.close()
            let end = try await channel.receive()
            #expect(end == nil)
            #expect(channel.undelivered == 0)
        }
    }

    /// The secret stands for everything that holds it: sessions, handlers, endpoints.
    @Test("a closed socket leaves nothing behind in memory", arguments: Kind.allCases)
    func nothingIsLeft(kind: Kind) async throws {
        weak var secret: Secret?
        try await {
            let common = try ends.provider.randomSecret(count: 32)
            secret = common
            var test = self
            test.ends.client.usePresharedKeys(.common(common))
            test.ends.server.usePresharedKeys(.common(common))
            // The side that was closed answers for so long.
            test.ends.client.timers.closeWait = .milliseconds(200)
            test.ends.server.timers.closeWait = .milliseconds(200)
            test.ends.serverOptions.shutdownTime = .seconds(1)
            try await test.withServer(kind) { [test] address in
                let channel = try await test.ends.connect(to: address)
                try await channel.send("hello")
                #expect(try await channel.receive()?.text == "hello")
                try await channel.close()
            }
        }()
        try await eventually { secret == nil }
    }

    @Test("megabytes in both directions at once arrive in order", arguments: Kind.allCases)
    func bulk(kind: Kind) async throws {
        let count = 100
        let size = 60_000
        try await withServer(kind) { address in
            try await SecureChannel.withConnection(to: address, ends.client, options: ends.options) { channel in
                async let sending: Void = {
                    for number in 0..<count { try await channel.send(pattern(size, seed: UInt8(number))) }
                }()
                for number in 0..<count {
                    let reply = try await channel.receive()
                    #expect(reply?.array == pattern(size, seed: UInt8(number)))
                }
                try await sending
            }
        }
    }

    @Test("many clients share one socket of the server's", arguments: Kind.allCases)
    func manyClients(kind: Kind) async throws {
        try await withServer(kind) { address in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<32 {
                    group.addTask {
                        try await SecureChannel.withConnection(
                            to: address, ends.client, options: ends.options
                        ) { channel in
                            for round in 0..<8 {
                                let bytes = pattern(400 * round + number, seed: UInt8(number))
                                try await channel.send(bytes)
                                let reply = try await channel.receive()
                                #expect(reply?.array == bytes)
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("unreliable messages arrive on a network that loses nothing")
    func unreliable() async throws {
        let channelNumber = SCP.Channel(1, .unreliable)
        try await withServer(.ipv4) { address in
            try await SecureChannel.withConnection(to: address, ends.client, options: ends.options) { channel in
                for number in 0..<20 {
                    try await channel.send("\(number)", on: channelNumber)
                    let reply = try await channel.receive()
                    #expect(reply?.text == "\(number)")
                    #expect(reply?.channel == channelNumber)
                }
            }
        }
    }

    @Test("keys are replaced while messages go on")
    func rotation() async throws {
        try await withServer(.ipv4) { address in
            try await SecureChannel.withConnection(to: address, ends.client, options: ends.options) { channel in
                channel.rotateKeys()
                for number in 0..<200 {
                    try await channel.send("\(number)")
                    let reply = try await channel.receive()
                    #expect(reply?.text == "\(number)")
                }
                #expect(channel.statistics.rotations >= 1)
            }
        }
    }

    @Test("whatever send returned for is delivered by a close in order")
    func closeDelivers() async throws {
        let received = Shared(0)
        try await withServer(.ipv4) { client in
            for try await _ in client.messages { received.change { $0 += 1 } }
        } _: { address in
            let channel = try await ends.connect(to: address)
            for _ in 0..<500 { try await channel.send(pattern(3_000)) }
            try await channel.close()
            #expect(channel.undelivered == 0)
            try await eventually { received.value == 500 }
        }
    }

    @Test("a server that ends tells its clients, and its port is free")
    func shutdown() async throws {
        let address = Shared<Endpoint?>(nil)
        let ending = Shared<Closure?>(nil)
        try await withServer(.ipv4, handler: idle) { place in
            address.value = place
            let channel = try await ends.connect(to: place)
            Task { ending.value = try? await channel.waitUntilClosed() }
        }
        try await eventually { ending.value != nil }
        #expect(ending.value == .byPeer(.shuttingDown, reason: []))
        try await ends.withServer(on: try #require(address.value)) { again in
            try await ends.connect(to: again).close()
        }
    }

    @Test("nobody listens: the client gives up after its time, and says what the network said")
    func nobody() async throws {
        var place: Endpoint?
        try await withServer(.ipv4) { place = $0 }
        let address = try #require(place)
        var client = ends.client
        client.timers.handshake = .milliseconds(300)
        let error = try await channelFailure {
            _ = try await SecureChannel.connect(to: address, client, options: ends.options)
        }
        #expect(error.code == .handshakeTimeout)
        #expect(error.detail?.contains("refused") == true, "\(error)")
    }

    @Test("a port that is taken, a path without a listener, and a port that is none")
    func badPlaces() async throws {
        try await withServer(.ipv4) { address in
            let error = try await channelFailure { try await ends.withServer(on: address) { _ in } }
            #expect(error.kind == .addressInUse)
        }
        let missing = try await channelFailure { _ = try await ends.connect(to: .unixDatagram("/nonexistent/s")) }
        #expect(missing.kind == .unreachable)
        let port = try await channelFailure { _ = try await ends.connect(to: .udp("127.0.0.1", 70_000)) }
        #expect(port.kind == .unreachable)
    }

    @Test("a stranger is refused, and says so")
    func stranger() async throws {
        try await withServer(.ipv4) { address in
            let client = Configuration(
                provider: ends.provider, identity: try ends.stranger(), identityPolicy: .pinned(ends.serverKey))
            let error = try await channelFailure {
                _ = try await SecureChannel.connect(to: address, client, options: ends.options)
            }
            #expect(error.code == .identityRejected)
        }
    }

    @Test("noise on the socket, also from a client's own port, disturbs nobody")
    func noise() async throws {
        try await withServer(.ipv4) { address in
            let channel = try await ends.connect(to: address)
            guard case .udp(let host, let port) = address else { return }
            let socket = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: host, port: port).get()
            for size in [0, 1, 45, 46, 47, 1_200, 1_400, 9_000] {
                var bytes = pattern(size, seed: UInt8(truncatingIfNeeded: size))
                for first in [UInt8(1), 4, 2, 255] {
                    if !bytes.isEmpty { bytes[0] = first }
                    try await socket.writeAndFlush(ByteBuffer(bytes: bytes))
                }
            }
            try await channel.send("still here")
            let reply = try await channel.receive()
            #expect(reply?.text == "still here")
            try await channel.close()
            try await socket.close()
        }
    }

    @Test("a task that no longer wants to connect leaves nothing open")
    func cancelledConnect() async throws {
        let silent = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = silent.localAddress?.port ?? 0
        let task = Task { try await ends.connect(to: .udp("127.0.0.1", port)) }
        try await Task.sleep(for: .milliseconds(30))
        task.cancel()
        let error = await failure { _ = try await task.value }
        #expect(error is CancellationError)
        try await silent.close()
    }

    static let conditions: [(name: String, conditions: LinkConditions)] = {
        var loss = LinkConditions()
        loss.loss = Chance(1, in: 10)
        var disorder = LinkConditions()
        disorder.delay = .milliseconds(2)
        disorder.jitter = .milliseconds(3)
        disorder.duplication = Chance(1, in: 10)
        var damage = LinkConditions()
        damage.bitFlips = Chance(1, in: 20)
        damage.truncation = Chance(1, in: 20)
        var narrow = LinkConditions()
        narrow.rate = 4_000_000
        narrow.maximumSize = 1_300
        return [("loss", loss), ("disorder", disorder), ("damage", damage), ("narrow", narrow)]
    }()

    /// [SCP-DGRAM-36]
    @Test("a client whose NAT forgets it is found at its new port, in silence and under load")
    func clientMoves() async throws {
        try await withServer(.ipv4) { address in
            let relay = try await LossyRelay(to: address, seed: 1, LinkConditions())
            let channel = try await ends.connect(to: relay.address)
            for round in 0..<4 {
                try await relay.move()
                try await channel.send("round \(round)")
                #expect(try await channel.receive()?.text == "round \(round)")
                // And while much is on its way in both directions.
                let bytes = pattern(100_000)
                async let sending: Void = {
                    for _ in 0..<10 { try await channel.send(bytes) }
                }()
                try await relay.move()
                for _ in 0..<10 { #expect(try await channel.receive()?.array == bytes) }
                try await sending
            }
            try await channel.close()
            #expect(channel.undelivered == 0)
            try await relay.close()
        }
    }

    @Test("real sockets with a bad network between them", arguments: [0, 1, 2, 3])
    func badNetwork(index: Int) async throws {
        let (name, conditions) = DatagramTests.conditions[index]
        let size = 20_000
        try await withServer(.ipv4) { address in
            let relay = try await LossyRelay(to: address, seed: UInt64(index) + 1, conditions)
            try await SecureChannel.withConnection(to: relay.address, ends.client, options: ends.options) { channel in
                async let sending: Void = {
                    for number in 0..<30 { try await channel.send(pattern(size, seed: UInt8(number))) }
                }()
                for number in 0..<30 {
                    let reply = try await channel.receive()
                    #expect(reply?.array == pattern(size, seed: UInt8(number)), "\(name)")
                }
                try await sending
            }
            let counts = relay.counts
            #expect(counts.sent > 1_000)
            try await relay.close()
        }
    }
}
