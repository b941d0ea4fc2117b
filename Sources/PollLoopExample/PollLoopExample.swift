import SCP
import SCPGcrypt

#if canImport(Darwin)
import Darwin
private let stream = SOCK_STREAM
#else
import Glibc
private let stream = Int32(SOCK_STREAM.rawValue)
#endif

/// The engine without a framework: a client and a server of SCP/1 in one process, over loopback TCP, moved by one
/// poll(2) loop. The engine never touches a socket or a clock; everything it needs is in `End`.
@main
struct PollLoopExample {
    static func main() throws {
        signal(SIGPIPE, SIG_IGN)
        let provider = try GcryptProvider()
        let clientKey = try provider.privateKey(provider.randomSecret(count: 32))
        let serverKey = try provider.privateKey(provider.randomSecret(count: 32))
        let (known, allowed) = (try provider.publicKey(of: serverKey), try provider.publicKey(of: clientKey))
        let forClient = Configuration(provider: provider, identity: clientKey, identityPolicy: .pinned(known))
        let forServer = Configuration(provider: provider, identity: serverKey, identityPolicy: .allowed([allowed]))

        let sockets = try Sockets.connectedPair()
        var client = End("client", sockets.client, try Connection(.initiator, forClient, at: now()))
        var server = End("server", sockets.server, try Connection(.responder, forServer, at: now()))
        let messages = ["Hello, secure world!", String(repeating: "many bytes ", count: 10_000), ""]
        for message in messages { client.say(message) }

        var answers = 0
        while !client.isOver || !server.isOver {
            client.pump()
            server.pump()
            try wait(for: &client, &server)
            server.move()
            while let text = server.hear() { server.say("echo of \(text.utf8.count) bytes") }
            client.move()
            while client.hear() != nil { answers += 1 }
            if answers == messages.count { client.finish() }
        }
    }

    /// Sleeps until a socket is ready or an engine's deadline has come.
    static func wait(for client: inout End, _ server: inout End) throws {
        var descriptors = [client.interest, server.interest]
        var milliseconds: Int32 = -1
        if let next = [client.deadline, server.deadline].compactMap({ $0?.instant.nanoseconds }).min() {
            let time = now().nanoseconds
            milliseconds = next > time ? Int32(clamping: (next - time) / 1_000_000 + 1) : 0
        }
        guard !client.isOver || !server.isOver else { return }
        guard unsafe poll(&descriptors, 2, milliseconds) >= 0 else { throw SystemError("poll") }
        client.readiness = descriptors[0].revents
        server.readiness = descriptors[1].revents
    }

    /// The monotonic clock.
    static func now() -> Instant {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Instant(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
    }
}

/// One end of a connection: an engine, a socket, and what the socket has not taken yet.
struct End: ~Copyable {
    let name: String
    private let socket: Int32
    private var engine: Connection<GcryptProvider>
    private var unwritten: [UInt8] = []
    private var mustShutDown = false
    private var hasInput = true
    private(set) var isOver = false
    var readiness: Int16 = 0  // what poll(2) said

    init(_ name: String, _ socket: Int32, _ engine: consuming Connection<GcryptProvider>) {
        self.name = name
        self.socket = socket
        self.engine = engine
    }

    var deadline: Deadline? { engine.deadline }

    /// The socket is always read; it is watched for writing while there is something to write.
    var interest: pollfd {
        let events = (hasInput ? POLLIN : 0) | (unwritten.isEmpty ? 0 : POLLOUT)
        return pollfd(fd: isOver ? -1 : socket, events: Int16(events), revents: 0)
    }

    mutating func say(_ text: String) {
        let bytes = Array(text.utf8)
        do { _ = try engine.send(bytes.span, at: PollLoopExample.now()) } catch { print("\(name): not sent: \(error)") }
    }

    mutating func finish() { engine.close(at: PollLoopExample.now()) }

    mutating func hear() -> String? {
        let text = engine.read(at: PollLoopExample.now()) { _, bytes in
            String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        }
        if let text { print("\(name): received \(text.utf8.count) bytes: \(text.prefix(30))") }
        return text
    }

    /// Input: bytes that have arrived, the end of the stream, time that has passed.
    mutating func move() {
        guard !isOver else { return }
        if readiness & Int16(POLLIN | POLLHUP | POLLERR) != 0, hasInput {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
            if count > 0 {
                buffer.removeLast(buffer.count - count)
                var input = buffer.mutableSpan
                // An error is told by the closing event as well.
                try? engine.receive(&input, at: PollLoopExample.now())
            } else if count == 0 || errno != EAGAIN {
                hasInput = false
                engine.receiveEnd(count == 0 ? .endOfStream : .failed, at: PollLoopExample.now())
            }
        }
        engine.advance(to: PollLoopExample.now())
        tell()
    }

    /// Output: frames into the socket. The deadline is asked for before the next wait.
    mutating func pump() {
        guard !isOver else { return }
        var room = 65_536  // enough for most frames
        while !mustShutDown {
            var transmit = Transmit.nothing
            let frames = [UInt8](capacity: room) { output in
                transmit = engine.pollTransmit(into: &output, unwritten: unwritten.count, at: PollLoopExample.now())
            }
            unwritten += frames
            if transmit == .nothing { break }
            if case .outputFull(let needed) = transmit { room = max(room, needed) }
            if transmit == .endOfStream { mustShutDown = true }
        }
        flush()
        tell()
        guard engine.isTerminated else { return }
        print("\(name): \(engine.statistics.framesSent) frames sent, \(engine.statistics.framesReceived) received")
        close(socket)
        isOver = true
    }

    private mutating func tell() {
        while let event = engine.pollEvent() {
            switch event {
            case .established(let peer): print("\(name): established with \(peer.publicKey.bytes[0])...")
            case .closed(let closure): print("\(name): closed: \(closure)")
            default: break
            }
        }
    }

    private mutating func flush() {
        let count = unsafe unwritten.withUnsafeBytes { unsafe write(socket, $0.baseAddress, $0.count) }
        if count > 0 { unwritten.removeFirst(count) }
        if mustShutDown, unwritten.isEmpty { shutdown(socket, Int32(SHUT_WR)) }
    }
}

/// Plain sockets.
enum Sockets {
    static func connectedPair() throws -> (client: Int32, server: Int32) {
        let listener = socket(AF_INET, stream, 0)
        let client = socket(AF_INET, stream, 0)
        guard listener >= 0, client >= 0 else { throw SystemError("socket") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isReady = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(listener, pointer, size) == 0 && listen(listener, 1) == 0
                    && getsockname(listener, pointer, &size) == 0 && connect(client, pointer, size) == 0
            }
        }
        guard isReady else { throw SystemError("listen and connect on loopback") }
        let server = accept(listener, nil, nil)
        guard server >= 0 else { throw SystemError("accept") }
        close(listener)
        for descriptor in [client, server] {
            var one: Int32 = 1
            unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
            guard fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0 else { throw SystemError("fcntl") }
        }
        return (client, server)
    }
}

struct SystemError: Error {
    let call: String
    let number = errno

    init(_ call: String) { self.call = call }
}
