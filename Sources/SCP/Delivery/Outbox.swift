/// The sending half of message delivery: accepted messages, cut into pieces that fit frames, within the peer's credit.
struct Outbox {
    /// DATA frames carry at most this many plaintext bytes while more than one channel has something to send, so that
    /// no channel waits long for another. [SCP-REC-35]
    static let sharedFrameSize = 16_384
    /// Notices (cancel, refuse) that wait to be sent; a further one is refused to the caller.
    static let maximumNotices = 1_024
    /// Messages of which a part may be under way at once: each is a gap at the peer, which allows 1,024.
    static let maximumStarted = 1_000
    /// Channels that grants may make us remember though we have sent nothing on them.
    static let maximumGrantedChannels = 1_024

    let bufferLimit: Int
    var connection: SendWindow
    private var channelCredit: UInt64
    private(set) var messageLimit: UInt64
    private var unreliableLimit = Outbox.largestUnreliable(frameLimit: TransportParameters.minimumFrameLimit)
    private(set) var channelLimit: UInt64
    var queue = MessageQueue()
    var channels: [OutboundChannel] = []
    /// Index into `channels` of the one whose turn it is.
    private var turn = 0
    private var receipts = DeliveryReceipts()
    /// On datagrams: what is sent and not known to have arrived. Nil on streams.
    var held: HeldMessages?
    /// On datagrams: from the oldest message that is on its way to the newest, over all reliable channels.
    var span = 0
    var notices: [MessageNotice] = []
    /// Messages given up whose turn to be told of has not come.
    var withdrawnCount = 0
    /// Channels whose first message has been started.
    var startedCount = 0
    private(set) var isFinished = false
    var owesFinish = false
    private var wantsRoom = false
    /// Whether the last look found nothing that credit lets out; a new message or credit ends it.
    var isStalled = false
    /// Whether the stall is for want of the connection's credit.
    private(set) var isBlockedOnConnection = false
    /// The channel whose first message has waited longest for the connection's credit, what others have started since,
    /// and how much of that is let pass.
    var waiting: Channel?
    private var overtaken: UInt64 = 0
    private var patience: UInt64 = 0

    init(limits: Limits, isStream: Bool = true) {
        bufferLimit = limits.sendBuffer
        held = isStream ? nil : HeldMessages()
        // Until the peer's parameters are known nothing is sent; what may be accepted is bounded by the defaults.
        connection = SendWindow(credit: 0)
        channelCredit = 0
        messageLimit = TransportParameters().messageLimit
        channelLimit = TransportParameters().channels
    }

    /// Takes the peer's limits from its handshake message. Returns the messages that were accepted before the limits
    /// were known and that the peer does not take: they are given up.
    /// [SCP-FLOW-4] [SCP-ITEM-26]
    mutating func apply(_ parameters: TransportParameters) -> [(channel: Channel, message: UInt64, code: ErrorCode)] {
        connection = SendWindow(credit: parameters.connectionCredit)
        patience = max(parameters.connectionCredit, FlowControl.charge(parameters.messageLimit))
        channelCredit = parameters.channelCredit
        messageLimit = parameters.messageLimit
        channelLimit = parameters.channels
        unreliableLimit = Outbox.largestUnreliable(frameLimit: parameters.frameLimit)
        if held != nil { unreliableLimit = Outbox.largestInDatagram }
        for index in channels.indices { channels[index].window = SendWindow(credit: parameters.channelCredit) }
        return refuseOversized()
    }

    /// Takes the messages of another, of which none has left, to be sent within what the peer gives this one.
    mutating func takeOver(_ other: Outbox) -> [(channel: Channel, message: UInt64, code: ErrorCode)] {
        let own = self
        self = other
        connection = own.connection
        patience = own.patience
        channelCredit = own.channelCredit
        messageLimit = own.messageLimit
        channelLimit = own.channelLimit
        unreliableLimit = own.unreliableLimit
        isStalled = false
        for index in channels.indices {
            let known = own.channels.first { $0.channel == channels[index].channel }
            channels[index].window = known?.window ?? SendWindow(credit: channelCredit)
        }
        return refuseOversized()
    }

