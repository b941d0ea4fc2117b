import SCP

/// One of the two trust stores as it stands on disk: lines that are understood, and lines that are kept as they are.
///
///     known_peers        ADDRESS scp1-x25519 BASE64 [COMMENT]      one key for an address
///     authorized_peers   scp1-x25519 BASE64 [COMMENT]
struct TrustFile {
    enum Kind: String, CaseIterable {
        case knownPeers = "known"
        case authorizedPeers = "authorized"
    }

    /// Who is trusted: for `known_peers` at an address.
    struct Entry: Equatable {
        let address: Address?
        let key: PublicKeyText

        var text: String { address.map { "\($0) \(key.text)" } ?? key.text }
    }

    enum Content: Equatable {
        case entry(Entry)
        /// Blank, or a comment.
        case remark
        /// Well formed, of a kind that a later version may know.
        case unknown
        /// The address that it begins with, when that much can be read: nobody is trusted there on first use.
        case malformed(String, at: Address?)
    }

    struct Line {
        /// From 1, as editors count.
        let number: Int
        /// Without the line feed; a rewrite gives the same bytes back.
        let bytes: [UInt8]
        let content: Content
    }

    /// Bytes that a trust store may have: some 60,000 peers.
    static let sizeLimit = 8 << 20

    let kind: Kind
    let path: String
    private(set) var lines: [Line]

    init(_ kind: Kind, path: String, bytes: Span<UInt8>) {
        self.kind = kind
        self.path = path
        lines = []
        var seen: [Address: (key: PublicKey, line: Int)] = [:]
        var line: [UInt8] = []
        for index in bytes.indices {
            guard bytes[index] == UInt8(ascii: "\n") else {
                line.append(bytes[index])
                continue
            }
            append(line, &seen)
            line.removeAll(keepingCapacity: true)
        }
        if !line.isEmpty { append(line, &seen) }
    }

    private mutating func append(_ bytes: [UInt8], _ seen: inout [Address: (key: PublicKey, line: Int)]) {
        let number = lines.count + 1
        var content = TrustFile.parse(bytes, kind)
        if case .entry(let entry) = content, let address = entry.address {
            if let earlier = seen[address], earlier.key != entry.key.key {
                content = .malformed("another key for \(address) stands in line \(earlier.line)", at: address)
            } else {
                seen[address] = (entry.key.key, number)
            }
        }
        lines.append(Line(number: number, bytes: bytes, content: content))
    }

    private static func parse(_ bytes: [UInt8], _ kind: Kind) -> Content {
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            return .malformed("not UTF-8 text", at: nil)
        }
        let text = decoded.hasSuffix("\r") ? decoded.dropLast() : Substring(decoded)
        let words = text.split(maxSplits: 1, omittingEmptySubsequences: true) { $0 == " " || $0 == "\t" }
        guard let first = words.first, !first.hasPrefix("#") else { return .remark }
        switch kind {
        case .authorizedPeers: return parseKey(text, at: nil)
        case .knownPeers:
            do throws(Address.ParseError) {
                let address = try Address(String(first))
                guard address != .standardIO else { return .malformed("stdio: names no peer", at: nil) }
                guard words.count == 2 else { return .malformed("a key is missing", at: address) }
                return parseKey(words[1], at: address)
            } catch {
                return .malformed(error.description, at: nil)
            }
        }
    }

    private static func parseKey(_ text: Substring, at address: Address?) -> Content {
        do throws(PublicKeyText.ParseError) {
            return .entry(Entry(address: address, key: try PublicKeyText(text)))
        } catch .unknownKeyType(let type) where isKeyType(type) {
            return .unknown
        } catch {
            return .malformed(error.description, at: address)
        }
    }

    /// Whether the word can be the key type of another version: `scp2-...`, not some slip of the pen.
    private static func isKeyType(_ word: String) -> Bool {
        word.hasPrefix("scp") && word.contains("-")
            && word.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d
            }
    }

    var entries: [Entry] {
        lines.compactMap { if case .entry(let entry) = $0.content { entry } else { nil } }
    }

    /// What cannot be understood, as `file:line: reason`.
    var complaints: [String] {
        lines.compactMap { line in
            if case .malformed(let reason, _) = line.content { "\(path):\(line.number): \(reason)" } else { nil }
        }
    }

    /// The key that is known for an address, and the line that says so.
    ///
    /// Fails when a line about this address cannot be understood: what it meant to say is not known.
    func knownKey(of address: Address) throws(Failure) -> (key: PublicKeyText, line: Int)? {
        for line in lines {
            if case .malformed(let reason, at: address) = line.content {
                throw Failure(
                    .configuration, "\(path):\(line.number): \(reason)", remedy: "Mend or remove this line first.")
            }
        }
        for line in lines {
            if case .entry(let entry) = line.content, entry.address == address { return (entry.key, line.number) }
        }
        return nil
    }

    mutating func add(_ entry: Entry) {
        lines.append(
            Line(number: lines.count + 1, bytes: Array(entry.text.utf8), content: .entry(entry)))
    }

    /// Takes out the entries that `shouldRemove` chooses, and tells which; every other line stays as it is.
    mutating func removeEntries(where shouldRemove: (Entry) throws(Failure) -> Bool) throws(Failure) -> [Entry] {
        var removed: [Entry] = []
        var kept: [Line] = []
        for line in lines {
            if case .entry(let entry) = line.content, try shouldRemove(entry) {
                removed.append(entry)
            } else {
                kept.append(line)
            }
        }
        lines = kept
        return removed
    }

    /// The file's bytes.
    var bytes: [UInt8] {
        lines.reduce(into: []) { result, line in
            result += line.bytes
            result.append(UInt8(ascii: "\n"))
        }
    }
}
