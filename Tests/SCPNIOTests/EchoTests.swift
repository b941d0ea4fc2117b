import NIOCore
import SCP
import SCPNIO
import Testing

@Suite struct EchoTests {
    @Test func helloOverTCP() async throws {
        let ends = try Ends()
        try await SecureServer.withServer(on: loopback, ends.server, handler: echo) { server in
            let channel = try await SecureChannel.connect(to: server.address, ends.client)
            #expect(channel.peer.publicKey == ends.serverKey)
            try await channel.send("Hello, secure world!")
            let reply = try await channel.receive()
            #expect(reply?.text == "Hello, secure world!")
            try await channel.close()
            let end = try await channel.receive()
            #expect(end == nil)
        }
    }
}