    private static func largestUnreliable(frameLimit: UInt64) -> Int {
        min(Int(clamping: frameLimit) - FrameHeader.tagSize, sharedFrameSize) - PieceLayout.maximumHeader
    }

    /// Whether nothing waits: to be sent, or, on datagrams, to be acknowledged.
    /// [SCP-DGRAM-34]
    var isEmpty: Bool { queue.isEmpty && held?.isEmpty ?? true }
    /// Whether messages wait that credit may let out.
    var hasData: Bool {
        if let held, !held.lost.isEmpty { return true }
        return !queue.isEmpty && !isStalled && receipts.count < DeliveryReceipts.maximum
    }
    var memory: Int { queue.memory + (held?.memory ?? 0) }
    /// Bytes held for what the peer has yet to acknowledge.
    var bookkeeping: Int { receipts.memory }
    /// Messages accepted and not known to be delivered; at most what is queued and what is in flight.
    var unsent: Int { queue.count }
    /// Plaintext bytes that would hold everything that is queued.
    var wantedRoom: Int { queue.byteCount + queue.count * PieceLayout.maximumHeader }

    // MARK: Accepting

    /// Copies a message into the send buffer.
    /// [SCP-LIMIT-4] [SCP-REC-3] [SCP-REC-34]
    mutating func send(_ message: Span<UInt8>, on channel: Channel) throws(SendError) -> MessageID {
        guard !isFinished else { throw .finished }
        guard channel.number >= 0, UInt64(channel.number) < channelLimit
        else { throw .invalidChannel(limit: Int(clamping: channelLimit)) }
        var limit = min(Int(clamping: messageLimit), bufferLimit - SendRoom.messageCharge)
        // An unreliable message is never cut, so it must fit the smallest frame we may have to put it into.
        if !channel.mode.isReliable { limit = min(limit, unreliableLimit) }
        guard message.count <= limit else { throw .tooLarge(limit: limit) }
        guard buffered + message.count + SendRoom.messageCharge <= bufferLimit else {
            wantsRoom = true
            throw .full
        }
        let index = channelIndex(channel)
        let id = channels[index].nextID
        channels[index].nextID = id &+ 1
        // An eighth of spare room, so that bytes need not be moved for every message.
        queue.append(message, 0..<message.count, channel: channel, id: id, limit: bufferLimit + bufferLimit / 8)
        isStalled = false
        return MessageID(rawValue: id)
    }

    /// What would be accepted now; nothing when the connection does not accept messages, or `finish` was called.
    func room(accepts: Bool) -> SendRoom {
        SendRoom(
            bytes: accepts && !isFinished ? bufferLimit - buffered : 0,
            messageLimit: min(Int(clamping: messageLimit), bufferLimit - SendRoom.messageCharge),
            channels: Int(clamping: channelLimit))
    }

    /// Bytes of the send buffer in use, with 32 for each message.
    private var buffered: Int {
        let inFlight = held.map { $0.queue.byteCount + $0.queue.count * SendRoom.messageCharge } ?? 0
        return queue.byteCount + queue.count * SendRoom.messageCharge + inFlight
    }

    /// Whether the sender who met `full` should be told of room: once, when a quarter is free.
    mutating func takeRoomNotice() -> Bool {
        guard wantsRoom, bufferLimit - buffered >= bufferLimit / 4 else { return false }
        wantsRoom = false
        return true
    }

    mutating func finish() {
        guard !isFinished else { return }
        isFinished = true
        owesFinish = true
    }

    /// The sum of charges for the `finish` record, once nothing is left to send; the record is then sent.
    /// [SCP-CLOSE-16] [SCP-DGRAM-39]
    mutating func takeFinish() -> UInt64? {
        guard owesFinish, isEmpty, notices.isEmpty else { return nil }
        owesFinish = false
        return connection.reserved
    }

