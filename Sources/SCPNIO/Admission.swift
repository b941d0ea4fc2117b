internal import NIOConcurrencyHelpers

/// A server's count of its connections.
final class Admission: Sendable {
    private struct Counts {
        var connections = 0
        var unauthenticated = 0
    }

    private let counts = NIOLockedValueBox(Counts())
    private let maximumConnections: Int
    private let maximumUnauthenticated: Int

    init(_ options: ServerOptions) {
        maximumConnections = options.maximumConnections
        maximumUnauthenticated = options.maximumUnauthenticatedConnections
    }

    /// Nil when there are too many. [SCP-STREAM-9]
    func admit() -> Ticket? {
        let isAdmitted = counts.withLockedValue { counts in
            guard counts.connections < maximumConnections, counts.unauthenticated < maximumUnauthenticated
            else { return false }
            counts.connections += 1
            counts.unauthenticated += 1
            return true
        }
        return isAdmitted ? Ticket(self) : nil
    }

    /// One connection's place. It is free again when both have left, the transport and whoever serves the client: what
    /// a client has sent is held until its handler is done with it.
    final class Ticket: Sendable {
        private enum Stage { case unauthenticated, authenticated, left }

        private let admission: Admission
        private let holders = NIOLockedValueBox(2)
        private let stage = NIOLockedValueBox(Stage.unauthenticated)

        init(_ admission: Admission) { self.admission = admission }

        func authenticate() { move(to: .authenticated) }

        /// The transport has ended, or the handler has returned.
        func leave() {
            authenticate()
            let isLast = holders.withLockedValue { holders in
                holders -= 1
                return holders == 0
            }
            if isLast { move(to: .left) }
        }

        private func move(to next: Stage) {
            let previous = stage.withLockedValue { stage in
                let previous = stage
                if previous != .left { stage = next }
                return previous
            }
            admission.counts.withLockedValue { counts in
                if previous == .unauthenticated { counts.unauthenticated -= 1 }
                if previous != .left, next == .left { counts.connections -= 1 }
            }
        }
    }
}
