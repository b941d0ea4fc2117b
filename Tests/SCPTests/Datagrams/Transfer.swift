import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// One side sends messages as fast as it is let, the other reads and compares them.
struct Transfer {
    let size: Int
    let total: Int
    var channel = Channel.default
    private(set) var queued = 0
    private(set) var received = 0
    private(set) var isIntact = true
    private var next: UInt64 = 0

    init(size: Int, total: Int, channel: Channel = .default) {
        self.size = size
        self.total = total
        self.channel = channel
    }

    var isDone: Bool { received >= total }

    /// What message `number` consists of.
    static func bytes(_ number: Int, _ size: Int) -> [UInt8] {
        var value = UInt64(truncatingIfNeeded: number) &* 0x9e37_79b9_7f4a_7c15 | 1
        return (0..<size).map { _ in
            value ^= value << 13
            value ^= value >> 7
            value ^= value << 17
            return UInt8(truncatingIfNeeded: value)
        }
    }

    /// Fills the send buffer.
    mutating func send<Provider>(_ engine: inout Connection<Provider>, at now: Instant) {
        while queued < total {
            let bytes = Transfer.bytes(queued, size)
            guard (try? engine.send(bytes.span, on: channel, at: now)) != nil else { return }
            queued += 1
        }
    }

    /// Reads what is there.
    mutating func read<Provider>(_ engine: inout Connection<Provider>, at now: Instant) {
        while let bytes = engine.readBytes(from: channel, at: now) {
            if bytes != Transfer.bytes(received, size) { isIntact = false }
            received += 1
        }
    }
}

extension DatagramPair {
    /// Runs a transfer from a side to the other until it is done or `limit` has passed; returns the time it took.
    mutating func transfer(_ transfer: inout Transfer, from side: Int = 0, within limit: Duration) -> Duration {
        let start = now
        while !transfer.isDone, now.since(start) < limit {
            if side == 0 {
                transfer.send(&initiator, at: now)
                transfer.read(&responder, at: now)
            } else {
                transfer.send(&responder, at: now)
                transfer.read(&initiator, at: now)
            }
            run(for: .milliseconds(5))
        }
        return now.since(start)
    }
}
