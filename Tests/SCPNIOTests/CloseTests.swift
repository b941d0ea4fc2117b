import NIOCore
import SCP
import SCPNIO
import Testing

@Suite("Ends", .timeLimit(.minutes(5)))
struct CloseTests {
    private var ends: Ends

    init() throws { ends = try Ends() }

    @Test("close delivers everything that was sent before")
    func flushes() async throws {
        let received = Shared(0)
        try await ends.withServer(
            handler: { client in
                for try await message in client.messages { received.change { $0 += message.bytes.readableBytes } }
            },
            { address in
                let channel = try await ends.connect(to: address)
                for _ in 0..<20 { try await channel.send(pattern(100_000)) }
                try await channel.close()
                #expect(channel.undelivered == 0)
                try await eventually { received.value == 2_000_000 }
            })
    }

    @Test("a close while others wait to send ends their wait, and is orderly")
    func closeWhileSending() async throws {
        let mayRead = Shared(false)
        try await ends.withServer(
            handler: { client in
                try await eventually { mayRead.value }
                for try await _ in client.messages {}
            },
            { address in
                let channel = try await ends.connect(to: address)
                let sending = Task {
                    while true { try await channel.send(pattern(100_000)) }
                }
                try await eventually { channel.statistics.messagesSent >= 3 }
                async let closing: Void = channel.close()
                let error = try await channelFailure { try await sending.value }
                #expect(error.kind == .closed)
                mayRead.value = true
                try await closing
                #expect(channel.undelivered == 0)
            })
    }

