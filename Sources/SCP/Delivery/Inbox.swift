/// The receiving half of message delivery: pieces in, whole messages out, with every byte accounted for.
struct Inbox {
    /// Pieces, and messages that wait for an earlier one: together at most this many ([SCP-REC-32]; quinn
    /// GHSA-4w2j-m93h-cj5j is what happens without).
    /// [SCP-LIMIT-3]
    static let maximumGaps = 1_024
    /// Ranges of finished ids above the first unfinished one, per unordered channel.
    static let maximumFinishedRanges = 256
    /// The same of all channels together.
    static let maximumRanges = 1_024
    /// Ranges of numbers seen on an unreliable channel; what lies below them is taken as seen.
    static let maximumUnreliableRanges = 16
    /// Reassembly buffers kept for the next message.
    private static let spareBuffers = 2

    let messageLimit: UInt64
    let channelLimit: UInt64
    private let channelWindow: UInt64
    private(set) var connection: ReceiveWindow
    private var channels: [InboundChannel] = []
    private var partials = PartialMessages()
    private var gapCount = 0
    /// Ranges of finished ids, of all channels.
    private var rangeCount = 0
    /// Bytes allocated for the unfinished messages.
    private var partialBytes = 0
    private var ready = MessageQueue()
    private var unreliable = UnreliableInbox()
    private var spares: [[UInt8]] = []
    private(set) var isFinished = false
    private(set) var drops = DropCounts()
    /// Messages that became readable.
    private(set) var received: UInt64 = 0

    /// `granted` is the credit announced in the handshake: the window, or 0 while a decision is pending.
    init(limits: Limits, granted: UInt64) {
        messageLimit = UInt64(clamping: limits.messageLimit)
        channelLimit = UInt64(clamping: limits.channels)
        channelWindow = UInt64(clamping: limits.channelCredit)
        connection = ReceiveWindow(window: UInt64(clamping: limits.connectionCredit), granted: granted)
    }

    /// Bytes held in buffers, for the memory ceiling.
    var memory: Int { reliableMemory + unreliable.memory }

    /// Bytes held for channels, and for what is finished on them.
    var bookkeeping: Int {
        channels.capacity * MemoryLayout<InboundChannel>.stride + rangeCount * MemoryLayout<Range<UInt64>>.stride
    }

    private var reliableMemory: Int { spares.reduce(ready.memory + partialBytes) { $0 + $1.count } }

    // MARK: Reliable messages

    /// Takes one piece. Returns the channel when a message of it became readable.
    /// [SCP-REC-19] [SCP-REC-27] [SCP-REC-29]
    mutating func receive(_ piece: Piece, in bytes: Span<UInt8>) throws(Violation) -> Channel? {
        let length = UInt64(piece.bytes.count)
        let end = piece.offset.addingReportingOverflow(length)
        guard !end.overflow, end.partialValue <= messageLimit else { throw Violation(.messageTooLarge) }
        let index = try channelIndex(piece.channel)
        if channels[index].hasFinished(piece.message) { return drops.drop(.finishedMessage) }
        if let partial = partialIndex(piece.channel, piece.message) {
            return try extend(partial, channel: index, by: piece, end: end.partialValue, in: bytes)
        }
        // [SCP-CLOSE-17]
        guard !isFinished else { throw Violation(.unexpectedMessage) }
        try charge(FlowControl.charge(end.partialValue), channel: index)
        let isWhole = piece.isLast && piece.offset == 0
        if isWhole && channels[index].isNext(piece.message) {
            try finish(piece.message, channel: index)
            received &+= 1
            makeReady(bytes, piece.bytes, channel: piece.channel, id: piece.message)
            deliverWaiting(channel: index)
            return piece.channel
        }
        let buffer = spares.popLast() ?? []
        partialBytes += buffer.count
        let place = partials.append(PartialMessage(channel: piece.channel, id: piece.message, buffer: buffer))
        gapCount += 1
        return try write(place, channel: index, piece, end: end.partialValue, in: bytes)
    }

    private mutating func extend(
        _ partial: Int, channel index: Int, by piece: Piece, end: UInt64, in bytes: Span<UInt8>
    ) throws(Violation) -> Channel? {
        if end > partials[partial].highest {
            try charge(end - partials[partial].highest, channel: index)
        }
        return try write(partial, channel: index, piece, end: end, in: bytes)
    }

