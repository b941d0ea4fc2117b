internal import Logging
internal import NIOCore
internal import NIOPosix
public import SCP

/// A listener for channels.
public final class SecureServer: Sendable {
    /// Where it listens; for TCP with the port that it really has.
    public let address: Endpoint
    private let listener: Listener
    private let options: ServerOptions

    private init(_ listener: Listener, _ options: ServerOptions) {
        address = listener.address
        self.listener = listener
        self.options = options
    }

    /// Listens until the task is cancelled, and runs `handler` for each client whose key was accepted, all at once.
    ///
    ///     try await SecureServer.listen(on: .tcp("127.0.0.1", 4433), configuration) { client in
    ///         for try await message in client.messages { try await client.send(message.bytes) }
    ///     }
    ///
    /// When a handler returns, its channel is closed in order; when it throws, the client is told INTERNAL_ERROR, and
    /// nobody else is touched. Cancellation ends the listener first; the handlers' tasks are cancelled, and clients are
    /// told SHUTTING_DOWN, with ``ServerOptions/shutdownTime`` to take it; then this returns.
    ///
    /// Throws ``SecureChannelError`` when the address cannot be listened on.
    public static func listen<Provider: CryptoProvider>(
        on endpoint: Endpoint, _ configuration: Configuration<Provider>, options: ServerOptions = ServerOptions(),
        handler: @escaping @Sendable (SecureChannel) async throws -> Void
    ) async throws {
        let server = try await bind(endpoint, configuration, options)
        await server.run(handler)
    }

    /// Listens while `body` runs; see ``listen(on:_:options:handler:)``.
    @discardableResult
    public nonisolated(nonsending) static func withServer<Provider: CryptoProvider, Result: Sendable>(
        on endpoint: Endpoint, _ configuration: Configuration<Provider>, options: ServerOptions = ServerOptions(),
        handler: @escaping @Sendable (SecureChannel) async throws -> Void,
        _ body: (SecureServer) async throws -> Result
    ) async throws -> Result {
        let server = try await bind(endpoint, configuration, options)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await server.run(handler) }
            defer { group.cancelAll() }
            return try await body(server)
        }
    }

    private static func bind<Provider: CryptoProvider>(
        _ endpoint: Endpoint, _ configuration: Configuration<Provider>, _ options: ServerOptions
    ) async throws -> SecureServer {
        try Session.check(configuration, options.transport, for: endpoint)
        return SecureServer(try await Listener.bind(endpoint, configuration, options), options)
    }

    private var logger: Logger { options.transport.logger }

    private func run(_ handler: @escaping @Sendable (SecureChannel) async throws -> Void) async {
        logger.info("listening", metadata: ["address": "\(address)"])
        await withDiscardingTaskGroup { group in
            for await client in listener.clients {
                group.addTask { await self.serve(client, handler) }
            }
            // Cancelled, or the listener failed: the address is free before the last client is gone.
            await listener.socket.stop()
            group.cancelAll()
        }
        // The last acknowledgements may have been lost on datagrams, and are asked for again.
        await listener.socket.finish(within: min(options.shutdownTime, .seconds(1)))
        logger.info("no longer listening", metadata: ["address": "\(address)"])
    }

    private func serve(_ client: Listener.Client, _ handler: @Sendable (SecureChannel) async throws -> Void) async {
        client.serve()
        let session = client.session
        let limit = options.shutdownTime
        await withTaskCancellationHandler {
            await handle(client, handler)
            // In a task of its own, so that it is also waited for when this one has been cancelled.
            await Task { _ = try? await session.closed() }.value
        } onCancel: {
            session.closeTransport(after: limit)
        }
    }

    /// From the accepted transport to the close that follows the handler.
    private func handle(_ client: Listener.Client, _ handler: @Sendable (SecureChannel) async throws -> Void) async {
        let session = client.session
        var code = ErrorCode.noError
        var channel: SecureChannel?
        do {
            let peer = try await session.established()
            let served = SecureChannel(session, peer: peer, isFirstUse: peer.isFirstUse, endpoint: client.remote)
            channel = served
            try await handler(served)
        } catch is CancellationError {
            // Of the server, or of the handler's own making.
        } catch {
            code = .internalError
            // When the connection itself failed, that is known already, and nobody is there to be told.
            if session.view.outcome == nil {
                logger.info("a client's handler failed", metadata: ["error": "\(error)"])
            }
        }
        // Before the channel is released, which would abort it.
        withExtendedLifetime(channel) {
            session.close(Task.isCancelled ? .shuttingDown : code, reason: "", afterPeerFinished: false)
        }
    }
}
