/// Spreads datagrams over the round trip (RFC 9002 7.7): 5/4 of the window in each, at most ten datagrams at once.
/// [SCP-DGRAM-32]
struct Pacer {
    static let burst = 10

    /// Bytes that may leave at once.
    private var allowance = Pacer.burst * CongestionControl.datagram
    private var updated = Instant.zero

    /// When a datagram of `size` bytes may leave: now, when it is nil. Asking more often changes nothing.
    mutating func delay(
        for size: Int, window: Int, roundTrip: Duration, datagram: Int, at now: Instant
    ) -> Instant? {
        let full = Pacer.burst * max(datagram, CongestionControl.datagram)
        let trip = max(1, roundTrip.wholeNanoseconds)
        let rate = UInt64(clamping: max(1, window / 4 * 5))
        // 5/4 of the window in each trip. The window is below 2^20; after a day or so the product does not fit, and the
        // allowance is full.
        let (product, overflow) = now.since(updated).wholeNanoseconds.multipliedReportingOverflow(by: rate)
        let earned = overflow ? full : Int(clamping: min(product / trip, UInt64(clamping: full)))
        let available = min(full, allowance + earned)
        if available >= min(size, full) {
            allowance = available
            updated = now
            return nil
        }
        let missing = UInt64(clamping: size - allowance)
        let (wait, tooLong) = missing.multipliedReportingOverflow(by: trip)
        guard !tooLong else { return nil }
        return updated.advanced(by: .nanoseconds(Int64(clamping: wait / rate &+ 1)))
    }

    mutating func didSend(_ size: Int) { allowance -= min(size, allowance) }
}
