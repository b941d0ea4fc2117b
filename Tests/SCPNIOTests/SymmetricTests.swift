import NIOCore
import NIOPosix
import SCP
import SCPGcrypt
import SCPNIO
import Testing

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

    /// A port of the loopback interface that nobody had a moment ago.
    private func freePort() async throws -> Int {
        let channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        defer { channel.close(promise: nil) }
        return channel.localAddress?.port ?? 0
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
        let ports = [try await freePort(), try await freePort()]
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
