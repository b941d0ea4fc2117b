import SCP
import SCPGcrypt
import SCPNIO
import SCPRepeatableMLKEM
import SCPSimulation
import Testing

/// What `connect` makes of a listener that has not the suite we would rather have.
@Suite("Hybrid suites of channels", .timeLimit(.minutes(3)))
struct HybridTests {
    private static let places = [loopback, Endpoint.udp("127.0.0.1", 0)]

    private let ends: Ends
    private let hybrid: Configuration<RepeatableProvider<GcryptProvider>>

    init() throws {
        var ends = try Ends()
        ends.server.identityPolicy = .anyone
        self.ends = ends
        let provider = RepeatableProvider(ends.provider, seed: 1, isHybrid: true)
        let key = try provider.privateKey(provider.randomSecret(count: 32))
        var hybrid = Configuration(provider: provider, identity: key, identityPolicy: .pinned(ends.serverKey))
        hybrid.timers = ends.client.timers
        self.hybrid = hybrid
    }

    /// The listener refuses suite 0x02 and names 0x01, which is offered then.
    // [SCP-HS-33]
    @Test(arguments: HybridTests.places)
    func preferredIsNotRequired(place: Endpoint) async throws {
        #expect(hybrid.suites == [.hybrid, .classic])
        try await ends.withServer(on: place) { address in
            let channel = try await SecureChannel.connect(to: address, hybrid, options: ends.options)
            #expect(channel.suite == .classic)
            try await channel.send("Hello")
            let reply = try await channel.receive()
            #expect(reply?.text == "Hello")
            try await channel.close()
        }
    }

    @Test(arguments: HybridTests.places)
    func requiredIsRequired(place: Endpoint) async throws {
        var hybrid = hybrid
        hybrid.use(.require)
        try await ends.withServer(on: place) { [hybrid] address in
            await #expect {
                _ = try await SecureChannel.connect(to: address, hybrid, options: ends.options)
            } throws: {
                ($0 as? SecureChannelError)?.code == .unsupportedSuite
            }
        }
    }

    @Test(arguments: HybridTests.places)
    func bothSidesAreHybrid(place: Endpoint) async throws {
        let provider = RepeatableProvider(ends.provider, seed: 2, isHybrid: true)
        let key = try provider.privateKey(provider.randomSecret(count: 32))
        let server = Configuration(provider: provider, identity: key, identityPolicy: .anyone)
        var client = hybrid
        client.identityPolicy = .pinned(try provider.publicKey(of: key))
        client.responderKey = try provider.publicKey(of: key)
        try await SecureServer.withServer(
            on: place, server, options: ends.serverOptions, handler: echo
        ) { [client] server in
            let channel = try await SecureChannel.connect(to: server.address, client, options: ends.options)
            #expect(channel.suite == .hybrid)
            try await channel.send("Hello")
            let reply = try await channel.receive()
            #expect(reply?.text == "Hello")
            try await channel.close()
        }
    }
}