    /// Writes a charged piece into its message and hands the message on when that completes it.
    private mutating func write(
        _ partial: Int, channel index: Int, _ piece: Piece, end: UInt64, in bytes: Span<UInt8>
    ) throws(Violation) -> Channel? {
        // [SCP-REC-28]
        if let size = partials[partial].finalSize {
            guard end <= size, !piece.isLast || end == size else { throw Violation(.malformedFrame) }
        } else if piece.isLast {
            guard end >= partials[partial].highest else { throw Violation(.malformedFrame) }
            partials[partial].finalSize = end
        }
        gapCount -= partials[partial].gapCount
        let allocated = partials[partial].buffer.count
        partials[partial].write(bytes, piece.bytes, at: piece.offset)
        partialBytes += partials[partial].buffer.count - allocated
        if partials[partial].buffer.count > allocated { keepWithinBudget() }
        gapCount += partials[partial].gapCount
        // [SCP-REC-32]
        guard gapCount <= Inbox.maximumGaps else { throw Violation(.limitExceeded) }
        guard partials[partial].isComplete else { return nil }
        guard channels[index].isNext(piece.message) else { return nil }  // waits for an earlier one
        try deliver(partial, channel: index)
        deliverWaiting(channel: index)
        return piece.channel
    }

    /// Moves a complete message to the readable ones.
    private mutating func deliver(_ partial: Int, channel index: Int) throws(Violation) {
        try finish(partials[partial].id, channel: index)
        received &+= 1
        let message = take(partial)
        let size = Int(clamping: message.highest)
        if size >= MessageQueue.ownBufferThreshold {
            ready.append(owning: message.buffer, length: size, channel: message.channel, id: message.id)
            keepWithinBudget()
        } else {
            makeReady(
                message.buffer.span, 0..<min(size, message.buffer.count), channel: message.channel, id: message.id)
            recycle(message.buffer)
        }
    }

    /// On an ordered channel, hands on complete messages that waited for the one before.
    private mutating func deliverWaiting(channel index: Int) {
        guard channels[index].channel.mode == .reliableOrdered else { return }
        while let waiting = partialIndex(channels[index].channel, channels[index].next), partials[waiting].isComplete {
            // `finish` cannot fail here: an ordered channel keeps no ranges.
            guard (try? deliver(waiting, channel: index)) != nil else { return }
        }
    }

    private mutating func finish(_ message: UInt64, channel index: Int) throws(Violation) {
        let before = channels[index].finishedRanges
        channels[index].finish(message)
        try countRanges(index, before)
    }

    // [SCP-REC-32]
    private mutating func countRanges(_ index: Int, _ before: Int) throws(Violation) {
        rangeCount += channels[index].finishedRanges - before
        guard channels[index].finishedRanges <= Inbox.maximumFinishedRanges, rangeCount <= Inbox.maximumRanges
        else { throw Violation(.limitExceeded) }
    }

    /// The sender gives a message up. Returns whether the message was still unknown or unfinished, and the channel's
    /// later messages may have become readable.
    /// [SCP-REC-30] [SCP-REC-31]
    mutating func cancel(_ channel: Channel, message: UInt64, charge final: UInt64) throws(Violation) -> Bool {
        let index = try channelIndex(channel)
        if channels[index].hasFinished(message) { return false }
        guard final == 0 || final >= FlowControl.messageCharge, final <= FlowControl.charge(messageLimit)
        else { throw Violation(.malformedFrame) }
        var counted: UInt64 = 0
        if let partial = partialIndex(channel, message) {
            counted = FlowControl.charge(partials[partial].highest)
            guard final >= counted else { throw Violation(.malformedFrame) }
            recycle(take(partial).buffer)
        }
        if final > counted { try self.charge(final - counted, channel: index) }
        consume(final, channel: index)
        try skip(message, channel: index)
        return true
    }

