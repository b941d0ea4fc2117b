import SCP

/// The bytes of a file that may hold a private key, and what its lines say.
struct KeyFileContent {
    enum Parsed {
        /// The 32 bytes, and the public key that the file's comment records.
        case privateKey(Secret, recorded: PublicKeyText?)
        case publicKeys([PublicKeyText])
    }

    let path: String
    private let bytes: Secret
    private let count: Int
    private let status: FileStatus?

    /// Reads a regular file; standard input when the path is `-`.
    static func read(_ path: String) throws(Failure) -> KeyFileContent {
        do {
            if path == "-" { return try KeyFileContent(File.standardInput, status: nil) }
            let file = try File.open(path)
            let status = try file.status()
            guard status.isRegular else {
                throw Failure(
                    .configuration, "\(path) is not a regular file",
                    remedy: "Keys come from regular files, or from standard input as -.")
            }
            return try KeyFileContent(file, status: status)
        } catch let error as SystemError {
            let remedy = error.isMissing ? "Make a key with `sechan keygen`, or name one with SECHAN_IDENTITY." : nil
            throw Failure(.noInput, error, remedy: remedy)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.internalError, "\(error)")
        }
    }

    private init(_ file: borrowing File, status: FileStatus?) throws {
        path = file.path
        self.status = status
        guard let (bytes, count) = try file.readSecret(limit: KeyFile.sizeLimit) else {
            throw Failure(.configuration, "\(path) is longer than \(KeyFile.sizeLimit) bytes: it is no key file")
        }
        self.bytes = bytes
        self.count = count
    }

    /// The one private key of the file, or the public keys, one a line.
    func parse() throws(Failure) -> Parsed {
        var scalar: Secret?
        var recorded: PublicKeyText?
        var publicKeys: [PublicKeyText] = []
        try eachLine { number, first, end throws(Failure) in
            if bytes.bytes[first] == UInt8(ascii: "#") {
                // A comment is public by its nature; it alone becomes a string.
                recorded = recorded ?? KeyFile.recordedKey(in: text(first, end))
            } else if begins(with: KeyFile.keyType, from: first, to: end) {
                guard scalar == nil else { throw malformed(number, "a second private key") }
                scalar = try privateKey(from: first + KeyFile.keyType.utf8.count, to: end, line: number)
            } else if begins(with: PublicKeyText.keyType, from: first, to: end) {
                publicKeys.append(try publicKey(first, end, line: number))
            } else {
                // Never quoted: it may be a secret in some other form.
                throw malformed(number, "neither a key of this version nor a comment")
            }
            if scalar != nil, !publicKeys.isEmpty { throw malformed(number, "private and public keys in one file") }
        }
        if let scalar {
            try refuseIfOpenToOthers()
            return .privateKey(scalar, recorded: recorded)
        }
        guard !publicKeys.isEmpty else { throw Failure(.configuration, "\(path) holds no key") }
        return .publicKeys(publicKeys)
    }

    /// The pre-shared keys of the file: one for every peer, or one a line for each.
    func presharedKeys() throws(Failure) -> PresharedKeys {
        var common: Secret?
        var entries: [(key: PublicKey, secret: Secret)] = []
        try eachLine { number, first, end throws(Failure) in
            guard bytes.bytes[first] != UInt8(ascii: "#") else { return }
            guard common == nil else { throw malformed(number, "a second key beside one for every peer") }
            let (secret, peer) = try presharedKey(first, end, line: number)
            guard let peer else {
                guard entries.isEmpty else { throw malformed(number, "a key for every peer beside one for one") }
                common = secret
                return
            }
            guard !entries.contains(where: { $0.key == peer.key }) else {
                throw malformed(number, "a second key for one peer")
            }
            entries.append((peer.key, secret))
        }
        guard common != nil || !entries.isEmpty else { throw Failure(.configuration, "\(path) holds no key") }
        try refuseIfOpenToOthers("a pre-shared key")
        return common.map { .common($0) } ?? .perPeer(entries)
    }

    private func presharedKey(
        _ start: Int, _ end: Int, line: Int
    ) throws(Failure) -> (secret: Secret, peer: PublicKeyText?) {
        var first = start
        if begins(with: PresharedKeyFile.keyType, from: start, to: end) {
            guard let next = firstOfWord(from: start + PresharedKeyFile.keyType.utf8.count, to: end) else {
                throw malformed(line, "the pre-shared key is missing")
            }
            first = next
        }
        let last = (first..<end).first { isBlank(bytes.bytes[$0]) } ?? end
        let secret = try thirtyTwoBytes(from: first, to: last, line: line, "the pre-shared key")
        guard let peer = firstOfWord(from: last, to: end) else { return (secret, nil) }
        // Two secrets on a line would show one of them in the complaint.
        guard first != start, begins(with: PublicKeyText.keyType, from: peer, to: end) else {
            throw malformed(line, "what follows the pre-shared key is no public key")
        }
        return (secret, try publicKey(peer, end, line: line))
    }

    /// Calls `body` with number, first character and end of every line that is not blank.
    private func eachLine(_ body: (Int, Int, Int) throws(Failure) -> Void) throws(Failure) {
        var number = 0
        var start = 0
        while start < count {
            number += 1
            let end = lineEnd(from: start)
            if let first = firstOfWord(from: start, to: end) { try body(number, first, end) }
            start = end + 1
        }
    }

    private func refuseIfOpenToOthers(_ kind: String = "a private key") throws(Failure) {
        guard let status, status.isOpenToOthers else { return }
        throw Failure(
            .configuration,
            "\(path) is \(kind) that others may read or write (mode \(status.octalPermissions)): not used",
            remedy: "If nobody has read it: chmod 600 '\(path)'. Else make a new key with `sechan keygen`.")
    }

    private func privateKey(from start: Int, to end: Int, line: Int) throws(Failure) -> Secret {
        guard let first = firstOfWord(from: start, to: end), first > start else {
            throw malformed(line, "the private key is missing")
        }
        return try thirtyTwoBytes(from: first, to: end, line: line, "the private key")
    }

    private func thirtyTwoBytes(
        from first: Int, to end: Int, line: Int, _ name: String
    ) throws(Failure) -> Secret {
        var last = end
        while last > first, isBlank(bytes.bytes[last - 1]) { last -= 1 }
        let scalar = Secret(count: PublicKey.size)
        let isValid = scalar.withMutableBytes { output in
            Base64.decode(bytes.bytes.extracting(first..<last), into: &output)
        }
        guard isValid else { throw malformed(line, "\(name) is not 32 bytes in Base64 (44 characters)") }
        return scalar
    }

    private func publicKey(_ start: Int, _ end: Int, line: Int) throws(Failure) -> PublicKeyText {
        do throws(PublicKeyText.ParseError) {
            return try PublicKeyText(text(start, end))
        } catch {
            throw malformed(line, error.description)
        }
    }

    private func malformed(_ line: Int, _ reason: String) -> Failure {
        Failure(.configuration, "\(path):\(line): \(reason)")
    }

    private func lineEnd(from start: Int) -> Int {
        var end = start
        while end < count, bytes.bytes[end] != UInt8(ascii: "\n") { end += 1 }
        return end
    }

    private func firstOfWord(from start: Int, to end: Int) -> Int? {
        var index = start
        while index < end {
            if !isBlank(bytes.bytes[index]) { return index }
            index += 1
        }
        return nil
    }

    /// A space, a tab, or the carriage return of another system's line ending.
    private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }

    /// Whether the line's first word is `word`.
    private func begins(with word: String, from start: Int, to end: Int) -> Bool {
        let wordEnd = start + word.utf8.count
        guard wordEnd <= end, wordEnd == end || isBlank(bytes.bytes[wordEnd]) else { return false }
        return zip(start..., word.utf8).allSatisfy { bytes.bytes[$0] == $1 }
    }

    /// A stretch that holds nothing secret, as a string.
    private func text(_ start: Int, _ end: Int) -> String {
        var characters: [UInt8] = []
        for index in start..<end where bytes.bytes[index] != 0x0d { characters.append(bytes.bytes[index]) }
        return String(decoding: characters, as: UTF8.self)
    }
}
