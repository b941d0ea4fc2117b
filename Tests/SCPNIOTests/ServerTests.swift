import Foundation
import NIOCore
import NIOPosix
import SCP
import SCPNIO
import Testing

@Suite("Servers", .timeLimit(.minutes(5)))
struct ServerTests {
    private var ends: Ends

    init() throws { ends = try Ends() }

    @Test("when the server's task is cancelled, clients are told, and listen returns")
    func shutdown() async throws {
        let address = Shared<Endpoint?>(nil)
        let serving = Task { [ends] in
            try await SecureServer.withServer(
                on: loopback, ends.server, options: ends.serverOptions, handler: echo
            ) { server in
                address.value = server.address
                try await Task.sleep(for: .seconds(600))
            }
        }
        try await eventually { address.value != nil }
        let endpoint = try #require(address.value)
        var channels: [SecureChannel] = []
        for _ in 0..<5 { channels.append(try await ends.connect(to: endpoint)) }
        let silent = try await PlainClient(to: endpoint)
        serving.cancel()
        for channel in channels {
            let error = try await channelFailure { _ = try await channel.receive() }
            #expect(error.kind == .closedByPeer(.shuttingDown, reason: ""))
        }
        try await silent.waitForEnd()
        _ = await serving.result
        let error = try await channelFailure { _ = try await ends.connect(to: endpoint) }
        #expect(error.kind == .unreachable)
    }

    @Test("listen itself returns once cancelled")
    func listenReturns() async throws {
        try await withTemporaryDirectory { [ends] directory in
            let endpoint = Endpoint.unix(directory + "/s")
            let serving = Task {
                try await SecureServer.listen(
                    on: endpoint, ends.server, options: ends.serverOptions, handler: echo)
            }
            try await eventually { FileManager.default.fileExists(atPath: directory + "/s") }
            let channel = try await ends.connect(to: endpoint)
            serving.cancel()
            try await serving.value
            let error = try await channelFailure { _ = try await channel.receive() }
            #expect(error.code == .shuttingDown)
        }
    }

    @Test("a client that confirms nothing, and a handler that does not end, are waited for within bounds")
    func boundedShutdown() async throws {
        var ends = ends
        ends.serverOptions.shutdownTime = .milliseconds(300)
        let relay = try await Relay()
        let isEnded = Shared(false)
        try await ends.withServer(
            handler: { client in
                // Takes no notice of cancellation; only the end of the channel moves it.
                await Task { _ = try? await client.waitUntilClosed() }.value
                isEnded.value = true
            },
            { [ends] address in
                try await relay.start(to: address)
                let channel = try await ends.connect(to: relay.address)
                relay.limitForward(to: 0)
                try await channel.send("into the void")
            })
        #expect(isEnded.value)
        try await relay.close()
    }

    @Test("a handler that throws ends its client only")
    func failingHandler() async throws {
        struct Broken: Error {}
        let recorder = LogRecorder()
        var ends = ends
        ends.serverOptions.transport.logger = recorder.logger
        try await ends.withServer(
            handler: { client in
                for try await message in client.messages {
                    if message.text == "break" { throw Broken() }
                    try await client.send(message.bytes)
                }
            },
            { [ends] address in
                let good = try await ends.connect(to: address)
                let bad = try await ends.connect(to: address)
                try await bad.send("break")
                let error = try await channelFailure { _ = try await bad.receive() }
                #expect(error.kind == .closedByPeer(.internalError, reason: ""))
                try await good.send("fine")
                let reply = try await good.receive()
                #expect(reply?.text == "fine")
                try await good.close()
            })
        #expect(recorder.lines.contains { $0.message == "a client's handler failed" })
    }

    @Test("an address that is taken, or cannot be had")
    func cannotListen() async throws {
        try await ends.withServer { [ends] address in
            let taken = try await channelFailure { try await ends.withServer(on: address) { _ in } }
            #expect(taken.kind == .addressInUse)
            let foreign = try await channelFailure { try await ends.withServer(on: .tcp("192.0.2.1", 0)) { _ in } }
            #expect(foreign.kind == .cannotListen)
            let port = try await channelFailure { try await ends.withServer(on: .tcp("127.0.0.1", 70_000)) { _ in } }
            #expect(port.kind == .cannotListen)
            let path = try await channelFailure {
                try await ends.withServer(on: .unix("/nowhere/at/all")) { _ in }
            }
            #expect(path.kind == .cannotListen)
            let long = try await channelFailure {
                try await ends.withServer(on: .unix("/tmp/" + String(repeating: "x", count: 200))) { _ in }
            }
            #expect(long.kind == .cannotListen)
        }
    }

