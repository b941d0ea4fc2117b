import CBenchmarkSupport
import NIOCore
import NIOPosix
import NIOTLS
import SCP
import SCPGcrypt
import SCPNIO
import Subjects

/// What lies between the socket and the application.
public enum Stack: String, Sendable, CaseIterable {
    case plain = "plain NIO"
    case tls = "swift-nio-ssl"
    case scp = "SCP, libgcrypt"
    /// With the key agreement of swift-crypto.
    case mixed = "SCP, X25519 of swift-crypto"
}

/// Everything that connections over loopback TCP need. Both ends of all of them are on one event loop, so on one core,
/// and the processor time of its thread is the cost of both.
public final class Loopback: Sendable {
    let stack: Stack
    let loop: any EventLoop
    private let group: MultiThreadedEventLoopGroup
    private let tls: TLSParties
    private let parties: Parties<GcryptProvider>
    private let mixed: Parties<MixedProvider>

    public init(_ stack: Stack) throws {
        self.stack = stack
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        loop = group.next()
        tls = try TLSParties()
        parties = try Parties(GcryptProvider())
        mixed = try Parties(MixedProvider())
    }

    deinit { group.shutdownGracefully { _ in } }

    /// A listener whose clients get what they send.
    func listen() throws -> any NIOCore.Channel {
        try ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: allowsHalfClosure)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.add(to: channel, .responder, Application()) }
            }
            .bind(host: "127.0.0.1", port: 0).wait()
    }

    /// A connection, made on the event loop. Its application tells when it is ready.
    func connect(to address: SocketAddress) -> EventLoopFuture<any NIOCore.Channel> {
        ClientBootstrap(group: group)
            .channelOption(.allowRemoteHalfClosure, value: allowsHalfClosure)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.add(to: channel, .initiator, Application()) }
            }
            .connect(to: address)
    }

    private var allowsHalfClosure: Bool { stack == .scp || stack == .mixed }

    private func add(to channel: any NIOCore.Channel, _ role: Role, _ application: Application) throws {
        let pipeline = channel.pipeline.syncOperations
        switch stack {
        case .plain:
            application.isReady = true
        case .tls:
            if role == .initiator {
                try pipeline.addHandler(try tls.clientHandler())
            } else {
                try pipeline.addHandler(tls.serverHandler())
            }
        case .scp:
            let configuration = role == .initiator ? parties.initiator : parties.responder
            try pipeline.addHandler(SecureChannelHandler(role, configuration, eventLoop: channel.eventLoop))
            try pipeline.addHandler(MessageBytes())
        case .mixed:
            let configuration = role == .initiator ? mixed.initiator : mixed.responder
            try pipeline.addHandler(SecureChannelHandler(role, configuration, eventLoop: channel.eventLoop))
            try pipeline.addHandler(MessageBytes())
        }
        application.isEcho = role == .responder
        try pipeline.addHandler(application)
    }
}

/// Messages as their bytes, so that one application serves every stack.
private final class MessageBytes: ChannelDuplexHandler {
    typealias InboundIn = Message
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = OutgoingMessage

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        context.fireChannelRead(wrapInboundOut(unwrapInboundIn(data).bytes))
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        context.write(wrapOutboundOut(OutgoingMessage(unwrapOutboundIn(data))), promise: promise)
    }
}

/// Either end: it sends what it is told to, counts what comes, and as a server gives it back.
final class Application: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var isEcho = false
    var isReady = false
    /// Called once when messages may be sent.
    var whenReady: (() -> Void)? { didSet { if isReady { tellReady() } } }
    /// Called when `goal` bytes have come.
    var whenReceived: (() -> Void)?
    var goal = 0
    private var received = 0
    private(set) var context: ChannelHandlerContext?
    private var mustFlush = false

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        if isReady { tellReady() }
        context.fireChannelActive()
        // The wish for messages that SCP's handler waits for: reading the socket by itself, it leaves `autoRead` idle.
        context.read()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case TLSUserEvent.handshakeCompleted: becomeReady()
        case SCP.Event.established: becomeReady()
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func becomeReady() {
        isReady = true
        tellReady()
    }

    private func tellReady() {
        guard let tell = whenReady, context?.channel.isActive == true else { return }
        whenReady = nil
        tell()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        if isEcho, goal == 0 {
            context.write(wrapOutboundOut(bytes), promise: nil)
            mustFlush = true
            return
        }
        received += bytes.readableBytes
        guard goal > 0, received >= goal else { return }
        received -= goal
        goal = 0
        whenReceived?()
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if mustFlush {
            mustFlush = false
            context.flush()
        }
        context.fireChannelReadComplete()
        context.read()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension Loopback {
    /// The application of a channel; on its event loop.
    static func application(of channel: any NIOCore.Channel) throws -> Application {
        try channel.pipeline.syncOperations.handler(type: Application.self)
    }
}
