public import SCP

/// What happened in a simulation, in order, and one number that stands for all of it: two runs of a seed must give the
/// same number, in whatever process and build.
public struct EventLog: Sendable {
    public private(set) var count = 0
    /// FNV-1a over all entries, 64 bits: for comparing runs, not against anybody.
    public private(set) var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    /// The newest entries, as text.
    public private(set) var tail: [String] = []
    private let kept: Int

    /// - Parameter kept: how many of the newest entries stay readable.
    public init(keeping kept: Int = 1_000) { self.kept = max(0, kept) }

    public mutating func note(_ text: String, _ bytes: [UInt8] = [], at now: Instant) {
        count += 1
        for shift in stride(from: 0, to: 64, by: 8) { mix(UInt8(truncatingIfNeeded: now.nanoseconds >> UInt64(shift))) }
        for byte in text.utf8 { mix(byte) }
        mix(0)
        for byte in bytes { mix(byte) }
        guard kept > 0 else { return }
        if tail.count >= 2 * kept { tail.removeFirst(kept) }
        tail.append("\(now.nanoseconds / 1_000) us  \(text)")
    }

    private mutating func mix(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
}