    @Test("nobody there, no such host, no such port")
    func unreachable() async throws {
        let silent = try await SilentListener()
        let address = silent.address
        try await silent.close()
        let refused = try await channelFailure { _ = try await ends.connect(to: address) }
        #expect(refused.kind == .unreachable)
        #expect(refused.endpoint == address)
        #expect(refused.description.hasPrefix("tcp://127.0.0.1:"))
        let unknown = try await channelFailure { _ = try await ends.connect(to: .tcp("no-such-host.invalid", 4433)) }
        #expect(unknown.kind == .unknownHost)
        let port = try await channelFailure { _ = try await ends.connect(to: .tcp("127.0.0.1", 70_000)) }
        #expect(port.kind == .unreachable)
        let path = try await channelFailure { _ = try await ends.connect(to: .unix("/nowhere/at/all")) }
        #expect(path.kind == .unreachable)
    }

    @Test("a configuration that cannot be used is said to be so, before anything is opened")
    func configuration() async throws {
        var ends = ends
        ends.client.limits.frameLimit = 1
        ends.server.limits.channels = 0
        let client = try await channelFailure { _ = try await ends.connect(to: .unix("/nowhere/at/all")) }
        #expect(client.kind == .configuration(.limit(.frameLimit)))
        let server = try await channelFailure { try await ends.withServer { _ in } }
        #expect(server.kind == .configuration(.limit(.channels)))
    }

    @Test("a peer that accepts and never answers is given up after the handshake time")
    func handshakeTimeout() async throws {
        let silent = try await SilentListener()
        var ends = ends
        ends.client.timers.handshake = .milliseconds(500)
        let error = try await channelFailure { _ = try await ends.connect(to: silent.address) }
        // TRANSPORT_FAILED where even reaching the loopback took that long.
        #expect(error.code == .handshakeTimeout || error.detail != nil)
        try await silent.close()
    }
}

@Suite("Socket files", .timeLimit(.minutes(5)))
struct SocketFileTests {
    private let ends: Ends

    init() throws { ends = try Ends() }

    private func exists(_ path: String) -> Bool { (try? FileManager.default.attributesOfItem(atPath: path)) != nil }

    /// What a program leaves behind that was killed: a socket's file, and nobody.
    private func leaveSocket(at path: String) throws {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        try unsafe SocketAddress(unixDomainSocketPath: path).withSockAddr { address, size in
            try #require(unsafe bind(descriptor, address, socklen_t(size)) == 0)
        }
    }

    @Test("the file is there while the server is, and gone after")
    func lifeCycle() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            for _ in 0..<2 {
                try await ends.withServer(on: .unix(path)) { _ in #expect(exists(path)) }
                #expect(!exists(path))
            }
        }
    }

    @Test("a socket that a dead program left is replaced")
    func stale() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try leaveSocket(at: path)
            #expect(exists(path))
            try await ends.withServer(on: .unix(path)) { address in
                let channel = try await ends.connect(to: address)
                try await channel.close()
            }
        }
    }

    @Test("a socket that somebody listens on is not")
    func alive() async throws {
        try await withTemporaryDirectory { directory in
            let endpoint = Endpoint.unix(directory + "/s")
            try await ends.withServer(on: endpoint) { _ in
                let error = try await channelFailure { try await ends.withServer(on: endpoint) { _ in } }
                #expect(error.kind == .addressInUse)
                let channel = try await ends.connect(to: endpoint)
                try await channel.close()
            }
        }
    }

    @Test("neither is a file that is no socket")
    func otherFile() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try "precious".write(toFile: path, atomically: false, encoding: .utf8)
            let error = try await channelFailure { try await ends.withServer(on: .unix(path)) { _ in } }
            #expect(error.kind == .cannotListen)
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
        }
    }

    @Test("a file that was put in the place of ours stays")
    func replaced() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory + "/s"
            try await ends.withServer(on: .unix(path)) { _ in
                try FileManager.default.removeItem(atPath: path)
                try "precious".write(toFile: path, atomically: false, encoding: .utf8)
            }
            #expect(exists(path))
        }
    }
}
