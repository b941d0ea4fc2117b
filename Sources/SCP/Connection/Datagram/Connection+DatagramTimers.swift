/// Timers that run on datagrams alone.
extension Connection {
    /// Tells `consider` of every one of them.
    func considerDatagramTimers(_ consider: (Instant?, Deadline.Reason) -> Void) {
        guard let link else { return }
        consider(link.handshake.repeatAt, .repetition)
        consider(link.handshake.owesProgress ? nil : link.handshake.progressAt, .repetition)
        consider(link.recovery.deadline, .loss)
        consider(link.pacedUntil, .pacing)
        consider(link.oldKeysUntil, .oldKeys)
        consider(link.path.move?.repeatAt, .path)
        if link.close?.isOwed == false { consider(link.close?.repeatAt, .repetition) }
        consider(outbox.held?.expiries.first?.instant, .messageExpired)
    }

    /// Does what is due on datagrams.
    /// [SCP-DGRAM-11] [SCP-DGRAM-28] [SCP-DGRAM-32] [SCP-ROT-24]
    mutating func advanceDatagrams() {
        guard link != nil else { return }
        expireKeysAndPath()
        if let due = link?.handshake.repeatAt, due <= clock { handshakeRepetitionDue() }
        if let due = link?.handshake.progressAt, due <= clock {
            link?.handshake.progressAt = nil
            link?.handshake.owesProgress = true
        }
        if let due = link?.close?.repeatAt, due <= clock { link?.close?.expire() }
        if let due = link?.pacedUntil, due <= clock { link?.pacedUntil = nil }
        while let expired = outbox.held?.takeExpired(at: clock) {
            if outbox.cancel(expired.message, on: expired.channel, code: .noError), outbox.takeRoomNotice() {
                events.writable()
            }
        }
        guard let due = link?.recovery.deadline, due <= clock else { return }
        link?.recovery.expire(at: clock)
        settleRecords()
        suspectPath()
    }

    private mutating func expireKeysAndPath() {
        if let due = link?.oldKeysUntil, due <= clock {
            link?.oldKeysUntil = nil
            phase.keys?.forgetPrevious()
        }
        if let due = link?.path.move?.repeatAt, due <= clock {
            let wait = link?.recovery.roundTrip.probeTimeout ?? RoundTrip.initial
            let next = clock.advanced(by: wait)
            link?.path.challengeExpired(next: next)
        }
    }

    /// [SCP-DGRAM-11] [SCP-DGRAM-15]
    private mutating func handshakeRepetitionDue() {
        if state == .waiting, let hint = link?.handshake.hint, link?.handshake.assembly.isEmpty == true {
            return end(.failed(hint))
        }
        link?.handshake.expire(at: clock)
    }

    /// Without connection ids a peer that has moved is lost: the embedder may dial again before the idle time is over.
    private mutating func suspectPath() {
        guard let link, link.recovery.probeCount >= Constant.suspectProbes, !link.isSuspect else { return }
        link.isSuspect = true
        events.pathSuspect()
    }
}
