internal import Metrics
internal import SCP

/// The counters that this module keeps, in the metrics system that the program has set up.
///
/// | label | dimensions | counts |
/// |---|---|---|
/// | `scp_connections_opened` | role, transport | sessions established |
/// | `scp_connections_closed` | role, transport, outcome, code | their ends: clean, peer, unconfirmed, failed |
/// | `scp_handshakes_failed` | role, transport, code | connections that never became sessions |
/// | `scp_connections_refused` | role, transport | connections over a server's limits |
/// | `scp_handshake_duration` | role, transport | a timer: from the transport to the session |
/// | `scp_frames`, `scp_bytes`, `scp_messages` | role, transport, direction | traffic; direction is in or out |
/// | `scp_drops` | role, transport, reason | what came in and was thrown away; a ``SCP/DropReason`` |
struct ConnectionMetrics: Sendable {
    private let factory: any MetricsFactory
    private let dimensions: [(String, String)]
    private let framesIn: Counter
    private let framesOut: Counter
    private let bytesIn: Counter
    private let bytesOut: Counter
    private let messagesIn: Counter
    private let messagesOut: Counter

    init(_ factory: any MetricsFactory, role: Role, transport: String) {
        self.factory = factory
        let common = [("role", role == .initiator ? "initiator" : "responder"), ("transport", transport)]
        dimensions = common
        let into = common + [("direction", "in")]
        let out = common + [("direction", "out")]
        framesIn = Counter(label: "scp_frames", dimensions: into, factory: factory)
        framesOut = Counter(label: "scp_frames", dimensions: out, factory: factory)
        bytesIn = Counter(label: "scp_bytes", dimensions: into, factory: factory)
        bytesOut = Counter(label: "scp_bytes", dimensions: out, factory: factory)
        messagesIn = Counter(label: "scp_messages", dimensions: into, factory: factory)
        messagesOut = Counter(label: "scp_messages", dimensions: out, factory: factory)
    }

    func established(after duration: Duration?) {
        Counter(label: "scp_connections_opened", dimensions: dimensions, factory: factory).increment()
        if let duration {
            Metrics.Timer(label: "scp_handshake_duration", dimensions: dimensions, factory: factory).record(
                duration: duration)
        }
    }

    func closed(_ closure: Closure) {
        let outcome =
            switch closure {
            case .clean: "clean"
            case .byPeer: "peer"
            case .unconfirmed: "unconfirmed"
            case .failed: "failed"
            }
        let ending = dimensions + [("outcome", outcome), ("code", closure.code.label)]
        Counter(label: "scp_connections_closed", dimensions: ending, factory: factory).increment()
    }

    func handshakeFailed(_ code: ErrorCode) {
        let failing = dimensions + [("code", code.label)]
        Counter(label: "scp_handshakes_failed", dimensions: failing, factory: factory).increment()
    }

    func traffic(from before: Statistics, to now: Statistics) {
        framesIn.add(before.framesReceived, now.framesReceived)
        framesOut.add(before.framesSent, now.framesSent)
        bytesIn.add(before.bytesReceived, now.bytesReceived)
        bytesOut.add(before.bytesSent, now.bytesSent)
        messagesIn.add(before.messagesReceived, now.messagesReceived)
        messagesOut.add(before.messagesSent, now.messagesSent)
        for reason in DropReason.allCases where now.drops[reason] > before.drops[reason] {
            Counter(label: "scp_drops", dimensions: dimensions + [("reason", "\(reason)")], factory: factory)
                .add(before.drops[reason], now.drops[reason])
        }
    }

    func refused() { Counter(label: "scp_connections_refused", dimensions: dimensions, factory: factory).increment() }
}

extension Counter {
    fileprivate func add(_ before: UInt64, _ now: UInt64) {
        if now > before { increment(by: Int64(clamping: now - before)) }
    }
}

extension ErrorCode {
    /// For a label of a metric: the peer chooses the number, and must not choose how many series there are.
    fileprivate var label: String { name ?? (isApplication ? "application" : "unknown") }
}
