import Foundation
import Testing

/// `sechan cert`, and channels with certificates.
@Suite("sechan cert", .timeLimit(.minutes(3))) struct CertificateCommandTests {
    #if Certificates
    private let sandbox: Sandbox

    init() async throws {
        sandbox = try Sandbox()
        for arguments in [
            ["ca", sandbox.path("net.pem")],
            ["issue", sandbox.path("server.pem"), "--authority", sandbox.path("net.pem"), "--name", "127.0.0.1"],
        ] {
            #expect(try await sandbox.run(["cert"] + arguments).status == 0)
        }
    }

    @Test("files: keys for their owner alone, nothing is replaced, keys that others read are refused")
    func files() async throws {
        #expect(try sandbox.mode(of: "net.key") == 0o600 && sandbox.mode(of: "server.key") == 0o600)
        let key = try sandbox.text(of: "net.key")
        #expect(try await sandbox.run("cert", "ca", sandbox.path("net.pem")).status == 73)
        #expect(try sandbox.text(of: "net.key") == key)
        try sandbox.write(key, to: "open.key", mode: 0o644)
        let refused = try await sandbox.run(
            "cert", "issue", sandbox.path("x.pem"), "--authority", sandbox.path("net.pem"), "--authority-key",
            sandbox.path("open.key"), "--name", "x.example")
        #expect(refused.status == 78 && !sandbox.exists("x.pem") && !sandbox.exists("x.key"))
        #expect(try await sandbox.run("cert", "show", sandbox.path("missing.pem")).status == 66)
        #expect(try await sandbox.run("cert", "show", sandbox.path("net.key")).status == 78)
    }

    @Test("show says whom it names, who vouches, and until when")
    func show() async throws {
        let outcome = try await sandbox.run("cert", "show", sandbox.path("server.pem"), "--json")
        let record = try #require(try outcome.records().first)
        #expect(record["subject"] as? String == "CN=127.0.0.1" && record["isAuthority"] as? Bool == false)
        #expect(record["names"] as? [String] == ["127.0.0.1"])
        #expect(record["issuer"] as? String == "CN=sechan authority")
        let root = try await sandbox.run("cert", "show", sandbox.path("net.pem"), "--json").records().first
        #expect(root?["isAuthority"] as? Bool == true)
    }

    @Test("an authority below another goes with what it issues")
    func intermediate() async throws {
        // The first allows none below it.
        let root = sandbox.path("root.pem")
        #expect(try await sandbox.run("cert", "ca", root, "--path-length", "1", "--key-type", "ed25519").status == 0)
        #expect(try await sandbox.run("cert", "ca", root + "x", "--key-type", "dsa").status == 64)
        let text = try await sandbox.run("cert", "show", root).output
        #expect(text.contains("Ed25519") && text.contains("(authority)"))
    }

    @Test("options that contradict each other")
    func contradictions() async throws {
        let ca = sandbox.path("net.pem")
        for arguments in [
            ["listen", "tcp://127.0.0.1:0", "--ca", ca, "--anyone"],
            ["connect", "tcp://127.0.0.1:1", "--ca", ca, "--trust", "no"], ["connect", "unix:///tmp/none", "--ca", ca],
            ["connect", "tcp://127.0.0.1:1", "--peer-name", "x"], ["connect", "tcp://127.0.0.1:1", "--cert-key", "x"],
        ] {
            _ = try await sandbox.run("keygen")
            #expect(try await sandbox.run(arguments, input: "").status == 64, "\(arguments)")
        }
    }
    #else
    @Test("a command without certificates says how to have them")
    func withoutTrait() async throws {
        let outcome = try await Sandbox().run("cert", "ca", "x.pem")
        #expect(outcome.status == 69 && outcome.errors.contains("--traits Certificates"))
    }
    #endif
}
