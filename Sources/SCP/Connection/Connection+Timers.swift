extension Connection {
    /// When `advance(to:)` must be called next, and why; nil when nothing is due, always so once closed.
    /// [SCP-TIME-15]
    public var deadline: Deadline? {
        guard state != .closed else { return nil }
        var earliest: Deadline?
        func consider(_ instant: Instant?, _ reason: Deadline.Reason) {
            guard let instant, instant < earliest?.instant ?? Instant(nanoseconds: .max) else { return }
            earliest = Deadline(instant: instant, reason: reason)
        }
        consider(timers.closeWait, .closeWait)
        consider(timers.flush, .flush)
        consider(timers.idle, .idle)
        consider(timers.handshake, .handshake)
        consider(timers.decision, .decision)
        consider(timers.keyAge, .keyAge)
        consider(timers.rotation, .rotation)
        consider(timers.rotationStall, .rotationStalled)
        // What is due already waits for the adapter to poll, not for a timer: no spinning.
        if !acknowledgements.isDue { consider(acknowledgements.deadline, .acknowledge) }
        consider(timers.keepAlive, .keepAlive)
        consider(timers.probe, .blocked)
        consider(timers.quiet, .quiet)
        considerDatagramTimers(consider)
        return earliest
    }

    /// Does what is due at `now`. An expired connection sends nothing: ends come before work.
    /// [SCP-TIME-13]
    public mutating func advance(to now: Instant) {
        setClock(now)
        if isDue(timers.closeWait) { return closeWaitExpired() }
        // [SCP-TIME-9] [SCP-CLOSE-15]
        if isDue(timers.flush) {
            timers.flush = nil
            sendClose(isComplete: false)
        }
        // [SCP-TIME-5]
        if isDue(timers.idle) { return fail(locally: .idleTimeout) }
        if isDue(timers.handshake) { return handshakeExpired() }
        // [SCP-TIME-3]
        if isDue(timers.decision) { return fail(locally: .decisionTimeout) }
        // [SCP-TIME-8] [SCP-KEY-14]
        if isDue(timers.keyAge) { return fail(locally: .keyLimitReached) }
        // [SCP-TIME-16]
        if isDue(timers.rotation) {
            timers.rotation = nil
            wantsRotation = true
        }
        // [SCP-TIME-17] [SCP-ROT-15]
        if isDue(timers.rotationStall) {
            timers.rotationStall = nil
            events.rotationStalled()
        }
        advanceDatagrams()
        guard state != .closed else { return }
        // [SCP-TIME-4]
        acknowledgements.expire(at: clock)
        // [SCP-TIME-6]
        if isDue(timers.keepAlive) {
            owed.ping = true
            timers.keepAlive = clock.advanced(by: timers.idleTimeout / 3)
        }
        if isDue(timers.quiet) {
            timers.quiet = nil
            trim()
        }
        // [SCP-TIME-7] [SCP-FLOW-10] [SCP-FLOW-11]
        if isDue(timers.probe) {
            // What was blocked may be gone, and what is in flight will be answered.
            owed.blocked = outbox.isStalled && !outbox.isEmpty && !hasElicitingInFlight
            let doubled = timers.probeInterval * 2
            timers.probeInterval = min(doubled, Constant.maximumProbeInterval)
            if doubled >= Constant.relentingProbeInterval { outbox.relent() }
            timers.probe = nil
        }
    }

    private func isDue(_ instant: Instant?) -> Bool {
        guard let instant else { return false }
        return instant <= clock
    }

    // [SCP-TIME-1] [SCP-TIME-2]
    private mutating func handshakeExpired() {
        timers.handshake = nil
        // What came and was dropped says more than that nothing better came. [SCP-DGRAM-13]
        let code = link?.handshake.failure ?? .handshakeTimeout
        switch state {
        case .waiting: end(.failed(ConnectionError(code, origin: .local, position: position)))
        case .deciding: fail(locally: .decisionTimeout)
        // [SCP-TIME-18]
        case .agreeing: fail(locally: .keyUnavailable)
        case .unconfirmed: end(.failed(ConnectionError(.handshakeUnconfirmed, origin: .local, position: position)))
        case .awaitingInit, .halfOpen: end(.failed(ConnectionError(code, origin: .local, position: position)))
        default: break
        }
    }

    // [SCP-TIME-10]
    private mutating func closeWaitExpired() {
        timers.closeWait = nil
        if state == .closing { events.closed(.unconfirmed) }
        terminate()
    }

    /// Gives back what a quiet connection does not need.
    private mutating func trim() {
        frameBuffer.trim()
        phase.keys?.rest()
        if !inbox.isReadable(nil) { inbox.trim() }
        if outbox.isEmpty { outbox.trim() }
    }
}
