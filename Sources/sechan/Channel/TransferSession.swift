import SCP
import SCPNIO

/// Hands a server's first client out, and turns the others away.
actor FirstClient {
    private let clients: AsyncStream<SecureChannel>
    private let found: AsyncStream<SecureChannel>.Continuation
    private var isTaken = false
    private let ends: AsyncStream<Void>
    private let end: AsyncStream<Void>.Continuation

    init() {
        (clients, found) = AsyncStream.makeStream()
        (ends, end) = AsyncStream.makeStream()
    }

    /// Returns when the client is done with.
    func offer(_ channel: SecureChannel) async {
        guard !isTaken else { return channel.abort(.shuttingDown, reason: "one client only") }
        isTaken = true
        found.yield(channel)
        for await _ in ends {}
    }

    /// Nil when the task is cancelled.
    nonisolated func client() async -> SecureChannel? {
        for await channel in clients { return channel }
        return nil
    }

    func release() { end.finish() }
}

/// One channel of `sechan pipe`, and what is told about it.
struct TransferSession: Sendable {
    private let party: Party
    private let output: Output

    init(_ party: Party, _ output: Output) {
        self.party = party
        self.output = output
    }

    func begin(_ address: Address) {
        output.note("listening on \(address) as \(party.fingerprint)")
        try? output.record(
            JSONRecord(
                "listening",
                ["address": .string(address.description), "fingerprint": .string(party.fingerprint)]))
    }

    func run(_ channel: SecureChannel, name: String?) async -> Result<Void, Failure> {
        do throws(Failure) {
            let report = try ChannelReport(channel, party.provider, name: name)
            output.note("connected to \(report.who)")
            try output.record(JSONRecord("connected", report.identity))
            let summary = try await Transfer(channel, output).run()
            output.note(
                """
                sent \(TransferSession.amount(summary.sent, summary.sendTime)), \
                received \(TransferSession.amount(summary.received, summary.receiveTime)); confirmed both ways
                """)
            output.detail(report.details)
            try output.record(
                JSONRecord(
                    "transferred",
                    [
                        ("sent", .integer(Int(clamping: summary.sent))),
                        ("received", .integer(Int(clamping: summary.received))),
                        ("sendMicroseconds", .integer(Int(summary.sendTime.inSeconds * 1e6))),
                        ("receiveMicroseconds", .integer(Int(summary.receiveTime.inSeconds * 1e6))),
                    ] + report.traffic))
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    private static func amount(_ bytes: UInt64, _ time: Duration) -> String {
        guard bytes > 0 else { return "nothing" }
        let rate = time > .zero ? Double(bytes) / time.inSeconds : 0
        return "\(bytes) bytes (\(Progress.size(rate))/s)"
    }
}