    @Test("closing twice, and sending after it")
    func closedChannel() async throws {
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            try await channel.close()
            try await channel.close()
            let error = try await channelFailure { try await channel.send("late") }
            #expect(error.kind == .closed)
            let closure = try await channel.waitUntilClosed()
            #expect(closure == .clean)
        }
    }

    @Test("the peer's code and reason arrive")
    func codeAndReason() async throws {
        let code = ErrorCode(rawValue: 0x1234)
        try await ends.withServer(
            handler: { client in
                try await client.close(code, reason: "gone fishing")
            },
            { address in
                let channel = try await ends.connect(to: address)
                let error = try await channelFailure { _ = try await channel.receive() }
                #expect(error.kind == .closedByPeer(code, reason: "gone fishing"))
                #expect(error.origin == .peer(isAuthenticated: true))
            })
    }

    @Test("messages that arrived before the end are received, then the end")
    func receivedAfterClose() async throws {
        try await ends.withServer(
            handler: { client in
                for number in 0..<5 { try await client.send("\(number)") }
            },
            { address in
                let channel = try await ends.connect(to: address)
                _ = try await channel.waitUntilClosed()
                for number in 0..<5 {
                    let message = try await channel.receive()
                    #expect(message?.text == "\(number)")
                }
                let end = try await channel.receive()
                #expect(end == nil)
            })
    }

    @Test("half close: one side has finished, the other goes on")
    func halfClose() async throws {
        try await ends.withServer(
            handler: { client in
                var count = 0
                for try await _ in client.messages { count += 1 }
                // Only after the client has finished.
                for number in 0..<3 { try await client.send("\(count) \(number)") }
            },
            { address in
                let channel = try await ends.connect(to: address)
                try await channel.send("a")
                try await channel.send("b")
                channel.finish()
                let error = try await channelFailure { try await channel.send("c") }
                #expect(error.kind == .notSent(.finished))
                var answers: [String] = []
                for try await message in channel.messages { answers.append(message.text) }
                #expect(answers == ["2 0", "2 1", "2 2"])
                try await channel.close()
            })
    }

    @Test("close(afterPeerFinished:) waits for what the peer still sends")
    func afterPeerFinished() async throws {
        try await ends.withServer(
            handler: { client in
                for try await message in client.messages { try await client.send(message.bytes) }
                client.finish()
                _ = try await client.waitUntilClosed()
            },
            { address in
                let channel = try await ends.connect(to: address)
                for _ in 0..<10 { try await channel.send(pattern(10_000)) }
                channel.finish()
                try await channel.close(afterPeerFinished: true)
                var count = 0
                for try await _ in channel.messages { count += 1 }
                #expect(count == 10)
            })
    }

    @Test("a stream that ends without a close is never a clean end", arguments: [false, true])
    func truncated(isMidFrame: Bool) async throws {
        let relay = try await Relay()
        let outcome = Shared<Result<Int, any Error>?>(nil)
        try await ends.withServer(
            handler: { client in
                var count = 0
                do {
                    for try await _ in client.messages { count += 1 }
                    outcome.value = .success(count)
                } catch {
                    outcome.value = .failure(error)
                }
            },
            { address in
                try await relay.start(to: address)
                let channel = try await ends.connect(to: relay.address)
                try await channel.send("whole")
                try await eventually { channel.undelivered == 0 }
                if isMidFrame {
                    relay.limitForward(to: 20)
                    try await channel.send("cut")
                    try await eventually { relay.isAtLimit }
                }
                try await relay.cut()
                let error = try await channelFailure { _ = try await channel.receive() }
                #expect(error.code == .truncated)
                #expect(error.origin == .transport)
                #expect(error.undelivered == (isMidFrame ? 1 : 0))
                try await eventually { outcome.value != nil }
            })
        guard case .failure(let error) = outcome.value else {
            Issue.record("a cut stream looked like an end")
            return
        }
        #expect((error as? SecureChannelError)?.code == .truncated)
        try await relay.close()
    }

    /// Scenario 76.
    @Test("a stream that is reset is TRANSPORT_FAILED, on both sides")
    func reset() async throws {
        let relay = try await Relay()
        let seen = Shared<Closure?>(nil)
        try await ends.withServer(
            handler: { client in seen.value = try await client.waitUntilClosed() },
            { address in
                try await relay.start(to: address)
                let channel = try await ends.connect(to: relay.address)
                try await channel.send("arrives")
                try await eventually { channel.undelivered == 0 }
                try await relay.reset()
                let error = try await channelFailure { _ = try await channel.receive() }
                #expect(error.code == .transportFailed && error.origin == .transport)
                try await eventually { seen.value != nil }
            })
        guard case .failed(let error)? = seen.value else {
            Issue.record("a reset looked like an end")
            return
        }
        #expect(error.code == .transportFailed)
        try await relay.close()
    }

    @Test("an abort tells the peer at once")
    func abort() async throws {
        let code = Shared<ErrorCode?>(nil)
        try await ends.withServer(
            handler: { client in
                let closure = try await client.waitUntilClosed()
                if case .byPeer(let sent, _) = closure { code.value = sent }
            },
            { address in
                let channel = try await ends.connect(to: address)
                channel.abort(ErrorCode(rawValue: 0x1001))
                try await eventually { code.value == ErrorCode(rawValue: 0x1001) }
            })
    }

    @Test("a channel that is dropped is closed")
    func dropped() async throws {
        let isClosed = Shared(false)
        try await ends.withServer(
            handler: { client in
                _ = try await client.waitUntilClosed()
                isClosed.value = true
            },
            { address in
                do {
                    let channel = try await ends.connect(to: address)
                    try await channel.send("and gone")
                }
                try await eventually { isClosed.value }
            })
    }

    @Test("an idle connection ends by its timer, on both sides")
    func idleTimeout() async throws {
        var ends = ends
        ends.client.timers.idle = .milliseconds(150)
        try await ends.withServer(handler: idle) { address in
            let error = try await channelFailure { _ = try await ends.connect(to: address).receive() }
            #expect(error.code == .idleTimeout)
        }
    }

    @Test("the scoped form closes, and aborts when its body throws")
    func scoped() async throws {
        struct Failed: Error {}
        let closures = Shared<[Closure]>([])
        try await ends.withServer(
            handler: { client in
                let closure = try await client.waitUntilClosed()
                closures.change { $0.append(closure) }
            },
            { address in
                try await SecureChannel.withConnection(to: address, ends.client, options: ends.options) { channel in
                    try await channel.send("in scope")
                }
                try await eventually { closures.value.count == 1 }
                await #expect(throws: Failed.self) {
                    try await SecureChannel.withConnection(to: address, ends.client, options: ends.options) { _ in
                        throw Failed()
                    }
                }
                try await eventually { closures.value.count == 2 }
                #expect(closures.value[0] == .byPeer(.noError, reason: []))
                #expect(closures.value[1] == .byPeer(.internalError, reason: []))
            })
    }
}
