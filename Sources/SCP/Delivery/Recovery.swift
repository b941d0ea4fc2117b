/// Loss detection and congestion control of one connection on datagrams: RFC 9002, with the packet threshold counted in
/// datagrams, since frames share them.
///
/// It knows counters, sizes and times, and nothing of what frames mean: what was acknowledged and what must be sent
/// again waits for the connection to take it.
/// [SCP-DGRAM-32]
struct Recovery {
    /// A datagram is lost when one that was sent three later has been acknowledged.
    static let packetThreshold: UInt64 = 3
    /// The doubling of the probe timeout ends here, so that a path that heals is noticed within the idle time.
    static let longestProbeTimeout: Duration = .seconds(3)
    /// Frames remembered at most: a peer that acknowledges nothing is sent nothing more.
    static let maximumFrames = 8_192

    private(set) var log = SentLog()
    private(set) var roundTrip = RoundTrip()
    private(set) var congestion = CongestionControl()
    var pacer = Pacer()
    private(set) var pathSize: PathSize
    /// Records of frames that an ACK has newly acknowledged.
    private var acknowledged = Ring<SentRecord>()
    /// Records of lost frames, and of frames that a probe is to repeat.
    private var lost = Ring<SentRecord>()
    /// The highest `largest` of our ACK frames that the peer has got.
    private(set) var knownAcknowledgement: UInt64?

    private(set) var largestAcknowledged: UInt64?
    private var largestOrdinal: UInt64 = 0
    private var lossTime: Instant?
    private var lastEliciting: Instant?
    /// Probe timeouts since something was acknowledged.
    private(set) var probeCount = 0
    /// Eliciting datagrams that leave whatever the window says.
    private(set) var probesOwed = 0
    /// When round trips began to be measured: no persistent congestion is seen before.
    private var firstSample: Instant?
    /// Whether the last time nothing was sent for want of something to send.
    var isApplicationLimited = false
    private(set) var lostFrames: UInt64 = 0

    init(pathSize: PathSize) { self.pathSize = pathSize }

    // MARK: Sending

    /// Whether a further eliciting datagram of the present size may leave.
    ///
    /// - Parameter isProbe: whether it goes beyond the congestion window.
    func allowsDatagram(isProbe: Bool) -> Bool {
        log.count < Recovery.maximumFrames && (isProbe || congestion.allows(pathSize.current))
    }

    mutating func note(_ record: SentRecord) { log.note(record) }

    mutating func didSend(
        _ counter: UInt64, at now: Instant, isEliciting: Bool, acknowledges: UInt64? = nil, isEarly: Bool = false
    ) {
        log.add(counter, at: now, isEliciting: isEliciting, acknowledges: acknowledges, isEarly: isEarly)
        if isEliciting { lastEliciting = now }
    }

    mutating func didSendDatagram(size: Int) {
        let inFlight = log.endDatagram(size: size)
        guard inFlight > 0 else { return }
        congestion.didSend(inFlight)
        pacer.didSend(inFlight)
        if probesOwed > 0 { probesOwed -= 1 }
    }

    mutating func nextSizeProbe(at now: Instant) -> Int? { pathSize.nextProbe(at: now) }
    mutating func didSendSizeProbe(_ counter: UInt64, size: Int) { pathSize.didSendProbe(counter, size: size) }
    /// The largest datagram that both sides want.
    mutating func setSizeLimit(_ limit: Int) { pathSize = PathSize(limit: limit) }
    mutating func tooLarge(_ size: Int, at now: Instant) { pathSize.tooLarge(size, at: now) }

    // MARK: Acknowledgement

    /// Takes an ACK whose counters have been sent. Work is bounded by the frames in the log.
    mutating func acknowledge(_ ack: Acknowledgement, at now: Instant) {
        var newest: (counter: UInt64, frame: SentFrame)?
        var hasEliciting = false
        var index = ack.ranges.count
        while index > 0 {
            index -= 1
            take(ack.ranges[index], at: now, &newest, &hasEliciting)
        }
        take((ack.largest - min(ack.first, ack.largest))...ack.largest, at: now, &newest, &hasEliciting)
        if let newest, largestAcknowledged.map({ ack.largest > $0 }) ?? true {
            largestAcknowledged = ack.largest
            largestOrdinal = max(largestOrdinal, newest.frame.ordinal)
            // Only the newest tells the time, and only with something that had to be answered.
            if hasEliciting, newest.counter == ack.largest {
                let delay = Duration.microseconds(Int64(clamping: min(ack.delay, 1 << 40)))
                sample(now.since(newest.frame.time), delay: delay, at: now)
            }
        }
        detectLosses(at: now)
        if hasEliciting {
            probeCount = 0
            probesOwed = 0
        }
        log.dropSettled()
    }

    /// A measured round trip; the handshake gives the first.
    mutating func sample(_ time: Duration, delay: Duration = .zero, at now: Instant) {
        if firstSample == nil { firstSample = now }
        roundTrip.update(time, delay: delay)
    }

