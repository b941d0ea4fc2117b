/// How large datagrams may be: 1,200 bytes, until a probe has proved more (DPLPMTUD, RFC 8899).
///
/// The search halves the distance between what is proved and what is not, a probe at a time; a size that was lost three
/// times is too large. When it is over it begins again after ten minutes, since paths change.
/// [SCP-DGRAM-35]
struct PathSize {
    static let base = 1_200
    /// A size is given up after this many lost probes (MAX_PROBES of RFC 8899 5.1.2).
    static let maximumProbes = 3
    /// Losses in a row of datagrams above the base, while smaller ones arrive, that show a black hole.
    static let blackHoleLosses = 3
    /// The search is over when what is left to win is less than this.
    static let resolution = 16
    /// PMTU_RAISE_TIMER of RFC 8899 5.1.1.
    static let raiseInterval: Duration = .seconds(600)

    /// Proved to arrive.
    private(set) var current = PathSize.base
    private let limit: Int
    /// Thought not to arrive; one above the limit at first.
    private var ceiling: Int
    /// The size that is being tried.
    private var candidate: Int?
    /// The probe in flight: its counter and its size.
    private var probe: (counter: UInt64, size: Int)?
    private var losses = 0
    private var largeLosses = 0
    private var raise: Instant?

    /// - Parameter limit: the smaller of our configuration and the peer's datagram size (item 0x07).
    init(limit: Int) {
        self.limit = max(limit, PathSize.base)
        ceiling = self.limit + 1
    }

    /// The size of the probe that is due now, if one is.
    mutating func nextProbe(at now: Instant) -> Int? {
        if let raise, raise <= now {
            self.raise = nil
            ceiling = limit + 1
        }
        guard probe == nil, raise == nil else { return nil }
        if let candidate { return candidate }
        let distance = ceiling - 1 - current
        guard distance >= PathSize.resolution || distance > 0 && ceiling == limit + 1 else {
            if current < limit { raise = now.advanced(by: PathSize.raiseInterval) }
            return nil
        }
        // The limit first: where it holds, one probe proves everything.
        candidate = ceiling == limit + 1 ? limit : current + (distance + 1) / 2
        return candidate
    }

    mutating func didSendProbe(_ counter: UInt64, size: Int) { probe = (counter, size) }

    /// Whether a frame is the probe in flight, whose loss says nothing about congestion.
    func isProbe(_ counter: UInt64) -> Bool { probe?.counter == counter }

    /// A frame was acknowledged that lay in a datagram of `size` bytes.
    mutating func didAcknowledge(_ counter: UInt64, size: Int) {
        if let probe, probe.counter == counter {
            current = max(current, probe.size)
            endCandidate()
        }
        if size > PathSize.base { largeLosses = 0 }
    }

    /// A frame was lost that lay in a datagram of `size` bytes.
    mutating func didLose(_ counter: UInt64, size: Int, at now: Instant) {
        if let probe, probe.counter == counter {
            self.probe = nil
            losses += 1
            if losses >= PathSize.maximumProbes {
                ceiling = probe.size
                endCandidate()
            }
            return
        }
        guard size > PathSize.base else {
            // Small ones are lost too: that is congestion, and no sign of a size.
            largeLosses = 0
            return
        }
        largeLosses += 1
        if largeLosses >= PathSize.blackHoleLosses { shrink(below: size, at: now) }
    }

    /// The transport says that a datagram was too large.
    mutating func tooLarge(_ size: Int, at now: Instant) {
        if let probe, probe.size >= size {
            ceiling = min(ceiling, max(size, PathSize.base + 1))
            endCandidate()
        }
        if current >= size { shrink(below: size, at: now) }
    }

    private mutating func shrink(below size: Int, at now: Instant) {
        current = PathSize.base
        ceiling = max(PathSize.base + 1, min(ceiling, size))
        largeLosses = 0
        endCandidate()
        // What the path takes between is searched for again, after a while.
        raise = now.advanced(by: PathSize.raiseInterval)
    }

    private mutating func endCandidate() {
        probe = nil
        candidate = nil
        losses = 0
    }

    /// A new path: nothing is proved.
    mutating func reset() { self = PathSize(limit: limit) }
}