    /// Forgets everything that waits: the connection is ending without a flush.
    mutating func discard() {
        queue = MessageQueue()
        if held != nil { held = HeldMessages() }
        waiting = nil
        for index in channels.indices {
            channels[index].started = nil
            channels[index].forgetWithdrawn()
        }
        (startedCount, withdrawnCount) = (0, 0)
        notices = []
        owesFinish = false
        isFinished = true
    }

    mutating func trim() {
        queue.trim()
        held?.trim()
    }

    // MARK: Credit

    /// Throws when the peer names a channel that it does not take messages on.
    /// [SCP-REC-2]
    func check(_ channel: Channel) throws(Violation) {
        guard channel.number >= 0, UInt64(channel.number) < channelLimit else { throw Violation(.limitExceeded) }
    }

    mutating func raiseCredit(to credit: UInt64) -> Bool {
        guard connection.raise(to: credit) else { return false }
        isStalled = false
        isBlockedOnConnection = false
        return true
    }

    mutating func raiseCredit(of channel: Channel, to credit: UInt64) -> Bool {
        guard channels.count < Outbox.maximumGrantedChannels || findChannel(channel).isKnown else { return false }
        let index = channelIndex(channel)
        guard channels[index].window.raise(to: credit) else { return false }
        channels[index].isBlocked = false
        isStalled = false
        return true
    }

    /// The channels whose next message waits for their own credit, with that credit, for the `blocked` records.
    var blockedChannels: [(Channel, UInt64)] {
        channels.compactMap { $0.isBlocked ? ($0.channel, $0.window.credit) : nil }
    }

    // MARK: Sending

    /// How many plaintext bytes a DATA frame should carry now.
    /// [SCP-REC-35]
    func preferredFrameSize(_ limit: Int) -> Int {
        queue.laneCount > 1 ? min(limit, Outbox.sharedFrameSize) : limit
    }

    /// What ``fill(_:upTo:counter:)`` did.
    enum Fill: Equatable {
        case nothing
        case wrote
        /// Nothing yet: the next piece needs this many bytes of plaintext.
        case needs(Int)
    }

    /// Appends pieces of messages until the frame is full or nothing may be sent. `end` is where the plaintext must
    /// end in `frame`.
    /// [SCP-REC-35]
    mutating func fill(_ frame: inout OutputSpan<UInt8>, upTo end: Int, counter: UInt64) -> Fill {
        var wrote = false
        switch fillLost(&frame, upTo: end) {
        case .nothing: break
        case .wrote: wrote = true
        case .full: return .wrote
        }
        while let index = nextChannel() {
            guard let layout = append(from: index, to: &frame, room: end - frame.count, counter: counter) else {
                return wrote ? .wrote : .needs(neededForNextPiece(index))
            }
            wrote = true
            noteWritten(layout)
            // What was given up behind this message comes before what follows it.
            if layout.hasLength, !notices.isEmpty {
                writeNotices(&frame, upTo: end)
                if !notices.isEmpty { return .wrote }
            }
            // A piece without its length goes to the end of the frame: nothing may follow it.
            if !layout.hasLength { return .wrote }
        }
        isStalled = true
        return wrote ? .wrote : .nothing
    }

    /// Plaintext bytes that the smallest next piece of a channel needs.
    private func neededForNextPiece(_ index: Int) -> Int {
        let channel = channels[index].channel
        guard !channel.mode.isReliable, let handle = queue.first(on: channel)
        else { return PieceLayout.maximumHeader + 1 }
        return PieceLayout.maximumHeader + queue.size(handle)
    }

    /// The next channel, in turn, whose first message has been started or may be.
    /// [SCP-REC-35]
    private mutating func nextChannel() -> Int? {
        isBlockedOnConnection = false
        let lanes = queue.laneCount
        for step in 0..<lanes {
            guard let channel = queue.channel(atLane: (turn + step) % lanes) else { continue }
            let index = channelIndex(channel)
            if channels[index].started != nil || start(index) {
                turn = (turn + step) % lanes
                return index
            }
        }
        return nil
    }

