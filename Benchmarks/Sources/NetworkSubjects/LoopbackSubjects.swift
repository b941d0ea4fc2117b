import CBenchmarkSupport
import NIOCore
import NIOPosix
import Subjects

/// Times of the event loop's thread, taken on it.
private final class Stopwatch: @unchecked Sendable {
    private var thread: UInt64 = 0
    private var wall: UInt64 = 0
    private var allocations: UInt64 = 0
    private(set) var slice = Slice()

    func start() {
        allocations = cbs_thread_allocations()
        wall = cbs_wall_time()
        thread = cbs_thread_time()
    }

    func stop(operations: Int) {
        slice.nanoseconds = cbs_thread_time() - thread
        slice.wall = cbs_wall_time() - wall
        slice.allocations = cbs_thread_allocations() - allocations
        slice.operations = operations
    }
}

/// A connection with the applications of its two ends, which are touched on the event loop only.
private final class Conversation: @unchecked Sendable {
    let client: Application
    let server: Application

    init(client: Application, server: Application) {
        self.client = client
        self.server = server
    }
}

/// One established connection over loopback TCP, and what is sent over it.
public final class LoopbackSubject: Subject {
    public enum Work: Sendable {
        /// Messages of a size from the client to the server, each flushed by itself.
        case bulk(size: Int)
        /// A message of a size there and back, one at a time.
        case pingPong(size: Int)
    }

    /// Writes that may be waiting at once.
    private static let window = 16

    private let loopback: Loopback
    private let work: Work
    private let listener: any Channel
    private let conversation: Conversation

    public init(_ stack: Stack, _ work: Work) throws {
        let loopback = try Loopback(stack)
        self.loopback = loopback
        self.work = work
        let acceptance = loopback.loop.makePromise(of: (any Channel).self)
        listener = try loopback.listen()
        try listener.eventLoop.submit { [listener] in
            try listener.pipeline.syncOperations.addHandler(AcceptWatch(acceptance), position: .first)
        }.wait()
        guard let address = listener.localAddress else { throw Failed("no address") }
        let client = try loopback.connect(to: address).wait()
        let ready = loopback.loop.makePromise(of: Void.self)
        try loopback.loop.submit {
            try Loopback.application(of: client).whenReady = { ready.succeed() }
        }.wait()
        try ready.futureResult.wait()
        let server = try acceptance.futureResult.wait()
        conversation = try loopback.loop.submit {
            Conversation(
                client: try Loopback.application(of: client), server: try Loopback.application(of: server))
        }.wait()
        for _ in 0..<3 { _ = try slice() }
    }

    deinit { listener.close(promise: nil) }

    public func slice() throws -> Slice {
        let stopwatch = Stopwatch()
        let done = loopback.loop.makePromise(of: Void.self)
        let conversation = conversation
        switch work {
        case .bulk(let size):
            let count = max(8, min(256, (1 << 20) / size))
            loopback.loop.execute {
                stopwatch.start()
                Self.sendBulk(conversation, size: size, count: count) {
                    stopwatch.stop(operations: count)
                    done.succeed()
                }
            }
        case .pingPong(let size):
            let count = 64
            loopback.loop.execute {
                stopwatch.start()
                Self.playPingPong(conversation, size: size, count: count) {
                    stopwatch.stop(operations: count)
                    done.succeed()
                }
            }
        }
        try done.futureResult.wait()
        return stopwatch.slice
    }

    private static func sendBulk(
        _ conversation: Conversation, size: Int, count: Int, _ done: @escaping () -> Void
    ) {
        let message = ByteBuffer(repeating: 0x5a, count: size)
        conversation.server.goal = size * count
        conversation.server.whenReceived = done
        Sender(conversation.client, message, count: count, window: window).send()
    }

    private static func playPingPong(
        _ conversation: Conversation, size: Int, count: Int, _ done: @escaping () -> Void
    ) {
        let message = ByteBuffer(repeating: 0x5a, count: size)
        var left = count
        let client = conversation.client
        client.whenReceived = {
            left -= 1
            guard left > 0 else {
                client.whenReceived = nil
                return done()
            }
            client.goal = size
            client.context?.writeAndFlush(NIOAny(message), promise: nil)
        }
        client.goal = size
        client.context?.writeAndFlush(NIOAny(message), promise: nil)
    }
}

