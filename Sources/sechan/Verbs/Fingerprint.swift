import ArgumentParser

/// `sechan fingerprint`: prints the short form of public keys that people compare.
struct Fingerprint: Verb {
    static let configuration = CommandConfiguration(
        abstract: "Print the fingerprint of a key, for comparing by eye or voice.",
        discussion: "SHA256: and the SHA-256 digest of the 32 bytes of the public key, in Base64 without padding."
    )

    @Argument(help: "\(KeyArgument.help) The identity of this user if none is named.", completion: .file())
    var key: [String] = []

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        let words = key.isEmpty ? [try Paths().identity] : key
        let provider = try Provider.forKeys()
        for key in try KeyArgument.resolve(words, with: { provider }) {
            let fingerprint = try key.fingerprint(provider)
            let line = key.comment.isEmpty ? fingerprint : fingerprint + " " + key.comment
            try output.result(line, .key(key, fingerprint: fingerprint, path: nil))
        }
    }
}
