/// When to acknowledge, and what the peer has acknowledged, on streams.
struct AcknowledgementState {
    /// The newest counter accepted.
    private(set) var newest: UInt64?
    private var waiting = 0
    private(set) var isDue = false
    /// Whether an eliciting frame has not been acknowledged.
    var isWaiting: Bool { waiting > 0 }
    /// When the waiting frames must be acknowledged.
    private(set) var deadline: Instant?

    /// The newest counter of ours that the peer acknowledged.
    private(set) var acknowledged: UInt64?
    /// Our newest frame that asks for an acknowledgement.
    private(set) var newestEliciting: UInt64?

    /// A frame was accepted.
    /// [SCP-ACK-8]
    mutating func accept(_ counter: UInt64, isEliciting: Bool, atOnce: Bool, now: Instant) {
        newest = counter
        guard isEliciting else { return }
        waiting += 1
        if atOnce || waiting >= Constant.framesPerAcknowledgement {
            isDue = true
        } else if deadline == nil {
            deadline = now.advanced(by: Constant.acknowledgeDelay)
        }
    }

    mutating func expire(at now: Instant) {
        if let deadline, deadline <= now { isDue = true }
    }

    /// An ACK was written.
    mutating func didAcknowledge() {
        waiting = 0
        isDue = false
        deadline = nil
    }

    mutating func didSendEliciting(_ counter: UInt64) { newestEliciting = counter }

    /// The peer acknowledged everything up to `counter`.
    /// [SCP-ACK-3]
    mutating func didReceive(_ counter: UInt64) {
        acknowledged = max(acknowledged ?? 0, counter)
    }

    /// Whether an eliciting frame of ours is unacknowledged.
    var hasElicitingInFlight: Bool {
        guard let newestEliciting else { return false }
        guard let acknowledged else { return true }
        return acknowledged < newestEliciting
    }
}
