import Foundation
import SCP
import SCPGcrypt
import Testing

@testable import sechan

/// Key files in the process: what is accepted, what is refused, and what nobody may learn from a refusal.
@Suite struct KeyFileTests {
    private let sandbox: Sandbox
    private let provider: Provider

    init() throws {
        sandbox = try Sandbox()
        provider = try Provider.forKeys()
    }

    private func load(_ text: String, mode: Int = 0o600) throws -> KeyFile {
        try KeyFile.load(sandbox.write(text, to: "key", mode: mode), with: provider)
    }

    private func failure(_ text: String) throws -> Failure {
        try #require(throws: Failure.self) { try load(text) }
    }

    @Test(arguments: [
        Known.aliceFile, String(Known.aliceFile.dropLast()),
        "# a comment\n\n  \(Known.aliceFile)\n# the end",
        "# public key: \(Known.alice)\r\nscp1-x25519-private \(Known.alicePrivate)\r\n",
        "scp1-x25519-private \t \(Known.alicePrivate)  \n",
    ])
    func publishedKey(text: String) throws {
        #expect(try load(text).publicKey.text == Known.alice)
    }

    @Test func commentComesFromTheRecordedKey() throws {
        let key = try load("# public key: \(Known.alice) alice at home\n\(Known.aliceFile)")
        #expect(key.publicKey.comment == "alice at home")
    }

    @Test func createdFileIsReadBack() throws {
        let path = sandbox.path("new")
        let made = try KeyFile.create(
            at: path, comment: "my key", with: provider, secondsSinceEpoch: 1_795_391_045)
        let text = try sandbox.text(of: "new")
        #expect(text.contains("# created: 2026-11-22T23:44:05Z\n# public key: \(made.publicKey.text)\n"))
        #expect(made.publicKey.comment == "my key")
        #expect(try sandbox.mode(of: "new") == 0o600)
        #expect(try KeyFile.load(path, with: provider).publicKey == made.publicKey)
    }

    @Test func keysDiffer() throws {
        let keys = try (0..<8).map { index in
            try KeyFile.create(at: sandbox.path("\(index)"), comment: "", with: provider, secondsSinceEpoch: 0)
        }
        #expect(Set(keys.map(\.publicKey.key)).count == 8)
    }

    @Test(arguments: [
        ("", "holds no key"),
        ("# only a comment\n", "holds no key"),
        ("\(Known.aliceFile)\(Known.aliceFile)", ":2: a second private key"),
        ("\(Known.aliceFile)\(Known.alice)\n", "private and public keys in one file"),
        ("\(Known.alice)\n", "holds a public key"),
        ("scp1-x25519-private\n", ":1: the private key is missing"),
        ("scp1-x25519-private   \n", ":1: the private key is missing"),
        ("# x\nscp1-x25519-private \(Known.alicePrivate.dropLast())\n", ":2: the private key is not 32 bytes"),
        ("scp1-x25519-private \(Known.alicePrivate) more\n", ":1: the private key is not 32 bytes"),
        ("scp1-x25519-private dwdtCnMYpX08\n", ":1: the private key is not 32 bytes"),
        ("scp1-x25519-private \(Known.alicePrivate.dropLast(2))p=\n", ":1: the private key is not 32 bytes"),
        ("scp1-x25519-privates \(Known.alicePrivate)\n", ":1: neither a key of this version nor a comment"),
        ("\(Known.alicePrivate)\n", ":1: neither a key of this version nor a comment"),
        ("\u{0}\u{1}\u{2}\n", ":1: neither a key of this version nor a comment"),
        ("scp1-x25519 AAAA\n", ":1: the key is not 32 bytes in Base64"),
        ("# public key: \(Known.bob)\n\(Known.aliceFile)", "is damaged: its private key does not belong"),
    ])
    func refusal(text: String, message: String) throws {
        let failure = try failure(text)
        #expect(failure.status == .configuration)
        #expect(failure.message.contains(message), "\(failure.message)")
        #expect(failure.message.contains(sandbox.path("key")))
        let told = failure.message + (failure.remedy ?? "")
        #expect(!told.contains(Known.alicePrivate.prefix(12)), "a private key was quoted")
    }

