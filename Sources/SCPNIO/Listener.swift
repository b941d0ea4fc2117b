internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import SCP

/// A listening socket, and the connections that it accepts.
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
    private let channel: any NIOCore.Channel

    private init(_ channel: any NIOCore.Channel, at address: Endpoint, clients: AsyncStream<Client>) {
        self.channel = channel
        self.address = address
        self.clients = clients
    }

    /// Stops accepting, for good. A Unix-domain socket's file is removed.
    func close() async { try? await channel.close().get() }

    static func bind<Provider: CryptoProvider>(
        _ endpoint: Endpoint, _ configuration: Configuration<Provider>, _ options: ServerOptions
    ) async throws -> Listener {
        let (clients, continuation) = AsyncStream.makeStream(of: Client.self)
        let acceptor = Acceptor(configuration, options, endpoint: endpoint, clients: continuation)
        let bootstrap = ServerBootstrap(group: options.transport.eventLoopGroup)
            .serverChannelOption(.backlog, value: Int32(clamping: options.backlog))
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { child in
                child.eventLoop.makeCompletedFuture { try acceptor.accept(child) }
            }
        let channel: any NIOCore.Channel
        var address = endpoint
        do {
            switch endpoint {
            case .tcp(let host, let port):
                guard (0...65_535).contains(port) else {
                    throw SecureChannelError(.cannotListen, at: endpoint, detail: "ports are 0 to 65535")
                }
                channel = try await bootstrap.serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                    .bind(host: host, port: port).get()
                address = .tcp(host, channel.localAddress?.port ?? port)
            case .unix(let path):
                channel = try await SocketFile.bind(bootstrap, path, on: options.transport.eventLoopGroup)
            }
        } catch {
            continuation.finish()
            throw SecureChannelError.listening(error, endpoint)
        }
        channel.closeFuture.whenComplete { _ in continuation.finish() }
        return Listener(channel, at: address, clients: clients)
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
        let remote = child.remoteAddress.flatMap(Endpoint.init)
        guard let ticket = admission.admit() else {
            metrics.refused()
            options.transport.logger.info("too many connections: one was refused")
            throw ChannelError.inappropriateOperationForState
        }
        child.closeFuture.whenComplete { _ in ticket.leave() }
        do {
            let session = try begin(on: child, remote: remote, ticket)
            clients.yield(Listener.Client(session, remote: remote, ticket: ticket))
        } catch {
            ticket.leave()  // nobody will serve it
            throw error
        }
    }

    private func begin(
        on child: any NIOCore.Channel, remote: Endpoint?, _ ticket: Admission.Ticket
    ) throws -> any AnySession {
        try StreamOptions.apply(options.transport, to: child, endpoint)
        var logger = options.transport.logger
        logger[metadataKey: "remote"] = "\(remote.map(\.description) ?? endpoint.description)"
        let monitor = Monitor(
            logger: logger, metrics: metrics, judge: Judge(ask: options.transport.askPeer),
            agent: options.transport.keyAgent, ticket: ticket)
        return try SessionStart(.responder, options.transport, endpoint: remote, observer: monitor)
            .begin(configuration, on: child)
    }
}

extension Endpoint {
    /// From the kernel's address; nil for one without a name, as that of a client of a Unix-domain socket.
    init?(_ address: SocketAddress) {
        if let path = address.pathname {
            guard !path.isEmpty else { return nil }
            self = .unix(path)
        } else {
            guard let host = address.ipAddress, let port = address.port else { return nil }
            self = .tcp(host, port)
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
