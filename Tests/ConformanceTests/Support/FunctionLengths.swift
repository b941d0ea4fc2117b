/// The functions, initialisers and subscripts of a Swift file with the lines they take, body included.
struct FunctionLengths {
    struct Function {
        let name: String
        let line: Int
        let length: Int
    }

    private(set) var functions: [Function] = []

    init(_ file: SourceFile) {
        let code = Array(file.code.utf8)
        var line = 1
        var position = 0
        while position < code.count {
            if code[position] == UInt8(ascii: "\n") { line += 1 }
            if let name = Self.declaration(in: code, at: position),
                let body = Self.body(in: code, from: position + name.utf8.count)
            {
                let length = code[position...body.upperBound].count { $0 == UInt8(ascii: "\n") } + 1
                functions.append(Function(name: name, line: line, length: length))
            }
            position += 1
        }
    }

    /// The keyword and name of a declaration that begins here.
    private static func declaration(in code: [UInt8], at position: Int) -> String? {
        if position > 0, isWord(code[position - 1]) || code[position - 1] == UInt8(ascii: ".") { return nil }
        for keyword in ["func ", "init", "deinit", "subscript"] {
            guard code[position...].starts(with: keyword.utf8) else { continue }
            let end = position + keyword.utf8.count
            if keyword == "func " {
                return keyword + String(decoding: code[end...].prefix { !"(<\n".utf8.contains($0) }, as: UTF8.self)
            }
            guard end < code.count, !isWord(code[end]) else { continue }
            return keyword
        }
        return nil
    }

    private static func isWord(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// Where the body's braces are; nil for a requirement of a protocol.
    private static func body(in code: [UInt8], from start: Int) -> ClosedRange<Int>? {
        var parentheses = 0
        var angles = 0
        var position = start
        while position < code.count {
            switch Character(UnicodeScalar(code[position])) {
            case "(": parentheses += 1
            case ")": parentheses -= 1
            case "<": angles += 1
            case ">" where code[position - 1] != UInt8(ascii: "-"): angles -= 1
            case "{" where parentheses == 0: return closing(in: code, from: position).map { position...$0 }
            case "}" where parentheses == 0: return nil
            case "\n" where parentheses == 0 && angles == 0:
                // A signature goes on in the next line only with one of these.
                let rest = code[position...].drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\n") }
                let goesOn = ["{", "where ", "->", "throws", "async", "rethrows"]
                guard goesOn.contains(where: { rest.starts(with: $0.utf8) }) else { return nil }
            default: break
            }
            position += 1
        }
        return nil
    }

    private static func closing(in code: [UInt8], from open: Int) -> Int? {
        var depth = 0
        for position in open..<code.count {
            if code[position] == UInt8(ascii: "{") { depth += 1 }
            if code[position] == UInt8(ascii: "}") { depth -= 1 }
            if depth == 0 { return position }
        }
        return nil
    }
}
