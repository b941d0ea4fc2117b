/// Why something was thrown away without ending the connection. What ends it is an error, and not counted here.
public enum DropReason: UInt8, Hashable, Sendable, CaseIterable {
    // Frames, or what could have been some.
    /// A frame for which the state has no use.
    case unexpected
    /// A piece of the stream, as the transport cut it, that came after the session's last frame.
    case afterEnd
    /// A request for new keys that is older than the newest keys, or that lost against ours; or a late answer to one.
    case staleRotation

    // Records.
    /// An extension that may be skipped and is not known.
    case unknownExtension
    /// A piece of a reliable message that was delivered or cancelled before.
    case finishedMessage
    /// An unreliable message whose number was met before, or is too old to tell.
    case repeatedMessage
    /// An unreliable message older than the newest, on a sequenced channel.
    case lateMessage
    /// An unreliable message that is larger than everything that may wait unread.
    case oversizedMessage
    /// An unreliable message that nobody had read when a newer one needed its room.
    case unreadMessage

    // Datagrams, and frames in them: none of them changed anything.
    /// The first octet is not one of SCP's, or it is too short for a frame.
    case notSCP
    /// A header that does not fit the rest, or a payload that the formats do not allow.
    case malformed
    /// From an address that is not the peer's.
    case unknownAddress
    /// An epoch whose keys are not there.
    case unknownEpoch
    /// A counter that was accepted before, or that is too old to tell.
    case replayed
    /// A wrong HMAC.
    case unauthentic
    /// A handshake message that failed.
    case failedMessage
    /// More than there is room for.
    case limited

    // Events.
    /// A notice about a single message, while many others waited to be polled.
    case unpolledNotice
}

/// How much was thrown away, by reason.
public struct DropCounts: Equatable, Sendable {
    private var counts: [18 of UInt64] = .init(repeating: 0)

    public init() {}

    public internal(set) subscript(reason: DropReason) -> UInt64 {
        get { counts[Int(reason.rawValue)] }
        set { counts[Int(reason.rawValue)] = newValue }
    }

    public var total: UInt64 {
        var sum: UInt64 = 0
        for index in counts.indices { sum &+= counts[index] }
        return sum
    }

    mutating func count(_ reason: DropReason) { self[reason] &+= 1 }

    /// Counts it, for a function that says whether it took something.
    mutating func drop(_ reason: DropReason) -> Bool {
        count(reason)
        return false
    }

    /// Counts it, for a function that says what it took.
    mutating func drop<Taken>(_ reason: DropReason) -> Taken? {
        count(reason)
        return nil
    }

    static func + (left: DropCounts, right: DropCounts) -> DropCounts {
        var sum = left
        for index in sum.counts.indices { sum.counts[index] &+= right.counts[index] }
        return sum
    }

    public static func == (left: DropCounts, right: DropCounts) -> Bool {
        for index in left.counts.indices where left.counts[index] != right.counts[index] { return false }
        return true
    }
}