    /// Marks a message as finished though it was not delivered; what waited for it follows.
    private mutating func skip(_ message: UInt64, channel index: Int) throws(Violation) {
        if channels[index].channel.mode == .reliableOrdered, !channels[index].isNext(message) {
            let before = channels[index].finishedRanges
            channels[index].skipLater(message)
            try countRanges(index, before)
            return
        }
        try finish(message, channel: index)
        deliverWaiting(channel: index)
    }

    /// `finish`: the peer sends no further message; its sum of charges must be ours.
    /// [SCP-CLOSE-16]
    mutating func finish(sum: UInt64) throws(Violation) {
        guard sum == connection.charged else { throw Violation(.malformedFrame) }
        isFinished = true
    }

    // MARK: Unreliable messages

    /// Takes a whole message of an unreliable channel. Returns whether it became readable.
    /// [SCP-REC-20] [SCP-REC-37]
    mutating func receive(_ message: UnreliableMessage, in bytes: Span<UInt8>) throws(Violation) -> Bool {
        let length = message.bytes.count
        guard UInt64(length) <= messageLimit else { throw Violation(.messageTooLarge) }
        let index = try channelIndex(message.channel)
        // [SCP-REC-6] "it takes everything below the end of the lowest of these ranges as met, until 16 are left"
        if message.channel.mode == .unreliableSequenced {
            guard message.number >= channels[index].next else { return drops.drop(.lateMessage) }
            channels[index].next = message.number &+ 1
        } else {
            guard !channels[index].hasFinished(message.number) else { return drops.drop(.repeatedMessage) }
            let before = channels[index].finishedRanges
            channels[index].finish(message.number)
            // When all channels together have many, each keeps but its newest.
            channels[index].forgetOldest(
                keeping: rangeCount < Inbox.maximumRanges / 2 ? Inbox.maximumUnreliableRanges : 1)
            rangeCount += channels[index].finishedRanges - before
        }
        guard unreliable.append(message, in: bytes, &drops) else { return false }
        received &+= 1
        return true
    }

    // MARK: Reading

    /// Whether a message is readable on a channel, or on any.
    func isReadable(_ channel: Channel?) -> Bool {
        ready.first(on: channel) != nil || unreliable.isReadable(channel)
    }

    /// Hands the next readable message to `body` and gives its charge back.
    /// [SCP-FLOW-7]
    mutating func read<Result>(_ channel: Channel?, _ body: (ReceivedMessage, Span<UInt8>) -> Result) -> Result? {
        if let handle = ready.first(on: channel), let from = ready.channel(handle) {
            let message = ReceivedMessage(channel: from, id: MessageID(rawValue: ready.id(handle)))
            let size = ready.size(handle)
            let result = ready.withBytes(handle) { bytes in body(message, bytes) }
            if let buffer = ready.remove(handle) { recycle(buffer) }
            let (index, isNew) = findChannel(from)
            if !isNew { consume(FlowControl.charge(UInt64(size)), channel: index) }
            return result
        }
        return unreliable.read(channel, body)
    }

    // MARK: Credit

    /// Whether the connection's credit has opened far enough to be announced by itself.
    var owesConnectionCredit: Bool {
        connection.isWorthAnnouncing(threshold: FlowControl.charge(messageLimit))
    }

    /// The connection's newest credit, taken as announced.
    mutating func announceConnectionCredit() -> UInt64 {
        let credit = connection.available
        connection.announce(credit)
        return credit
    }

    /// Grants the whole window: the peer has been accepted.
    mutating func openWindow() { connection.announce(connection.available) }

    /// The next channel whose credit is worth announcing, with the credit, taken as announced.
    mutating func nextChannelCredit() -> (channel: Channel, credit: UInt64)? {
        let threshold = FlowControl.charge(messageLimit)
        for index in channels.indices where channels[index].owesCredit {
            channels[index].owesCredit = false
            let isRepeated = channels[index].repeatsCredit
            channels[index].repeatsCredit = false
            guard isRepeated || channels[index].window.isWorthAnnouncing(threshold: threshold) else { continue }
            let credit = channels[index].window.available
            channels[index].window.announce(credit)
            owedChannelCredits -= 1
            return (channels[index].channel, credit)
        }
        owedChannelCredits = 0
        return nil
    }

