import Foundation
import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// The README's program, word for word: it compiles, it runs, and it is still what the README shows.
@Suite("README", .timeLimit(.minutes(5)))
struct ReadmeTests {
    @Test func program() async throws {
        // The README's program begins.
        let provider = try GcryptProvider()
        let alice = try provider.privateKey(provider.randomSecret(count: 32))
        let bob = try provider.privateKey(provider.randomSecret(count: 32))

        let bobs = Configuration(
            provider: provider, identity: bob, identityPolicy: .allowed([try provider.publicKey(of: alice)]))
        let alices = Configuration(
            provider: provider, identity: alice, identityPolicy: .pinned(try provider.publicKey(of: bob)))

        try await SecureServer.withServer(on: .tcp("127.0.0.1", 0), bobs) { client in
            for try await message in client.messages { try await client.send(message.bytes) }
        } _: { server in
            let channel = try await SecureChannel.connect(to: server.address, alices)
            try await channel.send("Hello, secure world!")
            print(try await channel.receive()?.text ?? "nothing")
            try await channel.close()
        }
        // The README's program ends.
    }

    @Test("the README shows the program that is tested here")
    func sameText() throws {
        let file = URL(filePath: #filePath)
        let root = file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(contentsOf: root.appending(path: "README.md"), encoding: .utf8)
        let tested = try String(contentsOf: file, encoding: .utf8)
        let section = try #require(readme.split(separator: "## The library\n").dropFirst().first)
            .split(separator: "\n## ").first
        let shown = try #require(section).split(separator: "\n")
            .filter { $0.hasPrefix("    ") && !$0.hasPrefix("    import ") }
            .map { $0.trimmingCharacters(in: .whitespaces) }
        let program = tested.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        let begin = try #require(program.firstIndex(of: "// The README's program begins."))
        let end = try #require(program.firstIndex(of: "// The README's program ends."))
        #expect(Array(program[(begin + 1)..<end]) == shown)
        #expect(shown.count > 10)
    }
}
