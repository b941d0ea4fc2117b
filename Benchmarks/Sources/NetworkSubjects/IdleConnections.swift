import CBenchmarkSupport
import Dispatch
import NIOCore
import Subjects

/// Bytes of memory that an idle connection over loopback TCP costs one end, with its NIO channel.
///
/// In a process of its own, since a process seldom gives back what it has had.
public struct IdleMemory: Codable, Sendable {
    public let resident: Double
    public let heap: Double

    /// Opens connections, sends 64 bytes there and back over each, and waits until buffers have been given back.
    public static func measure(_ stack: Stack, connections: Int) throws -> IdleMemory {
        guard cbs_raise_file_limit() >= UInt64(2 * connections + 64) else { throw Failed("too few open files allowed") }
        let loopback = try Loopback(stack)
        let listener = try loopback.listen()
        guard let address = listener.localAddress else { throw Failed("no address") }
        var channels: [any Channel] = []
        channels.reserveCapacity(connections + 64)
        // The first pay for what is made once.
        try open(64, loopback, address, &channels)
        try rest()
        let resident = cbs_resident_bytes()
        let heap = cbs_heap_bytes()
        try open(connections, loopback, address, &channels)
        try rest()
        let ends = Double(2 * connections)
        let memory = IdleMemory(
            resident: Double(Int(cbs_resident_bytes()) - Int(resident)) / ends,
            heap: Double(Int(cbs_heap_bytes()) - Int(heap)) / ends)
        guard channels.allSatisfy(\.isActive) else { throw Failed("a connection was closed") }
        return memory
    }

    private static func open(
        _ count: Int, _ loopback: Loopback, _ address: SocketAddress, _ channels: inout [any Channel]
    ) throws {
        for start in stride(from: 0, to: count, by: 16) {
            let batch = (start..<min(start + 16, count)).map { _ in
                loopback.loop.flatSubmit { loopback.connectAndGreet(address) }
            }
            for future in batch { channels.append(try future.wait()) }
        }
    }

    /// An engine gives its buffers back after a second without a frame.
    private static func rest() throws {
        let isOver = DispatchSemaphore(value: 0)
        DispatchQueue.global().asyncAfter(deadline: .now() + 2.5) { isOver.signal() }
        isOver.wait()
    }
}
