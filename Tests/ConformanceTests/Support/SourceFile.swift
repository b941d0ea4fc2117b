/// A Swift or C file, with code, comments and strings told apart.
struct SourceFile {
    /// One line of a comment, without its slashes.
    struct Comment {
        let line: Int
        let text: String
    }

    let path: String
    let text: String
    /// The file with everything in comments and string literals replaced by spaces, line by line as long as before.
    let code: String
    let comments: [Comment]

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    var codeLines: [Substring] { code.split(separator: "\n", omittingEmptySubsequences: false) }

    init(path: String, text: String) {
        self.path = path
        self.text = text
        var lexer = Lexer(Array(text.utf8))
        lexer.run()
        code = String(decoding: lexer.code, as: UTF8.self)
        comments = lexer.comments
    }
}

/// Enough of Swift's and C's lexical rules to find comments and string literals.
private struct Lexer {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private(set) var code: [UInt8] = []
    private(set) var comments: [SourceFile.Comment] = []

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        code.reserveCapacity(bytes.count)
    }

    mutating func run() {
        while position < bytes.count {
            if starts(with: "//") {
                lineComment()
            } else if starts(with: "/*") {
                blockComment()
            } else if let hashes = stringStart() {
                string(hashes: hashes)
            } else if bytes[position] == UInt8(ascii: "'"), starts(with: "'\"'") {
                blank(3)  // the C character '"'
            } else {
                keep()
            }
        }
    }

    private func starts(with prefix: String, at offset: Int = 0) -> Bool {
        let start = position + offset
        guard start + prefix.utf8.count <= bytes.count else { return false }
        return bytes[start..<start + prefix.utf8.count].elementsEqual(prefix.utf8)
    }

    /// The number of `#` in front of the quote when a string literal begins here.
    private func stringStart() -> Int? {
        var hashes = 0
        while starts(with: "#", at: hashes) { hashes += 1 }
        return starts(with: "\"", at: hashes) ? hashes : nil
    }

    private mutating func keep() {
        if bytes[position] == UInt8(ascii: "\n") { line += 1 }
        code.append(bytes[position])
        position += 1
    }

    private mutating func blank(_ count: Int = 1) {
        for _ in 0..<count where position < bytes.count {
            if bytes[position] == UInt8(ascii: "\n") {
                keep()
            } else {
                code.append(UInt8(ascii: " "))
                position += 1
            }
        }
    }

    private mutating func lineComment() {
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: "\n") { blank() }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        comments.append(SourceFile.Comment(line: line, text: String(text.drop { $0 == "/" })))
    }

    private mutating func blockComment() {
        var depth = 0
        var text: [UInt8] = []
        repeat {
            if starts(with: "/*") {
                depth += 1
                blank(2)
            } else if starts(with: "*/") {
                depth -= 1
                blank(2)
            } else if bytes[position] == UInt8(ascii: "\n") {
                comments.append(SourceFile.Comment(line: line, text: String(decoding: text, as: UTF8.self)))
                text = []
                blank()
            } else {
                text.append(bytes[position])
                blank()
            }
        } while depth > 0 && position < bytes.count
        comments.append(SourceFile.Comment(line: line, text: String(decoding: text, as: UTF8.self)))
    }

    private mutating func string(hashes: Int) {
        let marks = String(repeating: "#", count: hashes)
        let quote = starts(with: "\"\"\"", at: hashes) ? "\"\"\"" : "\""
        blank(hashes + quote.utf8.count)
        while position < bytes.count, !starts(with: quote + marks) {
            if starts(with: "\\" + marks + "(") {
                blank(2 + hashes)
                interpolation()
            } else if starts(with: "\\" + marks) {
                blank(2 + hashes)
            } else if quote == "\"", bytes[position] == UInt8(ascii: "\n") {
                return  // not a string after all
            } else {
                blank()
            }
        }
        blank(quote.utf8.count + hashes)
    }

    private mutating func interpolation() {
        var depth = 1
        while depth > 0, position < bytes.count {
            if let hashes = stringStart() {
                string(hashes: hashes)
                continue
            }
            if starts(with: "(") { depth += 1 }
            if starts(with: ")") { depth -= 1 }
            blank()
        }
    }
}
