internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import SCP

/// A socket that connections of others come to.
protocol ListeningSocket: Sendable {
    /// Takes no more connections, for good.
    func stop() async
    /// Is gone when this returns: at once, or when the connections on it have ended, or the time is over.
    func finish(within limit: Duration) async
    var channel: any NIOCore.Channel { get }
}

/// The connections that a listening socket accepts.
final class Listener: Sendable {
    /// An accepted connection whose handshake is under way.
    final class Client: Sendable {
        let session: any AnySession
        let remote: Endpoint?
        private let isServed = NIOLockedValueBox(false)

        private let ticket: Admission.Ticket

        init(_ session: any AnySession, remote: Endpoint?, ticket: Admission.Ticket) {
            self.session = session
            self.remote = remote
            self.ticket = ticket
        }

        func serve() { isServed.withLockedValue { $0 = true } }

        /// The server ended before it got to this one.
        deinit {
            ticket.leave()
            guard !isServed.withLockedValue({ $0 }) else { return }
            session.abort(.shuttingDown, reason: "")
        }
    }

    let address: Endpoint
    let clients: AsyncStream<Client>
    let socket: any ListeningSocket

    init(_ socket: any ListeningSocket, at address: Endpoint, clients: AsyncStream<Client>) {
        self.socket = socket
        self.address = address
        self.clients = clients
    }

    static func bind<Provider: CryptoProvider>(
        _ endpoint: Endpoint, _ configuration: Configuration<Provider>, _ options: ServerOptions
    ) async throws -> Listener {
        let (clients, continuation) = AsyncStream.makeStream(of: Client.self)
        let acceptor = Acceptor(configuration, options, endpoint: endpoint, clients: continuation)
        do {
            let socket: any ListeningSocket
            var address = endpoint
            if endpoint.isDatagram {
                (socket, address) = try await DatagramSockets.listen(endpoint, configuration, options, acceptor)
            } else {
                (socket, address) = try await StreamListener.listen(endpoint, options, acceptor)
            }
            socket.channel.closeFuture.whenComplete { _ in continuation.finish() }
            return Listener(socket, at: address, clients: clients)
        } catch {
            continuation.finish()
            throw SecureChannelError.listening(error, endpoint)
        }
    }
}

/// A server's stream socket.
struct StreamListener: ListeningSocket {
    let channel: any NIOCore.Channel

    /// A Unix-domain socket's file is removed.
    func stop() async { try? await channel.close().get() }

    /// Its connections have sockets of their own.
    func finish(within limit: Duration) async { await stop() }

    static func listen<Provider: CryptoProvider>(
        _ endpoint: Endpoint, _ options: ServerOptions, _ acceptor: Acceptor<Provider>
    ) async throws -> (any ListeningSocket, Endpoint) {
        let bootstrap = ServerBootstrap(group: options.transport.eventLoopGroup)
            .serverChannelOption(.backlog, value: Int32(clamping: options.backlog))
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture { try acceptor.accept(child) }
            }
        switch endpoint {
        case .tcp(let host, let port), .udp(let host, let port):
            try endpoint.checkPort(0...65_535, .cannotListen)
            let channel = try await bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .bind(host: host, port: port).get()
            return (StreamListener(channel: channel), .tcp(host, channel.localAddress?.port ?? port))
        case .unix(let path), .unixDatagram(let path):
            let channel = try await SocketFile.bind(
                path, bootstrap.bind(unixDomainSocketPath:cleanupExistingSocketFile:)
            ) {
                try await ClientBootstrap(group: options.transport.eventLoopGroup).connect(unixDomainSocketPath: path)
                    .get()
            }
            return (StreamListener(channel: channel), endpoint)
        }
    }
}

/// Begins a connection on every stream that is accepted, within the server's limits.
struct Acceptor<Provider: CryptoProvider>: Sendable {
    private let configuration: Configuration<Provider>
    private let options: ServerOptions
    private let endpoint: Endpoint
    private let clients: AsyncStream<Listener.Client>.Continuation
    private let admission: Admission
    private let metrics: ConnectionMetrics

    init(
        _ configuration: Configuration<Provider>, _ options: ServerOptions, endpoint: Endpoint,
        clients: AsyncStream<Listener.Client>.Continuation
    ) {
        self.configuration = configuration
        self.options = options
        self.endpoint = endpoint
        self.clients = clients
        admission = Admission(options)
        metrics = ConnectionMetrics(options.transport.metrics, role: .responder, transport: endpoint.transport)
    }

    /// Throws, and the stream is closed without a byte, when there are too many.
    func accept(_ child: any NIOCore.Channel) throws {
        let remote = child.remoteAddress.flatMap { Endpoint($0, isDatagram: false) }
        guard let ticket = admit() else { throw ChannelError.inappropriateOperationForState }
        child.closeFuture.whenComplete { _ in ticket.leave() }
        do {
            let session = try begin(on: child, remote: remote, ticket)
            present(session, from: remote, ticket)
        } catch {
            ticket.leave()  // nobody will serve it
            throw error
        }
    }

    /// Nil when there are too many.
    func admit() -> Admission.Ticket? {
        if let ticket = admission.admit() { return ticket }
        metrics.refused()
        options.transport.logger.info("too many connections: one was refused")
        return nil
    }

    /// Gives a connection to the server's task.
    func present(_ session: any AnySession, from remote: Endpoint?, _ ticket: Admission.Ticket) {
        clients.yield(Listener.Client(session, remote: remote, ticket: ticket))
    }

    func monitor(_ remote: Endpoint?, _ ticket: Admission.Ticket) -> Monitor {
        var logger = options.transport.logger
        logger[metadataKey: "remote"] = "\(remote.map(\.description) ?? endpoint.description)"
        return Monitor(
            logger: logger, metrics: metrics, judge: Judge(configuration, options.transport),
            agent: options.transport.keyAgent, ticket: ticket)
    }

    private func begin(
        on child: any NIOCore.Channel, remote: Endpoint?, _ ticket: Admission.Ticket
    ) throws -> any AnySession {
        try StreamOptions.apply(options.transport, to: child, endpoint)
        let start = SessionStart(.responder, options.transport, endpoint: remote, observer: monitor(remote, ticket))
        return try start.begin(configuration, on: child)
    }
}

extension Endpoint {
    /// From the kernel's address; nil for one without a name, as that of a client of a Unix-domain socket.
    init?(_ address: SocketAddress, isDatagram: Bool) {
        if let path = address.pathname {
            guard !path.isEmpty else { return nil }
            self = isDatagram ? .unixDatagram(path) : .unix(path)
        } else {
            guard let host = address.ipAddress, let port = address.port else { return nil }
            self = isDatagram ? .udp(host, port) : .tcp(host, port)
        }
    }
}

extension SecureChannelError {
    /// Why an address cannot be listened on.
    static func listening(_ error: any Error, _ endpoint: Endpoint) -> any Error {
        switch error {
        case is SecureChannelError, is CancellationError: error
        case SocketAddressError.unknown: SecureChannelError(.unknownHost, at: endpoint)
        case let error as IOError where error.errnoCode == SystemCode.addressInUse:
            SecureChannelError(.addressInUse, at: endpoint, detail: "\(error)")
        default: SecureChannelError(.cannotListen, at: endpoint, detail: "\(error)")
        }
    }
}
