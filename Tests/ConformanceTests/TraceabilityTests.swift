import Testing

/// Every requirement of `Spec/` is met by code that cites it and proved by a test that cites it.
@Suite("Traceability of the specification")
struct TraceabilityTests {
    private let specification: Specification
    private let traceability: Traceability
    private let bare: [Citation]

    /// Read and cut up once for all tests.
    private static let read = Result {
        let code = try SourceTree.sources.get().map(CitedFile.init)
        let tests = try SourceTree.tests.get().map(CitedFile.init)
        return (try Specification.load(), code: code, tests: tests, waivers: try Exceptions.load())
    }

    init() throws {
        let (specification, code, tests, waivers) = try Self.read.get()
        self.specification = specification
        traceability = Traceability(
            requirements: specification.requirements, code: code.flatMap(\.citations),
            tests: tests.flatMap(\.citations), waivers: waivers)
        bare = (code + tests).flatMap(\.bare)
    }

    @Test("the specification was found and has requirements of every area")
    func areas() {
        let areas: Set<Substring> = [
            "FRAME", "PROT", "HS", "ITEM", "KEY", "REC", "FLOW", "ACK", "STATE", "TIME", "CLOSE", "ERR", "LIMIT",
            "STREAM", "ID", "PSK", "ROT", "DGRAM", "SEC",
        ]
        let found = Set(specification.requirements.compactMap { $0.id.split(separator: "-").dropFirst().first })
        #expect(found == areas)
    }

    @Test("an id is defined once")
    func duplicates() { #expect(traceability.duplicates == []) }

    @Test("a requirement requires something")
    func wording() {
        let silent = specification.requirements.filter { !$0.isLater && !$0.text.contains(/\b(MUST|SHOULD|MAY)\b/) }
        #expect(silent.map(\.id) == [])
    }

    @Test("the specification refers to ids that exist")
    func references() {
        let known = Set(specification.requirements.map(\.id))
        let broken = specification.references.filter { !known.contains($0.id) }
        #expect(broken.map { "\($0.id) at \($0.place)" } == [])
    }

    @Test("code and tests cite ids that exist")
    func unknown() { #expect(traceability.unknown == []) }

    @Test("the second implementation, models, vectors and fuzz targets name ids that exist")
    func others() throws {
        let known = Set(specification.requirements.map(\.id))
        // Not all of Spec/peer: packages from PyPI are below it.
        let places: [(String, Set<String>)] = [
            ("Spec/peer/scp1", ["py"]), ("Spec/models", ["py", "md"]), ("Spec/Vectors", ["md", "json"]),
            ("Fuzz/Sources", ["swift"]),
        ]
        var found = 0
        for (folder, extensions) in places {
            for path in try Repository.files(below: folder, extensions: extensions) {
                // Cut up first: the vectors are large, and an expression is slow over a million digits.
                let ids = try Repository.text(path).split(separator: "SCP-").dropFirst().compactMap { rest in
                    rest.prefixMatch(of: /[A-Z]+-[0-9]+/).map { "SCP-\($0.output)" }
                }
                #expect(ids.filter { !known.contains($0) } == [], "\(path)")
                found += ids.count
            }
        }
        #expect(found > 500)
    }

    @Test("an id in a comment stands in brackets of its own")
    func brackets() { #expect(bare.map { "\($0.id) at \($0.place)" } == []) }

    @Test("a quotation occurs in the requirement")
    func quotations() {
        #expect(traceability.misquoted == [])
        // Else this would hold of nothing.
        #expect(traceability.code.contains { $0.quote != nil } && traceability.tests.contains { $0.quote != nil })
    }

    @Test("every requirement of what is built is cited where code meets it")
    func code() { #expect(traceability.withoutCode == []) }

    @Test("every requirement of what is built is cited where a test proves it")
    func tests() { #expect(traceability.withoutTest == []) }

    @Test("every waiver is still needed")
    func waivers() { #expect(traceability.needlessWaivers == []) }
}
