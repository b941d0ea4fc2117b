/// NewReno on bytes of datagrams, as RFC 9002 section 7 has it, with a ceiling.
/// [SCP-DGRAM-32]
struct CongestionControl {
    /// What windows are counted in before a larger size has been proved, and the floor is made of.
    static let datagram = 1_200
    /// min(10 datagrams, max(14,720, 2 datagrams)).
    static let initialWindow = min(10 * datagram, max(14_720, 2 * datagram))
    static let minimumWindow = 2 * datagram
    /// The most that is ever in flight: it bounds what a sender remembers.
    static let maximumWindow = 524_288

    private(set) var window = CongestionControl.initialWindow
    private(set) var threshold = Int.max
    /// Bytes of datagrams that are sent and neither acknowledged nor lost.
    private(set) var inFlight = 0
    /// Losses of what was sent up to here have been answered.
    private(set) var recoveryStart: Instant?
    /// Acknowledged bytes that have not yet made up a window, in congestion avoidance.
    private var acknowledged = 0

    var isInSlowStart: Bool { window < threshold }

    /// Whether a datagram of `size` bytes may leave.
    func allows(_ size: Int) -> Bool { inFlight + size <= window }

    mutating func didSend(_ size: Int) { inFlight += size }

    /// Takes out of flight what is neither acknowledged nor a sign of congestion: probes of the size, old paths.
    mutating func forget(_ size: Int) { inFlight = max(0, inFlight - size) }

    /// - Parameter isLimited: whether the window was what held the sender back; one that had nothing to send does not
    ///   grow it.
    mutating func didAcknowledge(_ size: Int, sentAt: Instant, isLimited: Bool) {
        forget(size)
        guard isLimited else { return }
        if let recoveryStart, sentAt <= recoveryStart { return }
        if isInSlowStart {
            window = min(window + size, CongestionControl.maximumWindow)
            return
        }
        acknowledged += size
        guard acknowledged >= window else { return }
        acknowledged -= window
        window = min(window + CongestionControl.datagram, CongestionControl.maximumWindow)
    }

    /// Halves the window, once for all losses of one flight.
    ///
    /// - Parameter newest: when the newest of the lost datagrams was sent.
    mutating func didLose(newest: Instant, at now: Instant) {
        if let recoveryStart, newest <= recoveryStart { return }
        recoveryStart = now
        window = max(window / 2, CongestionControl.minimumWindow)
        threshold = window
        acknowledged = 0
    }

    /// RFC 9002 7.6.2.
    mutating func persistentCongestion() {
        window = CongestionControl.minimumWindow
        recoveryStart = nil
        acknowledged = 0
    }

    /// A new path: the window begins anew. What is in flight stays counted until it is acknowledged or lost.
    mutating func reset() {
        let inFlight = inFlight
        self = CongestionControl()
        self.inFlight = inFlight
    }
}
