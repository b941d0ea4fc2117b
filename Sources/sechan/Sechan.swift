import ArgumentParser
import Dispatch

@main
enum Program {
    /// Not asynchronous: the standard descriptors must be occupied before the runtime opens any of its own.
    static func main() {
        SystemCalls.prepareProcess()
        Task {
            await Sechan.main()
            Sechan.exit()
        }
        dispatchMain()
    }
}

/// The command line: two programs talk over SCP/1 with keys that people know.
struct Sechan: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "sechan",
        abstract: "Secure channels between two programs that know each other's public key.",
        discussion: """
            Addresses: tcp://HOST:PORT, unix:///PATH; for datagrams udp://HOST:PORT, unix-dgram:///PATH. An IPv6 \
            address stands in brackets.

            Results go to standard output, words for people to standard error; --json writes one object a line.

            Exit status:
            \(ExitStatus.table)

            Environment:
              SECHAN_IDENTITY  the private key, instead of the file "identity" in the configuration directory
              SECHAN_AGENT     the socket of a `sechan agent` that holds the private key, instead of a file with it
              SECHAN_CONFIG    the configuration directory, instead of $XDG_CONFIG_HOME/sechan or ~/.config/sechan
              SECHAN_BACKEND   whose cryptography: \(Backend.allCases.map(\.rawValue).joined(separator: ", "))
              NO_COLOR         no colours on the terminal
            """,
        version: "sechan \(version) (SCP/1)",
        subcommands: [
            Keygen.self, Pubkey.self, Fingerprint.self, Psk.self, Cert.self, Trust.self, Listen.self, Connect.self,
            PipeVerb.self, ReplayVerb.self, Bench.self, AgentVerb.self, Doctor.self,
        ]
    )
}
