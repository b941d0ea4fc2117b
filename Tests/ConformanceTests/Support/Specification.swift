/// One paragraph, list item or table row of the specification that begins with an id.
struct Requirement {
    let id: String
    /// Whether it belongs to what this project has not built yet.
    let isLater: Bool
    /// The whole paragraph, item or row, in one line.
    let text: String
    let place: String
}

/// A mention of an id in the specification's text, outside of the place that defines it.
struct Reference {
    let id: String
    let place: String
}

/// The requirements of `Spec/SCP.md` and its chapters.
struct Specification {
    private(set) var requirements: [Requirement] = []
    private(set) var references: [Reference] = []

    static func load() throws -> Specification {
        var result = Specification()
        let chapters = try Repository.files(below: "Spec/chapters", extensions: ["md"])
        for path in ["Spec/SCP.md"] + chapters { result.add(try Repository.text(path), path: path) }
        return result
    }

    /// Reads one Markdown file.
    mutating func add(_ markdown: String, path: String) {
        var paragraph: [Substring] = []
        var start = 0
        func place(_ line: Int) -> String { "\(path):\(line)" }
        func finish() -> Requirement? {
            defer { paragraph = [] }
            return Self.requirement(paragraph, place: place(start))
        }
        var isFenced = false
        let lines = markdown.split(separator: "\n", omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            if line.hasPrefix("```") { isFenced.toggle() }
            let isText = !isFenced && !line.allSatisfy(\.isWhitespace) && !line.hasPrefix("#")
            if !isText || line.hasPrefix("|") || Self.begins(line) {
                if let requirement = finish() { requirements.append(requirement) }
            }
            guard isText else { continue }
            for id in Self.mentions(line) { references.append(Reference(id: id, place: place(index + 1))) }
            if paragraph.isEmpty {
                guard Self.begins(line) else { continue }
                start = index + 1
            }
            paragraph.append(line)
        }
        if let requirement = finish() { requirements.append(requirement) }
    }

    private static func begins(_ line: Substring) -> Bool { line.prefixMatch(of: opening) != nil }

    private static func requirement(_ lines: [Substring], place: String) -> Requirement? {
        guard let first = lines.first, let match = first.prefixMatch(of: opening) else { return nil }
        return Requirement(
            id: String(match.output.1), isLater: match.output.2 != nil,
            text: normalized(lines.joined(separator: " ")), place: place)
    }

    /// Every id in brackets that the line mentions without defining it.
    private static func mentions(_ line: Substring) -> [String] {
        let rest = line.prefixMatch(of: opening).map { line[$0.range.upperBound...] } ?? line
        return rest.matches(of: /\[(SCP-[A-Z]+-[0-9]+)\]/).map { String($0.output.1) }
    }

    private static var opening: Regex<(Substring, Substring, Substring?)> {
        /(?:\|\s*|[-*]\s+|[0-9]+\.\s+)?\[(SCP-[A-Z]+-[0-9]+)\](\s+\(later\))?/
    }
}

/// A text with every run of white space made one space.
func normalized(_ text: String) -> String {
    text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
}
