/// What a sender knows of one channel.
struct OutboundChannel {
    let channel: Channel
    var window: SendWindow
    /// The id that the next message gets.
    var nextID: UInt64 = 0
    /// How many bytes of the channel's first message are in frames; nil until that message has been started.
    var started: Int?
    /// Whether the first message waits for this channel's credit, and the limit it was last told of.
    var isBlocked = false

    init(_ channel: Channel, credit: UInt64) {
        self.channel = channel
        window = SendWindow(credit: credit)
    }
}

/// Something said about one message, to be sent once.
enum MessageNotice {
    case cancel(Channel, message: UInt64, charge: UInt64, code: ErrorCode)
    case refuse(Channel, message: UInt64, code: ErrorCode)
}