/// Sends messages, some at a time.
private final class Sender {
    private let application: Application
    private let message: ByteBuffer
    private var left: Int
    private var room: Int
    private var isSending = false

    init(_ application: Application, _ message: ByteBuffer, count: Int, window: Int) {
        self.application = application
        self.message = message
        left = count
        room = window
    }

    func send() {
        // A write may be done before it returns.
        guard !isSending else { return }
        isSending = true
        while left > 0, room > 0, let context = application.context {
            left -= 1
            room -= 1
            context.writeAndFlush(NIOAny(message)).assumeIsolated().whenComplete { _ in
                self.room += 1
                self.send()
            }
        }
        isSending = false
    }
}

/// Tells the first connection that was accepted, once.
private final class AcceptWatch: ChannelInboundHandler {
    typealias InboundIn = any Channel
    private var promise: EventLoopPromise<any Channel>?

    init(_ promise: EventLoopPromise<any Channel>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        promise?.succeed(unwrapInboundIn(data))
        promise = nil
        context.fireChannelRead(data)
    }
}

/// Connections made, used for one message there and back, and closed; several at a time.
public final class ConnectSubject: Subject {
    private static let count = 32
    private static let window = 8

    private let loopback: Loopback
    private let listener: any Channel
    private let address: SocketAddress

    public init(_ stack: Stack) throws {
        loopback = try Loopback(stack)
        listener = try loopback.listen()
        guard let address = listener.localAddress else { throw Failed("no address") }
        self.address = address
        _ = try slice()
    }

    deinit { listener.close(promise: nil) }

    public func slice() throws -> Slice {
        let stopwatch = Stopwatch()
        let done = loopback.loop.makePromise(of: Void.self)
        let round = Round(loopback, address, count: Self.count, done)
        loopback.loop.execute {
            stopwatch.start()
            for _ in 0..<Self.window { round.begin() }
        }
        done.futureResult.whenComplete { _ in stopwatch.stop(operations: Self.count) }
        try done.futureResult.wait()
        return stopwatch.slice
    }

    /// The connections of a slice; on the event loop only.
    private final class Round: @unchecked Sendable {
        private let loopback: Loopback
        private let address: SocketAddress
        private var begun = 0
        private var ended = 0
        private let count: Int
        private let done: EventLoopPromise<Void>

        init(_ loopback: Loopback, _ address: SocketAddress, count: Int, _ done: EventLoopPromise<Void>) {
            self.loopback = loopback
            self.address = address
            self.count = count
            self.done = done
        }

        func begin() {
            guard begun < count else { return }
            begun += 1
            loopback.connectAndGreet(address).whenComplete { result in
                switch result {
                case .failure(let error): self.done.fail(error)
                case .success(let channel):
                    channel.close().whenComplete { _ in
                        self.ended += 1
                        if self.ended == self.count { self.done.succeed() } else { self.begin() }
                    }
                }
            }
        }
    }
}

extension Loopback {
    /// A connection over which 64 bytes went there and back.
    func connectAndGreet(_ address: SocketAddress) -> EventLoopFuture<any Channel> {
        let greeted = loop.makePromise(of: (any Channel).self)
        connect(to: address).whenComplete { result in
            switch result {
            case .failure(let error): greeted.fail(error)
            case .success(let channel):
                do {
                    let application = try Self.application(of: channel)
                    application.whenReceived = { greeted.succeed(channel) }
                    application.goal = 64
                    application.whenReady = {
                        let message = ByteBuffer(repeating: 0x5a, count: 64)
                        application.context?.writeAndFlush(NIOAny(message), promise: nil)
                    }
                    channel.closeFuture.whenComplete { _ in greeted.fail(ChannelError.eof) }
                } catch {
                    greeted.fail(error)
                }
            }
        }
        return greeted.futureResult
    }
}
