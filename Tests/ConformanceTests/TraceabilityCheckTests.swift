import Testing

/// The checks of ``TraceabilityTests`` find what they are for.
@Suite("Traceability: the checks themselves")
struct TraceabilityCheckTests {
    /// A comment line that cites; put together so that this file cites nothing.
    private func cite(_ number: Int, _ rest: String = "") -> String { "// [" + "SCP-FRAME-\(number)]" + rest }

    private func citations(_ text: String) -> CitedFile { CitedFile(SourceFile(path: "f.swift", text: text)) }

    private func specification(_ markdown: String) -> Specification {
        var result = Specification()
        result.add(markdown, path: "s.md")
        return result
    }

    private let markdown = """
        # Frames

        [SCP-FRAME-1] A frame MUST
        have a header.

        It explains, `[SCP-FRAME-2]` too.

        - [SCP-FRAME-2] An item MUST be an item
          that goes on.
        - [SCP-FRAME-3] (later) Another MUST.

        | [SCP-FRAME-4] a row | MUST |
        | [SCP-FRAME-5] (later) a row | MUST |

        ```
        [SCP-FRAME-6] is in a block
        ```
        """

    private func traceability(
        code: String = "", tests: String = "", waivers: [Waiver] = [], _ markdown: String? = nil
    ) -> Traceability {
        Traceability(
            requirements: specification(markdown ?? self.markdown).requirements, code: citations(code).citations,
            tests: citations(tests).citations, waivers: waivers)
    }

    @Test("paragraphs, items and rows are requirements; blocks and mentions are not")
    func requirements() {
        let found = specification(markdown)
        #expect(found.requirements.map(\.id) == (1...5).map { "SCP-FRAME-\($0)" })
        #expect(found.requirements.map(\.isLater) == [false, false, true, false, true])
        #expect(found.requirements.first?.text.hasSuffix("A frame MUST have a header.") == true)
        #expect(found.requirements.dropFirst().first?.text.hasSuffix("an item that goes on.") == true)
        #expect(found.references.map(\.id) == ["SCP-FRAME-2"])
    }

    @Test("citations are found in comments, with quotations over lines, and not in strings")
    func citing() {
        let text = """
            \(cite(1)) and \(cite(2, " \"A frame MUST"))
            ///   have\"
            let x = "\(cite(3))"  \(cite(4, " \"q\""))
            """
        let found = citations(text).citations
        #expect(found.map(\.id) == ["SCP-FRAME-1", "SCP-FRAME-2", "SCP-FRAME-4"])
        #expect(found.map(\.quote) == [nil, "A frame MUST have", "q"])
    }

    @Test("an id without brackets of its own is found")
    func bare() {
        #expect(citations("// SCP-FRAME-" + "1").bare.count == 1)
        #expect(citations("// [SCP-FRAME-" + "1, SCP-FRAME-" + "2]").bare.count == 2)
        #expect(citations(cite(1)).bare.isEmpty)
    }

    @Test("a requirement without code or test is found")
    func uncited() {
        let partly = traceability(code: cite(1) + "\n" + cite(2), tests: cite(1))
        #expect(partly.withoutCode == ["SCP-FRAME-4"])
        #expect(partly.withoutTest == ["SCP-FRAME-2", "SCP-FRAME-4"])
    }

    @Test("an unknown id, a duplicate and a wrong quotation are found")
    func wrong() {
        #expect(traceability(code: cite(9)).unknown.count == 1)
        #expect(traceability(markdown + "\n\n[SCP-FRAME-1] Again.").duplicates.count == 1)
        #expect(traceability(code: cite(1, " \"have a header\"")).misquoted.isEmpty)
        #expect(traceability(tests: cite(1, " \"has a header\"")).misquoted.count == 1)
    }

    @Test("a waiver excuses, and one that is not needed is found")
    func waiving() {
        func waiver(_ number: Int, _ missing: Waiver.Missing) -> Waiver {
            Waiver(id: "SCP-FRAME-\(number)", missing: missing, reason: "because")
        }
        let waivers = [waiver(1, .both), waiver(2, .code), waiver(4, .test)]
        let excused = traceability(waivers: waivers)
        #expect(excused.withoutCode == ["SCP-FRAME-4"])
        #expect(excused.withoutTest == ["SCP-FRAME-2"])
        #expect(excused.needlessWaivers == [])
        #expect(traceability(code: cite(1), tests: cite(4), waivers: waivers).needlessWaivers.count == 2)
        #expect(traceability(waivers: [waiver(3, .both), waiver(7, .code)]).needlessWaivers.count == 2)
        #expect(traceability(waivers: [waiver(1, .code), waiver(1, .test)]).needlessWaivers.count == 1)
    }

    @Test("the exceptions file is read, and refused when it says too little")
    func exceptions() throws {
        let good = """
            # why
            [[waiver]]
            id = "SCP-FRAME-1"
            missing = "test"
            reason = "a \\"reason\\""  # said
            """
        #expect(
            try Exceptions.parse(good) == [Waiver(id: "SCP-FRAME-1", missing: .test, reason: "a \"reason\"")])
        #expect(try Exceptions.parse("# nothing\n") == [])
        let bad = [
            good.replacing("a \\\"reason\\\"", with: " "), good.replacing("test", with: "all"),
            good.replacing("id =", with: "name ="), good + "\nid = \"again\"", "id = \"outside\"", "[waiver]",
            "[[waiver]]", "[[waiver]]\nid = bare",
        ]
        for toml in bad { #expect(throws: ExceptionsError.self, "\(toml)") { try Exceptions.parse(toml) } }
    }
}
