import NIOCore
import SCP
import SCPNIO

/// The measuring side of `sechan bench`, and its counterpart: the application protocol `sechan-bench/1`.
///
/// A message on channel 1 comes back as it is. Messages on channel 0 are counted and dropped; an empty one is answered
/// with 8 bytes, the count of bytes since the last answer.
struct Benchmark: Sendable {
    static let applicationProtocol: ApplicationProtocol = "sechan-bench/1"
    /// Bytes in the messages whose throughput is measured.
    static let sizes = [64, 1_024, 16_384, 61_440, 262_144]

    private static let echo = SCP.Channel(1)

    private let duration: Duration
    private let output: Output
    private let connect: @Sendable () async throws(Failure) -> SecureChannel

    init(
        _ duration: Duration, _ output: Output,
        connect: @escaping @Sendable () async throws(Failure) -> SecureChannel
    ) {
        self.duration = duration
        self.output = output
        self.connect = connect
    }

    static func prepare(_ configuration: inout Configuration<Provider>) {
        configuration.applicationProtocols = [applicationProtocol]
        configuration.limits = Transfer.limits()
        configuration.limits.messageLimit = 262_144
    }

    /// What the other side does with a client.
    static let serve: @Sendable (SecureChannel) async -> Void = { channel in
        do {
            var count: UInt64 = 0
            for try await message in channel.messages {
                if message.channel == echo {
                    try await channel.send(message.bytes, on: echo)
                } else if message.bytes.readableBytes > 0 {
                    count += UInt64(message.bytes.readableBytes)
                } else {
                    try await channel.send(ByteBuffer(integer: count))
                    count = 0
                }
            }
            try await channel.close()
        } catch {
            channel.abort(.internalError)
        }
    }

    func run() async -> Result<Void, Failure> {
        do {
            try await measureHandshakes()
            let channel = try await connect()
            for size in Benchmark.sizes { try await measureThroughput(channel, size) }
            try await measureRoundTrips(channel)
            try await channel.close()
            return .success(())
        } catch {
            return .failure(Failure(channel: error))
        }
    }

    /// Channels one after the other: connected, authenticated, closed.
    private func measureHandshakes() async throws {
        var times: [Duration] = []
        let start = ContinuousClock.now
        while ContinuousClock.now - start < duration {
            let begun = ContinuousClock.now
            let channel = try await connect()
            times.append(ContinuousClock.now - begun)
            try await channel.close()
        }
        let elapsed = ContinuousClock.now - start
        let rate = Double(times.count) / elapsed.inSeconds
        try output.result(
            "channels opened and closed  \(Progress.decimal(rate)) /s   opening \(Benchmark.quantiles(times))",
            JSONRecord(
                "handshakes",
                [("count", .integer(times.count)), ("perSecond", .integer(Int(rate)))]
                    + Benchmark.fields(times)))
    }

    private func measureThroughput(_ channel: SecureChannel, _ size: Int) async throws {
        let message = ByteBuffer(repeating: 0x5a, count: size)
        var count: UInt64 = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < duration {
            for _ in 0..<16 { try await channel.send(message) }
            count += 16
        }
        try await channel.send(ByteBuffer())
        var answer = try await channel.receive()?.bytes
        let elapsed = ContinuousClock.now - start
        guard answer?.readInteger(as: UInt64.self) == count * UInt64(size) else {
            throw Failure(.badData, "the other side did not receive what was sent")
        }
        let rate = Double(count * UInt64(size)) / elapsed.inSeconds
        let messageRate = Double(count) / elapsed.inSeconds
        try output.result(
            "messages of \(size) bytes  \(Progress.size(rate))/s   \(Progress.decimal(messageRate)) messages/s",
            JSONRecord(
                "throughput",
                [
                    ("size", .integer(size)), ("messages", .integer(Int(count))),
                    ("bytesPerSecond", .integer(Int(rate))), ("messagesPerSecond", .integer(Int(messageRate))),
                ]))
    }

    private func measureRoundTrips(_ channel: SecureChannel) async throws {
        let message = ByteBuffer(repeating: 0x5a, count: 64)
        var times: [Duration] = []
        let start = ContinuousClock.now
        while ContinuousClock.now - start < duration {
            let begun = ContinuousClock.now
            try await channel.send(message, on: Benchmark.echo)
            guard try await channel.receive(from: Benchmark.echo)?.bytes == message else {
                throw Failure(.badData, "the other side did not send back what it got")
            }
            times.append(ContinuousClock.now - begun)
        }
        try output.result(
            "round trips of 64 bytes  \(Benchmark.quantiles(times))",
            JSONRecord(
                "roundTrips", [("size", .integer(64)), ("count", .integer(times.count))] + Benchmark.fields(times)))
    }

    private static func quantile(_ times: [Duration], _ part: Double) -> Duration {
        let sorted = times.sorted()
        return sorted.isEmpty ? .zero : sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))]
    }

    private static func quantiles(_ times: [Duration]) -> String {
        let words = [("median", 0.5), ("90 %", 0.9), ("99 %", 0.99)].map { name, part in
            "\(name) \(Progress.decimal(quantile(times, part).inSeconds * 1e6)) us"
        }
        return words.joined(separator: ", ") + ", of \(times.count)"
    }

    private static func fields(_ times: [Duration]) -> [(String, JSONValue)] {
        [("median", 0.5), ("p90", 0.9), ("p99", 0.99)].map { name, part in
            ("\(name)Nanoseconds", .integer(Int(quantile(times, part).inSeconds * 1e9)))
        }
    }
}
