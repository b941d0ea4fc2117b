import ArgumentParser
import SCP

/// `sechan psk`: makes a pre-shared key.
struct Psk: Verb {
    static let configuration = CommandConfiguration(
        abstract: "Make a key that two sides share besides their own keys.",
        discussion: """
            Both sides name the file with --psk, and nobody without it gets in. Hand it over where nobody else looks.

            With --peer the key is for one peer, and the peer's copy is written too: a listener has such a file for \
            each peer (--psk may be repeated, and a file may have many lines), a peer that connects only its copy.

            The files are readable by their owner alone. An existing file is never replaced.
            """
    )

    @Argument(help: "The file to create.", completion: .file())
    var file: String

    @Option(help: "\(KeyArgument.help)", completion: .file())
    var peer: String?

    @Option(help: ArgumentHelp("The file to create for the peer.", valueName: "file"), completion: .file())
    var copy: String?

    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if (peer == nil) != (copy == nil) { throw ValidationError("--peer and --copy go together.") }
    }

    func execute(_ output: Output) async throws(Failure) {
        let provider = try Provider.forKeys()
        var key: PublicKeyText?
        if let peer {
            let keys = try KeyArgument.resolve([peer], with: { provider })
            guard keys.count == 1 else { throw Failure(.usage, "\(keys.count) peers for one key") }
            key = keys.first
        }
        let secret: Secret
        do throws(CryptoError) {
            secret = try provider.randomSecret(count: PublicKey.size)
        } catch {
            throw Failure(.internalError, "the crypto library made no key: \(error)")
        }
        let now = SystemCalls.secondsSinceEpoch()
        try PresharedKeyFile.create(file, secret, peer: key, secondsSinceEpoch: now)
        if let copy {
            do throws(Failure) {
                try PresharedKeyFile.create(copy, secret, peer: nil, secondsSinceEpoch: now)
            } catch {
                // Of no use alone.
                try? SystemCalls.remove(file)
                throw error
            }
            output.note("Give \(copy) to the peer, where nobody else looks, and keep \(file).")
        } else {
            output.note("Copy \(file) to the other side, where nobody else looks.")
        }
        try output.result(
            file,
            JSONRecord(
                "presharedKey",
                [
                    "path": .string(file), "copy": .optional(copy),
                    "peer": .optional(key.map { PublicKeyText.pasteable($0.key) }),
                ]))
    }
}
