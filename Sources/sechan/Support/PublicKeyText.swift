import SCP

/// A public key as people paste it: `scp1-x25519 BASE64 COMMENT`.
struct PublicKeyText: Equatable {
    /// The kind of key, the first word of the text.
    static let keyType = "scp1-x25519"

    /// Always in the canonical encoding and never of low order.
    let key: PublicKey
    /// One line; may be empty.
    let comment: String

    /// Characters that a comment may have: names and addresses are shorter, and a line stays a line.
    static let commentLimit = 256

    enum ParseError: Error, Equatable {
        case missingKey
        case unknownKeyType(String)
        case notBase64
        /// The point has low order: every exchange with it gives zero.
        case lowOrder
        /// A second spelling of a key, which would let one identity appear as two.
        case notCanonical
        case invalidComment
    }

    init(_ key: PublicKey, comment: String) throws(ParseError) {
        guard !key.isLowOrder else { throw .lowOrder }
        guard key == key.canonical else { throw .notCanonical }
        guard PublicKeyText.isComment(comment) else { throw .invalidComment }
        self.key = key
        self.comment = comment
    }

    init(_ text: some StringProtocol) throws(ParseError) {
        let words = text.split(maxSplits: 2, omittingEmptySubsequences: true) { $0 == " " || $0 == "\t" }
        guard let type = words.first else { throw .missingKey }
        guard type == PublicKeyText.keyType else { throw .unknownKeyType(String(type)) }
        guard words.count > 1 else { throw .missingKey }
        var comment = words.count > 2 ? String(words[2]) : ""
        while comment.last == " " || comment.last == "\t" { comment.removeLast() }
        try self.init(try PublicKeyText.decode(words[1]), comment: comment)
    }

    private static func decode(_ word: some StringProtocol) throws(ParseError) -> PublicKey {
        let characters = Array(word.utf8)
        var bytes = [32 of UInt8](repeating: 0)
        var output = bytes.mutableSpan
        guard Base64.decode(characters.span, into: &output) else { throw .notBase64 }
        return PublicKey(bytes)
    }

    /// Whether the text can be a comment: short, on one line, nothing that a terminal obeys.
    static func isComment(_ text: String) -> Bool {
        text.count <= commentLimit && Output.printable(text) == text && !text.contains("\n") && !text.contains("\t")
    }

    /// The pasteable line.
    var text: String {
        let line = PublicKeyText.pasteable(key)
        return comment.isEmpty ? line : line + " " + comment
    }

    /// The line of a key alone.
    static func pasteable(_ key: PublicKey) -> String {
        let bytes = key.bytes
        return keyType + " " + Base64.encode(bytes.span)
    }

    /// `SHA256:` and the digest of the key's 32 bytes in Base64 without padding.
    func fingerprint(_ provider: some RecordProtection) throws(Failure) -> String {
        let bytes = key.bytes
        let nothing: [UInt8] = []
        do {
            let digest = try provider.hash(bytes.span, nothing.span)
            return "SHA256:" + Base64.encode(digest.span, padded: false)
        } catch {
            throw Failure(.internalError, "the crypto library refused to hash: \(error)")
        }
    }
}

extension PublicKeyText.ParseError: CustomStringConvertible {
    var description: String {
        switch self {
        case .missingKey: "a key is missing: \(PublicKeyText.keyType) BASE64 [COMMENT]"
        case .unknownKeyType(let type): "'\(type)' is not a key type of this version (\(PublicKeyText.keyType))"
        case .notBase64: "the key is not 32 bytes in Base64 (44 characters)"
        case .lowOrder: "the key is a point of low order, which is nobody's key"
        case .notCanonical: "the key is not in its canonical encoding"
        case .invalidComment:
            "the comment is longer than \(PublicKeyText.commentLimit) characters or has control characters"
        }
    }
}
