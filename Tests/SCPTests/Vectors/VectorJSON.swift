@testable import SCP

/// A JSON value whose members keep their order, written in one way only: two files are equal exactly when their bytes
/// are.
enum JSON: Sendable {
    case null
    case bool(Bool)
    case number(UInt64)
    case text(String)
    case list([JSON])
    case object([Member])

    struct Member: Sendable {
        let name: String
        let value: JSON
    }

    static func object(_ members: KeyValuePairs<String, JSON?>) -> JSON {
        .object(members.compactMap { name, value in value.map { Member(name: name, value: $0) } })
    }

    static func hex(_ bytes: some Sequence<UInt8>) -> JSON {
        let digits = Array("0123456789abcdef".utf8)
        let text = bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return .text(String(decoding: text, as: UTF8.self))
    }

    static func hex(_ digest: Digest) -> JSON { .hex((0..<32).map { digest[$0] }) }
    static func hex(_ secret: Secret) -> JSON { .hex(Array(secret)) }
    static func number(_ value: Int) -> JSON { .number(UInt64(clamping: value)) }

    /// Members before those of this object.
    func preceded(by members: KeyValuePairs<String, JSON?>) -> JSON {
        guard case .object(let first) = JSON.object(members), case .object(let rest) = self else { return self }
        return .object(first + rest)
    }

    /// The file: what fits into a line is one.
    func text(indented depth: Int = 0) -> String {
        let flat = line
        let indent = String(repeating: "  ", count: depth + 1)
        let end = String(repeating: "  ", count: depth)
        guard flat.utf8.count + 2 * depth > 116 else { return flat }
        switch self {
        case .list(let values):
            let lines = values.map { indent + $0.text(indented: depth + 1) }
            return "[\n" + lines.joined(separator: ",\n") + "\n\(end)]"
        case .object(let members):
            let lines = members.map { "\(indent)\"\($0.name)\": \($0.value.text(indented: depth + 1))" }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(end)}"
        default:
            return flat
        }
    }

    private var line: String {
        switch self {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): String(value)
        case .text(let text): "\"\(text)\""  // names, hexadecimal digits and plain notes: nothing to escape
        case .list(let values): values.isEmpty ? "[]" : "[" + values.map(\.line).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.map { "\"\($0.name)\": \($0.value.line)" }.joined(separator: ", ") + "}"
        }
    }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
    init(stringLiteral text: String) { self = .text(text) }
    init(integerLiteral value: UInt64) { self = .number(value) }
    init(booleanLiteral value: Bool) { self = .bool(value) }
}

extension Array where Element == UInt8 {
    init(_ secret: Secret) { self = secret.bytes.indices.map { secret.bytes[$0] } }
    init(_ digest: Digest) { self = (0..<32).map { digest[$0] } }
    init(_ key: PublicKey) { self = (0..<32).map { key.bytes[$0] } }
}
