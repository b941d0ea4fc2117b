internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import SCP

/// One attempt to reach an address, which cancellation ends at once: NIO's own future goes on until it has failed.
final class Dialing: Sendable {
    private typealias Waiter = CheckedContinuation<any NIOCore.Channel, any Error>

    private struct State {
        var waiter: Waiter?
        var channels: [any NIOCore.Channel] = []
        var isCancelled = false
    }

    private let state = NIOLockedValueBox(State())

    /// A connected stream that is not read yet.
    static func dial(
        _ endpoint: Endpoint, _ options: TransportOptions, timeout: Duration
    ) async throws -> any NIOCore.Channel {
        try await run(to: endpoint) { dialing in
            let bootstrap = ClientBootstrap(group: options.eventLoopGroup)
                .connectTimeout(TimeAmount(timeout))
                .channelOption(.autoRead, value: false)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try dialing.add(channel)
                        try StreamOptions.apply(options, to: channel, endpoint)
                    }
                }
            return try connect(bootstrap, to: endpoint)
        }
    }

    /// Waits for what `connect` promises, unless the task is cancelled before: then every channel that was added is
    /// closed.
    static func run(
        to endpoint: Endpoint, _ connect: (Dialing) throws -> EventLoopFuture<any NIOCore.Channel>
    ) async throws -> any NIOCore.Channel {
        let dialing = Dialing()
        return try await withTaskCancellationHandler {
            do {
                return try await withCheckedThrowingContinuation { continuation in
                    guard dialing.begin(continuation) else { return }
                    let future: EventLoopFuture<any NIOCore.Channel>
                    do {
                        try endpoint.checkPort(1...65_535, .unreachable)
                        future = try connect(dialing)
                    } catch {
                        return dialing.end(.failure(error))
                    }
                    future.whenComplete { dialing.end($0) }
                }
            } catch {
                throw SecureChannelError.dialing(error, endpoint)
            }
        } onCancel: {
            dialing.cancel()
        }
    }

    private static func connect(
        _ bootstrap: ClientBootstrap, to endpoint: Endpoint
    ) throws -> EventLoopFuture<any NIOCore.Channel> {
        switch endpoint {
        case .tcp(let host, let port), .udp(let host, let port):
            if let address = try? SocketAddress(ipAddress: host, port: port) { return bootstrap.connect(to: address) }
            return bootstrap.connect(host: host, port: port)
        case .unix(let path), .unixDatagram(let path):
            return bootstrap.connect(to: try SocketAddress(unixDomainSocketPath: path))
        }
    }

    /// A channel that is about to be connected. Throws when nobody wants it any more.
    func add(_ channel: any NIOCore.Channel) throws {
        let isCancelled = state.withLockedValue { state in
            state.channels.append(channel)
            return state.isCancelled
        }
        if isCancelled { throw CancellationError() }
    }

    private func begin(_ waiter: Waiter) -> Bool {
        let isCancelled = state.withLockedValue { state in
            if !state.isCancelled { state.waiter = waiter }
            return state.isCancelled
        }
        if isCancelled { waiter.resume(throwing: CancellationError()) }
        return !isCancelled
    }

    private func end(_ result: Result<any NIOCore.Channel, any Error>) {
        let waiter = state.withLockedValue { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        if let waiter { return waiter.resume(with: result) }
        if case .success(let channel) = result { channel.close(promise: nil) }
    }

    private func cancel() {
        let (waiter, channels) = state.withLockedValue { state in
            state.isCancelled = true
            defer { state.waiter = nil }
            return (state.waiter, state.channels)
        }
        guard let waiter else { return }
        for channel in channels { channel.close(promise: nil) }
        waiter.resume(throwing: CancellationError())
    }
}

/// What every stream of ours is set to.
enum StreamOptions {
    static func apply(_ options: TransportOptions, to channel: any NIOCore.Channel, _ endpoint: Endpoint) throws {
        guard let setter = channel.syncOptions else { return }
        if case .tcp = endpoint { try setter.setOption(.tcpOption(.tcp_nodelay), value: 1) }
        if let size = options.socketSendBuffer {
            try setter.setOption(.socketOption(.so_sndbuf), value: SocketOptionValue(size))
        }
        if let size = options.socketReceiveBuffer {
            try setter.setOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(size))
        }
    }
}

extension SecureChannelError {
    /// Why an address was not reached.
    static func dialing(_ error: any Error, _ endpoint: Endpoint) -> any Error {
        switch error {
        case is CancellationError, is SecureChannelError:
            return error
        case let error as NIOConnectionError:
            if let last = error.connectionErrors.last {
                return SecureChannelError(.unreachable, at: endpoint, detail: "\(last.error)")
            }
            let detail = (error.dnsAError ?? error.dnsAAAAError).map { "\($0)" }
            return SecureChannelError(.unknownHost, at: endpoint, detail: detail)
        case ChannelError.connectTimeout(let time):
            return SecureChannelError(
                .unreachable, at: endpoint, detail: "no answer in \(time.nanoseconds / 1_000_000) ms")
        default:
            return SecureChannelError(.unreachable, at: endpoint, detail: "\(error)")
        }
    }
}
