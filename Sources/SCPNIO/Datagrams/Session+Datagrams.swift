internal import NIOConcurrencyHelpers
internal import SCP
internal import SCPRecording

/// What the handler of a datagram socket calls on each of its sessions, on the event loop and with the lock that they
/// share held.
extension Session {
    /// Gives the engine what tasks have sent.
    func beginTransmit() {
        drain()
        consumed = 0
    }

    /// The engine has been asked for all that it has to say. Returns whether tasks have sent more meanwhile, who take
    /// it that the driver looks again by itself.
    func endTransmit() -> Bool {
        setRoom()
        return outgoing.withLockedValue { $0.driverLooked(isBusy: false, isBehind: false) }
    }

    /// Notes what happened, and finds out whom it concerns.
    func note(_ events: [Event]) -> Report {
        var report = Report()
        report.events = events
        for event in events { note(event, &report) }
        if owesCredit { report.hasMore = true }
        setRoom()
        return report
    }

    /// The transport is gone.
    func transportEnded() { engine.receiveEnd(.failed, at: now) }
}
