internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SCP

/// Connections of a socket that have something to say: however many ring, the event loop is woken once.
final class Alarm: Sendable {
    private struct State {
        var rang: [ConnectionHandle] = []
        var isWakeDue = false
        var wake: (@Sendable () -> Void)?
    }

    private let eventLoop: any EventLoop
    private let state = NIOLockedValueBox(State())

    init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// - Parameter wake: runs on the event loop.
    func attach(_ wake: @escaping @Sendable () -> Void) { state.withLockedValue { $0.wake = wake } }

    /// Wakes nobody from now on.
    func detach() { state.withLockedValue { $0.wake = nil } }

    /// From any thread; nil wakes the loop for nobody in particular.
    func ring(_ handle: ConnectionHandle?) {
        let wake = state.withLockedValue { state -> (@Sendable () -> Void)? in
            if let handle { state.rang.append(handle) }
            guard !state.isWakeDue else { return nil }
            state.isWakeDue = true
            return state.wake
        }
        if let wake { eventLoop.execute(wake) }
    }

    func takeAll() -> [ConnectionHandle] {
        state.withLockedValue { state in
            state.isWakeDue = false
            defer { state.rang.removeAll(keepingCapacity: true) }
            return state.rang
        }
    }
}

/// Reaches a session's socket from any thread.
struct DatagramDriver: SessionDriver {
    let alarm: Alarm
    let handle: ConnectionHandle
    let eventLoop: any EventLoop
    /// Runs on the event loop.
    let drop: @Sendable () -> Void

    func wake() { alarm.ring(handle) }

    func closeTransport(after delay: Duration) {
        eventLoop.scheduleTask(in: TimeAmount(delay), drop)
    }
}
