/// How long a round trip takes, as RFC 9002 section 5 measures it.
/// [SCP-DGRAM-32]
struct RoundTrip {
    /// What is assumed before the first sample.
    static let initial: Duration = .milliseconds(333)
    /// The finest difference that timers tell.
    static let granularity: Duration = .milliseconds(1)
    /// What the peer may wait before it acknowledges; a protocol constant here.
    static let maximumDelay = Constant.acknowledgeDelay

    private(set) var latest: Duration?
    private(set) var minimum: Duration = .zero
    private(set) var smoothed = RoundTrip.initial
    private(set) var variation = RoundTrip.initial / 2

    /// Whether there has been a sample.
    var isMeasured: Bool { latest != nil }

    /// Takes a sample: the time from sending the newest frame that an ACK newly acknowledges to that ACK.
    ///
    /// - Parameter delay: what the peer says it waited, believed up to 25 ms.
    /// [SCP-DGRAM-31]
    mutating func update(_ sample: Duration, delay: Duration) {
        let sample = max(sample, .nanoseconds(1))
        guard latest != nil else {
            latest = sample
            minimum = sample
            smoothed = sample
            variation = sample / 2
            return
        }
        latest = sample
        minimum = min(minimum, sample)
        let delay = min(max(delay, .zero), RoundTrip.maximumDelay)
        // A delay that would bring the sample below the smallest is a lie or a mistake.
        let adjusted = sample >= minimum + delay ? sample - delay : sample
        let difference = smoothed > adjusted ? smoothed - adjusted : adjusted - smoothed
        variation = (variation * 3 + difference) / 4
        smoothed = (smoothed * 7 + adjusted) / 8
    }

    /// The time after which something unanswered is probed.
    var probeTimeout: Duration {
        smoothed + max(variation * 4, RoundTrip.granularity) + RoundTrip.maximumDelay
    }

    /// The time after which a frame is lost when a later one was acknowledged: 9/8 of a round trip.
    var lossDelay: Duration {
        max(max(smoothed, latest ?? smoothed) * 9 / 8, RoundTrip.granularity)
    }

    /// Losing everything for this long is persistent congestion (RFC 9002 7.6.1).
    var persistentCongestion: Duration { probeTimeout * 3 }

    /// A new path: what was measured says nothing of it.
    mutating func reset() { self = RoundTrip() }
}
