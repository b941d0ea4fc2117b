import Testing

/// The scenarios of the design (`transport.md`, part 7) by their numbers: each is named above a test that shows it.
@Suite("Scenarios")
struct ScenarioTests {
    private static let all = 1...95

    @Test("every scenario is named above a test")
    func named() throws {
        var found: Set<Int> = []
        for file in try SourceTree.tests.get() where !file.path.contains("ConformanceTests") {
            // "Scenarios 1 to 31" stands above a suite and shows nothing.
            for match in file.text.matches(of: /[Ss]cenarios? ([0-9][0-9, and]*)(to )?/) where match.output.2 == nil {
                found.formUnion(match.output.1.matches(of: /[0-9]+/).compactMap { Int($0.output) })
            }
        }
        #expect(Set(Self.all).subtracting(found).sorted() == [])
        #expect(found.filter { !Self.all.contains($0) } == [])
    }
}
