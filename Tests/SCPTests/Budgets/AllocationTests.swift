import CAllocationCount
import SCP
import SCPGcrypt
import Testing

/// Whether allocations can be counted, and are those of optimized code.
private var canCount: Bool {
    var isOptimized = true
    assert(
        {
            isOptimized = false
            return true
        }())
    return cac_counts() && isOptimized
}

/// Two engines of one session with a buffer each way, so that nothing allocates but they and their provider.
private final class Session {
    // In boxes: Swift 6.3.1 cannot undo the first of two noncopyable values when the second one throws.
    private let sender: ConnectionBox<GcryptProvider>
    private let receiver: ConnectionBox<GcryptProvider>
    private var buffer = [UInt8](repeating: 0, count: 1 << 17)
    private let now = Instant.zero
    /// Allocations of the engines and of libgcrypt, in the whole session.
    private(set) var allocations: UInt64 = 0

    init() throws {
        let fixture = try Fixture()
        sender = ConnectionBox(try Connection(.initiator, fixture.initiator, at: now))
        receiver = ConnectionBox(try Connection(.responder, fixture.responder, at: now))
        try settle()
    }

    /// Lets both say what they have to say.
    func settle() throws {
        while try carryForth() + carryBack() > 0 {}
        while sender.connection.pollEvent() != nil {}
        while receiver.connection.pollEvent() != nil {}
    }

    func carryForth() throws -> Int {
        let count = Self.poll(&sender.connection, &buffer, &allocations, now)
        try Self.deliver(&buffer, count, to: &receiver.connection, &allocations, now)
        return count
    }

    func carryBack() throws -> Int {
        let count = Self.poll(&receiver.connection, &buffer, &allocations, now)
        try Self.deliver(&buffer, count, to: &sender.connection, &allocations, now)
        return count
    }

    func send(_ message: [UInt8]) throws {
        let before = cac_allocations()
        _ = try sender.connection.send(message.span, at: now)
        allocations += cac_allocations() - before
    }

    /// Reads everything; returns how many messages there were.
    func readAll() -> Int {
        let before = cac_allocations()
        var count = 0
        while receiver.connection.read(at: now, { _, bytes in bytes.count }) != nil { count += 1 }
        while receiver.connection.pollEvent() != nil {}
        while sender.connection.pollEvent() != nil {}
        allocations += cac_allocations() - before
        return count
    }

    /// Asks an engine that has nothing to say for everything.
    func pollIdle() {
        let before = cac_allocations()
        sender.connection.advance(to: now)
        _ = sender.connection.deadline
        _ = sender.connection.pollEvent()
        allocations += cac_allocations() - before
        _ = Self.poll(&sender.connection, &buffer, &allocations, now)
    }

    private static func poll(
        _ connection: inout Connection<GcryptProvider>, _ buffer: inout [UInt8], _ allocations: inout UInt64,
        _ now: Instant
    ) -> Int {
        var transmit = Transmit.wrote
        var count = 0
        while transmit == .wrote {
            unsafe buffer.withUnsafeMutableBufferPointer { bytes in
                let free = unsafe UnsafeMutableBufferPointer(rebasing: bytes[count...])
                var output = unsafe OutputSpan(buffer: free, initializedCount: 0)
                let before = cac_allocations()
                transmit = connection.pollTransmit(into: &output, unwritten: 0, at: now)
                allocations += cac_allocations() - before
                count += unsafe output.finalize(for: free)
            }
        }
        return count
    }

    private static func deliver(
        _ buffer: inout [UInt8], _ count: Int, to connection: inout Connection<GcryptProvider>,
        _ allocations: inout UInt64, _ now: Instant
    ) throws {
        guard count > 0 else { return }
        var part = Array(buffer[..<count])
        var span = part.mutableSpan
        let before = cac_allocations()
        try connection.receive(&span, at: now)
        allocations += cac_allocations() - before
    }

    /// Frames of both sides.
    var frameCount: UInt64 { sender.connection.statistics.framesSent + receiver.connection.statistics.framesSent }
}

/// Allocations are counted, so that they cannot creep in. Times are not: those are the machine's.
@Suite("Budget: allocations", .enabled(if: canCount, "optimized, with glibc, without a sanitizer"))
struct AllocationTests {
    /// libgcrypt's HMAC makes one in sealing a frame, and one in opening it.
    private static let ofLibrary: UInt64 = 2

    @Test("what is counted is counted")
    func counter() {
        let before = cac_allocations()
        let block = [UInt8](repeating: 1, count: Int.random(in: 10_000...20_000))
        #expect(cac_allocations() > before)
        #expect(block.count >= 10_000)
    }

    @Test("messages allocate nothing in the engine, in steady state", arguments: [16, 64, 1_024, 16_384])
    func messages(size: Int) throws {
        let session = try Session()
        let message = [UInt8](repeating: 0x5a, count: size)
        var start: (allocations: UInt64, frames: UInt64) = (0, 0)
        for number in 0..<600 {
            // What grows to a size once has grown by then.
            if number == 200 { start = (session.allocations, session.frameCount) }
            try session.send(message)
            _ = try session.carryForth()
            #expect(session.readAll() == 1)
            _ = try session.carryBack()
        }
        let frames = session.frameCount - start.frames
        #expect(frames >= 400)
        #expect(session.allocations - start.allocations <= frames * Self.ofLibrary)
    }

    @Test("messages that share frames allocate less than one for each")
    func coalesced() throws {
        let session = try Session()
        let message = [UInt8](repeating: 0x5a, count: 64)
        var start: UInt64 = 0
        for number in 0..<60 {
            if number == 20 { start = session.allocations }
            for _ in 0..<64 { try session.send(message) }
            _ = try session.carryForth()
            #expect(session.readAll() == 64)
            _ = try session.carryBack()
        }
        #expect(session.allocations - start <= 40 * 2 * Self.ofLibrary)
    }

    @Test("asking a connection that has nothing to say allocates nothing")
    func idle() throws {
        let session = try Session()
        session.pollIdle()
        let start = session.allocations
        for _ in 0..<100 { session.pollIdle() }
        #expect(session.allocations == start)
    }

    @Test("a handshake of both sides allocates a bounded number of blocks")
    func handshake() throws {
        // The first one pays for what is made once in the process.
        _ = try Session()
        let session = try Session()
        // 792 of libgcrypt's in its eight multiplications.
        #expect(session.allocations <= 1_400)
    }
}
