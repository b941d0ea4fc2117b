import NIOCore
import NIOPosix
import SCP
import SCPGcrypt
import Testing

@testable import SCPNIO

/// Two peers that connect to each other, with nobody who listens.
@Suite("Both begin", .timeLimit(.minutes(2)))
struct SymmetricTests {
    private var ends: Ends

    init() throws {
        ends = try Ends()
        ends.client.isSymmetric = true
        ends.server.isSymmetric = true
        ends.server.identityPolicy = .pinned(ends.clientKey)
    }

    /// Two ports of the loopback interface that nobody had a moment ago.
    private func freePorts() async throws -> [Int] {
        var channels: [any NIOCore.Channel] = []
        for _ in 0..<2 {
            channels.append(
                try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .bind(host: "127.0.0.1", port: 0).get())
        }
        let ports = channels.compactMap { $0.localAddress?.port }
        for channel in channels { try await channel.close() }
        return ports
    }

    private func connect(
        _ configuration: Configuration<GcryptProvider>, from local: Int, to remote: Int
    ) async throws -> SecureChannel {
        var options = TransportOptions.quiet
        options.localEndpoint = .udp("127.0.0.1", local)
        return try await SecureChannel.connect(to: .udp("127.0.0.1", remote), configuration, options: options)
    }

    /// [SCP-DGRAM-29]
    @Test("over UDP, at the same moment or one after the other: one channel", arguments: [0, 1, 5, 300])
    func udp(milliseconds: Int) async throws {
        let ports = try await freePorts()
        let (first, second) = (ends.client, ends.server)
        async let one = connect(first, from: ports[0], to: ports[1])
        try await Task.sleep(for: .milliseconds(milliseconds))
        async let other = connect(second, from: ports[1], to: ports[0])
        let channels = try await [one, other]
        #expect(channels[0].peer.publicKey == ends.serverKey)
        #expect(channels[1].peer.publicKey == ends.clientKey)
        try await channels[0].send("to the other")
        try await channels[1].send("and back")
        #expect(try await channels[1].receive()?.text == "to the other")
        #expect(try await channels[0].receive()?.text == "and back")
        try await channels[0].close()
        #expect(try await channels[1].receive() == nil)
        try await channels[1].close()
    }

    /// The peer has a socket and speaks, when ours is open and we have not begun yet.
    @Test("what comes before our attempt waits for it")
    func early() async throws {
        let ports = try await freePorts()
        var options = TransportOptions.quiet
        options.localEndpoint = .udp("127.0.0.1", ports[0])
        let endpoint = Endpoint.udp("127.0.0.1", ports[1])
        let socket = try await DatagramSockets.dial(endpoint, ends.client, options)
        async let other = connect(ends.server, from: ports[1], to: ports[0])
        try await Task.sleep(for: .milliseconds(300))
        let (configuration, observer) = (ends.client, Nobody())
        let session = try await socket.eventLoop.submit {
            try socket.pipeline.syncOperations.handler(type: DatagramHandler<GcryptProvider>.self)
                .connect(configuration, endpoint: endpoint, observer: observer)
        }.get()
        #expect(try await session.established().publicKey == ends.serverKey)
        let channel = try await other
        #expect(channel.peer.publicKey == ends.clientKey)
        channel.abort()
        try await socket.close()
    }

    private struct Nobody: SessionObserver {
        func observe(_ event: Event, of session: any AnySession) {}
        func observeHint(_ error: any Error) {}
        func observeTick(of session: any AnySession) {}
    }

    /// [SCP-HS-35]
    @Test("with a private key that is elsewhere, on datagrams: said before anything is opened")
    func external() async throws {
        var ends = ends
        ends.client.identity = .external(ends.clientKey)
        await #expect {
            try await connect(ends.client, from: 1, to: 1)
        } throws: { error in
            (error as? SecureChannelError)?.kind == .configuration(.identity)
        }
    }
}
