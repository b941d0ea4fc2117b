import Foundation
import Testing

/// `sechan agent`: private keys in processes of their own.
@Suite(.serialized, .timeLimit(.minutes(3))) struct AgentTests {
    /// A running agent of a user.
    final class Agent: Sendable {
        let run: Run
        let path: String

        init(_ users: Users, _ user: String, _ name: String, _ arguments: String...) async throws {
            path = users.sandbox.path(name)
            run = try users.start(user, ["agent", path, "--verbose"] + arguments)
            try await run.says("holding SHA256:")
        }

        deinit { run.kill() }

        /// Ends it without its knowing.
        func die() async throws {
            run.kill()
            _ = try await run.outcome()
        }
    }

    /// What a listener prints first goes without the agent's files: only the agents can read them.
    private func hide(_ users: Users, _ user: String) throws -> String {
        let hidden = users.sandbox.path("hidden-\(user)")
        try FileManager.default.moveItem(atPath: users.sandbox.path("\(user)/identity"), toPath: hidden)
        return hidden
    }

    @Test func bothSidesThroughAgents() async throws {
        let users = try await Users()
        let serverAgent = try await Agent(users, "server", "a", "--identity", try hide(users, "server"))
        let clientAgent = try await Agent(users, "client", "b", "--identity", try hide(users, "client"))
        #expect(try users.sandbox.mode(of: "a") == 0o600)
        let listener = try await users.listen("--echo", "--agent", serverAgent.path)
        let outcome = try await users.connect(listener.address, "--agent", clientAgent.path, "-m", "through two agents")
        #expect(outcome.status == 0)
        #expect(outcome.output == "through two agents\n")
        #expect(outcome.errors.contains("closed in order"))
        try await serverAgent.run.says("one key agreement made")
        try await clientAgent.run.says("one key agreement made")
        #expect(try await listener.end().status == 0)
        serverAgent.run.terminate()
        #expect(try await serverAgent.run.outcome().status == 0)
        #expect(!users.sandbox.exists("a"), "the socket was left behind")
    }

    /// The environment names the agent as well, unless the command line names a key.
    @Test func agentOfTheEnvironment() async throws {
        let users = try await Users()
        let hidden = try hide(users, "client")
        let agent = try await Agent(users, "client", "b", "--identity", hidden)
        let listener = try await users.listen("--echo")
        let arguments = ["connect", listener.address, "--peer", users.serverKey, "-m", "x", "--timeout", "120"]
        let environment = ["SECHAN_CONFIG": users.sandbox.path("client"), "SECHAN_AGENT": agent.path]
        let outcome = try await users.sandbox.run(arguments, environment: environment)
        #expect(outcome.status == 0)
        try await agent.run.says("one key agreement made")
        try await agent.die()
        let named = try await users.sandbox.run(arguments + ["--identity", hidden], environment: environment)
        #expect(named.status == 0)
    }

    @Test func theAgentDiesMidway() async throws {
        let users = try await Users()
        let agent = try await Agent(users, "server", "a")
        let listener = try await users.listen("--once", "--agent", agent.path)
        try await agent.die()
        let client = try await users.connect(listener.address, "-m", "x")
        #expect(client.status != 0)
        #expect(client.errors.contains("INTERNAL_ERROR"))
        try await listener.run.says("KEY_UNAVAILABLE")
    }

    /// Another key has taken the agent's place: what is asked for is refused, and the client says so.
    @Test func theAgentRefuses() async throws {
        let users = try await Users()
        let agent = try await Agent(users, "server", "a")
        let listener = try await users.listen("--agent", agent.path)
        try await agent.die()
        let other = try await Agent(users, "client", "a")
        let client = try await users.connect(listener.address, "-m", "x")
        #expect(client.status != 0)
        try await other.run.says("refused: somebody wants another key")
        try await listener.run.says("KEY_UNAVAILABLE")
    }

    /// The agent holds a key that the listener has not authorized.
    @Test func theWrongKey() async throws {
        let users = try await Users()
        let agent = try await Agent(users, "server", "a")
        let listener = try await users.listen()
        let outcome = try await users.connect(listener.address, "--agent", agent.path, "-m", "x")
        #expect(outcome.status == 77)
    }

    @Test func nobodyAtThePath() async throws {
        let users = try await Users()
        let outcome = try await users.connect("tcp://127.0.0.1:1", "--agent", users.sandbox.path("none"), "-m", "x")
        #expect(outcome.status == 66)
        #expect(outcome.errors.contains("the key agent does not answer"))
    }

    @Test func twoAgentsAtOnePath() async throws {
        let users = try await Users()
        let agent = try await Agent(users, "server", "a")
        let second = try await users.run("client", "agent", agent.path)
        #expect(second.status == 73)
        try users.sandbox.write("words", to: "file")
        let third = try await users.run("client", "agent", users.sandbox.path("file"))
        #expect(third.status == 73)
        #expect(try users.sandbox.text(of: "file") == "words")
    }

    @Test func keyAndAgentExcludeEachOther() async throws {
        let users = try await Users()
        let outcome = try await users.connect("tcp://127.0.0.1:1", "--agent", "/a", "--identity", "/b", "-m", "x")
        #expect(outcome.status == 64)
    }
}
