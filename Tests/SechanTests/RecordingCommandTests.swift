import Foundation
import Testing

/// `--record` and `sechan replay`: a session is written down in one process and done again in another.
struct RecordingCommandTests {
    @Test func bothEndsAreDoneAgain() async throws {
        let users = try await Users()
        let (client, server) = (users.sandbox.path("client.rec"), users.sandbox.path("server.rec"))
        let listener = try await users.listen("--echo", "--once", "--record", server)
        let outcome = try await users.connect(listener.address, "-m", "one", "-m", "two", "--record", client)
        #expect(outcome.status == 0 && outcome.lines == ["one", "two"])
        #expect(try await listener.run.outcome().status == 0)
        for (name, role) in [("client.rec", "initiator"), ("server.rec", "responder")] {
            #expect(try users.sandbox.mode(of: name) == 0o600)
            let replay = try await users.run("client", "replay", users.sandbox.path(name), "--json")
            #expect(replay.status == 0)
            let record = try #require(try replay.records().first)
            #expect(record["type"] as? String == "replayed" && record["role"] as? String == role)
            #expect(record["messagesSent"] as? Int == 2 && record["messagesReceived"] as? Int == 2)
        }
        let steps = try await users.run("client", "replay", client, "-v")
        #expect(steps.errors.contains("poll for an event: established"))
        #expect(steps.errors.contains("send 3 bytes on channel 0: message 0"))
        #expect(steps.output.contains("the same as recorded"))
    }

    @Test func everyClientHasAFile() async throws {
        let users = try await Users()
        let path = users.sandbox.path("server.rec")
        let listener = try await users.listen("--echo", "--record", path)
        for text in ["a", "b"] { #expect(try await users.connect(listener.address, "-m", text).status == 0) }
        #expect(try await listener.end().status == 0)
        for name in [path, path + ".2"] {
            #expect(try await users.run("client", "replay", name).status == 0)
        }
        #expect(!users.sandbox.exists("server.rec.3"))
    }

    @Test func aFileThatIsThereIsLeftAlone() async throws {
        let users = try await Users()
        let path = try users.sandbox.write("mine", to: "there")
        let outcome = try await users.connect("tcp://127.0.0.1:1", "--record", path)
        #expect(outcome.status == 73)
        #expect(try users.sandbox.text(of: "there") == "mine")
    }

    @Test func whatCannotBeReplayedIsNamed() async throws {
        let users = try await Users()
        let path = users.sandbox.path("client.rec")
        let listener = try await users.listen("--once")
        #expect(try await users.connect(listener.address, "-m", "one", "--record", path).status == 0)
        var bytes = try Data(contentsOf: URL(filePath: path))
        let short = users.sandbox.path("short")
        try bytes.dropLast(20).write(to: URL(filePath: short))
        // The first entry follows nine bytes of head: a kind, a length of four bytes, and the body.
        bytes[20] ^= 1
        let damaged = users.sandbox.path("damaged")
        try bytes.write(to: URL(filePath: damaged))
        bytes[10] ^= 0x80
        let large = users.sandbox.path("large")
        try bytes.write(to: URL(filePath: large))
        let other = try users.sandbox.write("no recording", to: "other")
        for (name, words) in [
            (short, "the recording ends early"), (damaged, "the recording is damaged at byte 9 or behind it"),
            (large, "the entry at byte 9 says that it has more than 16 MiB"), (other, "not a recording of a session"),
        ] {
            let outcome = try await users.run("client", "replay", name)
            #expect(outcome.status == 65)
            #expect(outcome.errors.contains(words), "\(outcome.errors)")
        }
        #expect(try await users.run("client", "replay", users.sandbox.path("nowhere")).status == 66)
    }
}
