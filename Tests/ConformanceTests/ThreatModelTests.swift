import Testing

/// `Spec/ThreatModel.md` names tests and requirements that exist, and answers every attack.
@Suite("Threat model")
struct ThreatModelTests {
    private let text: String
    private let rows: [Substring]

    init() throws {
        text = try Repository.text("Spec/ThreatModel.md")
        rows = text.split(separator: "\n").filter { $0.contains(/^\| [0-9]+ \|/) }
    }

    @Test("every attack of the design has a row, and what came later")
    func attacks() {
        let numbers = rows.compactMap { $0.split(separator: "|").first.flatMap { Int($0.filter(\.isNumber)) } }
        #expect(numbers == Array(1...39))
    }

    @Test("every row names a test")
    func evidence() {
        let silent = rows.filter { !$0.contains(/`\w+\.\w+\(\)`/) }
        #expect(silent == [])
        #expect(!text.lowercased().contains("not yet") && !text.contains("not built"))
    }

    @Test("the tests that are named exist")
    func tests() throws {
        let files = try SourceTree.tests.get()
        let named = text.matches(of: /`(\w+)\.(\w+)\(\)`/)
        #expect(named.count > 10)
        let missing = try named.filter { match in
            // A helper function does not count: the attribute stands before it, and no other function between.
            let test = try Regex("(?s)@Test(?:(?!func ).)*func \(match.output.2)\\(")
            return !files.contains { file in
                file.path.hasSuffix("/\(match.output.1).swift") && file.code.contains(test)
            }
        }
        #expect(missing.map { String($0.output.0) } == [])
    }

    @Test("the requirements that are named exist")
    func requirements() throws {
        let known = Set(try Specification.load().requirements.map(\.id))
        let named = text.matches(of: /\[(SCP-[A-Z]+-[0-9]+)\]/).map { String($0.output.1) }
        #expect(named.filter { !known.contains($0) } == [])
    }
}
