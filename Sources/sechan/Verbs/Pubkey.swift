import ArgumentParser

/// `sechan pubkey`: prints the public key of a private key.
struct Pubkey: Verb {
    static let configuration = CommandConfiguration(abstract: "Print the public key of a private key.")

    @Argument(help: "The private key; the identity of this user if none is named.", completion: .file())
    var file: String?

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        let path: String
        if let file { path = file } else { path = try Paths().identity }
        let provider = try Provider.forKeys()
        let key = try KeyFile.load(path, with: provider).publicKey
        try output.result(key.text, .key(key, fingerprint: key.fingerprint(provider), path: path))
    }
}
