/// Unread messages of unreliable channels: bounded, the oldest make room.
struct UnreliableInbox {
    static let maximumMessages = 64
    static let maximumBytes = 65_536

    private var queue = MessageQueue()
    var memory: Int { queue.memory }

    /// Takes a message; returns whether it was kept.
    /// [SCP-REC-38] "to make room, the oldest are dropped and counted, and one that is larger than that is dropped by
    /// itself"
    mutating func append(_ message: UnreliableMessage, in bytes: Span<UInt8>, _ drops: inout DropCounts) -> Bool {
        let length = message.bytes.count
        guard length <= UnreliableInbox.maximumBytes else { return drops.drop(.oversizedMessage) }
        while let oldest = queue.first(on: nil),
            queue.count >= UnreliableInbox.maximumMessages
                || queue.byteCount + length > UnreliableInbox.maximumBytes
        {
            queue.remove(oldest)
            drops.count(.unreadMessage)
        }
        queue.append(
            bytes, message.bytes, channel: message.channel, id: message.number, limit: UnreliableInbox.maximumBytes)
        return true
    }

    func isReadable(_ channel: Channel?) -> Bool { queue.first(on: channel) != nil }

    /// Hands the oldest message of a channel, or of all, to `body`.
    mutating func read<Result>(_ channel: Channel?, _ body: (ReceivedMessage, Span<UInt8>) -> Result) -> Result? {
        guard let handle = queue.first(on: channel), let from = queue.channel(handle) else { return nil }
        let message = ReceivedMessage(channel: from, id: MessageID(rawValue: queue.id(handle)))
        let result = queue.withBytes(handle) { bytes in body(message, bytes) }
        queue.remove(handle)
        return result
    }

    mutating func trim() { queue.trim() }
}
