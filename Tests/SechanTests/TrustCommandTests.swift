import Foundation
import Testing

@testable import sechan

/// `sechan trust` and `sechan doctor` as processes.
@Suite struct TrustCommandTests {
    private let sandbox: Sandbox

    init() throws { sandbox = try Sandbox() }

    // MARK: trust

    @Test func authorizedPeer() async throws {
        let added = try await sandbox.run("trust", "add", "\(Known.alice) alice")
        #expect(added.status == 0)
        #expect(added.output == "\(Known.alice) alice\n")
        #expect(added.errors.contains("trusted from now on: \(Known.aliceFingerprint)"))
        let again = try await sandbox.run("trust", "add", Known.alice, "--json")
        #expect(again.status == 0)
        #expect(try again.records().first?["added"] as? Bool == false)
        #expect(try sandbox.text(of: "config/authorized_peers") == "\(Known.alice) alice\n")
        #expect(try await sandbox.run("trust", "list").output == "\(Known.alice) alice\n")

        let removed = try await sandbox.run("trust", "remove", Known.aliceFingerprint)
        #expect(removed.status == 0)
        #expect(removed.output == "\(Known.alice) alice\n")
        #expect(try sandbox.text(of: "config/authorized_peers").isEmpty)
        let gone = try await sandbox.run("trust", "remove", Known.alice)
        #expect(gone.status == 66)
        #expect(gone.errors.contains("not trusted, so nothing was removed: \(Known.aliceFingerprint)"))
    }

    @Test func keysFromFileAndInput() async throws {
        let keys = try sandbox.write("\(Known.alice)\n\(Known.bob) b\n", to: "keys", mode: 0o644)
        #expect(try await sandbox.run("trust", "add", keys).lines == [Known.alice, "\(Known.bob) b"])
        let piped = try await sandbox.run("trust", "add", "-", "--json", input: "\(Known.bob)\n")
        #expect(try piped.records().first?["added"] as? Bool == false)
        let own = try await sandbox.run("trust", "remove", sandbox.write(Known.aliceFile, to: "private"))
        #expect(own.output == "\(Known.alice)\n")
        #expect(try sandbox.text(of: "config/authorized_peers") == "\(Known.bob) b\n")
    }

    @Test func knownPeer() async throws {
        let added = try await sandbox.run("trust", "add", "-a", "TCP://Server:4433", Known.alice, "-c", "the server")
        #expect(added.status == 0)
        #expect(try sandbox.text(of: "config/known_peers") == "tcp://server:4433 \(Known.alice) the server\n")
        #expect(!sandbox.exists("config/authorized_peers"))
        #expect(try await sandbox.run("trust", "list", "--authorized").output.isEmpty)
        let listed = try #require(try await sandbox.run("trust", "list", "--known", "--json").records().first)
        #expect(listed["address"] as? String == "tcp://server:4433")
        #expect(listed["store"] as? String == "known")
        #expect(listed["fingerprint"] as? String == Known.aliceFingerprint)

        let wrong = try await sandbox.run("trust", "remove", "-a", "tcp://server:4433", Known.bob)
        #expect(wrong.status == 66)
        let removed = try await sandbox.run("trust", "remove", "-a", "tcp://server:4433")
        #expect(removed.status == 0)
        #expect(try sandbox.text(of: "config/known_peers").isEmpty)
    }

    /// The calm message, its own exit status, and nothing changed until somebody says so.
    @Test func changedKey() async throws {
        let address = ["-a", "tcp://server:4433"]
        _ = try await sandbox.run(["trust", "add"] + address + [Known.alice])
        let refused = try await sandbox.run(["trust", "add", "--json"] + address + [Known.bob])
        #expect(refused.status == 79)
        let record = try #require(try refused.records().first)
        #expect(record["name"] as? String == "identity-changed")
        for part in [Known.aliceFingerprint, Known.bobFingerprint, "known_peers:1", "--replace", "Nothing was changed"]
        {
            #expect(refused.errors.contains(part))
        }
        #expect(try sandbox.text(of: "config/known_peers") == "tcp://server:4433 \(Known.alice)\n")
        let replaced = try await sandbox.run(["trust", "add", "--replace"] + address + [Known.bob])
        #expect(replaced.status == 0)
        #expect(try sandbox.text(of: "config/known_peers") == "tcp://server:4433 \(Known.bob)\n")
    }

    @Test func oneKeyForAnAddress() async throws {
        let keys = try sandbox.write("\(Known.alice)\n\(Known.bob)\n", to: "keys")
        let outcome = try await sandbox.run("trust", "add", "-a", "tcp://a:1", keys)
        #expect(outcome.status == 64)
        #expect(!sandbox.exists("config/known_peers"))
    }

