import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// The channel handler in pipelines of real sockets, as a program builds them that has NIO handlers of its own.
@Suite("Pipelines", .timeLimit(.minutes(2)))
struct PipelineTests {
    /// Gives back what comes.
    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = Message
        typealias OutboundOut = OutgoingMessage

        /// Whether it asks for messages; otherwise NIO does.
        private let isAsking: Bool

        init(isAsking: Bool) { self.isAsking = isAsking }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let message = unwrapInboundIn(data)
            context.writeAndFlush(wrapOutboundOut(OutgoingMessage(message.bytes, on: message.channel)), promise: nil)
        }

        func channelActive(context: ChannelHandlerContext) {
            if isAsking { context.read() }
            context.fireChannelActive()
        }

        func channelReadComplete(context: ChannelHandlerContext) {
            if isAsking { context.read() }
            context.fireChannelReadComplete()
        }
    }

    /// Sends a message when the one before has come back.
    private final class Caller: ChannelInboundHandler {
        typealias InboundIn = Message
        typealias OutboundOut = OutgoingMessage

        private var remaining: Int
        private let result: EventLoopPromise<Int>
        private var bytes = 0

        init(_ count: Int, _ result: EventLoopPromise<Int>) {
            remaining = count
            self.result = result
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            switch event as? Event {
            case .established: send(context)
            case .closed(.failed(let error)): result.fail(error)
            default: break
            }
            context.fireUserInboundEventTriggered(event)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            bytes += unwrapInboundIn(data).bytes.readableBytes
            remaining -= 1
            guard remaining > 0 else { return result.succeed(bytes) }
            send(context)
        }

        private func send(_ context: ChannelHandlerContext) {
            let message = OutgoingMessage(ByteBuffer(repeating: 7, count: 20_000), on: .default)
            context.writeAndFlush(wrapOutboundOut(message), promise: nil)
        }
    }

    @Test(
        "messages come without a handler that asks, and with autoRead off when one does", arguments: [true, false])
    func echo(autoRead: Bool) async throws {
        let ends = try Ends()
        let (client, server) = (ends.client, ends.server)
        let group = MultiThreadedEventLoopGroup.singleton
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: autoRead)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        try SecureChannelHandler(.responder, server, eventLoop: channel.eventLoop),
                        Echo(isAsking: !autoRead),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result = group.next().makePromise(of: Int.self)
        let channel = try await ClientBootstrap(group: group)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        try SecureChannelHandler(.initiator, client, eventLoop: channel.eventLoop), Caller(100, result),
                    ])
                }
            }
            .connect(to: try #require(listener.localAddress)).get()
        let limit = group.next().scheduleTask(in: .seconds(60)) {
            result.fail(ChannelError.connectTimeout(.seconds(60)))
        }
        #expect(try await result.futureResult.get() == 2_000_000)
        limit.cancel()
        try await channel.close()
        try await listener.close()
    }
}
