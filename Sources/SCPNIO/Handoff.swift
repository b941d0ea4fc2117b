internal import NIOCore
internal import SCP

/// Messages that tasks have sent and that the engine has not been given yet: gathered under a lock of their own that is
/// held for a moment only, while the engine's may be held for a whole buffer's work.
///
/// What is taken here is certain to be accepted by the engine: it fits the room that the engine had, of which nobody
/// else takes without emptying this first.
struct OutgoingHandoff {
    private var messages: [OutgoingMessage] = []
    /// Bytes of the send buffer that `messages` will take.
    private var pending = 0
    /// What the engine had free when it was last looked at.
    private var room = 0
    private var messageLimit = 0
    /// The next number on each reliable channel that has been used.
    private var nextIDs: [SCP.Channel: UInt64] = [:]
    /// The driver is going to ask the engine for frames: it was told to, it has just written and looks once more, or
    /// the transport is behind and it waits for that. Until then nobody need wake it.
    var isPumpDue = false

    /// Takes a message, if the engine is certain to; returns its number. On a channel's first message, and when room
    /// is short, it is for the engine to say.
    mutating func take(_ bytes: ByteBuffer, on channel: SCP.Channel) -> MessageID? {
        let size = bytes.readableBytes
        let cost = size + SendRoom.messageCharge
        guard size <= messageLimit, pending + cost <= room, let id = nextIDs[channel] else { return nil }
        pending += cost
        nextIDs[channel] = id &+ 1
        messages.append(OutgoingMessage(bytes, on: channel))
        return MessageID(rawValue: id)
    }

    /// Gives out what was gathered.
    ///
    /// - Parameter closes: nothing is taken any more, until the room is set again.
    mutating func empty(closes: Bool) -> [OutgoingMessage] {
        if closes { room = 0 }
        guard !messages.isEmpty else { return [] }
        room -= pending
        pending = 0
        let all = messages
        messages = []
        return all
    }

    /// Notes what the engine takes now.
    mutating func setRoom(_ value: SendRoom?) {
        room = value?.bytes ?? 0
        messageLimit = value?.messageLimit ?? 0
    }

    /// Notes a number that the engine gave out itself.
    mutating func note(_ id: MessageID, on channel: SCP.Channel) {
        if channel.mode.isReliable { nextIDs[channel] = id.rawValue &+ 1 }
    }

    /// Whether the driver has to be woken; it counts as told then.
    mutating func requestPump() -> Bool {
        defer { isPumpDue = true }
        return !isPumpDue
    }

    /// Whether the driver must look again: it is busy anyway, or something has come meanwhile.
    mutating func driverLooked(isBusy: Bool, isBehind: Bool) -> Bool {
        isPumpDue = isBusy || isBehind || !messages.isEmpty
        return isBusy || !messages.isEmpty
    }
}

/// Messages that have left the engine because somebody receives, and wait for his next calls: the engine's lock is
/// taken once for a batch of small ones.
struct IncomingHandoff {
    /// Bytes, with 32 for each message, that a batch may have; one message may always be taken.
    static let batch = 16_384

    private var messages = CircularBuffer<Message>(initialCapacity: 1)
    private(set) var size = 0

    mutating func append(_ message: Message) {
        size += message.charge
        messages.append(message)
    }

    mutating func next(from channel: SCP.Channel?) -> Message? {
        guard let index = index(of: channel) else { return nil }
        let message = messages.remove(at: index)
        size -= message.charge
        return message
    }

    func has(from channel: SCP.Channel?) -> Bool { index(of: channel) != nil }

    private func index(of channel: SCP.Channel?) -> CircularBuffer<Message>.Index? {
        guard let channel else { return messages.isEmpty ? nil : messages.startIndex }
        return messages.firstIndex { $0.channel == channel }
    }
}

extension Message {
    /// What the message counts in the receiver's window.
    var charge: Int { bytes.readableBytes + SendRoom.messageCharge }
}
