import SCP
import SCPGcrypt

/// A private key on disk: a text that says what it is, for the owner's eyes alone.
///
///     # sechan private key for SCP/1 (X25519). Keep it to yourself; the public key is what others need.
///     # created: 2026-11-22T23:30:00Z
///     # public key: scp1-x25519 BASE64 COMMENT
///     scp1-x25519-private BASE64
///
/// The private bytes exist in ``Secret`` buffers only: the file is read into one, decoded from it into another, and
/// written from a third (``SecretFile``).
struct KeyFile {
    /// The first word of the line with the private key.
    static let keyType = "scp1-x25519-private"

    /// Bytes that a file of keys may have: a private key takes under 2 KiB, and `trust add` also reads lists.
    static let sizeLimit = 65_536

    private static let publicKeyLabel = "# public key: "

    let path: String
    let privateKey: Provider.PrivateKey
    let publicKey: PublicKeyText

    /// Makes a key and writes it where nothing stands yet; never replaces a file and never follows a symbolic link.
    static func create(
        at path: String, comment: String, with provider: Provider, secondsSinceEpoch: Int64
    ) throws(Failure) -> KeyFile {
        guard PublicKeyText.isComment(comment) else {
            throw Failure(.usage, PublicKeyText.ParseError.invalidComment.description)
        }
        let scalar: Secret
        let key: KeyFile
        do throws(CryptoError) {
            scalar = try provider.randomSecret(count: PublicKey.size)
            key = try KeyFile(path: path, scalar: scalar, comment: comment, provider)
        } catch {
            throw Failure(.internalError, "the crypto library made no key: \(error)")
        }
        try SecretFile.create(
            path, head: key.head(created: Timestamp.text(secondsSinceEpoch: secondsSinceEpoch)), scalar)
        return key
    }

    /// Reads a key, unless others may read it too.
    static func load(_ path: String, with provider: Provider) throws(Failure) -> KeyFile {
        let content = try KeyFileContent.read(path)
        guard case .privateKey(let scalar, let recorded) = try content.parse() else {
            throw Failure(
                .configuration, "\(path) holds a public key; a private key is needed here",
                remedy: "Make one with `sechan keygen`.")
        }
        return try KeyFile(path: path, scalar: scalar, recorded: recorded, with: provider)
    }

    /// The key of a parsed file, checked against the public key that the file's comment records.
    init(path: String, scalar: Secret, recorded: PublicKeyText?, with provider: Provider) throws(Failure) {
        do throws(CryptoError) {
            try self.init(path: path, scalar: scalar, comment: recorded?.comment ?? "", provider)
        } catch {
            throw Failure(.configuration, "\(path) holds no usable key: \(error)")
        }
        // One changed character of the private key would be another key without a word; the comment tells.
        if let recorded, recorded.key != publicKey.key {
            throw Failure(
                .configuration, "\(path) is damaged: its private key does not belong to the public key in its comment",
                remedy: "Restore it from a backup, or make a new key with `sechan keygen`.")
        }
    }

    private init(path: String, scalar: Secret, comment: String, _ provider: Provider) throws(CryptoError) {
        self.path = path
        privateKey = try provider.privateKey(scalar)
        let point = try provider.publicKey(of: privateKey)
        // No scalar gives a point of low order, but a library may be wrong.
        guard let text = try? PublicKeyText(point.canonical, comment: comment) else { throw .invalidPublicKey }
        publicKey = text
    }

    /// What stands before the private bytes.
    private func head(created: String) -> String {
        """
        # sechan private key for SCP/1 (X25519). Keep it to yourself; the public key is what others need.
        # created: \(created)
        \(KeyFile.publicKeyLabel)\(publicKey.text)
        \(KeyFile.keyType)\u{20}
        """
    }

    /// The public key that a comment line records; nil for any other line.
    static func recordedKey(in comment: String) -> PublicKeyText? {
        guard comment.hasPrefix(publicKeyLabel) else { return nil }
        return try? PublicKeyText(comment.dropFirst(publicKeyLabel.count))
    }
}
