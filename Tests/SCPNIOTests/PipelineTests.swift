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

    /// Writes numbered messages, some at a time, each from the callback of an earlier one's promise.
    private final class EagerWriter: ChannelInboundHandler {
        typealias InboundIn = Message
        typealias OutboundOut = OutgoingMessage

        private let count: Int
        private var next = 0
        private var room = 16
        private var isWriting = false

        init(_ count: Int) { self.count = count }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if case .established? = event as? Event { write(context) }
            context.fireUserInboundEventTriggered(event)
        }

        private func write(_ context: ChannelHandlerContext) {
            // A write may be done before it returns.
            guard !isWriting else { return }
            isWriting = true
            defer { isWriting = false }
            while next < count, room > 0 {
                let message = OutgoingMessage(ByteBuffer(integer: next), on: .default)
                next += 1
                room -= 1
                context.writeAndFlush(wrapOutboundOut(message)).assumeIsolated().whenComplete { _ in
                    self.room += 1
                    self.write(context)
                }
            }
        }
    }

    /// Wants numbered messages, in order and each once.
    private final class Checker: ChannelInboundHandler {
        typealias InboundIn = Message

        private let count: Int
        private var next = 0
        private let result: EventLoopPromise<Int>

        init(_ count: Int, _ result: EventLoopPromise<Int>) {
            self.count = count
            self.result = result
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard unwrapInboundIn(data).bytes.getInteger(at: 0, as: Int.self) == next else {
                return result.succeed(next)
            }
            next += 1
            if next == count { result.succeed(next) }
        }
    }

    @Test(
        "messages come without a handler that asks, and with autoRead off when one does", arguments: [true, false])
    func echo(autoRead: Bool) async throws {
        let bytes = try await converse(autoRead: autoRead) { result in
            Caller(100, result)
        } server: { _ in
            Echo(isAsking: !autoRead)
        }
        #expect(bytes == 2_000_000)
    }

    /// One that writes in the callback of a promise comes into the handler while it admits what waited.
    @Test("a writer that writes from its promises loses nothing, and repeats nothing")
    func eagerWriter() async throws {
        let count = 50_000
        let arrived = try await converse(autoRead: true) { _ in
            EagerWriter(count)
        } server: { result in
            Checker(count, result)
        }
        #expect(arrived == count)
    }

    /// What one of two handlers, which speak over a socket, says when it is done.
    private func converse(
        autoRead: Bool, client: @escaping @Sendable (EventLoopPromise<Int>) -> any ChannelHandler,
        server: @escaping @Sendable (EventLoopPromise<Int>) -> any ChannelHandler
    ) async throws -> Int {
        let ends = try Ends()
        let group = MultiThreadedEventLoopGroup.singleton
        let result = group.next().makePromise(of: Int.self)
        let listener = try await ServerBootstrap(group: group)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: autoRead)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        try SecureChannelHandler(.responder, ends.server, eventLoop: channel.eventLoop), server(result),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let channel = try await ClientBootstrap(group: group)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers([
                        try SecureChannelHandler(.initiator, ends.client, eventLoop: channel.eventLoop), client(result),
                    ])
                }
            }
            .connect(to: try #require(listener.localAddress)).get()
        let limit = group.next().scheduleTask(in: .seconds(60)) {
            result.fail(ChannelError.connectTimeout(.seconds(60)))
        }
        let value = try await result.futureResult.get()
        limit.cancel()
        try await channel.close()
        try await listener.close()
        return value
    }
}
