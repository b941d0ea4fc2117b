import ArgumentParser

/// `sechan trust add`: an authorized peer, or the key of an address.
struct TrustAdd: Verb {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Trust a key: to connect to us, or with --address to answer there.",
        discussion: """
            Adding what is there already changes nothing. An address that is known with another key stays as it is \
            (exit status \(ExitStatus.identityChanged.rawValue)) unless --replace is given.
            """
    )

    @Argument(help: "\(KeyArgument.help)", completion: .file())
    var key: [String]

    @Option(name: .shortAndLong, help: "The address where the key answers.", transform: Address.init)
    var address: Address?

    @Option(name: .shortAndLong, help: "The comment to keep with the key, instead of its own.")
    var comment: String?

    @Flag(help: "Replace the key that is known for the address.")
    var replace = false

    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if replace, address == nil { throw ValidationError("--replace needs --address.") }
        if address == .standardIO { throw ValidationError("stdio: names no peer.") }
    }

    func execute(_ output: Output) async throws(Failure) {
        let provider = try Provider.forKeys()
        var keys = try KeyArgument.resolve(key, with: { provider })
        if let comment { keys = try keys.map { key throws(Failure) in try key.commented(comment) } }
        guard address == nil || keys.count == 1 else {
            throw Failure(.usage, "\(keys.count) keys for one address; an address has one key")
        }
        let store = TrustStore(paths: try Paths())
        var added: [(entry: TrustFile.Entry, isNew: Bool)] = []
        try store.update(address == nil ? .authorizedPeers : .knownPeers) { file throws(Failure) in
            for complaint in file.complaints { output.warning("\(complaint) (kept, trusts nobody)") }
            for key in keys {
                let entry = TrustFile.Entry(address: address, key: key)
                added.append((entry, try add(entry, to: &file, provider)))
            }
            return added.contains { $0.isNew }
        }
        for (entry, isNew) in added {
            let fingerprint = try entry.key.fingerprint(provider)
            try output.result(
                entry.text, .trust("trusted", entry, fingerprint: fingerprint, more: ["added": .boolean(isNew)]))
            output.note(isNew ? "trusted from now on: \(fingerprint)" : "trusted already: \(fingerprint)")
        }
    }

    /// Whether the file has changed.
    private func add(
        _ entry: TrustFile.Entry, to file: inout TrustFile, _ provider: Provider
    ) throws(Failure) -> Bool {
        guard let address = entry.address else {
            guard !file.entries.contains(where: { $0.key.key == entry.key.key }) else { return false }
            file.add(entry)
            return true
        }
        if let known = try file.knownKey(of: address) {
            guard known.key.key != entry.key.key else { return false }
            guard replace else {
                throw Failure(
                    .identityChanged,
                    """
                    \(address) is known with another key.
                      known:   \(try known.key.fingerprint(provider))  (\(file.path):\(known.line))
                      offered: \(try entry.key.fingerprint(provider))
                    Nothing was changed.
                    """,
                    remedy: "If the peer's owner confirms the new key, say the same again with --replace.")
            }
            _ = try file.removeEntries { $0.address == address }
        }
        file.add(entry)
        return true
    }
}

extension PublicKeyText {
    /// The same key with another comment.
    func commented(_ comment: String) throws(Failure) -> PublicKeyText {
        do throws(ParseError) {
            return try PublicKeyText(key, comment: comment)
        } catch {
            throw Failure(.usage, error.description)
        }
    }
}
