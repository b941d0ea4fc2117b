import NIOCore
import NIOEmbedded
import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// Two handlers in embedded channels, with the bytes between them carried by hand under a clock that only the test
/// moves.
private final class EmbeddedPair {
    final class End {
        let channel: EmbeddedChannel
        /// Flushes that reached the transport's side, and writes.
        let counter: Counter
        let collector = Collector()

        init(_ role: Role, _ configuration: Configuration<GcryptProvider>, _ loop: EmbeddedEventLoop) throws {
            let counter = Counter()
            let handler = try SecureChannelHandler(role, configuration, eventLoop: loop)
            self.counter = counter
            channel = EmbeddedChannel(loop: loop)
            try channel.pipeline.syncOperations.addHandlers([counter, handler, collector])
        }

        var events: [Event] { collector.events }
        var messages: [Message] { collector.messages }
        var errors: [any Error] { collector.errors }

        /// A wish for messages.
        func want() {
            channel.read()
            channel.embeddedEventLoop.run()
        }

        func write(_ bytes: [UInt8], on number: SCP.Channel = .default) -> EventLoopFuture<Void> {
            channel.write(OutgoingMessage(ByteBuffer(bytes: bytes), on: number))
        }

        var closure: Closure? {
            guard case .closed(let closure) = events.last else { return nil }
            return closure
        }
    }

    final class Counter: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        var writes = 0
        var flushes = 0

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            writes += 1
            context.write(data, promise: promise)
        }

        func flush(context: ChannelHandlerContext) {
            flushes += 1
            context.flush()
        }
    }

    final class Collector: ChannelInboundHandler {
        typealias InboundIn = Message
        var messages: [Message] = []
        var events: [Event] = []
        var errors: [any Error] = []
        var whenRead: ((ChannelHandlerContext) -> Void)?

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            messages.append(unwrapInboundIn(data))
            whenRead?(context)
        }
        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let event = event as? Event { events.append(event) }
        }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { errors.append(error) }
    }

    let loop = EmbeddedEventLoop()
    let client: End
    let server: End

    init(_ ends: Ends) throws {
        client = try End(.initiator, ends.client, loop)
        server = try End(.responder, ends.server, loop)
        for end in [client, server] {
            end.channel.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
        }
    }

    /// Carries bytes, cut into `segment` at most, until nobody has any.
    func exchange(segment: Int = .max) throws {
        var isMoving = true
        while isMoving {
            loop.run()
            let toServer = try carry(from: client, to: server, segment)
            let toClient = try carry(from: server, to: client, segment)
            isMoving = toServer || toClient
        }
    }

    private func carry(from sender: End, to receiver: End, _ segment: Int) throws -> Bool {
        var didCarry = false
        while var bytes = try sender.channel.readOutbound(as: ByteBuffer.self) {
            didCarry = true
            while let part = bytes.readSlice(length: min(segment, bytes.readableBytes)), part.readableBytes > 0 {
                // Not writeInbound: Swift 6.3.1 miscompiles it with -O when its result is not used.
                receiver.channel.pipeline.fireChannelRead(part)
            }
            receiver.channel.pipeline.fireChannelReadComplete()
        }
        return didCarry
    }

    func advance(by time: TimeAmount) throws {
        loop.advanceTime(by: time)
        try exchange()
    }

    /// After a handshake, with everybody wanting messages.
    static func established(_ ends: Ends, segment: Int = .max) throws -> EmbeddedPair {
        let pair = try EmbeddedPair(ends)
        try pair.exchange(segment: segment)
        try pair.advance(by: .milliseconds(25))
        return pair
    }
}

@Suite("The channel handler")
struct HandlerTests {
    private var ends: Ends

    init() throws {
        ends = try Ends()
        ends.client.timers = TimerSettings()
        ends.server.timers = TimerSettings()
    }

    @Test("handshake and messages, however the bytes are cut", arguments: [Int.max, 1, 7, 61])
    func segmentation(segment: Int) throws {
        let pair = try EmbeddedPair.established(ends, segment: segment)
        guard case .established(let peer) = pair.server.events.first else {
            Issue.record("no event")
            return
        }
        #expect(peer.publicKey == ends.clientKey)
        for bytes in [[], pattern(3), pattern(40_000)] {
            pair.server.want()
            let sent = pair.client.write(bytes)
            pair.client.channel.flush()
            try sent.wait()
            try pair.exchange(segment: segment)
            #expect(pair.server.messages.last?.array == bytes)
        }
        #expect(pair.server.messages.count == 3)
    }

