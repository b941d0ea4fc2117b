import ArgumentParser
import SCP
import SCPNIO

/// `sechan pipe`: standard input to the peer, the peer's to standard output.
struct PipeVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "pipe",
        abstract: "Standard input to the peer, and the peer's to standard output, byte for byte.",
        discussion: """
            One side says `sechan pipe --listen ADDRESS`, the other `sechan pipe ADDRESS`. Both directions \
            are confirmed: the exit status is \(ExitStatus.done.rawValue) only when the peer has written everything. A \
            side with nothing to send has its input from /dev/null. With --json records go to standard error.
            """
    )

    @Argument(help: "tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH or unix-dgram:///PATH.", transform: Address.init)
    var address: Address

    @Flag(name: .shortAndLong, help: "Wait at the address for one client.")
    var listen = false

    @OptionGroup(title: "When connecting") var peer: PeerOptions
    @OptionGroup(title: "With --listen") var admission: AdmissionOptions
    @OptionGroup var channel: ChannelOptions
    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if listen {
            guard peer.isUnused else { throw ValidationError("--peer, --known-peers and --trust go without --listen.") }
        } else {
            guard admission.isUnused else {
                throw ValidationError("--authorized, --allow, --accept-new and --anyone go with --listen.")
            }
        }
    }

    func execute(_ output: Output) async throws(Failure) {
        var output = output
        output.records = .errors
        var party = try channel.party(output)
        let recordings = party.recordings
        defer { recordings?.finish() }
        party.configuration.applicationProtocols = [Transfer.applicationProtocol]
        party.configuration.limits = Transfer.limits()
        let session = TransferSession(party, output)
        if listen {
            let gatekeeper = try Gatekeeper(admission, party, output)
            let listener = try ListenerSetup(address, party, gatekeeper, output, maximumConnections: 64)
            let first = FirstClient()
            try await Interruption.guarding {
                await listener.run({ client in await first.offer(client) }) { address in
                    session.begin(address)
                } until: { () async -> Result<Void, Failure> in
                    guard let client = await first.client() else {
                        return .failure(Failure(.interrupted, "interrupted"))
                    }
                    let result = await session.run(client, name: gatekeeper.name(of: client.peer.publicKey))
                    await first.release()
                    return result
                }
            }
        } else {
            let dialer = try Dialer(to: address, peer, party, output)
            try await Interruption.guarding {
                do {
                    return await session.run(try await dialer.connect(), name: nil)
                } catch {
                    return .failure(Failure(channel: error))
                }
            }
        }
    }
}
