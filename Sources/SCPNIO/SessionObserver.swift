internal import SCP

/// Who is told what happens on a connection, on its event loop: logs, metrics, a server's book of clients.
protocol SessionObserver: Sendable {
    func observe(_ event: Event, of session: any AnySession)
    /// What the network said of the way to the peer; anybody may have said it.
    func observeHint(_ error: any Error)
    /// From time to time, and whenever a timer was due.
    func observeTick(of session: any AnySession)
}