    @Test("many writes and one flush make one write and one flush of the transport")
    func batching() throws {
        let pair = try EmbeddedPair.established(ends)
        let writes = pair.client.counter.writes
        let flushes = pair.client.counter.flushes
        pair.server.want()
        for number in 0..<100 { _ = pair.client.write(pattern(number)) }
        pair.client.channel.flush()
        pair.loop.run()
        #expect(pair.client.counter.writes == writes + 1)
        #expect(pair.client.counter.flushes == flushes + 1)
        let answers = pair.server.counter.flushes
        try pair.exchange()
        #expect(pair.server.messages.count == 100)
        #expect(pair.server.counter.flushes <= answers + 1)
    }

    @Test("without a wish no message comes, and the sender's promises wait; the socket is read all the same")
    func demand() throws {
        let pair = try EmbeddedPair.established(ends)
        let done = Shared(0)
        for _ in 0..<12 {
            pair.client.write(pattern(100_000)).whenSuccess { done.change { $0 += 1 } }
            pair.client.channel.flush()
            try pair.exchange()
        }
        #expect(pair.server.messages.isEmpty)
        #expect(done.value < 6)
        // Messages the other way still pass: acknowledgements are read.
        pair.client.want()
        _ = pair.server.write([1])
        pair.server.channel.flush()
        try pair.exchange()
        #expect(pair.client.messages.count == 1)
        for _ in 0..<40 where pair.server.messages.count < 12 {
            pair.server.want()
            try pair.advance(by: .milliseconds(25))
        }
        #expect(pair.server.messages.count == 12)
        #expect(done.value == 12)
    }

    @Test("an acknowledgement that is due by time comes by the event loop's clock")
    func acknowledgementTimer() throws {
        let pair = try EmbeddedPair.established(ends)
        pair.server.want()
        _ = pair.client.write([1])
        pair.client.channel.flush()
        try pair.exchange()
        let isDelivered = { pair.client.events.contains(.delivered(.default, through: MessageID(rawValue: 0))) }
        try pair.advance(by: .milliseconds(24))
        #expect(!isDelivered())
        try pair.advance(by: .milliseconds(1))
        #expect(isDelivered())
    }

    @Test("silence ends the connection by the idle timer, and the transport with it")
    func idle() throws {
        let pair = try EmbeddedPair.established(ends)
        try pair.advance(by: .seconds(29))
        #expect(pair.client.closure == nil)
        try pair.advance(by: .seconds(2))
        guard case .failed(let error) = pair.client.closure else {
            Issue.record("no end")
            return
        }
        #expect(error.code == .idleTimeout)
        try pair.advance(by: .hours(2))
        #expect(!pair.client.channel.isActive)
        #expect(!pair.server.channel.isActive)
    }

    @Test("keep-alive on one side holds a silent connection, at little cost")
    func keepAlive() throws {
        var ends = ends
        ends.client.timers.keepAlive = true
        let pair = try EmbeddedPair.established(ends)
        let writes = pair.client.counter.writes + pair.server.counter.writes
        for _ in 0..<600 { try pair.advance(by: .seconds(1)) }
        #expect(pair.client.closure == nil && pair.server.closure == nil)
        let frames = pair.client.counter.writes + pair.server.counter.writes - writes
        #expect((60...130).contains(frames))
        pair.server.want()
        _ = pair.client.write([1])
        pair.client.channel.flush()
        try pair.exchange()
        #expect(pair.server.messages.count == 1)
    }

