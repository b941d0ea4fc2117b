/// Which counters of the peer have been accepted: one window of 4,096, for all epochs.
///
/// The bits lie in a ring of 64-bit blocks with one block to spare, so that a jump forward clears whole blocks and
/// never one that is still in the window (RFC 6479). What lies below the window counts as seen.
/// [SCP-DGRAM-5]
struct ReplayWindow {
    static let size: UInt64 = 4_096
    private static let bits: UInt64 = 64
    private static let blocks = size / bits + 1

    private var ring = [UInt64](repeating: 0, count: Int(ReplayWindow.blocks))
    /// The highest counter that was marked.
    private(set) var highest: UInt64?

    /// Whether a frame with this counter may still be accepted: it has not been, and the window still tells.
    func accepts(_ counter: UInt64) -> Bool {
        guard let highest, counter <= highest else { return true }
        guard highest - counter < ReplayWindow.size else { return false }
        return ring[Self.block(counter)] & Self.mask(counter) == 0
    }

    /// Takes note that a frame was accepted. Only after its HMAC and GCM have verified.
    mutating func mark(_ counter: UInt64) {
        if let highest, counter > highest {
            clear(from: highest / ReplayWindow.bits, to: counter / ReplayWindow.bits)
            self.highest = counter
        } else if highest == nil {
            highest = counter
        }
        ring[Self.block(counter)] |= Self.mask(counter)
    }

    /// Empties the blocks after `last` up to `newest`, all of them at most.
    private mutating func clear(from last: UInt64, to newest: UInt64) {
        for step in 0..<min(newest - last, ReplayWindow.blocks) {
            ring[Int((newest - step) % ReplayWindow.blocks)] = 0
        }
    }

    private static func block(_ counter: UInt64) -> Int { Int(counter / bits % blocks) }
    private static func mask(_ counter: UInt64) -> UInt64 { 1 << (counter % bits) }
}
