/// Every instant at which something is due. Nil: not running.
struct Timers {
    var handshake: Instant?
    var decision: Instant?
    var idle: Instant?
    var keepAlive: Instant?
    var probe: Instant?
    var probeInterval = Constant.firstProbeInterval
    var keyAge: Instant?
    /// When the epoch is old enough to be replaced.
    var rotation: Instant?
    var rotationStall: Instant?
    var flush: Instant?
    var closeWait: Instant?
    /// When unused buffers are given back.
    var quiet: Instant?
    /// The idle time in force: the smaller non-zero of both sides'.
    var idleTimeout: Duration = .zero
    /// On datagrams the idle time is no shorter than this: three probe timeouts. [SCP-DGRAM-28]
    var floor: Duration = .zero
    var keepsAlive = false
    /// Whether an eliciting frame was sent since a frame was last accepted. [SCP-TIME-11]
    var hasSentEliciting = false

    /// Restarts what an authentic frame restarts.
    /// [SCP-TIME-11]
    mutating func restart(at now: Instant) {
        hasSentEliciting = false
        quiet = now.advanced(by: Constant.quietDelay)
        guard idleTimeout > .zero else { return }
        idle = now.advanced(by: max(idleTimeout, floor))
        keepAlive = keepsAlive ? now.advanced(by: idleTimeout / 3) : nil
    }

    /// Turns keep-alive on or off; the idle time goes on as it was.
    mutating func setKeepsAlive(_ isOn: Bool, at now: Instant) {
        keepsAlive = isOn
        if !isOn {
            keepAlive = nil
        } else if keepAlive == nil, idleTimeout > .zero {
            keepAlive = now.advanced(by: idleTimeout / 3)
        }
    }

    /// The first eliciting frame since the last accepted one restarts the idle time.
    mutating func didSendEliciting(at now: Instant) {
        guard !hasSentEliciting else { return }
        hasSentEliciting = true
        if idleTimeout > .zero, idle != nil { idle = now.advanced(by: max(idleTimeout, floor)) }
    }

    /// Stops everything but the wait for the end.
    mutating func stopAll() {
        let wait = closeWait
        self = Timers()
        closeWait = wait
    }
}
