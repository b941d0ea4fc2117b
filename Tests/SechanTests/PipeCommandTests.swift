import Foundation
import Testing

/// `pipe`: two processes and every byte.
@Suite(.serialized, .timeLimit(.minutes(3))) struct PipeCommandTests {
    private struct Ends {
        let server: Outcome
        let client: Outcome
    }

    /// Bytes that show a piece that is lost, doubled or moved.
    private static func bytes(_ count: Int, seed: UInt64) -> Data {
        var state = seed
        return Data(
            (0..<count).map { _ in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 56)
            })
    }

    private func transfer(
        _ users: Users, toServer: Data, toClient: Data, at address: String, _ options: String...
    ) async throws -> Ends {
        let up = URL(fileURLWithPath: users.sandbox.path("up"))
        let down = URL(fileURLWithPath: users.sandbox.path("down"))
        try toServer.write(to: up)
        try toClient.write(to: down)
        let run = try users.start("server", ["pipe", "--listen", address] + options, input: .file(down.path))
        let listener = try await Listener(run)
        let client = try await users.start(
            "client", ["pipe", listener.address, "--peer", users.serverKey] + options, input: .file(up.path)
        ).outcome()
        return Ends(server: try await run.outcome(), client: client)
    }

    @Test(arguments: [0, 1, 61_440, 5_000_000], [0, 1, 5_000_000])
    func everyByteBothWays(toServer: Int, toClient: Int) async throws {
        let users = try await Users()
        let up = PipeCommandTests.bytes(toServer, seed: 1)
        let down = PipeCommandTests.bytes(toClient, seed: 2)
        let address = toServer % 2 == 0 ? "tcp://127.0.0.1:0" : users.socket
        let ends = try await transfer(users, toServer: up, toClient: down, at: address)
        #expect(ends.server.status == 0)
        #expect(ends.client.status == 0)
        #expect(ends.server.data == up)
        #expect(ends.client.data == down)
        #expect(ends.client.errors.contains("confirmed both ways"))
        #expect(!ends.client.errors.contains("\r"), "progress, and no terminal")
    }

    @Test func keysAreReplacedOnTheWay() async throws {
        let users = try await Users()
        let up = PipeCommandTests.bytes(5_000_000, seed: 3)
        let ends = try await transfer(
            users, toServer: up, toClient: Data(), at: users.socket, "--rotate-bytes", "1000000", "--json")
        #expect(ends.server.data == up)
        #expect(ends.client.status == 0 && ends.server.status == 0)
        let last = try #require(ends.client.errors.split(separator: "\n").last)
        let record = try #require(try Outcome.records(in: String(last)).first)
        #expect(record["type"] as? String == "transferred")
        #expect(record["sent"] as? Int == 5_000_000)
        #expect(try #require(record["rotations"] as? Int) >= 2)
    }

    @Test func verboseTellsOfRotations() async throws {
        let users = try await Users()
        let ends = try await transfer(
            users, toServer: PipeCommandTests.bytes(3_000_000, seed: 4), toClient: Data(), at: users.socket,
            "--rotate-bytes", "1000000", "-v")
        #expect(ends.client.errors.contains("keys replaced  epoch=2"))
        #expect(ends.client.errors.contains("handshake "))
    }

    @Test func aPeerThatDiesLeavesATruncatedTransfer() async throws {
        let users = try await Users()
        let listener = try await Listener(try users.start("server", ["pipe", "--listen", users.socket]))
        let input = Foundation.Pipe()
        let client = try users.start(
            "client", ["pipe", listener.address, "--peer", users.serverKey], input: .open(input))
        try await client.says("connected to")
        try input.fileHandleForWriting.write(contentsOf: Data("the first half".utf8))
        while listener.run.outputSoFar.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
        client.kill()
        let outcome = try await listener.run.outcome()
        #expect([65, 74].contains(outcome.status))
        #expect(outcome.output == "the first half")
        #expect(outcome.errors.contains("something may be missing") || outcome.errors.contains("broke"))
    }

    @Test func anInterruptIsToldToThePeer() async throws {
        let users = try await Users()
        let listener = try await Listener(try users.start("server", ["pipe", "--listen", users.socket]))
        let client = try users.start(
            "client", ["pipe", listener.address, "--peer", users.serverKey], input: .open(Foundation.Pipe()))
        try await client.says("connected to")
        try await listener.run.says("connected to")
        client.interrupt()
        #expect(try await client.outcome().status == 130)
        let outcome = try await listener.run.outcome()
        #expect(outcome.status == 65)
        #expect(outcome.errors.contains("interrupted"))
    }

    @Test func aListenerThatNobodyMetIsInterrupted() async throws {
        let users = try await Users()
        let listener = try await Listener(try users.start("server", ["pipe", "--listen", users.socket]))
        listener.run.interrupt()
        #expect(try await listener.run.outcome().status == 130)
        #expect(!users.sandbox.exists("s"))
    }

    @Test func aFullDiskIsToldOnBothSides() async throws {
        let users = try await Users()
        let listener = try await Listener(
            try users.start("server", ["pipe", "--listen", users.socket], output: "/dev/full"))
        let input = try users.sandbox.write(String(repeating: "x", count: 300_000), to: "input")
        let client = try await users.start(
            "client", ["pipe", listener.address, "--peer", users.serverKey], input: .file(input)
        ).outcome()
        let server = try await listener.run.outcome()
        #expect(server.status == 74)
        #expect(server.errors.contains("No space left"))
        #expect(client.status == 74)
        #expect(client.errors.contains("No space left"))
    }

    @Test(arguments: ["<&-", ">&-"]) func aClosedStandardStream(redirection: String) async throws {
        let users = try await Users()
        let listener = try await Listener(try users.start("server", ["pipe", "--listen", users.socket]))
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = [
            "-c", "\"$0\" \"$@\" \(redirection)", try Run.executable().path, "pipe", listener.address, "--peer",
            users.serverKey,
        ]
        shell.environment = ProcessInfo.processInfo.environment.merging(
            ["SECHAN_CONFIG": users.sandbox.path("client")]) { $1 }
        shell.standardInput = FileHandle.nullDevice
        shell.standardOutput = FileHandle.nullDevice
        shell.standardError = FileHandle.nullDevice
        try shell.run()
        shell.waitUntilExit()
        // An output that nothing is written to may be closed; an input that cannot be read is an error.
        #expect(shell.terminationStatus == (redirection == "<&-" ? 74 : 0))
        if redirection == "<&-" { listener.run.terminate() }  // it may not have met the client at all
        let server = try await listener.run.outcome()
        #expect((server.status == 0) == (redirection == ">&-"))
    }

    @Test func aReaderThatGoesAwayIsAnError() async throws {
        let users = try await Users()
        let input = try users.sandbox.write(String(repeating: "x", count: 2_000_000), to: "input")
        let listener = try await Listener(
            try users.start("server", ["pipe", "--listen", users.socket], input: .file(input)))
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = [
            "-c", "{ \"$0\" \"$@\" </dev/null; echo $? >status; } | head -c 1 >/dev/null", try Run.executable().path,
            "pipe", listener.address, "--peer", users.serverKey, "-q",
        ]
        shell.currentDirectoryURL = users.sandbox.directory
        shell.environment = ProcessInfo.processInfo.environment.merging(
            ["SECHAN_CONFIG": users.sandbox.path("client")]) { $1 }
        shell.standardError = FileHandle.nullDevice
        try shell.run()
        let server = try await listener.run.outcome()
        shell.waitUntilExit()
        #expect(try users.sandbox.text(of: "status") == "74\n")
        #expect(server.status == 74)
    }

    @Test func oneClientOnly() async throws {
        let users = try await Users()
        let listener = try await Listener(try users.start("server", ["pipe", "--listen", users.socket]))
        let input = Foundation.Pipe()
        let first = try users.start(
            "client", ["pipe", listener.address, "--peer", users.serverKey], input: .open(input))
        try await listener.run.says("connected to")
        let second = try await users.run("client", "pipe", listener.address, "--peer", users.serverKey)
        #expect(second.status == 69)
        #expect(second.errors.contains("one client only"))
        try input.fileHandleForWriting.close()
        #expect(try await first.outcome().status == 0)
        #expect(try await listener.run.outcome().status == 0)
    }

    @Test func anotherApplicationIsNamed() async throws {
        let users = try await Users()
        let listener = try await users.listen()
        let outcome = try await users.run("client", "pipe", listener.address, "--peer", users.serverKey)
        #expect(outcome.status == 76)
        #expect(outcome.errors.contains("`pipe` with `pipe`"))
    }
}
