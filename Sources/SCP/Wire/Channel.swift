/// What a channel promises about its messages. It is part of the channel's number and never changes.
public enum DeliveryMode: UInt8, Hashable, Sendable, CaseIterable {
    /// Every message arrives once, in the order of sending.
    case reliableOrdered = 0
    /// Every message arrives once, as soon as it is complete.
    case reliableUnordered = 1
    /// A message arrives once or not at all; it must fit one frame.
    case unreliable = 2
    /// As `unreliable`, and a message older than the newest that arrived is dropped.
    case unreliableSequenced = 3

    /// Whether lost messages are sent again, and flow control applies.
    public var isReliable: Bool { self == .reliableOrdered || self == .reliableUnordered }
}

/// One of the independent lanes of a connection; both directions share the number.
public struct Channel: Hashable, Sendable {
    /// 0 up to the `channels` the receiver allows, exclusive.
    public let number: Int
    public let mode: DeliveryMode

    /// A number out of the peer's bounds is refused when a message is sent on the channel.
    public init(_ number: Int, _ mode: DeliveryMode = .reliableOrdered) {
        self.number = number
        self.mode = mode
    }

    /// Channel 0, reliable and ordered.
    public static let `default` = Channel(0)

    /// From its form on the wire, number * 4 + mode; nil when the number does not fit this machine's `Int`.
    public init?(encoded: UInt64) {
        guard let number = Int(exactly: encoded >> 2), let mode = DeliveryMode(rawValue: UInt8(encoded & 3)) else {
            return nil
        }
        self.init(number, mode)
    }

    /// The form on the wire: number * 4 + mode. Numbers that no limit allows have one too, above all others.
    // [SCP-REC-1]
    public var encoded: UInt64 {
        let number = UInt64(exactly: number) ?? .max
        return min(number, Varint.maximum >> 2) << 2 | UInt64(mode.rawValue)
    }
}
