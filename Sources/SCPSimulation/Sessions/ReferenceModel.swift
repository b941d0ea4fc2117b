internal import SCP

/// What an application may rely on, kept by the simplest means: every message that was accepted, and what became of it.
struct ReferenceModel {
    struct Message {
        let size: Int
        /// It was given up, refused or has expired: it need not arrive.
        var isExcused = false
        /// It was given up before all of it was sent: it must not arrive.
        var isCancelled = false
        var isRead = false
    }

    let seed: UInt64
    /// By the side that sent them.
    private(set) var sent: [[Channel: [Message]]] = [[:], [:]]
    /// The newest that was read of a channel whose messages come in order.
    private var newest: [[Channel: UInt64]] = [[:], [:]]
    /// What the peer's engine is said to hold.
    private var delivered: [[Channel: UInt64]] = [[:], [:]]
    private(set) var closures: [Closure?] = [nil, nil]
    private var isEstablished = [false, false]
    /// Messages read by either side.
    private(set) var read = 0

    init(seed: UInt64) { self.seed = seed }

    /// The bytes of a message follow from where it belongs.
    func payload(_ side: Int, _ channel: Channel, _ id: Int, size: Int) -> [UInt8] {
        let dice = SeededGenerator(seed: seed ^ UInt64(side) << 60 ^ channel.encoded << 40 ^ UInt64(id))
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size + 8)
        while bytes.count < size {
            let word = dice.next()
            for shift in stride(from: 0, to: 64, by: 8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt64(shift)))
            }
        }
        bytes.removeLast(bytes.count - size)
        return bytes
    }

    func nextID(_ side: Int, _ channel: Channel) -> Int { sent[side][channel]?.count ?? 0 }

    mutating func accepted(_ side: Int, _ channel: Channel, _ id: MessageID, size: Int, expires: Bool)
        throws(BrokenInvariant)
    {
        guard Int(clamping: id.rawValue) == nextID(side, channel) else {
            throw BrokenInvariant("S3", "message \(id) of \(channel) is numbered out of turn")
        }
        sent[side][channel, default: []].append(Message(size: size, isExcused: expires))
    }

    mutating func excuse(_ side: Int, _ channel: Channel, _ id: UInt64, isCancelled: Bool = false) {
        guard let count = sent[side][channel]?.count, id < UInt64(count) else { return }
        sent[side][channel]?[Int(id)].isExcused = true
        if isCancelled { sent[side][channel]?[Int(id)].isCancelled = true }
    }

    /// [S3] [S4] Every message arrives as it was sent, when its channel lets it.
    mutating func didRead(_ side: Int, _ message: ReceivedMessage, _ bytes: [UInt8]) throws(BrokenInvariant) {
        guard isEstablished[side] else { throw BrokenInvariant("S4", "a message before the peer was accepted") }
        let (channel, id) = (message.channel, message.id.rawValue)
        guard let all = sent[1 - side][channel], id < UInt64(all.count) else {
            throw BrokenInvariant("S3", "message \(id) of \(channel) was never sent")
        }
        let known = all[Int(id)]
        guard bytes == payload(1 - side, channel, Int(id), size: known.size) else {
            throw BrokenInvariant("S3", "message \(id) of \(channel) has other bytes than were sent")
        }
        guard !known.isRead else { throw BrokenInvariant("S3", "message \(id) of \(channel) arrived twice") }
        guard !known.isCancelled else { throw BrokenInvariant("S3", "message \(id) of \(channel) was given up") }
        let last = newest[side][channel]
        if channel.mode == .reliableOrdered || channel.mode == .unreliableSequenced, let last, id <= last {
            throw BrokenInvariant("S3", "message \(id) of \(channel) came behind \(last)")
        }
        if channel.mode == .reliableOrdered {
            for skipped in all[Int(last.map { $0 + 1 } ?? 0)..<Int(id)] where !skipped.isExcused {
                throw BrokenInvariant("S3", "a message of \(channel) was skipped before \(id)")
            }
        }
        newest[side][channel] = max(last ?? 0, id)
        sent[1 - side][channel]?[Int(id)].isRead = true
        read += 1
    }

    mutating func note(_ event: Event, of side: Int) throws(BrokenInvariant) {
        guard closures[side] == nil else { throw BrokenInvariant("S11", "\(event) after the close") }
        switch event {
        case .established: isEstablished[side] = true
        case .readable where !isEstablished[side]: throw BrokenInvariant("S4", "readable before the peer was accepted")
        case .delivered(let channel, let through):
            guard Int(clamping: through.rawValue) < nextID(side, channel) else {
                throw BrokenInvariant("S11", "delivered \(through) of \(channel), which was never sent")
            }
            delivered[side][channel] = through.rawValue
        case .cancelled(let channel, let id, _): excuse(1 - side, channel, id.rawValue)
        case .refused(let channel, let id, _): excuse(side, channel, id.rawValue)
        case .closed(let closure): closures[side] = closure
        default: break
        }
    }

    /// Reliable messages of a side that neither arrived nor were given up.
    func missing(from side: Int) -> [(channel: Channel, id: Int)] {
        sent[side].filter { $0.key.mode.isReliable }.sorted { $0.key.encoded < $1.key.encoded }.flatMap {
            channel, messages in
            messages.indices.filter { !messages[$0].isRead && !messages[$0].isExcused }.map { (channel, $0) }
        }
    }

    /// [S11] Once everything that arrived has been read: what was called delivered was there, and a clean close means
    /// that everything was.
    func checkEnd() throws(BrokenInvariant) {
        for side in 0..<2 {
            let missing = missing(from: side)
            if closures[side] == .clean, let first = missing.first {
                throw BrokenInvariant("S11", "a clean close, and message \(first.id) of \(first.channel) never arrived")
            }
            for (channel, id) in missing where delivered[side][channel].map({ UInt64(id) <= $0 }) ?? false {
                throw BrokenInvariant("S11", "message \(id) of \(channel) was called delivered, and never arrived")
            }
        }
    }
}

extension ReferenceModel {
    /// The first message of a channel that nobody has read.
    func firstUnread(_ side: Int, _ channel: Channel) -> Int {
        sent[side][channel]?.firstIndex { !$0.isRead } ?? nextID(side, channel)
    }
}
