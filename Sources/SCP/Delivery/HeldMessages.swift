/// Messages that are sent and not known to have arrived whole: their bytes, what of them was acknowledged, and what has
/// to be sent again. On datagrams only; a stream lets go of what it has taken.
struct HeldMessages {
    /// Of a message in more than one piece: the bytes that the peer has.
    private struct Partial {
        let channel: Channel
        let message: UInt64
        var acknowledged = OffsetRanges()
    }

    /// Bytes that were lost.
    struct LostPiece {
        let channel: Channel
        let message: UInt64
        var start: Int
        let end: Int
    }

    private(set) var queue = MessageQueue()
    private var partials: [Partial] = []
    private(set) var lost = Ring<LostPiece>()
    /// What was written into the frame that is being built.
    var written = Ring<SentRecord>()
    /// Cancels, refusals and a finish that are sent and not acknowledged.
    var openNotices = 0
    /// When messages are given up, soonest first.
    private(set) var expiries: [Expiry] = []

    struct Expiry {
        let instant: Instant
        let channel: Channel
        let message: UInt64
    }

    var memory: Int { queue.memory }
    var isEmpty: Bool { queue.isEmpty && openNotices == 0 }

    // MARK: Keeping

    /// The last byte of a message is in a frame.
    mutating func keep(_ bytes: Span<UInt8>, channel: Channel, message: UInt64, limit: Int) {
        queue.append(bytes, 0..<bytes.count, channel: channel, id: message, limit: limit)
    }

    mutating func expire(_ channel: Channel, _ message: UInt64, at instant: Instant) {
        let index = expiries.firstIndex { $0.instant > instant } ?? expiries.count
        expiries.insert(Expiry(instant: instant, channel: channel, message: message), at: index)
    }

    /// The next message whose time has come.
    mutating func takeExpired(at now: Instant) -> Expiry? {
        guard let first = expiries.first, first.instant <= now else { return nil }
        return expiries.removeFirst()
    }

    // MARK: Acknowledgement

    /// Whether the piece that was acknowledged makes the message whole.
    ///
    /// - Parameter size: of the message; nil while its last byte has not been sent.
    mutating func acknowledge(_ channel: Channel, _ message: UInt64, _ range: Range<Int>, size: Int?) -> Bool {
        if let size, range.lowerBound == 0, range.upperBound >= size { return true }
        let index: Int
        if let known = partialIndex(channel, message) {
            index = known
        } else {
            index = partials.count
            partials.append(Partial(channel: channel, message: message))
        }
        partials[index].acknowledged.insert(UInt64(clamping: range.lowerBound)..<UInt64(clamping: range.upperBound))
        guard let size else { return false }
        return partials[index].acknowledged.covers(upTo: UInt64(clamping: size))
    }

    /// Forgets a message: it has arrived, or was given up.
    mutating func forget(_ channel: Channel, _ message: UInt64) {
        if let handle = queue.find(message, on: channel) { queue.remove(handle) }
        if let index = partialIndex(channel, message) {
            partials.swapAt(index, partials.count - 1)
            partials.removeLast()
        }
        if let index = expiries.firstIndex(where: { $0.message == message && $0.channel == channel }) {
            expiries.remove(at: index)
        }
    }

    private func partialIndex(_ channel: Channel, _ message: UInt64) -> Int? {
        partials.firstIndex { $0.message == message && $0.channel == channel }
    }

    // MARK: Repetition

    mutating func lose(_ piece: LostPiece) { lost.append(piece) }

    mutating func dropLost() { lost.popFirst() }

    /// What of the oldest lost piece is still wanted: the first bytes of it that were not acknowledged meanwhile.
    func wanted(_ piece: LostPiece) -> Range<Int>? {
        guard piece.start < piece.end, let index = partialIndex(piece.channel, piece.message) else {
            return piece.start..<piece.end
        }
        var wanted: Range<Int>?
        let range = UInt64(clamping: piece.start)..<UInt64(clamping: piece.end)
        partials[index].acknowledged.forEachGap(in: range) { gap in
            if wanted == nil { wanted = Int(clamping: gap.lowerBound)..<Int(clamping: gap.upperBound) }
        }
        return wanted
    }

    /// `count` bytes from `start` of the oldest lost piece are in a frame again.
    mutating func didRepeat(upTo end: Int) {
        guard var piece = lost.first else { return }
        piece.start = end
        if piece.start >= piece.end { lost.popFirst() } else { lost[0] = piece }
    }

    mutating func trim() { queue.trim() }
}
