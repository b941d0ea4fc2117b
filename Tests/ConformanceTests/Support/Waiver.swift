/// A requirement that has no code, no test, or neither, and why that is all right for now.
struct Waiver: Equatable {
    enum Missing: String { case code, test, both }

    let id: String
    let missing: Missing
    let reason: String
}

/// What is wrong with `Spec/Exceptions.toml`, with the line.
struct ExceptionsError: Error, Equatable {
    let line: Int
    let message: String
}

/// The part of TOML that `Spec/Exceptions.toml` uses: comments, `[[waiver]]`, and keys with basic strings on one line.
enum Exceptions {
    static let path = "Spec/Exceptions.toml"

    static func load() throws -> [Waiver] { try parse(Repository.text(path)) }

    static func parse(_ toml: String) throws(ExceptionsError) -> [Waiver] {
        var waivers: [Waiver] = []
        var table: [String: String]?
        var tableLine = 0
        for (index, line) in toml.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let text = normalized(String(line))
            if text.isEmpty || text.hasPrefix("#") { continue }
            if text == "[[waiver]]" {
                if let table { waivers.append(try waiver(table, line: tableLine)) }
                table = [:]
                tableLine = index + 1
                continue
            }
            guard let entry = text.wholeMatch(of: /([a-z]+) ?= ?"((?:[^"\\]|\\.)*)"(?: ?#.*)?/) else {
                throw ExceptionsError(line: index + 1, message: "neither [[waiver]] nor key = \"value\"")
            }
            let key = String(entry.output.1)
            guard table != nil, ["id", "missing", "reason"].contains(key), table?[key] == nil else {
                throw ExceptionsError(line: index + 1, message: "\(key) is unknown, repeated or outside of a waiver")
            }
            table?[key] = String(entry.output.2).replacing(/\\(.)/) { $0.output.1 }
        }
        if let table { waivers.append(try waiver(table, line: tableLine)) }
        return waivers
    }

    private static func waiver(_ table: [String: String], line: Int) throws(ExceptionsError) -> Waiver {
        guard let id = table["id"] else { throw ExceptionsError(line: line, message: "waiver without id") }
        guard let missing = table["missing"].flatMap(Waiver.Missing.init) else {
            throw ExceptionsError(line: line, message: "missing must be code, test or both")
        }
        guard let reason = table["reason"], reason.contains(where: \.isLetter) else {
            throw ExceptionsError(line: line, message: "waiver of \(id) without a reason")
        }
        return Waiver(id: id, missing: missing, reason: reason)
    }
}
