import SCP

/// Pre-shared keys on disk, for the eyes of both owners alone: one for every peer, or one for each.
///
///     scp1-psk BASE64                                  with whomever
///     scp1-psk BASE64 scp1-x25519 BASE64 [COMMENT]     with the owner of that public key
///
/// Before a key for every peer the word may be missing: 32 random bytes in Base64 from anywhere will do.
enum PresharedKeyFile {
    /// The first word of a line with a key.
    static let keyType = "scp1-psk"

    /// - Parameter peer: whom the key is shared with; nil for whomever.
    static func create(
        _ path: String, _ secret: Secret, peer: PublicKeyText?, secondsSinceEpoch: Int64
    ) throws(Failure) {
        let head = """
            # sechan pre-shared key for SCP/1. Both sides need it (--psk); nobody else may have it.
            # created: \(Timestamp.text(secondsSinceEpoch: secondsSinceEpoch))
            \(keyType)\u{20}
            """
        try SecretFile.create(path, head: head, secret, tail: peer.map { " \($0.text)" } ?? "")
    }

    /// The keys of some files together; nil without a file.
    static func read(_ paths: [String]) throws(Failure) -> PresharedKeys? {
        guard let first = paths.first else { return nil }
        var entries: [(key: PublicKey, secret: Secret)] = []
        for path in paths {
            switch try KeyFileContent.read(path).presharedKeys() {
            case .common(let secret):
                guard paths.count == 1 else {
                    throw Failure(.configuration, "\(path) has a key for every peer, so that no other can be used")
                }
                return .common(secret)
            case .perPeer(let more):
                for entry in more {
                    guard !entries.contains(where: { $0.key == entry.key }) else {
                        throw Failure(
                            .configuration, "two keys for one peer, \(PublicKeyText.pasteable(entry.key))",
                            remedy: "Remove one of them from \(path) or \(first).")
                    }
                    entries.append(entry)
                }
            }
        }
        return .perPeer(entries)
    }
}
