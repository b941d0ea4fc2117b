import ArgumentParser

/// `sechan trust list`: everybody who is trusted.
struct TrustList: Verb {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the trusted keys.",
        discussion: """
            Known peers come first, with their address. Lines that cannot be understood are named on standard error, \
            and the exit status is then \(ExitStatus.configuration.rawValue).
            """
    )

    @Flag(help: "Only the peers that this user connects to.")
    var known = false

    @Flag(help: "Only the peers that may connect to this user.")
    var authorized = false

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        // Neither flag or both: everybody.
        let kinds = TrustFile.Kind.allCases.filter { known == authorized || known == ($0 == .knownPeers) }
        let provider = try Provider.forKeys()
        let store = TrustStore(paths: try Paths())
        var complaints: [String] = []
        for kind in kinds {
            let file = try store.load(kind)
            for entry in file.entries {
                let fingerprint = try entry.key.fingerprint(provider)
                try output.result(
                    entry.text,
                    .trust("peer", entry, fingerprint: fingerprint, more: ["store": .string(kind.rawValue)]))
            }
            for line in file.lines where line.content == .unknown {
                output.detail("\(file.path):\(line.number): of another version, left alone")
            }
            complaints += file.complaints
        }
        guard complaints.isEmpty else {
            throw Failure(
                .configuration, complaints.joined(separator: "\n"),
                remedy: "Lines that cannot be understood trust nobody. Mend or remove them.")
        }
    }
}