    @Test("close() sends what was written, waits for the acknowledgement, and then the channel is closed")
    func close() throws {
        let pair = try EmbeddedPair.established(ends)
        pair.server.want()
        _ = pair.client.write([7])
        let closed = Shared(false)
        pair.client.channel.close().whenSuccess { closed.value = true }
        #expect(!closed.value)
        try pair.exchange()
        #expect(pair.server.messages.map(\.array) == [[7]])
        #expect(pair.server.closure == .byPeer(.noError, reason: []))
        #expect(pair.client.closure == .clean)
        // Both have shut their write sides: which each other side sees as the end of its input.
        for end in [pair.client, pair.server] {
            end.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        try pair.exchange()
        #expect(closed.value)
        #expect(!pair.client.channel.isActive)
    }

    @Test("messages and a close in one read: .closed comes last, whatever is written in between")
    func closedLast() throws {
        let pair = try EmbeddedPair.established(ends)
        let countBefore = Shared(-1)
        let collector = pair.server.collector
        collector.whenRead = { context in
            context.writeAndFlush(NIOAny(OutgoingMessage(ByteBuffer(string: "seen"), on: .default)), promise: nil)
            if case .closed = collector.events.last { countBefore.value = collector.messages.count }
        }
        pair.server.want()
        _ = pair.client.write([1])
        _ = pair.client.write([2])
        pair.client.channel.close(promise: nil)
        try pair.exchange()
        #expect(pair.server.messages.map(\.array) == [[1], [2]])
        #expect(pair.server.closure == .byPeer(.noError, reason: []))
        #expect(countBefore.value == -1)
    }

    @Test("credit for messages that were taken leaves at once, though nobody wants more")
    func creditAtOnce() throws {
        let pair = try EmbeddedPair.established(ends)
        for _ in 0..<10 { _ = pair.client.write(pattern(ends.server.limits.channelCredit / 16)) }
        pair.client.channel.flush()
        try pair.exchange()
        try pair.advance(by: .milliseconds(25))
        let writes = pair.server.counter.writes
        #expect(pair.server.messages.isEmpty)
        pair.server.want()
        #expect(pair.server.messages.count == 10)
        #expect(pair.server.counter.writes == writes + 1)
    }

    @Test("the end of the input without a close is told after the messages")
    func truncated() throws {
        let pair = try EmbeddedPair.established(ends)
        pair.server.want()
        _ = pair.client.write([7])
        pair.client.channel.flush()
        try pair.exchange()
        pair.server.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect(pair.server.messages.count == 1)
        guard case .failed(let error) = pair.server.closure else {
            Issue.record("no end")
            return
        }
        #expect(error.code == .truncated)
    }

    @Test("an error of the transport is TRANSPORT_FAILED, and is passed on")
    func broken() throws {
        let pair = try EmbeddedPair.established(ends)
        pair.server.channel.pipeline.fireErrorCaught(IOError(errnoCode: 104, reason: "reset"))
        pair.loop.run()
        guard case .failed(let error) = pair.server.closure else {
            Issue.record("no end")
            return
        }
        #expect(error.code == .transportFailed)
        #expect(pair.server.errors.count == 1)
    }

    @Test("commands: finish, ping, close with a reason; a decision")
    func commands() throws {
        var ends = ends
        ends.server.identityPolicy = .ask
        let pair = try EmbeddedPair.established(ends)
        #expect(pair.server.events == [.identityPending(ends.clientKey)])
        pair.server.channel.triggerUserOutboundEvent(SecureChannelCommand.resolveIdentity(.accept), promise: nil)
        try pair.exchange()
        guard case .established = pair.server.events.last else {
            Issue.record("not accepted")
            return
        }
        pair.server.channel.triggerUserOutboundEvent(SecureChannelCommand.ping, promise: nil)
        pair.client.channel.triggerUserOutboundEvent(SecureChannelCommand.finish, promise: nil)
        try pair.exchange()
        #expect(pair.server.events.last == .peerFinished)
        let command = SecureChannelCommand.close(ErrorCode(rawValue: 0x1000), reason: "done")
        pair.server.channel.triggerUserOutboundEvent(command, promise: nil)
        try pair.exchange()
        #expect(pair.client.closure == .byPeer(ErrorCode(rawValue: 0x1000), reason: Array("done".utf8)))
    }

    @Test("a credential in a pipeline: seen while the decision is awaited, and rejected")
    func credentials() throws {
        var ends = ends
        ends.client.credential = Credential(scheme: .ed25519, chain: [[1, 2]]) { _ in [3, 4] }
        ends.server.credentialPolicy = .optional
        let pair = try EmbeddedPair.established(ends)
        let handler = try pair.server.channel.pipeline.syncOperations.handler(
            type: SecureChannelHandler<GcryptProvider>.self)
        #expect(pair.server.events == [.identityPending(ends.clientKey)])
        #expect(handler.pendingCredential?.chain == [[1, 2]] && handler.pendingCredential?.signature == [3, 4])
        let command = SecureChannelCommand.resolveIdentity(.rejectCredential)
        pair.server.channel.triggerUserOutboundEvent(command, promise: nil)
        #expect(handler.pendingCredential == nil)
        try pair.exchange()
        #expect(pair.client.closure == .byPeer(.credentialInvalid, reason: []))
    }

    @Test("writes that cannot be sent fail their promises, and those that wait when the handler goes")
    func failingWrites() throws {
        let pair = try EmbeddedPair.established(ends)
        let failures = Shared<[SecureChannelError.Kind]>([])
        pair.client.write(pattern(131_073)).whenFailure { error in
            if let error = error as? SecureChannelError { failures.change { $0.append(error.kind) } }
        }
        #expect(failures.value == [.notSent(.tooLarge(limit: 131_072))])
        let failed = Shared(0)
        for _ in 0..<8 {
            pair.client.write(pattern(100_000)).whenFailure { _ in failed.change { $0 += 1 } }
        }
        #expect(failed.value == 0)
        pair.client.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        pair.loop.run()
        #expect(failed.value > 0)
    }
}
