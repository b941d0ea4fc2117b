/// A key as the command line names it: pasted text, a file, or `-` for standard input.
enum KeyArgument {
    static let help = """
        A public key as text (scp1-x25519 BASE64 [COMMENT], quoted or not), a file with public keys or a private key, \
        or - for standard input.
        """

    /// The public keys that the words name: at least one.
    static func resolve(
        _ words: [String], with provider: () throws(Failure) -> Provider
    ) throws(Failure) -> [PublicKeyText] {
        guard let first = words.first else { throw Failure(.usage, "a key is missing") }
        if first.split(separator: " ").first.map(String.init) == PublicKeyText.keyType {
            do throws(PublicKeyText.ParseError) {
                return [try PublicKeyText(words.joined(separator: " "))]
            } catch {
                throw Failure(.usage, error.description)
            }
        }
        guard words.count == 1 else {
            throw Failure(.usage, "'\(words[1])' follows '\(first)', which names one file of keys")
        }
        switch try KeyFileContent.read(first).parse() {
        case .publicKeys(let keys): return keys
        case .privateKey(let scalar, let recorded):
            return [try KeyFile(path: first, scalar: scalar, recorded: recorded, with: provider()).publicKey]
        }
    }
}
