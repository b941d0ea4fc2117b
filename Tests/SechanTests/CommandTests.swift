import Foundation
import Testing

@testable import sechan

/// The built command as a process: what every verb prints, and its exit status.
@Suite struct CommandTests {
    private let sandbox: Sandbox

    init() throws { sandbox = try Sandbox() }

    // MARK: The command line

    @Test func help() async throws {
        for arguments in [["--help"], ["help", "keygen"], ["trust", "add", "--help"], ["doctor", "-h"]] {
            let outcome = try await sandbox.run(arguments)
            #expect(outcome.status == 0)
            #expect(outcome.output.contains("USAGE: sechan"))
            #expect(outcome.errors.isEmpty)
        }
        let outcome = try await sandbox.run("--help")
        for status in ExitStatus.allCases { #expect(outcome.output.contains("\(status.rawValue)  \(status.meaning)")) }
    }

    @Test func version() async throws {
        let outcome = try await sandbox.run("--version")
        #expect(outcome.status == 0)
        #expect(outcome.output == "sechan \(Sechan.version) (SCP/1)\n")
    }

    @Test(arguments: [
        ["nonsense"], ["keygen", "a", "b"], ["keygen", "--nonsense"], ["keygen", "-q", "-v"], ["trust", "add"],
        ["trust", "remove"], ["trust", "add", "--replace", Known.alice],
        ["trust", "add", "-a", "udp://a", Known.alice], ["trust", "add", "-a", "stdio:", Known.alice],
        ["trust", "remove", "-a", "tcp://a"], ["trust", "add", "scp1-x25519 AAAA"],
        ["trust", "add", "-c", "a\u{1b}", Known.alice], ["fingerprint", "a", "b"],
        ["keygen", "-c", "two\nlines"], ["doctor", "extra"],
    ])
    func usage(arguments: [String]) async throws {
        let outcome = try await sandbox.run(arguments)
        #expect(outcome.status == 64)
        #expect(outcome.output.isEmpty)
        #expect(!outcome.errors.isEmpty)
        #expect(!sandbox.exists("config/authorized_peers"))
    }

    @Test func completionScripts() async throws {
        for shell in ["bash", "zsh", "fish"] {
            let outcome = try await sandbox.run("--generate-completion-script", shell)
            #expect(outcome.status == 0)
            #expect(outcome.output.contains("keygen"))
        }
    }

    // MARK: keygen

    @Test func keygenMakesTheIdentity() async throws {
        let outcome = try await sandbox.run("keygen", "--comment", "me at home")
        #expect(outcome.status == 0)
        let key = try PublicKeyText(try #require(outcome.lines.first))
        #expect(outcome.lines.count == 1)
        #expect(key.comment == "me at home")
        #expect(outcome.errors.contains(sandbox.path("config/identity")))
        #expect(outcome.errors.contains("SHA256:"))
        #expect(try sandbox.mode(of: "config/identity") == 0o600)
        #expect(try sandbox.mode(of: "config") == 0o700)
        let text = try sandbox.text(of: "config/identity")
        #expect(text.contains("\n# created: 20"))
        let secret = try #require(text.split(separator: " ").last?.dropLast())
        #expect(!outcome.output.contains(secret) && !outcome.errors.contains(secret), "the private key was shown")
    }

    /// A file that only its owner reads, whatever the umask leaves open.
    @Test func keygenIgnoresAnOpenUmask() async throws {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = [
            "-c", "umask 000; exec \"$0\" keygen -q \"$1\" >/dev/null", try Run.executable().path, sandbox.path("open"),
        ]
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 0)
        #expect(try sandbox.mode(of: "open") == 0o600)
    }

    @Test func keygenNeverReplaces() async throws {
        let path = try sandbox.write("precious", to: "key")
        let outcome = try await sandbox.run("keygen", path)
        #expect(outcome.status == 73)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("exists already"))
        #expect(try sandbox.text(of: "key") == "precious")
    }

    @Test func keygenFollowsNoLink() async throws {
        try FileManager.default.createSymbolicLink(
            atPath: sandbox.path("link"), withDestinationPath: sandbox.path("target"))
        let outcome = try await sandbox.run("keygen", sandbox.path("link"))
        #expect(outcome.status == 73)
        #expect(!sandbox.exists("target"))
    }

    @Test func keygenWithoutDirectory() async throws {
        let outcome = try await sandbox.run("keygen", sandbox.path("no/key"))
        #expect(outcome.status == 73)
        let override = try await sandbox.run(
            "keygen", environment: ["SECHAN_IDENTITY": sandbox.path("typo/key")])
        #expect(override.status == 73)
        #expect(!sandbox.exists("typo"))
    }

    /// Of many at once exactly one makes the key, and the file is its own.
    @Test func keygenRace() async throws {
        let outcomes = try await withThrowingTaskGroup(of: Outcome.self) { group in
            for _ in 0..<8 { group.addTask { try await sandbox.run("keygen") } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.map(\.status).sorted() == [0] + Array(repeating: 73, count: 7))
        let winner = try #require(outcomes.first { $0.status == 0 })
        let kept = try await sandbox.run("pubkey")
        #expect(kept.output == winner.output)
    }

    // MARK: pubkey and fingerprint

    @Test func pubkey() async throws {
        let path = try sandbox.write(Known.aliceFile, to: "key")
        let named = try await sandbox.run("pubkey", path)
        #expect(named.status == 0)
        #expect(named.output == "\(Known.alice)\n")
        let fromEnvironment = try await sandbox.run("pubkey", environment: ["SECHAN_IDENTITY": path])
        #expect(fromEnvironment.output == "\(Known.alice)\n")
    }

    @Test func pubkeyFailures() async throws {
        let missing = try await sandbox.run("pubkey")
        #expect(missing.status == 66)
        #expect(missing.errors.contains("sechan keygen"))
        try sandbox.write(Known.aliceFile, to: "config/identity", mode: 0o644)
        let open = try await sandbox.run("pubkey")
        #expect(open.status == 78)
        #expect(open.errors.contains("chmod 600"))
        let damaged = try await sandbox.run("pubkey", sandbox.write("scp1-x25519-private dwdt\n", to: "damaged"))
        #expect(damaged.status == 78)
        #expect(damaged.errors.contains("damaged:1:"))
    }

    @Test func fingerprints() async throws {
        try sandbox.write(Known.aliceFile, to: "config/identity")
        let keys = try sandbox.write("# two\n\(Known.alice) a\n\(Known.bob) b c\n", to: "keys", mode: 0o644)
        let both = "\(Known.aliceFingerprint) a\n\(Known.bobFingerprint) b c\n"
        #expect(try await sandbox.run("fingerprint").output == "\(Known.aliceFingerprint)\n")
        #expect(try await sandbox.run("fingerprint", Known.alice).output == "\(Known.aliceFingerprint)\n")
        #expect(
            try await sandbox.run("fingerprint", "scp1-x25519", Known.bobPublic, "b", "c").output
                == "\(Known.bobFingerprint) b c\n")
        #expect(try await sandbox.run("fingerprint", keys).output == both)
        #expect(try await sandbox.run("fingerprint", "-", input: "\(Known.alice) a\n\(Known.bob) b c").output == both)
    }

    @Test func fingerprintFailures() async throws {
        #expect(try await sandbox.run("fingerprint", "-", input: "").status == 78)
        #expect(try await sandbox.run("fingerprint", sandbox.path("nothing")).status == 66)
        #expect(try await sandbox.run("fingerprint", sandbox.path("")).status == 78)
        let open = try sandbox.write(Known.aliceFile, to: "open", mode: 0o640)
        #expect(try await sandbox.run("fingerprint", open).status == 78)
    }

    // MARK: Output

    @Test func jsonRecords() async throws {
        let made = try await sandbox.run("keygen", "--json", "-c", "me")
        let record = try #require(try made.records().first)
        #expect(record["v"] as? Int == 1)
        #expect(record["type"] as? String == "key")
        #expect(record["path"] as? String == sandbox.path("config/identity"))
        #expect(record["comment"] as? String == "me")
        let shown = try #require(try await sandbox.run("pubkey", "--json").records().first)
        for name in ["publicKey", "fingerprint"] {
            let value = try #require(record[name] as? String)
            #expect(shown[name] as? String == value)
        }
    }

    @Test func jsonError() async throws {
        let outcome = try await sandbox.run("pubkey", "--json")
        let record = try #require(try outcome.records().first)
        #expect(record["type"] as? String == "error")
        #expect(record["exit"] as? Int == 66)
        #expect(record["name"] as? String == "no-input")
        #expect((record["message"] as? String)?.contains("config/identity") == true)
        #expect(outcome.errors.contains("config/identity"), "people are told too")
    }

    @Test func quietAndPlain() async throws {
        let quiet = try await sandbox.run("keygen", "-q")
        #expect(quiet.status == 0)
        #expect(quiet.errors.isEmpty)
        #expect(quiet.lines.count == 1)
        let failed = try await sandbox.run("keygen", "-q")
        #expect(failed.errors.contains("exists already"))
        #expect(!failed.errors.contains("\u{1b}"), "colours are for terminals")
    }

    @Test func nobodyReadsTheOutput() async throws {
        try sandbox.write(Known.aliceFile, to: "config/identity")
        let closed = "\"$0\" pubkey >&- 2>&-; echo $? >status"
        // The pipe's reader is gone before the writer starts, which waits for the file that the reader makes.
        let writer = "{ while ! [ -e go ]; do sleep 0.01; done; \"$0\" pubkey 2>/dev/null; echo $? >status; }"
        for script in [closed, writer + " | { exec <&-; : >go; }"] {
            let shell = Process()
            shell.executableURL = URL(fileURLWithPath: "/bin/bash")
            shell.arguments = ["-c", script, try Run.executable().path]
            shell.currentDirectoryURL = sandbox.directory
            shell.environment = ProcessInfo.processInfo.environment.merging(
                ["SECHAN_CONFIG": sandbox.configuration]
            ) { $1 }
            try shell.run()
            shell.waitUntilExit()
            #expect(try sandbox.text(of: "status") == "74\n", "\(script)")
        }
    }

    /// A key file must not be opened as the standard output that the parent closed: what is printed would land in it.
    @Test func closedStandardOutputLeavesTheKeyAlone() async throws {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/bash")
        shell.arguments = ["-c", "\"$0\" keygen key <&- >&- 2>&-; exit $?", try Run.executable().path]
        shell.currentDirectoryURL = sandbox.directory
        try shell.run()
        shell.waitUntilExit()
        #expect(shell.terminationStatus == 74)
        let lines = try sandbox.text(of: "key").split(separator: "\n")
        #expect(lines.count == 4)
        #expect(lines.last?.hasPrefix("scp1-x25519-private ") == true)
    }

    #if os(Linux)
    @Test func interrupt() async throws {
        let pipe = Pipe()
        let run = try Run(sandbox, ["fingerprint", "-"], input: .open(pipe))
        // Waits for input, with its handler in place: bit 1 of the caught signals is SIGINT.
        while true {
            let status = try String(contentsOfFile: "/proc/\(run.processIdentifier)/status", encoding: .utf8)
            let caught = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t").last
            if let mask = caught.flatMap({ UInt64($0, radix: 16) }), mask & 2 != 0 { break }
            try await Task.sleep(for: .milliseconds(5))
        }
        run.interrupt()
        let outcome = try await run.outcome()
        #expect(outcome.status == 130)
        try pipe.fileHandleForWriting.close()
    }
    #endif
}