    private mutating func take(
        _ range: ClosedRange<UInt64>, at now: Instant, _ newest: inout (counter: UInt64, frame: SentFrame)?,
        _ hasEliciting: inout Bool
    ) {
        var counter = max(range.lowerBound, log.first)
        while counter <= range.upperBound, counter < log.end {
            if let frame = log.settle(counter, as: .acknowledged) {
                newest = (counter, frame)
                if frame.isEliciting { hasEliciting = true }
                didAcknowledge(counter, frame, at: now)
            }
            counter += 1
        }
    }

    private mutating func didAcknowledge(_ counter: UInt64, _ frame: SentFrame, at now: Instant) {
        if frame.size > 0 {
            congestion.didAcknowledge(frame.size, sentAt: frame.time, isLimited: !isApplicationLimited)
        }
        pathSize.didAcknowledge(counter, size: frame.size)
        if let largest = frame.acknowledges { knownAcknowledgement = max(knownAcknowledgement ?? 0, largest) }
        // What a probe took over is acknowledged all the same: the bytes are there.
        for index in 0..<frame.recordCount {
            if let record = log.record(frame, index) { acknowledged.append(record) }
        }
    }

    // MARK: Loss

    /// RFC 9002 6.1, with datagrams for packets.
    private mutating func detectLosses(at now: Instant) {
        lossTime = nil
        guard let largestAcknowledged else { return }
        let delay = roundTrip.lossDelay
        var newestLost: Instant?
        var run: Instant?
        var isPersistent = false
        var counter = log.first
        while counter < min(largestAcknowledged, log.end) {
            defer { counter += 1 }
            guard let frame = log.frame(counter) else { continue }
            if frame.fate == .acknowledged { run = nil }
            guard frame.fate == .outstanding else { continue }
            let isOld = largestOrdinal >= frame.ordinal &+ Recovery.packetThreshold
            let due = frame.time.advanced(by: delay)
            guard isOld || due <= now else {
                lossTime = min(lossTime ?? due, due)
                continue
            }
            _ = log.settle(counter, as: .lost)
            guard didLose(counter, frame, at: now) else { continue }
            newestLost = max(newestLost ?? frame.time, frame.time)
            if let firstSample, frame.time > firstSample {
                let start = run ?? frame.time
                run = start
                if frame.time.since(start) > roundTrip.persistentCongestion { isPersistent = true }
            }
        }
        if let newestLost { congestion.didLose(newest: newestLost, at: now) }
        if isPersistent { congestion.persistentCongestion() }
    }

    /// Returns whether the loss is a sign of congestion.
    private mutating func didLose(_ counter: UInt64, _ frame: SentFrame, at now: Instant) -> Bool {
        let isSizeProbe = pathSize.isProbe(counter)
        congestion.forget(frame.size)
        if frame.size > 0 { pathSize.didLose(counter, size: frame.size, at: now) }
        repeatRecords(of: frame)
        if frame.isEliciting { lostFrames &+= 1 }
        return frame.isEliciting && frame.size > 0 && !isSizeProbe && !frame.isEarly
    }

    private mutating func repeatRecords(of frame: SentFrame) {
        guard !frame.isTakenOver else { return }
        for index in 0..<frame.recordCount {
            if let record = log.record(frame, index) { lost.append(record) }
        }
    }

    // MARK: Timers

    /// The probe timeout as it stands, doubled for each that went unanswered.
    var probeTimeout: Duration {
        let doubled = roundTrip.probeTimeout * (1 << min(probeCount, 10))
        return min(doubled, max(Recovery.longestProbeTimeout, roundTrip.probeTimeout))
    }

    /// When `expire(at:)` is due.
    var deadline: Instant? {
        if let lossTime { return lossTime }
        guard log.elicitingCount > 0, probesOwed == 0, let lastEliciting else { return nil }
        return lastEliciting.advanced(by: probeTimeout)
    }

    /// Declares late frames lost, or has the oldest unanswered ones repeated as a probe.
    mutating func expire(at now: Instant) {
        guard let deadline, deadline <= now else { return }
        guard lossTime == nil else {
            detectLosses(at: now)
            log.dropSettled()
            return
        }
        // One datagram first, then two: RFC 9002 6.2.4.
        probesOwed = probeCount == 0 ? 1 : 2
        probeCount += 1
        // From now on the probe is what the timer runs from, whenever it leaves.
        lastEliciting = now
        var left = probesOwed
        var counter = log.first
        while left > 0, counter < log.end {
            if let frame = log.frame(counter), frame.fate == .outstanding, frame.recordCount > 0, !frame.isTakenOver {
                repeatRecords(of: frame)
                log.takeOver(counter)
                left -= 1
            }
            counter += 1
        }
    }

    // MARK: What the connection takes

    /// The next record that the peer has got.
    mutating func takeAcknowledged() -> SentRecord? { acknowledged.popFirst() }

    /// The next record that has to be sent again.
    mutating func takeLost() -> SentRecord? { lost.popFirst() }

    /// The session ends: nothing is repeated any more.
    mutating func discard() {
        acknowledged.removeAll()
        lost.removeAll()
        log = SentLog()
        lossTime = nil
        lastEliciting = nil
        probesOwed = 0
    }

    // MARK: Path

    /// The peer's address has changed: nothing that was measured holds.
    mutating func resetPath() {
        roundTrip.reset()
        congestion.reset()
        pathSize.reset()
        pacer = Pacer()
        probeCount = 0
    }
}