    @Test func malformedLines() async throws {
        try sandbox.write("# mine\n\(Known.alice)\nnonsense\nscp9-new AAAA\n", to: "config/authorized_peers")
        let listed = try await sandbox.run("trust", "list", "-v")
        #expect(listed.status == 78)
        #expect(listed.output == "\(Known.alice)\n")
        #expect(listed.errors.contains("config/authorized_peers:3: "))
        #expect(listed.errors.contains("config/authorized_peers:4: of another version"))
        let added = try await sandbox.run("trust", "add", Known.bob)
        #expect(added.status == 0)
        #expect(added.errors.contains("config/authorized_peers:3: "))
        #expect(
            try sandbox.text(of: "config/authorized_peers")
                == "# mine\n\(Known.alice)\nnonsense\nscp9-new AAAA\n\(Known.bob)\n")
    }

    @Test func malformedLineOfTheAddress() async throws {
        try sandbox.write("tcp://a:1 scp1-x25519 AAAA\n", to: "config/known_peers")
        let outcome = try await sandbox.run("trust", "add", "-a", "tcp://a:1", "--replace", Known.alice)
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("config/known_peers:1: "))
        #expect(try sandbox.text(of: "config/known_peers") == "tcp://a:1 scp1-x25519 AAAA\n")
    }

    @Test func writableStore() async throws {
        try sandbox.write("\(Known.alice)\n", to: "config/authorized_peers", mode: 0o622)
        #expect(try await sandbox.run("trust", "list").status == 78)
        #expect(try await sandbox.run("trust", "add", Known.bob).status == 78)
        #expect(try await sandbox.run("trust", "remove", Known.alice).status == 78)
    }

    @Test func directoryCannotBeMade() async throws {
        try sandbox.write("", to: "config")
        #expect(try await sandbox.run("trust", "add", Known.alice).status == 73)
    }

    /// Many at once: every key arrives, nothing is torn.
    @Test func concurrentAddsLoseNothing() async throws {
        var keys: [String] = []
        for index in 0..<16 {
            keys.append(try #require(try await sandbox.run("keygen", "-q", sandbox.path("key\(index)")).lines.first))
        }
        let wanted = Set(keys)
        #expect(wanted.count == 16)
        try sandbox.write("# kept\n", to: "config/authorized_peers")
        let statuses = try await withThrowingTaskGroup(of: Int32.self) { group in
            for key in keys { group.addTask { try await sandbox.run("trust", "add", key).status } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(statuses.allSatisfy { $0 == 0 })
        let lines = try sandbox.text(of: "config/authorized_peers").split(separator: "\n").map(String.init)
        #expect(lines.first == "# kept")
        #expect(Set(lines.dropFirst()) == wanted)
        #expect(lines.count == 17)
    }

    // MARK: doctor

    @Test func doctorOnAFreshAccount() async throws {
        let outcome = try await sandbox.run("doctor", "--json")
        #expect(outcome.status == 66)
        let checks = try outcome.records().filter { $0["type"] as? String == "check" }
        let identity = try #require(checks.first { $0["name"] as? String == "identity" })
        #expect(identity["verdict"] as? String == "bad")
        #expect((identity["remedy"] as? String)?.contains("sechan keygen") == true)
        #expect(!sandbox.exists("config"), "the doctor changes nothing")
    }

    @Test func doctorWhenReady() async throws {
        _ = try await sandbox.run("keygen")
        _ = try await sandbox.run("trust", "add", Known.alice)
        let outcome = try await sandbox.run("doctor")
        #expect(outcome.status == 0)
        #expect(outcome.errors.contains("Ready."))
        for part in ["libgcrypt 1.", "constant-time AES", "authorized_peers: 1", "known_peers: 0", "SHA256:"] {
            #expect(outcome.output.contains(part), "\(outcome.output)")
        }
    }

    @Test func doctorNamesWhatIsUnfit() async throws {
        try sandbox.write(Known.aliceFile, to: "config/identity", mode: 0o644)
        try sandbox.write("nonsense\n", to: "config/known_peers")
        let outcome = try await sandbox.run("doctor")
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("not ready: identity, known peers"))
        #expect(outcome.output.contains("chmod 600"))
        #expect(outcome.output.contains("known_peers:1: "))
    }

    @Test func doctorOnAnOpenDirectory() async throws {
        try sandbox.write(Known.aliceFile, to: "config/identity")
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: sandbox.configuration)
        let outcome = try await sandbox.run("doctor")
        #expect(outcome.status == 78)
        #expect(outcome.output.contains("chmod go-w"))
    }

    @Test func doctorWithoutHome() async throws {
        let outcome = try await sandbox.run("doctor", environment: ["SECHAN_CONFIG": "", "HOME": ""])
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("HOME"))
    }

    #if os(Linux)
    /// libgcrypt in FIPS mode has no X25519: said, not suffered.
    @Test func doctorInFIPSMode() async throws {
        let outcome = try await sandbox.run("doctor", environment: ["LIBGCRYPT_FORCE_FIPS_MODE": "1"])
        #expect(outcome.status == 78)
        #expect(outcome.output.contains("FIPS"))
        let key = try await sandbox.run("keygen", environment: ["LIBGCRYPT_FORCE_FIPS_MODE": "1"])
        #expect(key.status == 78)
        #expect(!sandbox.exists("config/identity"))
    }
    #endif
}
