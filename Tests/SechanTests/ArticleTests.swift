import Foundation
import Testing

/// The commands of the article on trust, as a new user would paste them.
@Suite("The article's commands", .timeLimit(.minutes(3))) struct ArticleTests {
    @Test("each block ends well, and what was said came back")
    func commands() async throws {
        let root = URL(filePath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let article = try String(
            contentsOf: root.appending(path: "Sources/SCPNIO/Documentation.docc/Trust.md"), encoding: .utf8)
        let scripts = article.components(separatedBy: "```sh\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(scripts.count == 4)
        for script in scripts {
            #if !Certificates
            if script.contains("sechan cert") { continue }
            #endif
            let sandbox = try Sandbox()
            let (status, errors) = try await run(script, in: sandbox)
            #expect(status == 0, "\(errors)")
            let word = try #require(script.components(separatedBy: "--message \"").last?.split(separator: "\"").first)
            // The listener prints what came, the client what came back.
            #expect(try sandbox.text(of: "output").components(separatedBy: word).count - 1 == 2, "\(script)")
        }
    }

    private func run(_ script: String, in sandbox: Sandbox) async throws -> (status: Int32, errors: String) {
        let shell = Process()
        shell.executableURL = URL(filePath: "/bin/sh")
        shell.arguments = ["-ec", script + "\nwait"]
        shell.currentDirectoryURL = sandbox.directory
        let commands = try Run.executable().deletingLastPathComponent().path
        shell.environment = ["PATH": "\(commands):/usr/bin:/bin", "HOME": sandbox.path("home")]
        shell.standardOutput = try FileHandle(forWritingTo: URL(filePath: sandbox.write("", to: "output")))
        shell.standardError = try FileHandle(forWritingTo: URL(filePath: sandbox.write("", to: "errors")))
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        shell.terminationHandler = { _ in continuation.finish() }
        try shell.run()
        for await _ in ended {}
        return (shell.terminationStatus, try sandbox.text(of: "errors"))
    }
}
