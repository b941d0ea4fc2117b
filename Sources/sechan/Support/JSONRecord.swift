/// A value of a JSON object (RFC 8259); numbers are integers, so no reader loses digits.
enum JSONValue: Equatable, Sendable {
    case string(String)
    case integer(Int)
    case boolean(Bool)
    case null
    case array([JSONValue])
    case object([(String, JSONValue)])

    static func == (left: JSONValue, right: JSONValue) -> Bool { left.text == right.text }

    /// A string, or null.
    static func optional(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }

    var text: String {
        switch self {
        case .string(let value): JSONValue.quote(value)
        case .integer(let value): String(value)
        case .boolean(let value): value ? "true" : "false"
        case .null: "null"
        case .array(let values): "[" + values.map(\.text).joined(separator: ",") + "]"
        case .object(let fields):
            "{" + fields.map { JSONValue.quote($0.0) + ":" + $0.1.text }.joined(separator: ",") + "}"
        }
    }

    private static func quote(_ value: String) -> String {
        var result = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{2028}", "\u{2029}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}

/// One line of `--json` output: an object whose first members are the version of the format and the kind of record.
struct JSONRecord: Sendable {
    /// Raised when a member changes its meaning or goes away; new members may come at any time.
    static let version = 1

    let kind: String
    let fields: [(String, JSONValue)]

    init(_ kind: String, _ fields: [(String, JSONValue)]) {
        self.kind = kind
        self.fields = fields
    }

    init(_ kind: String, _ fields: KeyValuePairs<String, JSONValue>) {
        self.init(kind, fields.map { ($0.key, $0.value) })
    }

    var line: String {
        JSONValue.object([("v", .integer(JSONRecord.version)), ("type", .string(kind))] + fields).text
    }
}