    /// An announcement of a channel's credit was lost: it is made again, with what holds then.
    mutating func announceAgain(_ channel: Channel) {
        let (index, isNew) = findChannel(channel)
        guard !isNew else { return }
        channels[index].repeatsCredit = true
        if !channels[index].owesCredit { owedChannelCredits += 1 }
        channels[index].owesCredit = true
    }

    /// Channels whose credit waits to be announced.
    private(set) var owedChannelCredits = 0

    // [SCP-FLOW-3]
    private mutating func charge(_ amount: UInt64, channel index: Int) throws(Violation) {
        guard connection.allows(amount), channels[index].window.allows(amount)
        else { throw Violation(.flowControlViolation) }
        connection.add(amount)
        channels[index].window.add(amount)
        noteCredit(index)
    }

    private mutating func consume(_ amount: UInt64, channel index: Int) {
        connection.consume(amount)
        channels[index].window.consume(amount)
        noteCredit(index)
    }

    /// Remembers that the credit of a channel is worth announcing, which a charge can make it as well as a reading.
    /// [SCP-FLOW-8]
    private mutating func noteCredit(_ index: Int) {
        if !channels[index].owesCredit,
            channels[index].window.isWorthAnnouncing(threshold: FlowControl.charge(messageLimit))
        {
            channels[index].owesCredit = true
            owedChannelCredits += 1
        }
    }

    // MARK: Memory

    /// What is allocated for reliable messages stays within five quarters of the window, which is what unread and
    /// unfinished messages may need: spare room is given up before that is passed.
    private var budget: Int { Int(clamping: connection.window) / 4 * 5 }

    private mutating func keepWithinBudget() {
        if reliableMemory > budget { spares = [] }
        guard reliableMemory > budget else { return }
        ready.trim()
        partialBytes = 0
        for index in partials.indices {
            partials[index].trim()
            partialBytes += partials[index].buffer.count
        }
    }

    /// Copies a message to the readable ones.
    private mutating func makeReady(_ bytes: Span<UInt8>, _ range: Range<Int>, channel: Channel, id: UInt64) {
        let allocated = ready.memory
        ready.append(bytes, range, channel: channel, id: id, limit: budget - (reliableMemory - allocated))
        if ready.memory > allocated { keepWithinBudget() }
    }

    /// Gives back what is not in use; called when the connection falls quiet.
    mutating func trim() {
        spares = []
        ready.trim()
        unreliable.trim()
    }

    /// Forgets what can never be read any more: the connection is over.
    mutating func discardUnfinished(isPeerAccepted: Bool) {
        partials = PartialMessages()
        partialBytes = 0
        gapCount = 0
        rangeCount = 0
        spares = []
        guard !isPeerAccepted else { return }
        ready = MessageQueue()
        unreliable = UnreliableInbox()
    }

    private mutating func take(_ partial: Int) -> PartialMessage {
        gapCount -= partials[partial].gapCount
        partialBytes -= partials[partial].buffer.count
        return partials.remove(at: partial)
    }

    private mutating func recycle(_ buffer: consuming [UInt8]) {
        guard spares.count < Inbox.spareBuffers, !buffer.isEmpty, reliableMemory + buffer.count <= budget
        else { return }
        spares.append(buffer)
    }

    private func partialIndex(_ channel: Channel, _ message: UInt64) -> Int? {
        partials.place(of: message, on: channel)
    }

    /// Throws when the peer names a channel that we do not take messages on.
    /// [SCP-REC-2]
    func check(_ channel: Channel) throws(Violation) {
        guard channel.number >= 0, UInt64(channel.number) < channelLimit else { throw Violation(.limitExceeded) }
    }

    private mutating func channelIndex(_ channel: Channel) throws(Violation) -> Int {
        try check(channel)
        let (index, isNew) = findChannel(channel)
        if isNew { channels.insert(InboundChannel(channel, window: channelWindow), at: index) }
        return index
    }

    private func findChannel(_ channel: Channel) -> (index: Int, isNew: Bool) {
        var low = 0
        var high = channels.count
        let key = channel.encoded
        while low < high {
            let middle = (low + high) / 2
            if channels[middle].channel.encoded < key { low = middle + 1 } else { high = middle }
        }
        return (low, low == channels.count || channels[low].channel != channel)
    }
}
