import ArgumentParser
import SCP
import SCPNIO

/// `sechan connect`: sends lines as messages and prints the answers.
struct Connect: Verb {
    static let configuration = CommandConfiguration(
        abstract: "Connect to a listener: lines go out as messages, answers are printed.",
        discussion: """
            The end of standard input (on a terminal, Control-D) ends our half; what the peer still says is printed \
            until it ends too. With --message standard input is not read.
            """
    )

    /// Bytes that a line may have.
    static let lineLimit = 131_072

    @Argument(help: "tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH or unix-dgram:///PATH.", transform: Address.init)
    var address: Address

    @OptionGroup var peer: PeerOptions
    @OptionGroup var channel: ChannelOptions

    @Option(name: .shortAndLong, help: "A message to send, instead of the lines of standard input. May be repeated.")
    var message: [String] = []

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        let party = try channel.party(output)
        defer { party.recordings?.finish() }
        let dialer = try Dialer(to: address, peer, party, output)
        let messages = message
        try await Interruption.guarding {
            do {
                let channel = try await dialer.connect()
                try await Conversation(channel, party, output).run(sending: messages)
                return .success(())
            } catch {
                return .failure(Failure(channel: error))
            }
        }
    }
}
