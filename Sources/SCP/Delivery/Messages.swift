/// The number of a message: per channel and direction from 0, one more each time.
public struct MessageID: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static func < (left: MessageID, right: MessageID) -> Bool { left.rawValue < right.rawValue }
}

/// A message as it is handed to the embedder.
public struct ReceivedMessage: Hashable, Sendable {
    public let channel: Channel
    public let id: MessageID
}

/// Why a message was not accepted for sending. The connection is as it was.
public enum SendError: Error, Equatable, Sendable {
    /// The send buffer has no room; `Event.writable` says when it has.
    case full
    /// The message is larger than `limit` bytes: the peer's message limit, the send buffer, or, on an unreliable
    /// channel, one frame.
    case tooLarge(limit: Int)
    /// The peer advertised `limit` channels.
    case invalidChannel(limit: Int)
    /// `finish` was called before.
    case finished
    /// The connection is closing or closed.
    case closed
}

/// How much a connection takes for sending.
public struct SendRoom: Equatable, Sendable {
    /// Free bytes of the send buffer, of which a message takes ``messageCharge`` more than its size. 0 once nothing is
    /// taken any more. It shrinks by sending alone, and grows as frames leave.
    public let bytes: Int
    /// The largest message on a reliable channel.
    public let messageLimit: Int
    /// Channel numbers from 0 up to this one, exclusive.
    public let channels: Int

    /// What each message takes of the send buffer besides its bytes.
    public static let messageCharge = Int(FlowControl.messageCharge)
}
