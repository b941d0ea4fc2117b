internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import SCP

#if canImport(Darwin)
internal import Darwin
#elseif canImport(Musl)
internal import Musl
#else
internal import Glibc
#endif

/// How datagram sockets are opened.
enum DatagramSockets {
    /// Buffers that are read into at once, where the kernel gives many datagrams with one call.
    private static let vector = 8
    /// Bytes that may wait for the socket before the engine is asked for no more.
    private static let waterMarks = ChannelOptions.Types.WriteBufferWaterMark(low: 131_072, high: 262_144)
    /// What the kernel puts together of one sender's datagrams (UDP_GRO of Linux).
    private static let offloadSize = 65_536

    /// A socket that is being made, with a handler on it.
    ///
    /// - Parameter vector: buffers that are read into at once.
    private static func bootstrap<Provider: CryptoProvider>(
        _ eventLoop: any EventLoop, _ options: TransportOptions, _ limits: Limits, vector: Int = 1,
        _ handler: @escaping @Sendable (any NIOCore.Channel) throws -> DatagramHandler<Provider>
    ) -> DatagramBootstrap {
        let size = max(2_048, limits.datagramSize + DatagramPrefix.maximumConnectionID + 2)
        let capacity = vector * (System.supportsUDPReceiveOffload ? offloadSize : size)
        return DatagramBootstrap(group: eventLoop)
            .channelOption(.datagramVectorReadMessageCount, value: vector)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: capacity))
            .channelOption(.writeBufferWaterMark, value: waterMarks)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(try handler(channel))
                }
            }
    }

    /// What can be set once the kind of the socket is known.
    static func apply(_ options: TransportOptions, to channel: any NIOCore.Channel) throws {
        guard let setter = channel.syncOptions else { return }
        if let size = options.socketSendBuffer {
            try setter.setOption(.socketOption(.so_sndbuf), value: SocketOptionValue(size))
        }
        if let size = options.socketReceiveBuffer {
            try setter.setOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(size))
        }
        guard let family = channel.localAddress?.protocol, family == .inet || family == .inet6 else { return }
        if System.supportsUDPReceiveOffload {
            // Older kernels know neither; then every datagram comes by itself.
            try? setter.setOption(.datagramReceiveOffload, value: true)
            try? setter.setOption(.datagramReceiveSegmentSize, value: true)
        }
        #if os(Linux)
        // Datagrams are never fragmented: their size is found out by probes. [SCP-DGRAM-3]
        let (level, name, probe): (CInt, CInt, CInt) =
            family == .inet
            ? (CInt(IPPROTO_IP), IP_MTU_DISCOVER, IP_PMTUDISC_PROBE)
            : (CInt(IPPROTO_IPV6), IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE)
        try setter.setOption(
            ChannelOptions.Types.SocketOption(
                level: .init(rawValue: level), name: .init(rawValue: name)), value: Int(probe))
        #endif
    }

    /// A socket that is connected to one peer, with a handler that is not begun yet.
    static func dial<Provider: CryptoProvider>(
        _ endpoint: Endpoint, _ configuration: Configuration<Provider>, _ options: TransportOptions
    ) async throws -> any NIOCore.Channel {
        var settings = DatagramEndpointSettings()
        // Both may begin: the peer's attempt is answered too. [SCP-DGRAM-29]
        settings.isListening = configuration.isSymmetric
        let eventLoop = options.eventLoopGroup.next()
        let local = try await local(options, on: eventLoop)
        return try await Dialing.run(to: endpoint) { [settings] dialing in
            resolve(endpoint, on: eventLoop).flatMap { address in
                // What the peer sends before we begin waits in the kernel: two that begin at once would else agree on a
                // session that nobody here has asked for yet.
                let bootstrap = bootstrap(eventLoop, options, configuration.limits) { channel in
                    try dialing.add(channel)
                    return try DatagramHandler(configuration, settings, acceptor: nil, eventLoop: channel.eventLoop)
                }.channelOption(.autoRead, value: false)
                guard case .unixDomainSocket = address else {
                    guard let local else { return bootstrap.connect(to: address) }
                    return bootstrap.bind(to: local).flatMap { channel in channel.connect(to: address).map { channel } }
                }
                return ReplyName.bind(bootstrap).flatMap { channel in channel.connect(to: address).map { channel } }
            }.flatMapThrowing { channel in
                try apply(options, to: channel)
                return channel
            }
        }
    }

    /// Where the socket of a client is to be bound.
    private static func local(
        _ options: TransportOptions, on eventLoop: any EventLoop
    ) async throws -> SocketAddress? {
        guard let endpoint = options.localEndpoint else { return nil }
        do {
            return try await resolve(endpoint, on: eventLoop).get()
        } catch {
            throw SecureChannelError.dialing(error, endpoint)
        }
    }

    /// A socket that strangers are answered on, and the address that it really has.
    static func listen<Provider: CryptoProvider>(
        _ endpoint: Endpoint, _ configuration: Configuration<Provider>, _ options: ServerOptions,
        _ acceptor: Acceptor<Provider>
    ) async throws -> (any ListeningSocket, Endpoint) {
        var settings = DatagramEndpointSettings()
        settings.held = min(settings.held, options.maximumUnauthenticatedConnections)
        settings.halfOpen = min(settings.halfOpen, options.maximumUnauthenticatedConnections)
        let eventLoop = options.transport.eventLoopGroup.next()
        let bootstrap = bootstrap(eventLoop, options.transport, configuration.limits, vector: vector) {
            [settings] channel in
            try DatagramHandler(
                configuration, settings, acceptor: DatagramAcceptor(acceptor), eventLoop: channel.eventLoop)
        }
        try endpoint.checkPort(0...65_535, .cannotListen)
        let channel: any NIOCore.Channel
        var address = endpoint
        switch endpoint {
        case .tcp(let host, let port), .udp(let host, let port):
            channel = try await bootstrap.bind(to: resolve(endpoint, on: eventLoop).get()).get()
            address = .udp(host, channel.localAddress?.port ?? port)
        case .unix(let path), .unixDatagram(let path):
            channel = try await SocketFile.bind(
                path, bootstrap.bind(unixDomainSocketPath:cleanupExistingSocketFile:)
            ) {
                try await DatagramBootstrap(group: eventLoop).connect(unixDomainSocketPath: path).get()
            }
            removeFile(path, after: channel)
        }
        let listener = try await eventLoop.submit {
            try apply(options.transport, to: channel)
            let handler = try channel.pipeline.syncOperations.handler(type: DatagramHandler<Provider>.self)
            let bound = NIOLoopBound(handler, eventLoop: eventLoop)
            return DatagramListener(
                channel: channel, stopListening: { bound.value.stopListening() },
                finish: { bound.value.finish(within: $0) })
        }.get()
        return (listener, address)
    }

    /// NIO removes the files of stream sockets only.
    fileprivate static func removeFile(_ path: String, after channel: any NIOCore.Channel) {
        channel.closeFuture.whenComplete { _ in _ = unsafe unlink(path) }
    }

    /// The address of a peer. Names are looked up on a thread that may wait.
    static func resolve(_ endpoint: Endpoint, on eventLoop: any EventLoop) -> EventLoopFuture<SocketAddress> {
        switch endpoint {
        case .udp(let host, let port), .tcp(let host, let port):
            if let address = try? SocketAddress(ipAddress: host, port: port) {
                return eventLoop.makeSucceededFuture(address)
            }
            return NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
                try SocketAddress.makeAddressResolvingHost(host, port: port)
            }
        case .unix(let path), .unixDatagram(let path):
            return eventLoop.makeCompletedFuture { try SocketAddress(unixDomainSocketPath: path) }
        }
    }
}

/// The name under which a client of a Unix-domain datagram socket gets its answers.
private enum ReplyName {
    static func bind(_ bootstrap: DatagramBootstrap) -> EventLoopFuture<any NIOCore.Channel> {
        let name = "scp-" + String(UInt64.random(in: .min ... .max), radix: 36)
        #if os(Linux)
        // A name that is no file: anybody may answer to it, and nothing is left behind.
        return bootstrap.bind(unixDomainSocketPath: "\0" + name)
        #else
        let path = "/tmp/" + name
        return bootstrap.bind(unixDomainSocketPath: path).map { channel in
            DatagramSockets.removeFile(path, after: channel)
            return channel
        }
        #endif
    }
}
