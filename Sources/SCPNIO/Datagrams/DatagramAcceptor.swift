internal import NIOCore
internal import SCP

/// Takes the connections of others on a listening datagram socket, within the server's limits.
struct DatagramAcceptor<Provider: CryptoProvider>: Sendable {
    /// What belongs to a connection here besides its session.
    struct Place: Sendable {
        let observer: any SessionObserver
        fileprivate var remote: Endpoint?
        fileprivate var ticket: Admission.Ticket?

        init(observer: any SessionObserver) { self.observer = observer }

        /// The connection has ended.
        func leave() { ticket?.leave() }
    }

    private let acceptor: Acceptor<Provider>

    init(_ acceptor: Acceptor<Provider>) { self.acceptor = acceptor }

    /// Nil when there are too many.
    func admit(from remote: Endpoint?) -> Place? {
        guard let ticket = acceptor.admit() else { return nil }
        var place = Place(observer: acceptor.monitor(remote, ticket))
        place.remote = remote
        place.ticket = ticket
        return place
    }

    /// Gives a connection to the server's task.
    func present(_ session: Session<Provider>, _ place: Place) {
        guard let ticket = place.ticket else { return }
        acceptor.present(session, from: place.remote, ticket)
    }
}

/// A server's datagram socket.
struct DatagramListener: ListeningSocket {
    let channel: any NIOCore.Channel
    /// Both run on the event loop.
    let stopListening: @Sendable () -> Void
    let finish: @Sendable (Duration) -> Void

    func stop() async { try? await channel.eventLoop.submit(stopListening).get() }

    func finish(within limit: Duration) async {
        channel.eventLoop.execute { finish(limit) }
        try? await channel.closeFuture.get()
    }
}
