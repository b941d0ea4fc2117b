internal import Metrics
internal import SCP

/// The counters that this module keeps, in the metrics system that the program has set up.
///
/// | label | dimensions | counts |
/// |---|---|---|
/// | `scp_connections_opened` | role, transport | sessions established |
/// | `scp_connections_closed` | role, transport, outcome, code | their ends; outcome is clean, peer, unconfirmed or failed |
/// | `scp_handshakes_failed` | role, transport, code | connections that never became sessions |
/// | `scp_connections_refused` | transport | connections over a server's limits |
/// | `scp_handshake_duration` | role, transport | a timer: from the transport to the session |
/// | `scp_frames`, `scp_bytes`, `scp_messages` | role, transport, direction | traffic; direction is in or out |
struct ConnectionMetrics: Sendable {
    private let dimensions: [(String, String)]
    private let framesIn: Counter
    private let framesOut: Counter
    private let bytesIn: Counter
    private let bytesOut: Counter
    private let messagesIn: Counter
    private let messagesOut: Counter

    init(role: Role, transport: String) {
        let common = [("role", role == .initiator ? "initiator" : "responder"), ("transport", transport)]
        dimensions = common
        let into = common + [("direction", "in")]
        let out = common + [("direction", "out")]
        framesIn = Counter(label: "scp_frames", dimensions: into)
        framesOut = Counter(label: "scp_frames", dimensions: out)
        bytesIn = Counter(label: "scp_bytes", dimensions: into)
        bytesOut = Counter(label: "scp_bytes", dimensions: out)
        messagesIn = Counter(label: "scp_messages", dimensions: into)
        messagesOut = Counter(label: "scp_messages", dimensions: out)
    }

    func established(after duration: Duration?) {
        Counter(label: "scp_connections_opened", dimensions: dimensions).increment()
        if let duration {
            Metrics.Timer(label: "scp_handshake_duration", dimensions: dimensions).record(duration: duration)
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
        let ending = dimensions + [("outcome", outcome), ("code", closure.code.description)]
        Counter(label: "scp_connections_closed", dimensions: ending).increment()
    }

    func handshakeFailed(_ code: ErrorCode) {
        let failing = dimensions + [("code", code.description)]
        Counter(label: "scp_handshakes_failed", dimensions: failing).increment()
    }

    func traffic(from before: Statistics, to now: Statistics) {
        framesIn.add(before.framesReceived, now.framesReceived)
        framesOut.add(before.framesSent, now.framesSent)
        bytesIn.add(before.bytesReceived, now.bytesReceived)
        bytesOut.add(before.bytesSent, now.bytesSent)
        messagesIn.add(before.messagesReceived, now.messagesReceived)
        messagesOut.add(before.messagesSent, now.messagesSent)
    }

    static func refused(transport: String) {
        Counter(label: "scp_connections_refused", dimensions: [("transport", transport)]).increment()
    }
}

extension Counter {
    fileprivate func add(_ before: UInt64, _ now: UInt64) {
        if now > before { increment(by: Int64(clamping: now - before)) }
    }
}
