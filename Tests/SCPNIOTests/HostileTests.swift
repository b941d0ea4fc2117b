import NIOCore
import SCP
import SCPNIO
import Testing

@Suite("Clients that speak something else", .timeLimit(.minutes(5)))
struct HostileTests {
    private var ends: Ends

    init() throws { ends = try Ends() }

    /// A client of good will is still served.
    private func expectAlive(_ address: Endpoint) async throws {
        let channel = try await ends.connect(to: address)
        try await channel.send("alive?")
        let reply = try await channel.receive()
        #expect(reply?.text == "alive?")
        try await channel.close()
    }

    static let nonsense: [[UInt8]] = [
        Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8),
        [UInt8](repeating: 0, count: 64),
        [UInt8](repeating: 0xff, count: 64),
        pattern(100_000),
        // A header of an INIT whose length is beyond every limit.
        [0x01, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
        // One that fits, with a body that proves nothing.
        [0x01, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x00] + pattern(256 + 32),
        // DATA before any handshake.
        [0x01, 0x04, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20] + pattern(0x20 + 32),
    ]

    @Test("what is no INIT ends the stream, and nobody else", arguments: nonsense.indices)
    func garbage(index: Int) async throws {
        let recorder = LogRecorder()
        var ends = ends
        ends.serverOptions.transport.logger = recorder.logger
        try await ends.withServer { address in
            let client = try await PlainClient(to: address)
            try await client.write(Self.nonsense[index])
            try await client.waitForEnd()
            try await expectAlive(address)
            #expect(recorder.lines.contains { $0.message == "handshake failed" })
        }
    }

    /// Scenario 88.
    @Test("a handshake byte by byte is ended by the handshake timer, and so is silence", arguments: [true, false])
    func slowLoris(isTrickling: Bool) async throws {
        var ends = ends
        ends.server.timers.handshake = .milliseconds(400)
        try await ends.withServer { address in
            let client = try await PlainClient(to: address)
            let trickle = Task {
                guard isTrickling else { return }
                try await client.write([0x01, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3f, 0x00])
                while true {
                    try await client.write([0])
                    try await Task.sleep(for: .milliseconds(5))
                }
            }
            try await client.waitForEnd()
            trickle.cancel()
        }
    }

    @Test("a stream that is cut after every few bytes of a real handshake leaves the server as it was")
    func cutHandshakes() async throws {
        try await ends.withServer { address in
            let relay = try await Relay()
            try await relay.start(to: address)
            for limit in stride(from: 0, to: 240, by: 24) {
                relay.limitForward(to: limit)
                let connecting = Task { try await ends.connect(to: relay.address) }
                try await eventually { relay.isJoined && relay.isAtLimit }
                try await relay.cut()
                let result = await connecting.result
                if case .success(let channel) = result { channel.abort() }
            }
            try await relay.close()
            try await expectAlive(address)
        }
    }

    @Test("a bit that changes on the way ends the connection, with the code on both sides")
    func damaged() async throws {
        let relay = try await Relay()
        let outcome = Shared<Closure?>(nil)
        try await ends.withServer(
            handler: { client in
                outcome.value = try await client.waitUntilClosed()
            },
            { address in
                try await relay.start(to: address)
                let channel = try await ends.connect(to: relay.address)
                relay.damageNext()
                try await channel.send(pattern(1_000))
                let error = try await channelFailure { _ = try await channel.receive() }
                #expect(error.code == .authenticationFailed)
                #expect(error.origin == .peer(isAuthenticated: true))
                try await eventually { outcome.value != nil }
                guard case .failed(let failure) = outcome.value else {
                    Issue.record("damage went unseen")
                    return
                }
                #expect(failure.code == .authenticationFailed)
                #expect(failure.origin == .local)
            })
        try await relay.close()
    }

    @Test("connections over the limit are closed as they come; a place that is left is free again")
    func connectionLimit() async throws {
        var ends = ends
        ends.serverOptions.maximumConnections = 2
        try await ends.withServer { [ends] address in
            let first = try await ends.connect(to: address)
            let second = try await ends.connect(to: address)
            let third = try await PlainClient(to: address)
            try await third.waitForEnd()
            #expect(third.received.value.isEmpty)
            try await first.close()
            try await eventually {
                guard let fourth = try? await ends.connect(to: address) else { return false }
                try await fourth.close()
                return true
            }
            try await second.close()
        }
    }

    // [SCP-STREAM-9]
    @Test("silent connections use up their own limit only")
    func unauthenticatedLimit() async throws {
        var ends = ends
        ends.serverOptions.maximumUnauthenticatedConnections = 2
        ends.server.timers.handshake = .seconds(600)
        try await ends.withServer { [ends] address in
            // Accepted clients do not count.
            let early = try await ends.connect(to: address)
            let another = try await ends.connect(to: address)
            for channel in [early, another] {
                try await channel.send("accepted")
                _ = try await channel.receive()
            }
            var silent: [PlainClient] = []
            try await eventually {
                // Who was accepted a moment ago may still be counted: one that was turned away for it comes again.
                silent.removeAll { $0.isEnded.value }
                while silent.count < 2 { silent.append(try await PlainClient(to: address)) }
                guard let channel = try? await ends.connect(to: address) else { return true }
                try await channel.close()
                return false
            }
            try await early.send("still served")
            let reply = try await early.receive()
            #expect(reply?.text == "still served")
            for client in silent { try await client.close() }
            try await eventually { (try? await ends.connect(to: address).close()) != nil }
            try await another.close()
        }
    }

    @Test("a client that is gone keeps its place until its handler is done with it")
    func placesOfHandlers() async throws {
        var ends = ends
        ends.serverOptions.maximumConnections = 1
        let isReleased = Shared(false)
        try await ends.withServer(
            handler: { client in
                _ = try await client.waitUntilClosed()
                try await eventually { isReleased.value }
            },
            { [ends] address in
                try await ends.connect(to: address).close()
                for _ in 0..<5 {
                    let early = try? await ends.connect(to: address)
                    #expect(early == nil)
                }
                isReleased.value = true
                try await eventually { (try? await ends.connect(to: address).close()) != nil }
            })
    }

    @Test("the messages of a channel that nobody else holds arrive")
    func messagesHoldTheirChannel() async throws {
        try await ends.withServer(
            handler: { client in
                for number in 0..<20 {
                    try await client.send("\(number)")
                    try await Task.sleep(for: .milliseconds(1))
                }
            },
            { [ends] address in
                var received: [String] = []
                for try await message in try await ends.connect(to: address).messages { received.append(message.text) }
                #expect(received == (0..<20).map(String.init))
            })
    }
}
