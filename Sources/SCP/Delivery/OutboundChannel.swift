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
    /// Messages that were given up before their turn, with the code to give, the next one last. Each keeps its place,
    /// since a peer that hears of it before its turn must remember it.
    /// [SCP-REC-39]
    private(set) var withdrawn: [(id: UInt64, code: ErrorCode)] = []

    /// On datagrams: the id after the newest message that was begun, and the oldest that is not known to have arrived.
    var begun: UInt64 = 0
    var oldest: UInt64 = 0

    init(_ channel: Channel, credit: UInt64) {
        self.channel = channel
        window = SendWindow(credit: credit)
    }

    /// False when it was withdrawn already.
    mutating func withdraw(_ id: UInt64, _ code: ErrorCode) -> Bool {
        var place = withdrawn.count
        while place > 0, withdrawn[place - 1].id < id { place -= 1 }
        guard place == 0 || withdrawn[place - 1].id != id else { return false }
        withdrawn.insert((id, code), at: place)
        return true
    }

    /// The code of a withdrawn message whose turn it is.
    mutating func takeWithdrawn(_ id: UInt64) -> ErrorCode? {
        guard withdrawn.last?.id == id else { return nil }
        return withdrawn.removeLast().code
    }

    mutating func forgetWithdrawn() { withdrawn = [] }
}

/// Something said about one message, to be sent once.
enum MessageNotice {
    case cancel(Channel, message: UInt64, charge: UInt64, code: ErrorCode)
    case refuse(Channel, message: UInt64, code: ErrorCode)
}
