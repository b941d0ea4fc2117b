import ArgumentParser
import SCP
import SCPNIO

/// `sechan listen`: takes clients whose keys are authorized, and prints what they say.
struct Listen: Verb {
    static let configuration = CommandConfiguration(
        abstract: "Take authenticated clients, and print their messages.",
        discussion: """
            A message is a line on standard output, with --json a record. Who comes and goes is told on standard \
            error. Ends in order with SIGINT (exit status \(ExitStatus.interrupted.rawValue)) or SIGTERM \
            (\(ExitStatus.done.rawValue)).
            """
    )

    @Argument(
        help: "tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH or unix-dgram:///PATH; port 0 takes one that is free.",
        transform: Address.init)
    var address: Address

    @OptionGroup var admission: AdmissionOptions
    @OptionGroup var channel: ChannelOptions

    @Flag(help: "Send every message back.")
    var echo = false

    @Flag(help: "End after the first client, with the exit status of that channel.")
    var once = false

    @Option(help: ArgumentHelp("Clients at once.", valueName: "count"))
    var maxConnections = 1_024

    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if maxConnections < 1 { throw ValidationError("--max-connections must be at least 1.") }
    }

    func execute(_ output: Output) async throws(Failure) {
        let party = try channel.party(output)
        defer { party.recordings?.finish() }
        let gatekeeper = try Gatekeeper(admission, party, output)
        let service = Reception(
            party: party, gatekeeper: gatekeeper, writer: OutputWriter(output), echoes: echo, isSingle: once)
        let listener = try ListenerSetup(address, party, gatekeeper, output, maximumConnections: maxConnections)
        try await Interruption.guarding(orderly: [Interruption.terminate], whenOrderly: ()) {
            await listener.run({ client in await service.serve(client) }) { address in
                await service.begin(address)
            } until: {
                await service.end()
            }
        }
    }
}
