import ArgumentParser

/// `sechan trust`: who is trusted, in two files.
struct Trust: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say whose keys are trusted.",
        discussion: """
            known_peers holds the key of each address that this user connects to; authorized_peers holds the keys that \
            may connect to this user's listeners. Both are text files in the configuration directory, one key a line; \
            lines of other versions and comments are kept.
            """,
        subcommands: [TrustAdd.self, TrustList.self, TrustRemove.self]
    )
}

extension JSONRecord {
    /// An entry of a trust store.
    static func trust(
        _ kind: String, _ entry: TrustFile.Entry, fingerprint: String, more: KeyValuePairs<String, JSONValue> = [:]
    ) -> JSONRecord {
        JSONRecord(
            kind,
            [
                ("address", .optional(entry.address?.description)),
                ("publicKey", .string(PublicKeyText.pasteable(entry.key.key))),
                ("comment", .string(entry.key.comment)), ("fingerprint", .string(fingerprint)),
            ] + more.map { ($0.key, $0.value) })
    }
}
