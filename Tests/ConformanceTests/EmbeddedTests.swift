import Foundation
import Testing

/// The engine compiles as Embedded Swift: no existential, no untyped error, no library but the standard one.
@Suite("Embedded Swift")
struct EmbeddedTests {
    private static let compiler: URL? = (ProcessInfo.processInfo.environment["PATH"] ?? "")
        .split(separator: ":").map { URL(filePath: String($0)).appending(path: "swiftc") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }

    /// Runs the compiler on files; gives its exit status and what it said.
    private func compile(_ files: [String]) throws -> (status: Int32, output: String) {
        let compiler = try #require(Self.compiler)
        let folder = FileManager.default.temporaryDirectory.appending(path: "scp-embedded-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let log = folder.appending(path: "log")
        try Data().write(to: log)
        let process = Process()
        process.executableURL = compiler
        process.arguments =
            [
                "-swift-version", "6", "-strict-memory-safety", "-warnings-as-errors",
                "-enable-experimental-feature", "Lifetimes", "-enable-experimental-feature", "Embedded",
                "-wmo", "-O", "-c", "-parse-as-library", "-module-name", "SCP", "-package-name", "scp",
                "-o", folder.appending(path: "SCP.o").path,
            ] + files
        let output = try FileHandle(forWritingTo: log)
        process.standardOutput = output
        process.standardError = output
        try process.run()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: try Data(contentsOf: log), as: UTF8.self))
    }

    @Test("the engine compiles", .enabled(if: compiler != nil, "swiftc is not on PATH"))
    func engine() throws {
        let files = try Repository.files(below: "Sources/SCP", extensions: ["swift"])
        try #require(files.count > 20)
        let result = try compile(files.map { Repository.root.appending(path: $0).path })
        #expect(result.status == 0, "\(result.output)")
    }

    @Test("what Embedded Swift has not is refused", .enabled(if: compiler != nil, "swiftc is not on PATH"))
    func negative() throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "scp-\(UUID().uuidString).swift")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data("public func f(_ x: Any) -> Int? { x as? Int }\n".utf8).write(to: file)
        #expect(try compile([file.path]).status != 0)
    }
}
