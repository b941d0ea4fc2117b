import ArgumentParser

/// `sechan keygen`: makes a private key.
struct Keygen: Verb {
    static let configuration = CommandConfiguration(
        abstract: "Make a private key, and print its public key.",
        discussion: """
            The file is readable by its owner alone. An existing file is never replaced.
            """
    )

    @Argument(help: "The file to create; the identity of this user if none is named.", completion: .file())
    var file: String?

    @Option(name: .shortAndLong, help: "A word or two about the key, kept with its public key.")
    var comment = ""

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        let path = try destination()
        let provider = try Provider.forKeys()
        let key = try KeyFile.create(
            at: path, comment: comment, with: provider, secondsSinceEpoch: SystemCalls.secondsSinceEpoch())
        let fingerprint = try key.publicKey.fingerprint(provider)
        output.note("The private key is in \(path). Keep it to yourself; give others this public key:")
        try output.result(
            key.publicKey.text, .key(key.publicKey, fingerprint: fingerprint, path: path))
        output.note(fingerprint)
    }

    private func destination() throws(Failure) -> String {
        if let file { return file }
        let paths = try Paths()
        // Only our own directory is made: a mistyped SECHAN_IDENTITY should say so.
        if Paths.parent(of: paths.identity) == paths.directory { try paths.createDirectory() }
        return paths.identity
    }
}

extension JSONRecord {
    /// A public key, and the file that it came from.
    static func key(_ key: PublicKeyText, fingerprint: String, path: String?) -> JSONRecord {
        JSONRecord(
            "key",
            [
                "publicKey": .string(PublicKeyText.pasteable(key.key)), "comment": .string(key.comment),
                "fingerprint": .string(fingerprint), "path": .optional(path),
            ])
    }
}
