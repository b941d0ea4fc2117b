/// Spreads datagrams over the round trip (RFC 9002 7.7): 5/4 of the window in each, at most ten datagrams at once.
/// [SCP-DGRAM-32]
struct Pacer {
    static let burst = 10

    /// Bytes that may leave at once.
    private var allowance = Pacer.burst * CongestionControl.datagram
    private var updated = Instant.zero

    /// When a datagram of `size` bytes may leave: now, when it is nil.
    mutating func delay(
        for size: Int, window: Int, roundTrip: Duration, datagram: Int, at now: Instant
    ) -> Instant? {
        let full = Pacer.burst * max(datagram, CongestionControl.datagram)
        let trip = max(1, roundTrip.wholeNanoseconds)
        let elapsed = min(now.since(updated).wholeNanoseconds, trip)
        // elapsed / trip of 5/4 of the window. The window is below 2^20 and elapsed below a day in nanoseconds, so the
        // product fits; a clock that jumps further is cut off.
        let (product, overflow) = elapsed.multipliedReportingOverflow(by: UInt64(clamping: window / 4 * 5))
        let earned = overflow ? full : Int(clamping: product / trip)
        if earned > 0 {
            allowance = min(full, allowance + earned)
            updated = now
        }
        guard allowance < size else { return nil }
        let missing = UInt64(clamping: size - allowance)
        let (wait, tooLong) = missing.multipliedReportingOverflow(by: trip)
        guard !tooLong else { return nil }
        let nanoseconds = wait / UInt64(clamping: max(1, window / 4 * 5)) &+ 1
        return now.advanced(by: .nanoseconds(Int64(clamping: nanoseconds)))
    }

    mutating func didSend(_ size: Int) { allowance -= min(size, allowance) }
}
