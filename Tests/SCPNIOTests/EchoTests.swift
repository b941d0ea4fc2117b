import NIOCore
import SCP
import SCPNIO
import Testing

@Suite("Messages over sockets", .timeLimit(.minutes(5)))
struct EchoTests {
    private let ends: Ends

    init() throws { ends = try Ends() }

    @Test func helloOverTCP() async throws {
        try await SecureServer.withServer(
            on: loopback, ends.server, options: ends.serverOptions, handler: echo
        ) { server in
            let channel = try await SecureChannel.connect(to: server.address, ends.client, options: ends.options)
            #expect(channel.peer.publicKey == ends.serverKey)
            #expect(!channel.isFirstUse)
            try await channel.send("Hello, secure world!")
            let reply = try await channel.receive()
            #expect(reply?.text == "Hello, secure world!")
            #expect(reply?.id == MessageID(rawValue: 0))
            try await channel.close()
            let end = try await channel.receive()
            #expect(end == nil)
            #expect(channel.undelivered == 0)
        }
    }

    static let sizes = [0, 1, 31, 32, 1_023, 16_384, 65_470, 65_536, 100_000, 131_071, 131_072]

    @Test("every size up to the message limit comes back", arguments: sizes)
    func echoes(size: Int) async throws {
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            let bytes = pattern(size)
            try await channel.send(bytes)
            let reply = try await channel.receive()
            #expect(reply?.array == bytes)
            try await channel.close()
        }
    }

    @Test("one byte more than the limit is refused, and the channel goes on")
    func tooLarge() async throws {
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            let error = try await channelFailure { try await channel.send(pattern(131_073)) }
            #expect(error.kind == .notSent(.tooLarge(limit: 131_072)))
            #expect(error.code == .messageTooLarge)
            try await channel.send("still here")
            let reply = try await channel.receive()
            #expect(reply?.text == "still here")
            try await channel.close()
        }
    }

    @Test func overUnixSocket() async throws {
        try await withTemporaryDirectory { directory in
            try await ends.withServer(on: .unix(directory + "/s")) { address in
                let channel = try await ends.connect(to: address)
                for size in [0, 1, 131_072] {
                    let bytes = pattern(size)
                    try await channel.send(bytes)
                    let reply = try await channel.receive()
                    #expect(reply?.array == bytes)
                }
                try await channel.close()
            }
        }
    }

    @Test func overIPv6() async throws {
        try await ends.withServer(on: .tcp("::1", 0)) { address in
            let channel = try await ends.connect(to: address)
            try await channel.send("six")
            let reply = try await channel.receive()
            #expect(reply?.text == "six")
            try await channel.close()
        }
    }

    @Test func byHostName() async throws {
        try await ends.withServer { address in
            guard case .tcp(_, let port) = address else { return }
            let channel = try await ends.connect(to: .tcp("localhost", port))
            try await channel.close()
        }
    }

    @Test("64 clients at once, each with its own messages")
    func manyClients() async throws {
        try await ends.withServer { address in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<64 {
                    group.addTask {
                        try await SecureChannel.withConnection(
                            to: address, ends.client, options: ends.options
                        ) { channel in
                            for round in 0..<8 {
                                let bytes = pattern(200 * round + number, seed: UInt8(number))
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

    @Test("ordered messages stay in order, whatever the mix of sizes")
    func order() async throws {
        let count = 3_000
        try await ends.withServer { address in
            try await SecureChannel.withConnection(to: address, ends.client, options: ends.options) { channel in
                async let sending: Void = {
                    for number in 0..<count {
                        try await channel.send("\(number) " + String(repeating: "x", count: number * 7 % 2_000))
                    }
                }()
                for number in 0..<count {
                    let message = try #require(try await channel.receive())
                    #expect(message.text.hasPrefix("\(number) "))
                    #expect(message.id == MessageID(rawValue: UInt64(number)))
                }
                try await sending
            }
        }
    }

    @Test("channels are told apart, and can be read one by one")
    func channels() async throws {
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            let first = SCP.Channel(1)
            let second = SCP.Channel(2, .reliableUnordered)
            try await channel.send("on one", on: first)
            try await channel.send("on two", on: second)
            let fromSecond = try await channel.receive(from: second)
            let fromFirst = try await channel.receive(from: first)
            #expect(fromSecond?.text == "on two")
            #expect(fromFirst?.text == "on one")
            #expect(fromFirst?.channel == first)
            let error = try await channelFailure { try await channel.send("beyond", on: SCP.Channel(256)) }
            #expect(error.kind == .notSent(.invalidChannel(limit: 256)))
            try await channel.close()
        }
    }

    @Test("application protocols are agreed on, or the connection is refused")
    func applicationProtocol() async throws {
        var ends = ends
        ends.client.applicationProtocols = ["chat/2", "chat/1"]
        ends.server.applicationProtocols = ["chat/1"]
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            #expect(channel.peer.applicationProtocol == "chat/1")
            try await channel.close()
            ends.client.applicationProtocols = ["mail/1"]
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.code == .noApplicationProtocol)
        }
    }

    @Test("a pre-shared key on top: the same on both sides works, another does not")
    func presharedKey() async throws {
        var ends = ends
        let secret = try ends.provider.randomSecret(count: 32)
        ends.client.usePresharedKeys(.common(secret))
        ends.server.usePresharedKeys(.common(secret))
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            try await channel.send("with a key in common")
            let reply = try await channel.receive()
            #expect(reply?.text == "with a key in common")
            try await channel.close()
            ends.client.usePresharedKeys(.common(try ends.provider.randomSecret(count: 32)))
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.code == .authenticationFailed || error.code == .transportFailed)
        }
    }

    @Test("both sides have the same session identifier, and see traffic")
    func views() async throws {
        let identifiers = Shared<[[UInt8]]>([])
        try await ends.withServer(
            handler: { client in
                if let identifier = client.sessionIdentifier { identifiers.change { $0.append(identifier.array) } }
                try await echo(client)
            },
            { address in
                let channel = try await ends.connect(to: address)
                try await channel.send("x")
                _ = try await channel.receive()
                let mine = try #require(channel.sessionIdentifier)
                #expect(identifiers.value == [mine.array])
                let statistics = channel.statistics
                #expect(statistics.messagesSent == 1 && statistics.messagesReceived == 1)
                #expect(statistics.bytesSent > 0 && statistics.framesReceived > 0)
                #expect(statistics.handshakeTime != nil)
                channel.rotateKeys()
                try await eventually {
                    try await channel.send("tick")
                    _ = try await channel.receive()
                    return channel.statistics.rotations > 0
                }
                channel.ping()
                try await channel.close()
            })
    }
}

extension Digest {
    var array: [UInt8] { indices.map { self[$0] } }
}
