/// What a frame held that has to be sent again, in a new frame, when the frame is lost.
/// [SCP-DGRAM-32]
enum SentRecord: Equatable {
    /// Bytes `start..<end` of a reliable message.
    case piece(Channel, message: UInt64, start: Int, end: Int)
    /// The connection's credit: repeated with the value it then has.
    case credit
    case channelCredit(Channel)
    case cancel(Channel, message: UInt64, charge: UInt64, code: ErrorCode)
    case refuse(Channel, message: UInt64, code: ErrorCode)
    case finish
    /// A piece of the request or answer of a rotation, as long as that is alive.
    case rotation(piece: Int)
}

/// One frame that was sent in a datagram.
struct SentFrame {
    enum Fate {
        case outstanding, acknowledged, lost
    }

    let time: Instant
    /// Which datagram it lay in, counted from 0: what the packet threshold counts.
    let ordinal: UInt64
    /// Bytes in flight that go with it: those of the whole datagram, at its last eliciting frame; 0 elsewhere.
    var size = 0
    let isEliciting: Bool
    /// Of an ACK frame: its `largest`.
    let acknowledges: UInt64?
    /// Whether it left before the peer was known to have keys: its loss is no sign of congestion.
    let isEarly: Bool
    let recordCount: Int
    /// Position of its first record in the log's records.
    let firstRecord: UInt64
    /// Whether a probe has taken its records over.
    var isTakenOver = false
    var fate = Fate.outstanding
}

/// The frames sent in datagrams and not yet settled, in the order of their counters, with what each held.
///
/// Every frame is entered, ACKs too, so that a frame is found by its counter at once. The oldest are dropped as soon as
/// they are settled; how many there are is bounded by the congestion window and by the loss timer.
struct SentLog {
    private var frames = Ring<SentFrame>()
    private var records = Ring<SentRecord>()
    /// The counter of the oldest frame held.
    private(set) var first: UInt64 = 0
    private var firstRecord: UInt64 = 0
    /// Records noted for the frame that is being built.
    private var pending = 0
    private var ordinal: UInt64 = 0
    /// The newest eliciting frame of the datagram that is being built.
    private var elicitingCounter: UInt64?

    var count: Int { frames.count }
    /// The counter after the newest.
    var end: UInt64 { first &+ UInt64(frames.count) }
    /// Eliciting frames that are neither acknowledged nor lost.
    private(set) var elicitingCount = 0

    /// Bytes that the log takes, for the memory ceiling.
    var memory: Int { frames.count * MemoryLayout<SentFrame>.stride + records.count * MemoryLayout<SentRecord>.stride }

    // MARK: Sending

    /// Notes a record of the frame that is being built.
    mutating func note(_ record: SentRecord) {
        records.append(record)
        pending += 1
    }

    /// The frame with the records noted was built. Counters follow each other without a gap.
    mutating func add(
        _ counter: UInt64, at now: Instant, isEliciting: Bool, acknowledges: UInt64? = nil, isEarly: Bool = false
    ) {
        if frames.isEmpty { first = counter }
        frames.append(
            SentFrame(
                time: now, ordinal: ordinal, isEliciting: isEliciting, acknowledges: acknowledges, isEarly: isEarly,
                recordCount: pending, firstRecord: firstRecord &+ UInt64(records.count - pending)))
        pending = 0
        if isEliciting {
            elicitingCounter = counter
            elicitingCount += 1
        }
    }

    /// The datagram is complete. Returns the bytes that are in flight from now on: all of it, or none when nothing in
    /// it elicits.
    mutating func endDatagram(size: Int) -> Int {
        ordinal &+= 1
        guard let counter = elicitingCounter else { return 0 }
        elicitingCounter = nil
        update(counter) { $0.size = size }
        return size
    }

    // MARK: Looking

    func frame(_ counter: UInt64) -> SentFrame? {
        guard counter >= first, counter < end else { return nil }
        return frames[Int(clamping: counter - first)]
    }

    func record(_ frame: SentFrame, _ index: Int) -> SentRecord? {
        guard frame.firstRecord >= firstRecord else { return nil }
        return records[Int(clamping: frame.firstRecord - firstRecord) + index]
    }

    // MARK: Settling

    /// Decides what became of an outstanding frame; gives it back as it was, nil when it is not outstanding.
    mutating func settle(_ counter: UInt64, as fate: SentFrame.Fate) -> SentFrame? {
        guard let frame = frame(counter), frame.fate == .outstanding else { return nil }
        update(counter) { $0.fate = fate }
        if frame.isEliciting { elicitingCount -= 1 }
        return frame
    }

    mutating func takeOver(_ counter: UInt64) { update(counter) { $0.isTakenOver = true } }

    /// Drops settled frames from the front.
    mutating func dropSettled() {
        while let frame = frames.first, frame.fate != .outstanding {
            frames.popFirst()
            first &+= 1
            for _ in 0..<frame.recordCount { records.popFirst() }
            firstRecord &+= UInt64(frame.recordCount)
        }
    }

    private mutating func update(_ counter: UInt64, _ body: (inout SentFrame) -> Void) {
        guard counter >= first, counter < end else { return }
        let index = Int(clamping: counter - first)
        guard var frame = frames[index] else { return }
        body(&frame)
        frames[index] = frame
    }
}
