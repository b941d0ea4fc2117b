/// What a receiver knows of one channel.
struct InboundChannel {
    let channel: Channel
    var window: ReceiveWindow
    /// Reliable: the first id that is not finished. Sequenced: the first number that is not too old.
    var next: UInt64 = 0
    /// Finished ids above `next`: unordered messages, and cancelled ones of an ordered channel.
    private var finished = OffsetRanges()
    /// Whether its credit waits to be announced.
    var owesCredit = false
    /// Whether it is announced again whatever has changed, because an announcement was lost.
    var repeatsCredit = false

    init(_ channel: Channel, window: UInt64) {
        self.channel = channel
        self.window = ReceiveWindow(window: window, granted: window)
    }

    var finishedRanges: Int { finished.count }

    func hasFinished(_ message: UInt64) -> Bool { message < next || finished.contains(message) }

    /// Whether a complete message may be delivered now.
    /// [SCP-REC-4] [SCP-REC-5]
    func isNext(_ message: UInt64) -> Bool {
        channel.mode == .reliableOrdered ? message == next : true
    }

    /// A message was delivered or given up, in its turn.
    mutating func finish(_ message: UInt64) {
        if message == next {
            next = finished.isEmpty ? next &+ 1 : finished.advance(from: next &+ 1)
        } else {
            skipLater(message)
        }
    }

    /// Keeps the `count` newest ranges of finished numbers; whatever is below counts as finished.
    mutating func forgetOldest(keeping count: Int) {
        while finished.count > count, let oldest = finished.ranges.first {
            next = finished.advance(from: oldest.upperBound)
        }
    }

    /// A later message is finished before its turn.
    mutating func skipLater(_ message: UInt64) {
        finished.insert(message..<message &+ 1)
    }
}
