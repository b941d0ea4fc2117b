import Foundation
import Testing

/// `listen` and `connect`: two processes, over every kind of socket.
@Suite(.serialized, .timeLimit(.minutes(3))) struct ChannelCommandTests {
    // MARK: Messages

    @Test(arguments: ["tcp://127.0.0.1:0", "udp://127.0.0.1:0", "udp://[::1]:0", "unix:", "unix-dgram:"])
    func messagesAreEchoed(place: String) async throws {
        let users = try await Users()
        let address = place.hasSuffix(":0") ? place : users.socket.replacing("unix:", with: place)
        let listener = try await users.listen("--echo", at: address)
        let outcome = try await users.connect(listener.address, "--message", "Hello", "-m", "", "-m", "Привет")
        #expect(outcome.status == 0)
        #expect(outcome.output == "Hello\n\nПривет\n")
        #expect(outcome.errors.contains("closed in order"))
        try await listener.run.says("client 1: closed in order")
        let server = try await listener.end()
        #expect(server.status == 0)
        #expect(server.output == "Hello\n\nПривет\n")
        #expect(!users.sandbox.exists("s"), "the socket was left behind")
    }

    @Test func linesOfStandardInput() async throws {
        let users = try await Users()
        let listener = try await users.listen("--once")
        let outcome = try await users.connect(listener.address, input: .text("one\n\nthree\nlast"))
        #expect(outcome.status == 0)
        #expect(outcome.output.isEmpty)
        let server = try await listener.run.outcome()
        #expect(server.status == 0)
        #expect(server.output == "one\n\nthree\nlast\n")
    }

    @Test func aLineThatIsTooLongIsNotSent() async throws {
        let users = try await Users()
        let listener = try await users.listen()
        let long = String(repeating: "x", count: 200_000)
        let outcome = try await users.connect(listener.address, input: .text(long))
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("longer than"))
        #expect(listener.run.outputSoFar.isEmpty)
    }

    @Test func records() async throws {
        let users = try await Users()
        let listener = try await users.listen("--once", "--echo", "--json")
        let input = try users.sandbox.write("", to: "input")
        try Data([0x61, 0x0a, 0xff, 0xfe, 0x0a]).write(to: URL(fileURLWithPath: input))
        let outcome = try await users.connect(listener.address, "--json", input: .file(input))
        #expect(outcome.status == 0)
        let client = try outcome.records()
        #expect(client.map { $0["type"] as? String } == ["connected", "message", "message", "closed"])
        #expect(client.allSatisfy { $0["v"] as? Int == 1 })
        #expect(client[0]["publicKey"] as? String == users.serverKey)
        #expect(client[1]["text"] as? String == "a")
        #expect(client[2]["base64"] as? String == "//4=")
        #expect(client[2]["size"] as? Int == 2)
        #expect(client[3]["messagesSent"] as? Int == 2)
        let server = try await listener.run.outcome().records()
        #expect(server.map { $0["type"] as? String } == ["listening", "connected", "message", "message", "closed"])
        #expect(server[0]["address"] as? String == listener.address)
        #expect(server[1]["publicKey"] as? String == users.clientKey)
        #expect(server[4]["exit"] as? Int == 0)
    }

    @Test func severalClientsAtOnce() async throws {
        let users = try await Users()
        let listener = try await users.listen("--echo")
        try await withThrowingTaskGroup(of: Outcome.self) { group in
            for number in 0..<4 {
                group.addTask { try await users.connect(listener.address, "-m", "number \(number)") }
            }
            for try await outcome in group { #expect(outcome.status == 0) }
        }
        let server = try await listener.end()
        #expect(server.lines.sorted() == (0..<4).map { "number \($0)" })
    }

    @Test func whatThePeerSaysCannotSteerTheTerminal() async throws {
        let users = try await Users()
        let listener = try await users.listen("--once")
        _ = try await users.connect(listener.address, "-m", "a\u{1b}[2Jb\u{202e}")
        #expect(try await listener.run.outcome().output == "a\\u{1b}[2Jb\\u{202e}\n")
    }

    // MARK: Trust

    @Test func strangersAreNotTrusted() async throws {
        let users = try await Users()
        let listener = try await users.listen()
        for arguments in [[], ["--trust", "ask"], ["--trust", "yes"]] {
            let outcome = try await users.start("client", ["connect", listener.address, "-m", "x"] + arguments)
                .outcome()
            #expect(outcome.status == 77)
            #expect(outcome.errors.contains("is not known"))
            #expect(outcome.errors.contains(users.serverKey))
        }
        #expect(!users.sandbox.exists("client/known_peers"))
        #expect(listener.run.outputSoFar.isEmpty)
    }

    @Test func trustOnFirstUse() async throws {
        let users = try await Users()
        let listener = try await users.listen()
        let first = try await users.run("client", "connect", listener.address, "-m", "x", "--trust", "accept-new")
        #expect(first.status == 0)
        #expect(first.errors.contains("trusted from now on"))
        #expect(try users.sandbox.text(of: "client/known_peers") == "\(listener.address) \(users.serverKey)\n")
        for mode in ["ask", "accept-new", "yes"] {
            let again = try await users.run("client", "connect", listener.address, "-m", "y", "--trust", mode)
            #expect(again.status == 0)
            #expect(!again.errors.contains("from now on"))
        }
    }

    @Test func otherStoresThanTheUsual() async throws {
        let users = try await Users(isAuthorized: false)
        let authorized = try users.sandbox.write("\(users.clientKey)\n", to: "authorized")
        let listener = try await users.listen("--authorized", authorized)
        let known = users.sandbox.path("known")
        for _ in 0..<2 {
            let outcome = try await users.run(
                "client", "connect", listener.address, "-m", "x", "--trust", "accept-new", "--known-peers", known)
            #expect(outcome.status == 0)
        }
        #expect(try users.sandbox.text(of: "known") == "\(listener.address) \(users.serverKey)\n")
        #expect(!users.sandbox.exists("client/known_peers"))
    }

    @Test func aChangedKeyHasAStatusOfItsOwn() async throws {
        let users = try await Users()
        let other = try await Users.makeKey(users.sandbox, "other")
        let listener = try await users.listen()
        _ = try await users.run("client", "trust", "add", "--address", listener.address, other)
        let store = try users.sandbox.text(of: "client/known_peers")
        for mode in ["ask", "accept-new", "yes"] {
            let outcome = try await users.run("client", "connect", listener.address, "-m", "x", "--trust", mode)
            #expect(outcome.status == 79)
            #expect(outcome.errors.contains("has changed"))
            #expect(outcome.errors.contains("known_peers:1"))
            #expect(outcome.errors.contains(users.serverKey))
        }
        #expect(try users.sandbox.text(of: "client/known_peers") == store)
        #expect(listener.run.outputSoFar.isEmpty)
        let careless = try await users.run("client", "connect", listener.address, "-m", "x", "--trust", "no")
        #expect(careless.status == 0)
        #expect(careless.errors.contains("warning"))
    }

    @Test func thePinnedKeyMustAnswer() async throws {
        let users = try await Users()
        let other = try await Users.makeKey(users.sandbox, "other")
        let listener = try await users.listen()
        let outcome = try await users.run("client", "connect", listener.address, "-m", "x", "--peer", other)
        #expect(outcome.status == 77)
        #expect(outcome.errors.contains("another key"))
        #expect(listener.run.outputSoFar.isEmpty)
    }

    @Test func strangersAreNotLetIn() async throws {
        let users = try await Users(isAuthorized: false)
        let listener = try await users.listen("--echo")
        let refused = try await users.connect(listener.address, "-m", "x", "--json")
        #expect(refused.status == 77)
        #expect(try refused.records().last?["name"] as? String == "identity-rejected")
        try await listener.run.says("refused, not authorized")
        #expect(listener.run.errorsSoFar.contains(users.clientKey))
        // The listener need not be started again.
        try await users.authorize(users.clientKey)
        #expect(try await users.connect(listener.address, "-m", "x").status == 0)
    }

    @Test func waysToLetClientsIn() async throws {
        let users = try await Users(isAuthorized: false)
        for arguments in [["--allow", users.clientKey], ["--anyone"], ["--accept-new"]] {
            let run = try users.start("server", ["listen", "tcp://127.0.0.1:0", "--once"] + arguments)
            let listener = try await Listener(run)
            #expect(try await users.connect(listener.address, "-m", "x").status == 0)
            #expect(try await run.outcome().output == "x\n")
            let isRemembered = arguments == ["--accept-new"]
            #expect(users.sandbox.exists("server/authorized_peers") == isRemembered)
        }
        #expect(try users.sandbox.text(of: "server/authorized_peers") == "\(users.clientKey)\n")
    }

    @Test func anotherKeyThanTheAllowedOneIsRefused() async throws {
        let users = try await Users()
        let run = try users.start("server", ["listen", "tcp://127.0.0.1:0", "--allow", users.serverKey])
        let listener = try await Listener(run)
        #expect(try await users.connect(listener.address, "-m", "x").status == 77)
    }

    @Test func nobodyTalksToHimself() async throws {
        let users = try await Users()
        let listener = try await users.listen("--anyone")
        let outcome = try await users.run("server", "connect", listener.address, "-m", "x", "--trust", "no")
        #expect(outcome.status == 77)
        #expect(outcome.errors.contains("does not talk to itself"))
    }

    @Test func presharedKeys() async throws {
        let users = try await Users()
        let one = Data((0..<32).map { UInt8($0) }).base64EncodedString()
        let two = Data((1..<33).map { UInt8($0) }).base64EncodedString()
        let psk = try users.sandbox.write("# ours\n\(one)\n", to: "psk")
        let wrong = try users.sandbox.write(two, to: "wrong")
        let open = try users.sandbox.write(one, to: "open", mode: 0o644)
        let listener = try await users.listen("--psk", psk)
        #expect(try await users.connect(listener.address, "-m", "x", "--psk", psk).status == 0)
        #expect(try await users.connect(listener.address, "-m", "x", "--psk", wrong).status == 76)
        #expect(try await users.connect(listener.address, "-m", "x").status == 76)
        #expect(try await users.connect(listener.address, "-m", "x", "--psk", open).status == 78)
        #expect(try await users.connect(listener.address, "-m", "x", "--psk", "nothing").status == 66)
        #expect(try await listener.end().output == "x\n")
    }

    /// A listener with a key for each peer; every peer has its copy of one.
    @Test func presharedKeysPerPeer() async throws {
        let users = try await Users()
        let other = try await Users.makeKey(users.sandbox, "other")
        try await users.authorize(other)
        let mine = ["client", "other"].map { users.sandbox.path("for-\($0)") }
        let copies = ["client", "other"].map { users.sandbox.path("from-\($0)") }
        for (index, key) in [users.clientKey, other].enumerated() {
            let made = try await users.run("server", "psk", mine[index], "--peer", key, "--copy", copies[index])
            #expect(made.status == 0)
        }
        let listener = try await users.listen("--psk", mine[0], "--psk", mine[1], at: "udp://127.0.0.1:0")
        #expect(try await users.connect(listener.address, "-m", "x", "--psk", copies[0]).status == 0)
        let wrong = try await users.connect(listener.address, "-m", "x", "--psk", copies[1], "--timeout", "2")
        #expect(wrong.status == 75, "a forged message 3 is not answered on datagrams")
        let outcome = try await users.run(
            "other", "connect", listener.address, "--peer", users.serverKey, "-m", "y", "--psk", copies[1])
        #expect(outcome.status == 0)
        #expect(try await listener.end().output == "x\ny\n")
    }

    // MARK: What goes wrong

    @Test func nobodyIsThere() async throws {
        let users = try await Users()
        let outcome = try await users.connect(users.socket, "-m", "x")
        #expect(outcome.status == 69)
        #expect(outcome.errors.contains("nobody answers"))
        let unknown = try await users.connect("tcp://a..b:1", "-m", "x")
        #expect(unknown.status == 68)
    }

    @Test func othersThanSCP() async throws {
        let users = try await Users()
        let path = users.sandbox.path("s")
        let expected: [(DeafListener.Manner, Int32)] = [(.silent, 75), (.closing, 69), (.babbling, 76)]
        for (manner, status) in expected {
            let timeout = manner == .silent ? "0.5" : "120"
            let listener = try DeafListener(at: path, manner)
            let outcome = try await users.connect(users.socket, "-m", "x", "--timeout", timeout)
            #expect(outcome.status == status, "\(manner): \(outcome.errors)")
            withExtendedLifetime(listener) {}
            try FileManager.default.removeItem(atPath: path)
        }
    }

    @Test func addressesThatCannotBeListenedOn() async throws {
        let users = try await Users()
        let listener = try await users.listen()
        let second = try await users.run("server", "listen", listener.address)
        #expect(second.status == 73)
        #expect(second.errors.contains("already"))
        let missing = try await users.run("server", "listen", "unix://" + users.sandbox.path("no/such/directory"))
        #expect(missing.status == 73)
    }

    @Test func withoutAnIdentity() async throws {
        let sandbox = try Sandbox()
        for arguments in [
            ["listen", "tcp://127.0.0.1:0"], ["connect", "tcp://127.0.0.1:1"], ["pipe", "tcp://127.0.0.1:1"],
        ] {
            let outcome = try await sandbox.run(arguments)
            #expect(outcome.status == 66)
            #expect(outcome.errors.contains("sechan keygen"))
        }
    }

    @Test func authorizedKeysThatOthersCanWriteTrustNobody() async throws {
        let users = try await Users(isAuthorized: false)
        let path = try users.sandbox.write("\(users.clientKey)\n", to: "authorized", mode: 0o666)
        let outcome = try await users.run("server", "listen", "tcp://127.0.0.1:0", "--authorized", path)
        #expect(outcome.status == 78)
    }

    @Test func aClientThatDiesIsToldApart() async throws {
        let users = try await Users()
        let listener = try await users.listen("--once")
        let client = try users.start(
            "client", ["connect", listener.address, "--peer", users.serverKey], input: .open(Foundation.Pipe()))
        try await client.says("connected to")
        try await listener.run.says("client 1: ")
        client.kill()
        let outcome = try await listener.run.outcome()
        #expect([65, 74].contains(outcome.status))
        #expect(outcome.errors.contains("TRUNCATED") || outcome.errors.contains("broke"))
    }

    @Test func aClientThatFallsSilentIsGivenUp() async throws {
        let users = try await Users()
        let listener = try await users.listen("--once", "--idle-timeout", "1")
        let client = try users.start(
            "client", ["connect", listener.address, "--peer", users.serverKey], input: .open(Foundation.Pipe()))
        try await client.says("connected to")
        try await listener.run.says("client 1: ")
        kill(client.processIdentifier, SIGSTOP)
        let outcome = try await listener.run.outcome()
        client.kill()
        #expect(outcome.status == 75)
        #expect(outcome.errors.contains("fell silent"))
    }

    @Test func interruptsAreOrderly() async throws {
        let users = try await Users()
        let listener = try await users.listen()
        let client = try users.start(
            "client", ["connect", listener.address, "--peer", users.serverKey], input: .open(Foundation.Pipe()))
        try await client.says("connected to")
        try await listener.run.says("client 1: ")
        listener.run.interrupt()
        #expect(try await listener.run.outcome().status == 130)
        let outcome = try await client.outcome()
        #expect(outcome.status == 69)
        #expect(outcome.errors.contains("SHUTTING_DOWN"))
    }

    @Test func anInterruptedClient() async throws {
        let users = try await Users()
        let listener = try await users.listen("--once")
        let client = try users.start(
            "client", ["connect", listener.address, "--peer", users.serverKey], input: .open(Foundation.Pipe()))
        try await client.says("connected to")
        try await listener.run.says("client 1: ")
        client.interrupt()
        #expect(try await client.outcome().status == 130)
        _ = try await listener.run.outcome()
    }

    @Test func nobodyReadsWhatAListenerPrints() async throws {
        let users = try await Users()
        let run = try users.start("server", ["listen", "tcp://127.0.0.1:0"], output: "/dev/full")
        let listener = try await Listener(run)
        _ = try await users.connect(listener.address, "-m", "x")
        let outcome = try await run.outcome()
        #expect(outcome.status == 74)
        #expect(outcome.errors.contains("standard output"))
    }

    @Test(arguments: [
        ["listen"], ["connect"], ["pipe"], ["listen", "udp://a"], ["listen", "stdio:"],
        ["listen", "tcp://127.0.0.1:0", "--anyone", "--allow", Known.alice],
        ["listen", "tcp://127.0.0.1:0", "--max-connections", "0"], ["connect", "tcp://a:1", "--trust", "maybe"],
        ["connect", "tcp://a:1", "--peer", "-"], ["connect", "tcp://a:1", "--peer", Known.alice, "--trust", "yes"],
        ["connect", "tcp://a:1", "--timeout", "0"], ["connect", "tcp://a:1", "--timeout", "-1"],
        ["connect", "tcp://a:1", "--rotate-bytes", "0"], ["pipe", "--listen", "tcp://a:1", "--trust", "yes"],
        ["pipe", "tcp://a:1", "--anyone"], ["bench", "--serve"], ["bench", "--anyone"], ["bench", "--trust", "yes"],
    ])
    func usage(arguments: [String]) async throws {
        let users = try await Users()
        let outcome = try await users.start("client", arguments).outcome()
        #expect(outcome.status == 64)
        #expect(outcome.output.isEmpty)
    }

    // MARK: bench

    @Test func benchmarks() async throws {
        let outcome = try await Sandbox().run("bench", "--seconds", "0.02", "--json")
        #expect(outcome.status == 0)
        let records = try outcome.records()
        // First what a handshake costs in each suite that there is, then what the channel does.
        let kinds = records.compactMap { $0["type"] as? String }.drop { $0 == "handshakeCost" }
        #expect(kinds.count < records.count && kinds.first == "handshakes")
        #expect(records.last?["type"] as? String == "roundTrips")
        let sizes = records.filter { $0["type"] as? String == "throughput" }.compactMap { $0["size"] as? Int }
        #expect(sizes == [64, 1_024, 16_384, 61_440, 262_144])
        #expect(outcome.errors.isEmpty)
    }

    @Test func benchmarksOfAnotherProcess() async throws {
        let users = try await Users()
        let server = try users.start("server", ["bench", "--serve", users.socket])
        try await server.says(" as SHA256:")
        let outcome = try await users.run(
            "client", "bench", users.socket, "--seconds", "0.02", "--peer", users.serverKey)
        #expect(outcome.status == 0)
        #expect(outcome.lines.count == 7)
        server.terminate()
        #expect(try await server.outcome().status == 0)
    }
}
