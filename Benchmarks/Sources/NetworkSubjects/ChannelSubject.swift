import CBenchmarkSupport
import Dispatch
import Logging
import NIOCore
import SCP
import SCPGcrypt
import SCPNIO
import Subjects
import Synchronization

/// What tasks send and receive through `SecureChannel`, over TCP or UDP. Event loops and tasks have threads of their
/// own here, as they have in a program: the processor time is that of the process.
public final class ChannelSubject: Subject {
    public enum Transport: String, Sendable {
        case tcp = "TCP"
        case udp = "UDP"
    }
    public enum Work: Sendable {
        case bulk(size: Int)
        case pingPong(size: Int)
    }

    /// Messages on this channel come back; those on the default one are counted.
    private static let echo = SCP.Channel(1)

    private let channel: SecureChannel
    private let work: Work
    private let stop: AsyncStream<Never>.Continuation

    public init(_ transport: Transport, _ work: Work) throws {
        self.work = work
        let parties = try Parties(GcryptProvider())
        let (opened, open) = AsyncStream.makeStream(of: Result<SecureChannel, any Error>.self)
        let (stopped, stop) = AsyncStream.makeStream(of: Never.self)
        self.stop = stop
        Task { await ChannelSubject.hold(transport, parties, open, until: stopped) }
        channel = try ChannelSubject.blocking {
            for await result in opened { return try result.get() }
            throw Failed("no channel")
        }
        for _ in 0..<3 { _ = try slice() }
    }

    deinit { stop.finish() }

    /// Serves and connects, and keeps both until it is told to stop.
    private static func hold(
        _ transport: Transport, _ parties: Parties<GcryptProvider>,
        _ opened: AsyncStream<Result<SecureChannel, any Error>>.Continuation, until stopped: AsyncStream<Never>
    ) async {
        var options = ServerOptions()
        options.transport.logger = Logger(label: "benchmark", factory: { _ in SwiftLogNoOpLogHandler() })
        let client = options.transport
        let endpoint: Endpoint = transport == .tcp ? .tcp("127.0.0.1", 0) : .udp("127.0.0.1", 0)
        do {
            try await SecureServer.withServer(on: endpoint, parties.responder, options: options, handler: serve) {
                server in
                let channel = try await SecureChannel.connect(to: server.address, parties.initiator, options: client)
                opened.yield(.success(channel))
                for await _ in stopped {}
                try await channel.close()
            }
        } catch {
            opened.yield(.failure(error))
        }
    }

    @Sendable private static func serve(_ client: SecureChannel) async throws {
        var count: UInt64 = 0
        for try await message in client.messages {
            if message.channel == echo {
                try await client.send(message.bytes, on: echo)
            } else if message.bytes.readableBytes > 0 {
                count += UInt64(message.bytes.readableBytes)
            } else {
                try await client.send(ByteBuffer(integer: count))
                count = 0
            }
        }
    }

    public func slice() throws -> Slice {
        let channel = channel
        let work = work
        return try Self.blocking {
            switch work {
            case .bulk(let size): try await Self.sendBulk(over: channel, size: size)
            case .pingPong(let size): try await Self.playPingPong(over: channel, size: size)
            }
        }
    }

    private static func sendBulk(over channel: SecureChannel, size: Int) async throws -> Slice {
        let count = max(16, min(512, (2 << 20) / size))
        let message = ByteBuffer(repeating: 0x5a, count: size)
        let watch = ProcessWatch()
        for _ in 0..<count { try await channel.send(message) }
        try await channel.send(ByteBuffer())
        var answer = try await channel.receive()?.bytes
        let slice = watch.slice(operations: count)
        guard answer?.readInteger(as: UInt64.self) == UInt64(size * count) else { throw Failed("bytes were lost") }
        return slice
    }

    private static func playPingPong(over channel: SecureChannel, size: Int) async throws -> Slice {
        let message = ByteBuffer(repeating: 0x5a, count: size)
        let watch = ProcessWatch()
        for _ in 0..<64 {
            try await channel.send(message, on: echo)
            guard try await channel.receive(from: echo)?.bytes.readableBytes == size else { throw Failed("no answer") }
        }
        return watch.slice(operations: 64)
    }

    /// Waits for a task. Not to be called from one.
    private static func blocking<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) throws -> Value {
        let box = Box<Value>()
        let isDone = DispatchSemaphore(value: 0)
        Task {
            let value: Result<Value, any Error>
            do { value = .success(try await body()) } catch { value = .failure(error) }
            box.store(value)
            isDone.signal()
        }
        isDone.wait()
        return try box.load().get()
    }
}

/// The result of a task, for the thread that waits for it.
private final class Box<Value: Sendable>: Sendable {
    private let value = Mutex<Result<Value, any Error>?>(nil)

    func store(_ result: Result<Value, any Error>) { value.withLock { $0 = result } }

    func load() throws -> Result<Value, any Error> {
        guard let result = value.withLock({ $0 }) else { throw Failed("a task gave no result") }
        return result
    }
}

/// What the whole process has used since.
private struct ProcessWatch {
    private let allocations = cbs_allocations()
    private let wall = cbs_wall_time()
    private let process = cbs_process_time()

    func slice(operations: Int) -> Slice {
        var slice = Slice()
        slice.nanoseconds = cbs_process_time() - process
        slice.wall = cbs_wall_time() - wall
        slice.allocations = cbs_allocations() - allocations
        slice.operations = operations
        return slice
    }
}
