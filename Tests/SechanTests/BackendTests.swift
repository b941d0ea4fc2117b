import Foundation
import Testing

/// Which crypto backend the command uses, and that peers cannot tell.
@Suite(.serialized, .timeLimit(.minutes(3))) struct BackendTests {
    @Test func unknownBackendIsRefused() async throws {
        let outcome = try await Sandbox().run(["keygen"], environment: ["SECHAN_BACKEND": "rot13"])
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("SECHAN_BACKEND is 'rot13'"))
        #expect(outcome.errors.contains("gcrypt"))
        #expect(outcome.output.isEmpty)
    }

    @Test func doctorNamesTheBackend() async throws {
        let sandbox = try Sandbox()
        _ = try await sandbox.run("keygen")
        let outcome = try await sandbox.run(["doctor"], environment: ["SECHAN_BACKEND": "gcrypt"])
        #expect(outcome.output.contains("crypto backend        libgcrypt"))
        #expect(outcome.output.contains("warning  constant-time X25519"))
    }

    @Test func hybridNeedsABackendThatHasIt() async throws {
        let users = try await Users()
        let outcome = try await users.connect("tcp://127.0.0.1:1", "--hybrid", "require")
        #expect(outcome.status == 78)
        #expect(outcome.errors.contains("ML-KEM-768"))
    }

    #if SwiftCrypto
    @Test(arguments: [
        ("swift-crypto", "crypto backend        swift-crypto"),
        ("mixed", "crypto backend        key agreement from swift-crypto, record protection from libgcrypt"),
    ])
    func doctorFindsX25519ConstantTime(backend: String, line: String) async throws {
        let sandbox = try Sandbox()
        _ = try await sandbox.run("keygen")
        let outcome = try await sandbox.run("doctor", "--backend", backend)
        #expect(outcome.status == 0)
        #expect(outcome.output.contains(line))
        #expect(outcome.output.contains("ok       constant-time X25519"))
        #expect(outcome.output.contains("ok       swift-crypto"))
        #expect(!outcome.output.contains("warning"))
    }

    @Test func optionGoesBeforeTheEnvironment() async throws {
        let sandbox = try Sandbox()
        let outcome = try await sandbox.run(
            ["keygen", "--backend", "mixed"], environment: ["SECHAN_BACKEND": "rot13"])
        #expect(outcome.status == 0)
        #expect(try await sandbox.run("keygen", "--backend", "rot13").status == 64)
    }

    /// One key file has the same public key and fingerprint whoever computes them.
    @Test func keysAreTheSame() async throws {
        let sandbox = try Sandbox()
        _ = try await sandbox.run("keygen")
        let expected = try await sandbox.run("fingerprint").output
        #expect(!expected.isEmpty)
        for backend in ["swift-crypto", "mixed"] {
            #expect(try await sandbox.run("fingerprint", "--backend", backend).output == expected)
        }
    }

    /// Preferred where both can; what both require, or one alone cannot have, is told.
    @Test(
        arguments: [
            ("mixed", "prefer", "swift-crypto", "prefer", "XXhfs_25519+MLKEM768"),
            ("mixed", "require", "mixed", "require", "XXhfs_25519+MLKEM768"),
            ("gcrypt", "prefer", "mixed", "prefer", "XX_25519"), ("mixed", "classic", "mixed", "prefer", "XX_25519"),
            ("mixed", "require", "mixed", "classic", nil), ("mixed", "classic", "mixed", "require", nil),
        ] as [(String, String, String, String, String?)], ["tcp://127.0.0.1:0", "udp://127.0.0.1:0"])
    func hybridPolicies(case names: (String, String, String, String, String?), place: String) async throws {
        let (server, offered, client, wanted, suite) = names
        let users = try await Users()
        let listener = try await users.listen("--echo", "--backend", server, "--hybrid", offered, at: place)
        let outcome = try await users.connect(
            listener.address, "--message", "Hello", "--json", "--backend", client, "--hybrid", wanted)
        if let suite {
            #expect(outcome.status == 0)
            #expect(outcome.output.contains(#""suite":"Noise_\#(suite)_AESGCM_SHA256""#))
        } else {
            #expect(outcome.status == 76)
            #expect(outcome.errors.contains("UNSUPPORTED_SUITE"))
        }
        #expect(try await listener.end().status == 0)
    }

    /// A hybrid session is written down, and done again by a backend that has no ML-KEM.
    @Test func hybridSessionsAreRecorded() async throws {
        let users = try await Users()
        let listener = try await users.listen("--echo", "--backend", "mixed")
        let path = users.sandbox.path("recording")
        let outcome = try await users.connect(
            listener.address, "-m", "one", "--backend", "mixed", "--hybrid", "require", "--record", path)
        #expect(outcome.status == 0)
        let replay = try await users.run("client", "replay", path, "--json", "--backend", "gcrypt")
        #expect(replay.status == 0)
        #expect(try replay.records().first?["messagesReceived"] as? Int == 1)
        #expect(try await listener.end().status == 0)
    }

    @Test(arguments: ["gcrypt", "swift-crypto", "mixed"], ["gcrypt", "swift-crypto", "mixed"])
    func backendsInteroperate(server: String, client: String) async throws {
        let users = try await Users()
        let listener = try await users.listen("--echo", "--backend", server)
        let outcome = try await users.connect(
            listener.address, "--message", "Hello", "--message", "again", "--backend", client)
        #expect(outcome.status == 0)
        #expect(outcome.output == "Hello\nagain\n")
        #expect(try await listener.end().status == 0)
    }
    #endif
}
