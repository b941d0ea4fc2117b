import Testing

/// The checks of ``TidyTests`` find what they are for.
@Suite("Tidiness: the checks themselves")
struct TidyCheckTests {
    private func file(_ text: String) -> SourceFile { SourceFile(path: "f.swift", text: text) }

    @Test("comments and strings are no code")
    func lexing() {
        let source = file(
            """
            let a = "x! // \\(b["c"]!) y" // try!
            /* as! /* nested */ as! */ let d = 1
            let e = #"a "quoted\\" text"# + f!
            let g = \"\"\"
                h! "i"
                \"\"\" + j
            """)
        #expect(!source.code.contains("x!"))
        #expect(!source.code.contains("c"))
        #expect(!source.code.contains("try!"))
        #expect(!source.code.contains("as!"))
        #expect(!source.code.contains("quoted"))
        #expect(!source.code.contains("h!"))
        #expect(source.code.contains("let d = 1"))
        #expect(source.code.contains("+ f!"))
        #expect(source.code.contains("+ j"))
        #expect(source.lines.map(\.count) == source.codeLines.map(\.count))
        #expect(source.comments.map(\.line) == [1, 2])
    }

    @Test("functions are measured with signature and body; requirements of protocols have none")
    func lengths() {
        let source = file(
            """
            protocol P {
                func a(_ b: Int) throws(E) -> Int
                func c()
            }
            struct S<T> {
                func one() { x { y } }
                func three(
                    _ a: Int, _ b: (Int) -> Int
                ) -> Int where T: P {
                    b(a)
                }
                init() {
                    self.init(1)
                }
            }
            """)
        let functions = FunctionLengths(source).functions
        #expect(functions.map(\.name) == ["func one", "func three", "init"])
        #expect(functions.map(\.length) == [1, 5, 3])
        #expect(functions.map(\.line) == [6, 7, 12])
    }
}
