internal import Logging
internal import NIOCore
public import SCP
internal import SCPRecording

extension SecureChannel {
    /// Connects to a listener, authenticates both sides, and returns the channel.
    ///
    ///     let channel = try await SecureChannel.connect(to: .tcp("127.0.0.1", 4433), configuration)
    ///     try await channel.send("Hello, secure world!")
    ///     let reply = try await channel.receive()
    ///     try await channel.close()
    ///
    /// Throws ``SecureChannelError``, or `CancellationError`; in both cases nothing is left open. Reaching the address
    /// and the handshake may each take the configuration's handshake time.
    ///
    /// A listener that refuses the first of the configuration's suites and names a later one is called once more with
    /// that one, so that a hybrid suite may be preferred without being required.
    public static func connect<Provider: CryptoProvider>(
        to endpoint: Endpoint, _ configuration: Configuration<Provider>, options: TransportOptions = TransportOptions()
    ) async throws -> SecureChannel {
        try Session.check(configuration, options, for: endpoint)
        do {
            return try await open(endpoint, configuration, options)
        } catch let error as SecureChannelError {
            guard case .failed(let failed) = error.kind, let suite = configuration.suite(after: failed)
            else { throw error }
            var configuration = configuration
            configuration.offeredSuite = suite
            return try await open(endpoint, configuration, options)
        }
    }

    /// One attempt.
    private static func open<Provider: CryptoProvider>(
        _ endpoint: Endpoint, _ configuration: Configuration<Provider>, _ options: TransportOptions
    ) async throws -> SecureChannel {
        var configuration = configuration
        if options.trustStore != nil {
            // The key is not put into INIT: a peer that has another could not answer, and nobody would learn why.
            configuration.identityPolicy = .ask
            configuration.responderKey = nil
        }
        var judge = Judge(configuration, options)
        if let store = options.trustStore {
            judge.hasStore = true
            judge.known = try await store.knownKey(for: endpoint)
        }
        var logger = options.logger
        logger[metadataKey: "remote"] = "\(endpoint)"
        let metrics = ConnectionMetrics(options.metrics, role: .initiator, transport: endpoint.transport)
        let monitor = Monitor(logger: logger, metrics: metrics, judge: judge, agent: options.keyAgent)

        let start = SessionStart(.initiator, options, endpoint: endpoint, observer: monitor)
        let session = try await start.open(endpoint, configuration, options)
        do {
            let peer = try await session.established()
            if let store = options.trustStore, judge.known == nil {
                try await store.remember(peer.publicKey, for: endpoint)
            }
            let isFirstUse = peer.isFirstUse || judge.hasStore && judge.known == nil
            return SecureChannel(session, peer: peer, isFirstUse: isFirstUse, endpoint: endpoint)
        } catch {
            session.abort(.noError, reason: "")
            session.closeTransport(after: .zero)
            throw judge.explain(
                monitor.explain(error, at: endpoint), presented: monitor.presentedKey, at: endpoint)
        }
    }

    /// Connects, runs `body`, and closes in order; when `body` throws, or the task is cancelled, the channel is aborted
    /// instead. Throws what `body` throws, and what ``close(_:reason:afterPeerFinished:)`` throws.
    @discardableResult
    public nonisolated(nonsending) static func withConnection<Provider: CryptoProvider, Result>(
        to endpoint: Endpoint, _ configuration: Configuration<Provider>,
        options: TransportOptions = TransportOptions(), _ body: (SecureChannel) async throws -> Result
    ) async throws -> Result {
        let channel = try await connect(to: endpoint, configuration, options: options)
        let result: Result
        do {
            result = try await body(channel)
        } catch {
            channel.abort(error is CancellationError ? .noError : .internalError)
            throw error
        }
        try await channel.close()
        return result
    }
}