    /// Starts the first message of a channel if the admission rule allows.
    /// [SCP-FLOW-6] [SCP-REC-37]
    private mutating func start(_ index: Int) -> Bool {
        let channel = channels[index].channel
        // [SCP-REC-39]
        guard let handle = queue.first(on: channel), startedCount < Outbox.maximumStarted else { return false }
        if channel.mode.isReliable {
            guard admitsSpan else { return false }
            let charge = FlowControl.charge(UInt64(queue.size(handle)))
            channels[index].isBlocked = !channels[index].window.admits(charge)
            guard !channels[index].isBlocked else { return false }
            guard takeTurn(channel, charge) else {
                isBlockedOnConnection = true
                return false
            }
            channels[index].window.reserve(charge)
            extendSpan(index, by: queue.id(handle))
        }
        channels[index].started = 0
        startedCount += 1
        return true
    }

    /// Reserves the connection's credit for a message, unless another has waited for it too long: small messages that
    /// take credit as it comes would keep a large one waiting for ever.
    private mutating func takeTurn(_ channel: Channel, _ charge: UInt64) -> Bool {
        if let waiting, waiting != channel {
            guard overtaken < patience, connection.admits(charge) else { return false }
            overtaken += charge
        } else if connection.admits(charge) {
            waiting = nil
        } else {
            if waiting == nil { overtaken = 0 }
            waiting = channel
            return false
        }
        connection.reserve(charge)
        return true
    }

    /// Lets others pass the message that has waited longest: what it waits for may never come, if nobody reads another
    /// channel.
    mutating func relent() {
        overtaken = 0
        isStalled = false
    }

    /// Appends one piece of a channel's started message. Returns nil when the room left is too small for one.
    private mutating func append(
        from index: Int, to frame: inout OutputSpan<UInt8>, room: Int, counter: UInt64
    ) -> PieceLayout? {
        let channel = channels[index].channel
        guard let started = channels[index].started, let handle = queue.first(on: channel),
            let layout = PieceLayout(
                channel: channel, message: queue.id(handle), offset: started, left: queue.size(handle) - started,
                room: room)
        else { return nil }
        layout.appendHeader(to: &frame)
        let range = started..<started + layout.count
        queue.withBytes(handle) { bytes in frame.append(bytes, in: range) }
        turn += 1
        if layout.isLast {
            complete(index, handle, counter: counter)
        } else {
            channels[index].started = started + layout.count
        }
        return layout
    }

    /// The last byte of a message is in a frame: nothing is ever sent again on a stream, so its bytes are let go.
    /// [SCP-STREAM-4] [SCP-ACK-11]
    private mutating func complete(_ index: Int, _ handle: MessageQueue.Handle, counter: UInt64) {
        let id = queue.id(handle)
        let channel = channels[index].channel
        if held != nil, channel.mode.isReliable { keep(handle, id, channel) }
        queue.remove(handle)
        endStarted(index)
        guard channel.mode.isReliable else { return }
        retireWithdrawn(index)
        guard held == nil else { return }
        receipts.add(counter: counter, channel: channel, message: id)
    }

    // MARK: Receipts

    /// Whether frames with messages are not acknowledged yet.
    var awaitsReceipts: Bool { !receipts.isEmpty }

    /// Removes and returns the oldest receipt of a frame up to `counter`.
    mutating func takeReceipt(upTo counter: UInt64) -> DeliveryReceipt? { receipts.take(upTo: counter) }

    mutating func channelIndex(_ channel: Channel) -> Int {
        let (index, isKnown) = findChannel(channel)
        if !isKnown { channels.insert(OutboundChannel(channel, credit: channelCredit), at: index) }
        return index
    }

    private func findChannel(_ channel: Channel) -> (index: Int, isKnown: Bool) {
        var low = 0
        var high = channels.count
        let key = channel.encoded
        while low < high {
            let middle = (low + high) / 2
            if channels[middle].channel.encoded < key { low = middle + 1 } else { high = middle }
        }
        return (low, low < channels.count && channels[low].channel == channel)
    }
}
