import Foundation
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// Two ends with real keys that know each other, and options that say nothing.
struct Ends {
    let provider: GcryptProvider
    let clientKey: PublicKey
    let serverKey: PublicKey
    var client: Configuration<GcryptProvider>
    var server: Configuration<GcryptProvider>
    var options = TransportOptions.quiet
    var serverOptions = ServerOptions()

    init() throws {
        provider = try GcryptProvider()
        let first = try provider.privateKey(provider.randomSecret(count: 32))
        let second = try provider.privateKey(provider.randomSecret(count: 32))
        clientKey = try provider.publicKey(of: first)
        serverKey = try provider.publicKey(of: second)
        client = Configuration(provider: provider, identity: first, identityPolicy: .pinned(serverKey))
        server = Configuration(provider: provider, identity: second, identityPolicy: .allowed([clientKey]))
        serverOptions.transport = .quiet
        // A sanitizer on a busy machine is slow: a timer that is not the test's subject must not run out.
        for side in [\Ends.client, \Ends.server] {
            self[keyPath: side].timers.handshake = .seconds(100)
            self[keyPath: side].timers.flush = .seconds(100)
            self[keyPath: side].timers.closeWait = .seconds(100)
            self[keyPath: side].timers.idle = .seconds(200)
        }
        serverOptions.shutdownTime = .seconds(100)
    }

    /// A key of nobody's.
    func stranger() throws -> GcryptProvider.PrivateKey {
        try provider.privateKey(provider.randomSecret(count: 32))
    }

    func connect(to endpoint: Endpoint) async throws -> SecureChannel {
        try await SecureChannel.connect(to: endpoint, client, options: options)
    }

    /// Runs `body` beside a server.
    func withServer(
        on endpoint: Endpoint = loopback, handler: @escaping @Sendable (SecureChannel) async throws -> Void = echo,
        _ body: (Endpoint) async throws -> Void
    ) async throws {
        try await SecureServer.withServer(on: endpoint, server, options: serverOptions, handler: handler) { server in
            try await body(server.address)
        }
    }
}

extension TransportOptions {
    /// Without a log.
    static var quiet: TransportOptions {
        var options = TransportOptions()
        options.logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        return options
    }
}

/// Loopback with a port that the system chooses.
let loopback = Endpoint.tcp("127.0.0.1", 0)

/// What most handlers of these tests do.
@Sendable func echo(_ client: SecureChannel) async throws {
    for try await message in client.messages { try await client.send(message.bytes, on: message.channel) }
}

/// A handler that holds the channel and does nothing until it is cancelled.
@Sendable func idle(_ client: SecureChannel) async throws {
    _ = try await client.waitUntilClosed()
}

extension Message {
    var array: [UInt8] { Array(buffer: bytes) }
}

/// `count` bytes that differ from place to place.
func pattern(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
    var value = UInt32(seed) &* 2_654_435_761
    return (0..<count).map { _ in
        value = value &* 1_664_525 &+ 1_013_904_223
        return UInt8(truncatingIfNeeded: value >> 24)
    }
}

/// A directory of the test's own for sockets: short, since socket paths are.
func withTemporaryDirectory(_ body: (String) async throws -> Void) async throws {
    let path = "/tmp/scp-nio-" + UUID().uuidString.prefix(13)
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    defer { try? FileManager.default.removeItem(atPath: path) }
    try await body(path)
}

/// A value that tasks share.
final class Shared<Value: Sendable>: Sendable {
    private let box: NIOLockedValueBox<Value>

    init(_ value: Value) { box = NIOLockedValueBox(value) }

    var value: Value {
        get { box.withLockedValue { $0 } }
        set { box.withLockedValue { $0 = newValue } }
    }

    func change<Result>(_ body: (inout Value) -> Result) -> Result { box.withLockedValue { body(&$0) } }
}

/// Waits until something that happens elsewhere is true. The suite's time limit bounds it.
func eventually(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: .milliseconds(2)) }
}

/// The error that `body` throws.
func failure(of body: () async throws -> Void) async -> (any Error)? {
    do {
        try await body()
        return nil
    } catch {
        return error
    }
}

/// The error of a channel that `body` throws.
func channelFailure(of body: () async throws -> Void) async throws -> SecureChannelError {
    try #require(await failure(of: body) as? SecureChannelError)
}

/// A plain stream that speaks no SCP: what it receives is collected, and so is its end.
final class PlainClient: Sendable {
    let channel: any NIOCore.Channel
    let received: Shared<[UInt8]>
    let isEnded: Shared<Bool>

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let received: Shared<[UInt8]>
        let isEnded: Shared<Bool>

        init(_ received: Shared<[UInt8]>, _ isEnded: Shared<Bool>) {
            self.received = received
            self.isEnded = isEnded
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(buffer: unwrapInboundIn(data))
            received.change { $0 += bytes }
        }

        func channelInactive(context: ChannelHandlerContext) { isEnded.value = true }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    init(to endpoint: Endpoint) async throws {
        let received = Shared<[UInt8]>([])
        let isEnded = Shared(false)
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Collector(received, isEnded))
            }
        }
        switch endpoint {
        case .tcp(let host, let port), .udp(let host, let port):
            channel = try await bootstrap.connect(host: host, port: port).get()
        case .unix(let path), .unixDatagram(let path):
            channel = try await bootstrap.connect(unixDomainSocketPath: path).get()
        }
        self.received = received
        self.isEnded = isEnded
    }

    func write(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

    func waitForEnd() async throws { try await eventually { isEnded.value } }

    func close() async throws { try await channel.close() }
}

/// A listener that accepts and says nothing.
struct SilentListener {
    let channel: any NIOCore.Channel
    let accepted = Shared<[any NIOCore.Channel]>([])

    init() async throws {
        let accepted = accepted
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in
                accepted.change { $0.append(child) }
                return child.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var address: Endpoint { .tcp("127.0.0.1", channel.localAddress?.port ?? 0) }

    func close() async throws {
        for child in accepted.value { try? await child.close() }
        try await channel.close()
    }
}
