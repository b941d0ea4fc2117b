import Foundation
import SCP
import Testing

@testable import sechan

/// Files of pre-shared keys: which there are, which are refused, and that no refusal shows a key.
@Suite struct PresharedKeyFileTests {
    private static let one = Data((0..<32).map { UInt8($0) }).base64EncodedString()
    private static let two = Data((1..<33).map { UInt8($0) }).base64EncodedString()

    private let sandbox: Sandbox

    init() throws { sandbox = try Sandbox() }

    /// The keys in Base64: the one for every peer alone, or with the peer each.
    private func read(_ texts: String..., mode: Int = 0o600) throws -> [String] {
        let paths = try texts.enumerated().map { try sandbox.write($1, to: "psk\($0)", mode: mode) }
        switch try #require(try PresharedKeyFile.read(paths)) {
        case .common(let secret): return [Base64.encode(secret.bytes)]
        case .perPeer(let entries):
            return entries.map { PublicKeyText.pasteable($0.key) + " " + Base64.encode($0.secret.bytes) }
        }
    }

    @Test("one for every peer", arguments: ["\(one)\n", "  \(one)", "# ours\r\n\r\nscp1-psk\t\(one)  \r\n# end\n"])
    func common(text: String) throws { #expect(try read(text) == [Self.one]) }

    @Test("one for each peer, in one file or in several")
    func perPeer() throws {
        let (first, second) = ("scp1-psk \(Self.one) \(Known.alice) alice", "scp1-psk  \(Self.two)\t\(Known.bob)\r")
        let expected = ["\(Known.alice) \(Self.one)", "\(Known.bob) \(Self.two)"]
        #expect(try read("\(first)\n\n# and\n\(second)\n") == expected)
        #expect(try read(first, second) == expected)
    }

    @Test("no file is no key") func none() throws { #expect(try PresharedKeyFile.read([]) == nil) }

    @Test(arguments: [
        ([""], "holds no key"),
        (["# nothing\n"], "holds no key"),
        (["scp1-psk"], "psk0:1: the pre-shared key is missing"),
        (["scp1-psk AAAA"], "not 32 bytes"),
        (["\(one)\n\(two)"], "psk0:2: a second key beside one for every peer"),
        (["scp1-psk \(one) \(two)"], "what follows the pre-shared key is no public key"),
        (["\(one) \(Known.alice)"], "what follows the pre-shared key is no public key"),
        (["scp1-psk \(one) scp1-x25519 AAAA"], "not 32 bytes"),
        (["scp1-psk \(one) \(Known.alice)\n\(two)"], "psk0:2: a key for every peer beside one for one"),
        (["scp1-psk \(one) \(Known.alice)\nscp1-psk \(two) \(Known.alice)"], "psk0:2: a second key for one peer"),
        (["scp1-psk \(one) \(Known.alice)", "scp1-psk \(two) \(Known.alice) again"], "two keys for one peer"),
        (["scp1-psk \(one) \(Known.alice)", two], "has a key for every peer"),
        ([two, "scp1-psk \(one) \(Known.alice)"], "has a key for every peer"),
        ([Known.aliceFile], "not 32 bytes"),
    ])
    func refused(texts: [String], reason: String) throws {
        let paths = try texts.enumerated().map { try sandbox.write($1, to: "psk\($0)") }
        let failure = try #require(throws: Failure.self) { try PresharedKeyFile.read(paths) }
        #expect(failure.status == .configuration)
        #expect(failure.message.contains(reason), "\(failure.message)")
        for secret in [Self.one, Self.two, Known.alicePrivate] { #expect(!failure.message.contains(secret)) }
    }

    @Test("others may not read it", arguments: [0o640, 0o604, 0o660])
    func openToOthers(mode: Int) throws {
        let failure = try #require(throws: Failure.self) { try read(Self.one, mode: mode) }
        #expect(failure.message.contains("a pre-shared key that others may read"))
    }

    // MARK: The verb

    @Test("psk makes a key for both sides, and shows it to nobody")
    func makes() async throws {
        let outcome = try await sandbox.run("psk", sandbox.path("shared"), "--json")
        #expect(outcome.status == 0)
        let text = try sandbox.text(of: "shared")
        #expect(text.hasPrefix("# sechan pre-shared key") && text.contains("\n# created: 20"))
        #expect(try sandbox.mode(of: "shared") == 0o600)
        let secret = try #require(text.split(whereSeparator: { " \n".contains($0) }).last)
        #expect(!outcome.output.contains(secret) && !outcome.errors.contains(secret), "the key was shown")
        #expect(try read(text) == [String(secret)])
        #expect(outcome.output.contains("\"type\":\"presharedKey\"") && outcome.output.contains("\"peer\":null"))
        #expect(try await sandbox.run("psk", sandbox.path("shared")).status == 73)
        #expect(try sandbox.text(of: "shared") == text)
    }

    @Test("psk --peer makes a key for one peer, and the peer's copy")
    func makesCopy() async throws {
        let paths = ["mine", "yours"].map { sandbox.path($0) }
        let outcome = try await sandbox.run("psk", paths[0], "--peer", "\(Known.bob) bob", "--copy", paths[1])
        #expect(outcome.status == 0)
        let (mine, yours) = try (sandbox.text(of: "mine"), sandbox.text(of: "yours"))
        #expect(mine.hasSuffix(" \(Known.bob) bob\n"))
        #expect(try read(mine) == ["\(Known.bob) \(read(yours)[0])"])
        // What cannot be handed over is not kept.
        #expect(try await sandbox.run("psk", sandbox.path("new"), "--peer", Known.bob, "--copy", paths[1]).status == 73)
        #expect(!sandbox.exists("new"))
        #expect(try await sandbox.run("psk", sandbox.path("new"), "--peer", Known.bob).status == 64)
        #expect(try await sandbox.run("psk", sandbox.path("new"), "--copy", paths[1]).status == 64)
    }
}
