import ArgumentParser

/// `sechan trust remove`: a key, a fingerprint or an address is trusted no more.
struct TrustRemove: Verb {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Trust a key no more.",
        discussion: """
            Without --address the key leaves authorized_peers. With --address the address leaves known_peers; a key \
            beside it must then be the one that is known.
            """
    )

    @Argument(help: "A fingerprint (SHA256:...). Or: \(KeyArgument.help)", completion: .file())
    var key: [String] = []

    @Option(name: .shortAndLong, help: "The address to forget.", transform: Address.init)
    var address: Address?

    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if key.isEmpty, address == nil { throw ValidationError("Name a key, a fingerprint or an --address.") }
    }

    func execute(_ output: Output) async throws(Failure) {
        let provider = try Provider.forKeys()
        let fingerprints = try fingerprints(provider)
        let store = TrustStore(paths: try Paths())
        var removed: [(entry: TrustFile.Entry, fingerprint: String)] = []
        try store.update(address == nil ? .authorizedPeers : .knownPeers) { file throws(Failure) in
            _ = try file.removeEntries { entry throws(Failure) in
                guard entry.address == address else { return false }
                let fingerprint = try entry.key.fingerprint(provider)
                guard fingerprints.isEmpty || fingerprints.contains(fingerprint) else { return false }
                removed.append((entry, fingerprint))
                return true
            }
            return !removed.isEmpty
        }
        guard !removed.isEmpty else {
            let name = [address?.description].compactMap { $0 } + fingerprints
            throw Failure(.noInput, "not trusted, so nothing was removed: \(name.joined(separator: " "))")
        }
        for (entry, fingerprint) in removed {
            try output.result(entry.text, .trust("removed", entry, fingerprint: fingerprint))
            output.note("trusted no more: \(fingerprint)")
        }
    }

    private func fingerprints(_ provider: Provider) throws(Failure) -> [String] {
        guard let first = key.first else { return [] }
        if key.count == 1, first.hasPrefix("SHA256:") { return [first] }
        return try KeyArgument.resolve(key, with: { provider }).map { key throws(Failure) in
            try key.fingerprint(provider)
        }
    }
}
