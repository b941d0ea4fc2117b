/// A bucket of tokens that fills with time: at most `burst` at once, then `rate` a second.
struct TokenBucket {
    private let burst: UInt64
    private let interval: UInt64
    private(set) var tokens: UInt64
    private var filled: Instant

    /// - Parameters:
    ///   - burst: tokens at the start, and at most.
    ///   - rate: tokens a second, 1 to 1,000,000,000.
    init(burst: UInt64, rate: UInt64 = 1, at now: Instant) {
        self.burst = burst
        interval = 1_000_000_000 / min(max(rate, 1), 1_000_000_000)
        tokens = burst
        filled = now
    }

    /// Tokens that are there at `now`.
    func available(at now: Instant) -> UInt64 { min(burst, tokens &+ min(earned(at: now), burst)) }

    /// Takes a token if there is one.
    // [SCP-ROT-18]
    mutating func take(at now: Instant) -> Bool {
        let earned = earned(at: now)
        if earned > 0 {
            tokens = min(burst, tokens &+ min(earned, burst))
            let (time, overflow) = earned.multipliedReportingOverflow(by: interval)
            filled = overflow ? now : filled.advanced(by: .nanoseconds(Int64(clamping: time)))
        }
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    private func earned(at now: Instant) -> UInt64 { now.since(filled).wholeNanoseconds / interval }
}
