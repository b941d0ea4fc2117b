/// A reliable message of which not everything has arrived, or that waits for an earlier one of its ordered channel.
struct PartialMessage {
    let channel: Channel
    let id: UInt64
    /// The bytes up to the highest offset seen, in a buffer that may be larger.
    var buffer: [UInt8]
    var received = OffsetRanges()
    /// The highest offset seen: what flow control charges, besides the 32 bytes.
    var highest: UInt64 = 0
    /// The size, once a last piece has said it.
    var finalSize: UInt64?

    init(channel: Channel, id: UInt64, buffer: consuming [UInt8]) {
        self.channel = channel
        self.id = id
        self.buffer = buffer
    }

    var isComplete: Bool {
        guard let finalSize else { return false }
        return received.covers(upTo: finalSize)
    }

    /// What it counts towards the limit on gaps: an unfinished message is one gap at least, since its end is missing.
    var gapCount: Int { max(1, received.count) }

    /// Writes a piece: the first copy of a byte wins, uncompared.
    /// [SCP-REC-29]
    mutating func write(_ bytes: Span<UInt8>, _ range: Range<Int>, at offset: UInt64) {
        let end = offset + UInt64(range.count)
        grow(to: Int(clamping: max(highest, end)))
        highest = max(highest, end)
        guard end > offset else { return }
        // What is written is bounded by the buffer, so the compiler's bounds checks never fail here.
        var target = buffer
        buffer = []
        received.forEachGap(in: offset..<end) { gap in
            let start = range.lowerBound + Int(clamping: gap.lowerBound - offset)
            let length = Int(clamping: gap.upperBound - gap.lowerBound)
            var destination = target.mutableSpan
            Bytes.copy(bytes, start..<start + length, to: &destination, at: Int(clamping: gap.lowerBound))
        }
        buffer = target
        received.insert(offset..<end)
    }

    // [SCP-LIMIT-2]
    private mutating func grow(to size: Int) {
        guard size > buffer.count else { return }
        // A quarter more than needed: few copies, and a bound on what is allocated for what was charged.
        buffer = Bytes.prefix(buffer, finalSize.map { max(size, Int(clamping: $0)) } ?? size + size / 4)
    }

    /// Gives back what a larger message needed before this one, when it is more than this one may keep.
    mutating func trim() {
        let size = Int(clamping: highest)
        if buffer.count > size + size / 4 { buffer = Bytes.prefix(buffer, size) }
    }
}
