import Foundation
import Testing

/// The rules of the house that a machine can check.
@Suite("Tidiness")
struct TidyTests {
    private let engine: [SourceFile]
    private let sources: [SourceFile]
    private let tests: [SourceFile]

    /// Files that may be longer than ``longestFile``, with the reason. Nothing is to be added.
    private static let longFiles: [String: String] = [:]
    /// Functions, as `path:name`, that may be longer than ``longestFunction``, with the reason. Nothing is to be added.
    private static let longFunctions: [String: String] = [:]
    private static let longestFile = 400
    private static let longestFunction = 70
    private static let longestLine = 120

    init() throws {
        sources = try SourceTree.sources.get()
        tests = try SourceTree.tests.get()
        engine = sources.filter { $0.path.hasPrefix("Sources/SCP/") }
    }

    private var swiftSources: [SourceFile] { sources.filter { $0.path.hasSuffix(".swift") } }

    /// `path:line` of every line of code that a pattern is found in.
    private func places(_ pattern: Regex<Substring>, in files: [SourceFile]) -> [String] {
        files.flatMap { file in
            file.codeLines.enumerated().compactMap { index, line in
                line.contains(pattern) ? "\(file.path):\(index + 1)" : nil
            }
        }
    }

    private static var importDeclaration: Regex<Substring> {
        /^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\b/
    }

    @Test("files were found")
    func found() {
        #expect(engine.count > 20)
        #expect(sources.count > engine.count)
        #expect(!tests.isEmpty)
    }

    @Test("the engine imports nothing")
    func imports() { #expect(places(Self.importDeclaration, in: engine) == []) }

    @Test(
        "the engine has nothing that traps",
        arguments: [
            "fatalError", "preconditionFailure", "precondition", "assert", "assertionFailure", "unsafelyUnwrapped",
        ])
    func traps(name: String) throws {
        #expect(places(try Regex<Substring>("\\b\(name)\\b"), in: engine) == [])
    }

    @Test("the engine forces nothing: no try!, no as!, no unwrapping, no implicitly unwrapped type")
    func forcing() { #expect(places(/\b(?:try|as)!|[\w)\]}>]!(?!=)/, in: engine) == []) }

    @Test("unsafe code of the engine is in one file")
    func unsafe() {
        let allowed = "Sources/SCP/Keys/Secret.swift"
        let others = engine.filter { $0.path != allowed }
        #expect(others.count == engine.count - 1)
        #expect(places(/\bunsafe\b|Unsafe[A-Z]\w*|@unchecked|nonisolated\(unsafe\)/, in: others) == [])
    }

    @Test("the engine takes no time, randomness or text from anywhere, and prints nothing")
    func sansIO() {
        let calls = /\b(?:ContinuousClock|SuspendingClock|SystemRandomNumberGenerator|print|debugPrint|dump|readLine)\b/
        #expect(places(calls, in: engine) == [])
        #expect(places(/\.random\(in:|\.randomElement\(|\.shuffled?\(/, in: engine) == [])
    }

    @Test("libgcrypt is touched by its provider only, and no source reaches into another module's internals")
    func boundaries() {
        let others = swiftSources.filter { !$0.path.hasPrefix("Sources/SCPGcrypt/") }
        #expect(places(/\bimport\s+CGcrypt/, in: others) == [])
        #expect(places(/@testable|@_spi|@_implementationOnly/, in: swiftSources) == [])
    }

    /// Nothing that is shipped computes a primitive by itself: libraries do. What vectors need is with the tests, where
    /// the pattern finds it.
    @Test("no product has cryptography of our own")
    func primitives() {
        let names = /\b(?:Keccak|Sponge|Polynomial|Montgomery|Curve25519Field|RepeatableMLKEM)\b|\bpermute\(/
        #expect(places(names, in: swiftSources) == [])
        #expect(!places(names, in: tests.filter { $0.path.hasPrefix("Tests/SCPRepeatableMLKEM/") }).isEmpty)
    }

    @Test("tests are written for Swift Testing")
    func testing() { #expect(places(/\bimport\s+XCTest\b/, in: tests) == []) }

    @Test("no file is too long")
    func fileLengths() {
        let long = swiftSources.filter { $0.lines.count - 1 > Self.longestFile && Self.longFiles[$0.path] == nil }
        #expect(long.map { "\($0.path): \($0.lines.count - 1) lines" } == [])
        for path in Self.longFiles.keys {
            let file = sources.first { $0.path == path }
            #expect(file.map { $0.lines.count - 1 > Self.longestFile } == true, "\(path) is short enough by now")
        }
    }

    @Test("no function is too long")
    func functionLengths() {
        var long: [String: Int] = [:]
        for file in swiftSources {
            for function in FunctionLengths(file).functions where function.length > Self.longestFunction {
                long["\(file.path):\(function.name)"] = function.length
            }
        }
        #expect(long.filter { Self.longFunctions[$0.key] == nil } == [:])
        for name in Self.longFunctions.keys { #expect(long[name] != nil, "\(name) is short enough by now") }
    }

    @Test("no line is too wide")
    func lineWidths() {
        let wide = (sources + tests).flatMap { file in
            file.lines.enumerated().compactMap { index, line in
                line.utf8.count > Self.longestLine && line.count > Self.longestLine
                    ? "\(file.path):\(index + 1)" : nil
            }
        }
        #expect(wide == [])
    }

    @Test("nothing is left for later in comments, and no line ends in white space")
    func leftovers() {
        let marks = ["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"]
        let places = (sources + tests).flatMap { file in
            file.lines.enumerated().compactMap { index, line in
                marks.contains { line.contains($0) } || line.last?.isWhitespace == true
                    ? "\(file.path):\(index + 1)" : nil
            }
        }
        #expect(places == [])
    }

    @Test(
        "the papers are there",
        arguments: ["README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE", "Spec/ThreatModel.md"])
    func papers(path: String) throws {
        try #require(Repository.exists(path))
        #expect(try Repository.text(path).count > 200)
    }
}
