import ArgumentParser
import SCP
import SCPGcrypt
import SCPNIO

/// `sechan bench`: figures of this machine, or of the way to another.
struct Bench: Verb {
    static let configuration = CommandConfiguration(
        abstract: "Measure handshakes, throughput and round trips.",
        discussion: """
            Without an address client and server are in this process and talk over loopback TCP, and the cost of a \
            handshake is told for each suite that the backend has. With one, \
            `sechan bench --serve ADDRESS` must run there. Only figures are printed; they are those of the moment.
            """
    )

    @Argument(help: "tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH or unix-dgram:///PATH.", transform: Address.init)
    var address: Address?

    @Flag(help: "Be the other side, at the address, until interrupted.")
    var serve = false

    @Option(help: "Seconds for each figure.")
    var seconds = Seconds(.seconds(1))

    @OptionGroup(title: "With an address") var peer: PeerOptions
    @OptionGroup(title: "With --serve") var admission: AdmissionOptions
    @OptionGroup(title: "With an address or --serve") var channel: ChannelOptions
    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if serve, address == nil { throw ValidationError("--serve needs an address.") }
        if seconds.duration == .zero { throw ValidationError("--seconds must be more than 0.") }
        if !serve, !admission.isUnused { throw ValidationError("--authorized, --allow and so on go with --serve.") }
        if serve || address == nil, !peer.isUnused { throw ValidationError("--peer and so on need an address.") }
    }

    func execute(_ output: Output) async throws(Failure) {
        let duration = seconds.duration
        guard let address else {
            return try await Interruption.guarding { await Bench.measureLoopback(duration, output) }
        }
        var party = try channel.party(output)
        let recordings = party.recordings
        defer { recordings?.finish() }
        Benchmark.prepare(&party.configuration)
        if serve {
            let gatekeeper = try Gatekeeper(admission, party, output)
            let listener = try ListenerSetup(address, party, gatekeeper, output, maximumConnections: 64)
            let fingerprint = party.fingerprint
            return try await Interruption.guarding(orderly: [Interruption.terminate], whenOrderly: ()) {
                await listener.run(Benchmark.serve) { address in
                    output.note("serving benchmarks on \(address) as \(fingerprint)")
                } until: {
                    try? await Task.sleep(for: .seconds(Seconds.limit))
                    return .success(())
                }
            }
        }
        let dialer = try Dialer(to: address, peer, party, output)
        try await Interruption.guarding {
            await Benchmark(duration, output) { () throws(Failure) in try await dialer.connect() }.run()
        }
    }

    /// Both sides in this process, with keys made for the occasion.
    private static func measureLoopback(_ duration: Duration, _ output: Output) async -> Result<Void, Failure> {
        do {
            let provider = try Provider.forChannels()
            for suite in [Suite.classic, .hybrid] where !suite.isHybrid || provider.encapsulation != nil {
                try HandshakeCost.measure(suite, provider, for: duration).report(output)
            }
            let serverKey = try provider.privateKey(provider.randomSecret(count: PublicKey.size))
            let clientKey = try provider.privateKey(provider.randomSecret(count: PublicKey.size))
            var server = Configuration(
                provider: provider, identity: serverKey,
                identityPolicy: .pinned(try provider.publicKey(of: clientKey)))
            var client = Configuration(
                provider: provider, identity: clientKey,
                identityPolicy: .pinned(try provider.publicKey(of: serverKey)))
            Benchmark.prepare(&server)
            Benchmark.prepare(&client)
            let configuration = client
            var options = ServerOptions()
            options.transport.logger = LogLines.logger(output)
            return try await SecureServer.withServer(
                on: .tcp("127.0.0.1", 0), server, options: options, handler: Benchmark.serve
            ) { [options = options.transport] server in
                let address = server.address
                return await Benchmark(duration, output) { () throws(Failure) in
                    do {
                        return try await SecureChannel.connect(to: address, configuration, options: options)
                    } catch {
                        throw Failure(channel: error)
                    }
                }.run()
            }
        } catch {
            return .failure(Failure(channel: error))
        }
    }
}