extension Session {
    /// Throws what is wrong with a configuration, before anything is opened for it.
    static func check(
        _ configuration: Configuration<Provider>, _ options: TransportOptions, for endpoint: Endpoint
    ) throws(SecureChannelError) {
        do throws(ConfigurationError) {
            // A responder draws no key before it is spoken to.
            _ = try Connection(.responder, configuration, at: .zero)
        } catch {
            throw SecureChannelError(.configuration(error), at: endpoint)
        }
        if configuration.credentialPolicy != .refused, options.verifyCredential == nil {
            throw SecureChannelError(
                .configuration(.credential), at: endpoint, detail: "nobody verifies what a peer may show")
        }
        // The peer's attempt would ask the holder of the key under a handle that nobody has.
        if endpoint.isDatagram, configuration.isSymmetric, case .external = configuration.identity {
            throw SecureChannelError(
                .configuration(.identity), at: endpoint,
                detail: "where both begin on datagrams, the private key must be here")
        }
    }
}

/// Puts a connection on a transport, and has it recorded if that is wished.
struct SessionStart {
    private let role: Role
    private let recorder: SessionRecorder?
    private let endpoint: Endpoint?
    private let observer: any SessionObserver

    init(_ role: Role, _ options: TransportOptions, endpoint: Endpoint?, observer: any SessionObserver) {
        self.role = role
        recorder = options.recorder?()
        self.endpoint = endpoint
        self.observer = observer
    }

    /// Opens a transport, and begins a connection on it. One on datagrams is not recorded.
    func open<Provider>(
        _ endpoint: Endpoint, _ configuration: Configuration<Provider>, _ options: TransportOptions
    ) async throws -> any AnySession {
        let transport =
            if endpoint.isDatagram {
                try await DatagramSockets.dial(endpoint, configuration, options)
            } else {
                try await Dialing.dial(endpoint, options, timeout: configuration.timers.handshake)
            }
        do {
            return try await transport.eventLoop.submit {
                guard endpoint.isDatagram else { return try begin(configuration, on: transport) }
                let handler = try transport.pipeline.syncOperations.handler(type: DatagramHandler<Provider>.self)
                return try handler.connect(configuration, endpoint: endpoint, observer: observer)
            }.get()
        } catch {
            transport.close(promise: nil)
            if let error = error as? ConfigurationError {
                throw SecureChannelError(.configuration(error), at: endpoint)
            }
            throw SecureChannelError(.unreachable, at: endpoint, detail: "\(error)")
        }
    }

    /// On an open stream, on its event loop.
    func begin<Provider>(
        _ configuration: Configuration<Provider>, on transport: any NIOCore.Channel
    ) throws -> any AnySession {
        guard let recorder else { return try begin(configuration, on: transport, recorder: nil) }
        return try begin(configuration.recorded(by: recorder), on: transport, recorder: recorder)
    }

    private func begin<Provider>(
        _ configuration: Configuration<Provider>, on transport: any NIOCore.Channel, recorder: SessionRecorder?
    ) throws -> Session<Provider> {
        let session = try Session(
            role, configuration, recorder: recorder, endpoint: endpoint, eventLoop: transport.eventLoop)
        let handler = SecureChannelHandler(session: session, configuration, observer: observer)
        try transport.pipeline.syncOperations.addHandler(handler)
        return session
    }
}

extension Monitor {
    /// Says what the holder of our private key said, or who verified the peer's credential, when that was the reason;
    /// or what the network said when nobody answered.
    func explain(_ error: any Error, at endpoint: Endpoint) -> any Error {
        guard let failed = error as? SecureChannelError else { return error }
        let detail: String? =
            switch failed.code {
            case .keyUnavailable: agentError ?? "the key agent did not answer in time"
            case .credentialInvalid: rejection
            case .handshakeTimeout: hint
            default: nil
            }
        return detail.map { SecureChannelError(failed.kind, at: endpoint, detail: $0) } ?? error
    }
}

extension Judge {
    /// Says which key was expected and which came, when that was the reason.
    func explain(_ error: any Error, presented: PublicKey?, at endpoint: Endpoint) -> any Error {
        guard let known, let presented, !known.names(sameKeyAs: presented),
            let failed = error as? SecureChannelError, failed.code == .identityRejected
        else { return error }
        return SecureChannelError(.keyChanged(known: known, presented: presented), at: endpoint)
    }
}
