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
    @Test("channels: both say whom they met, and refuse who is not meant", arguments: ["tcp", "udp"])
    func channels(transport: String) async throws {
        let users = try await Users(isAuthorized: false)
        for arguments in [
            ["ca", "net.pem"], ["ca", "other.pem"],
            ["issue", "server.pem", "--authority", "net.pem", "--name", "127.0.0.1", "--name", "server.example"],
            ["issue", "client.pem", "--authority", "net.pem", "--name", "client.example"],
            ["issue", "stranger.pem", "--authority", "other.pem", "--name", "client.example"],
        ] {
            #expect(try await users.start("server", ["cert"] + arguments).outcome().status == 0)
        }
        let listener = try await users.listen(
            "--echo", "--cert", "server.pem", "--ca", "net.pem", "--peer-name", "client.example",
            at: "\(transport)://127.0.0.1:0")
        func connect(_ arguments: String...) async throws -> Outcome {
            try await users.start("client", ["connect", listener.address, "-m", "x"] + arguments).outcome()
        }
        let met = try await connect("--cert", "client.pem", "--ca", "net.pem")
        #expect(met.status == 0 && met.output == "x\n" && met.errors.contains("(127.0.0.1, server.example)"))
        try await listener.run.says("(client.example) connected")
        let named = try await connect("--cert", "client.pem", "--ca", "net.pem", "--peer-name", "server.example")
        #expect(named.status == 0 && named.errors.contains("(server.example, 127.0.0.1)"))
        // The client refuses.
        let wrong = try await connect("--cert", "client.pem", "--ca", "net.pem", "--peer-name", "other.example")
        #expect(wrong.status == 77 && wrong.errors.contains("the certificate is for another name"), "\(wrong.errors)")
        let foreign = try await connect("--cert", "client.pem", "--ca", "other.pem")
        #expect(foreign.status == 77 && foreign.errors.contains("no root that is trusted"), "\(foreign.errors)")
        // The listener refuses.
        let stranger = try await connect("--cert", "stranger.pem", "--ca", "net.pem")
        #expect(stranger.status == 77 && stranger.errors.contains("--cert names"), "\(stranger.errors)")
        try await listener.run.says("refused: no root that is trusted")
        let server = try await connect("--cert", "server.pem", "--ca", "net.pem")
        #expect(server.status == 77)
        try await listener.run.says("refused: the certificate is for another name")
        let silent = try await connect("--ca", "net.pem")
        #expect(silent.status == 77 && silent.errors.contains("--cert names"), "\(silent.errors)")
        #expect(listener.run.outputSoFar == "x\nx\n")
    }

    @Test("what is not issued: names that are none, and by who is no authority")
    func notIssued() async throws {
        for name in ["b\u{fc}cher.example", "a b", "*.org", ""] {
            let outcome = try await sandbox.run(
                "cert", "issue", sandbox.path("x.pem"), "--authority", sandbox.path("net.pem"), "--name", name)
            #expect(outcome.status == 78 && outcome.errors.contains("is no name"), "\(name)")
        }
        let outcome = try await sandbox.run(
            "cert", "issue", sandbox.path("x.pem"), "--authority", sandbox.path("server.pem"), "--name", "x.example")
        #expect(outcome.status == 78 && outcome.errors.contains("not an authority's"))
        #expect(!sandbox.exists("x.pem") && !sandbox.exists("x.key"))
    }
    #else
    @Test("a command without certificates says how to have them")
    func withoutTrait() async throws {
        let outcome = try await Sandbox().run("cert", "ca", "x.pem")
        #expect(outcome.status == 69 && outcome.errors.contains("--traits Certificates"))
    }
    #endif
}