    @Test func sizeLimit() throws {
        let padding = KeyFile.sizeLimit - Known.aliceFile.utf8.count
        let longest = "#" + String(repeating: "x", count: padding - 2) + "\n" + Known.aliceFile
        #expect(longest.utf8.count == KeyFile.sizeLimit)
        #expect(try load(longest).publicKey.text == Known.alice)
        #expect(try failure("#" + longest).message.contains("longer than \(KeyFile.sizeLimit) bytes"))
    }

    @Test(arguments: [0o400, 0o600, 0o700])
    func permissionsOfTheOwnerAlone(mode: Int) throws {
        #expect(try load(Known.aliceFile, mode: mode).publicKey.text == Known.alice)
    }

    @Test(arguments: [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644, 0o666, 0o777])
    func permissionsOfOthers(mode: Int) throws {
        let failure = try #require(throws: Failure.self) { try load(Known.aliceFile, mode: mode) }
        #expect(failure.status == .configuration)
        #expect(failure.message.contains("others may read or write (mode 0\(String(mode, radix: 8)))"))
        #expect(failure.remedy?.contains("chmod 600") == true)
    }

    @Test func symbolicLinkIsFollowedForReading() throws {
        try sandbox.write(Known.aliceFile, to: "key")
        try FileManager.default.createSymbolicLink(
            atPath: sandbox.path("link"), withDestinationPath: sandbox.path("key"))
        #expect(try KeyFile.load(sandbox.path("link"), with: provider).publicKey.text == Known.alice)
    }

    @Test func missingFile() throws {
        let failure = try #require(throws: Failure.self) {
            try KeyFile.load(sandbox.path("nothing"), with: provider)
        }
        #expect(failure.status == .noInput)
        #expect(failure.message.contains("No such file"))
        #expect(failure.remedy?.contains("sechan keygen") == true)
    }

    /// Directories, devices, and a named pipe that nobody writes to: an answer, not a wait.
    @Test func notRegularFiles() throws {
        let pipe = sandbox.path("pipe")
        let made = try Process.run(URL(fileURLWithPath: "/usr/bin/mkfifo"), arguments: [pipe])
        made.waitUntilExit()
        try #require(made.terminationStatus == 0)
        for path in [sandbox.path(""), "/dev/null", pipe] {
            let failure = try #require(throws: Failure.self) { try KeyFile.load(path, with: provider) }
            #expect(failure.status == .configuration)
            #expect(failure.message.hasSuffix("is not a regular file"))
        }
    }

    @Test func nothingIsReplaced() throws {
        try sandbox.write("precious", to: "file")
        try FileManager.default.createSymbolicLink(
            atPath: sandbox.path("link"), withDestinationPath: sandbox.path("file"))
        try FileManager.default.createSymbolicLink(
            atPath: sandbox.path("dangling"), withDestinationPath: sandbox.path("target"))
        try FileManager.default.createDirectory(
            atPath: sandbox.path("directory"), withIntermediateDirectories: false)
        for name in ["file", "link", "dangling", "directory"] {
            let failure = try #require(throws: Failure.self) {
                try KeyFile.create(at: sandbox.path(name), comment: "", with: provider, secondsSinceEpoch: 0)
            }
            #expect(failure.status == .cannotCreate)
            #expect(failure.message.contains("exists already"))
        }
        #expect(try sandbox.text(of: "file") == "precious")
        #expect(!sandbox.exists("target"))
    }

    @Test func cannotCreate() throws {
        for path in [sandbox.path("no/such/directory"), "", sandbox.path("a") + "\u{0}b"] {
            let failure = try #require(throws: Failure.self) {
                try KeyFile.create(at: path, comment: "", with: provider, secondsSinceEpoch: 0)
            }
            #expect(failure.status == .cannotCreate)
        }
        #expect(!sandbox.exists("a"))
    }

    @Test func commentsStayOneLine() throws {
        let failure = try #require(throws: Failure.self) {
            try KeyFile.create(
                at: sandbox.path("key"), comment: "a\nscp1-x25519-private", with: provider, secondsSinceEpoch: 0)
        }
        #expect(failure.status == .usage)
        #expect(!sandbox.exists("key"))
    }
}
