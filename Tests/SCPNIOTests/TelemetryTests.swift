import Logging
import Metrics
import NIOCore
import SCP
import SCPNIO
import Testing

/// Counts in memory.
private final class MetricsRecorder: MetricsFactory {
    private let counts = Shared<[String: Int64]>([:])

    func value(_ name: String) -> Int64 { counts.value[name] ?? 0 }
    var names: [String] { counts.value.keys.sorted() }

    private final class Handler: CounterHandler, RecorderHandler, TimerHandler {
        let name: String
        let counts: Shared<[String: Int64]>

        init(_ name: String, _ counts: Shared<[String: Int64]>) {
            self.name = name
            self.counts = counts
        }

        func increment(by amount: Int64) { counts.change { $0[name, default: 0] += amount } }
        func reset() {}
        func record(_ value: Int64) { increment(by: 1) }
        func record(_ value: Double) { increment(by: 1) }
        func recordNanoseconds(_ duration: Int64) { increment(by: 1) }
    }

    private func handler(_ label: String, _ dimensions: [(String, String)]) -> Handler {
        let values = dimensions.map(\.1).joined(separator: ",")
        return Handler("\(label){\(values)}", counts)
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler { handler(label, dimensions) }
    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        handler(label, dimensions)
    }
    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler { handler(label, dimensions) }
    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}

@Suite("Logs and metrics", .timeLimit(.minutes(5)))
struct TelemetryTests {
    private var ends: Ends

    init() throws { ends = try Ends() }

    @Test("connections, handshakes and traffic are counted")
    func counters() async throws {
        var ends = ends
        let clients = MetricsRecorder()
        let servers = MetricsRecorder()
        ends.options.metrics = clients
        ends.serverOptions.transport.metrics = servers
        try await ends.withServer { [ends] address in
            let channel = try await ends.connect(to: address)
            for _ in 0..<3 {
                try await channel.send(pattern(1_000))
                _ = try await channel.receive()
            }
            try await channel.close()
            var stranger = ends
            stranger.client.identity = .held(try ends.stranger())
            _ = try await channelFailure { _ = try await stranger.connect(to: address).receive() }
        }
        #expect(clients.value("scp_connections_opened{initiator,tcp}") == 1)
        #expect(clients.value("scp_handshake_duration{initiator,tcp}") == 1)
        #expect(clients.value("scp_connections_closed{initiator,tcp,clean,NO_ERROR}") == 1)
        #expect(clients.value("scp_handshakes_failed{initiator,tcp,IDENTITY_REJECTED}") == 1)
        #expect(clients.value("scp_messages{initiator,tcp,out}") == 3)
        #expect(clients.value("scp_messages{initiator,tcp,in}") == 3)
        #expect(clients.value("scp_bytes{initiator,tcp,out}") > 3_000)
        #expect(clients.value("scp_frames{initiator,tcp,in}") > 3)
        #expect(servers.value("scp_connections_opened{responder,tcp}") == 1)
        #expect(servers.value("scp_connections_closed{responder,tcp,peer,NO_ERROR}") == 1)
        #expect(servers.value("scp_handshakes_failed{responder,tcp,IDENTITY_REJECTED}") == 1)
    }

    @Test("what is thrown away is counted by its reason")
    func drops() async throws {
        var ends = ends
        let servers = MetricsRecorder()
        ends.serverOptions.transport.metrics = servers
        try await ends.withServer(handler: idle) { [ends] address in
            let channel = try await ends.connect(to: address)
            for _ in 0..<70 { try await channel.send([7], on: Channel(1, .unreliable)) }
            try await channel.close()
        }
        // Nobody reads, and 64 may wait.
        #expect(servers.value("scp_drops{responder,tcp,unreadMessage}") == 6)
        #expect(servers.names.count { $0.hasPrefix("scp_drops") } == 1)
    }

    @Test("the log has what happened, at info or below, and nothing of the messages")
    func log() async throws {
        var ends = ends
        let recorder = LogRecorder()
        ends.options.logger = recorder.logger
        ends.serverOptions.transport.logger = recorder.logger
        ends.serverOptions.maximumConnections = 1
        let secret = "attack at dawn"
        try await ends.withServer { [ends] address in
            let channel = try await ends.connect(to: address)
            try await channel.send(secret)
            _ = try await channel.receive()
            let refused = try await PlainClient(to: address)
            try await refused.waitForEnd()
            try await channel.close()
        }
        let messages = Set(recorder.lines.map(\.message))
        let expected: Set = [
            "listening", "channel established", "channel closed", "too many connections: one was refused",
            "no longer listening",
        ]
        #expect(messages.isSuperset(of: expected))
        #expect(recorder.lines.allSatisfy { $0.level <= .info })
        let text = recorder.lines.map { "\($0.message) \($0.metadata)" }.joined()
        #expect(!text.contains(secret))
    }

    @Test("the task's logger is the default")
    func taskLogger() async throws {
        let recorder = LogRecorder()
        let options = withLogger(recorder.logger) { _ in TransportOptions() }
        options.logger.info("here")
        #expect(recorder.lines.map(\.message) == ["here"])
    }
}
