import Foundation
import Testing

/// The README's commands, as a new user would paste them.
@Suite(.timeLimit(.minutes(3))) struct ReadmeTests {
    @Test func bothEndsOnOneMachine() async throws {
        let root = URL(filePath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let rest = try #require(readme.split(separator: "Both ends on one machine").dropFirst().first)
        let lines = rest.split(separator: "\n").dropFirst()
        let script = lines.prefix { $0.hasPrefix("    ") }.joined(separator: "\n")
        try #require(script.contains("--message"))

        let sandbox = try Sandbox()
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-ec", script + "\nwait"]
        shell.currentDirectoryURL = sandbox.directory
        let commands = try Run.executable().deletingLastPathComponent().path
        shell.environment = ["PATH": "\(commands):/usr/bin:/bin", "HOME": sandbox.path("home")]
        let output = try sandbox.write("", to: "output")
        shell.standardOutput = try FileHandle(forWritingTo: URL(filePath: output))
        shell.standardError = try FileHandle(forWritingTo: URL(filePath: try sandbox.write("", to: "errors")))
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        shell.terminationHandler = { _ in continuation.finish() }
        try shell.run()
        for await _ in ended {}
        let errors = try sandbox.text(of: "errors")
        #expect(shell.terminationStatus == 0, "\(errors)")
        // The listener prints what came, the client what came back.
        let said = try sandbox.text(of: "output").components(separatedBy: "Hello, secure world!").count - 1
        #expect(said == 2)
    }
}
