/// What becomes of messages that were accepted before the peer's limits were known.
extension Outbox {
    /// Gives up what the peer does not take, and says which messages those were.
    mutating func refuseOversized() -> [(channel: Channel, message: UInt64, code: ErrorCode)] {
        var refused: [(channel: Channel, message: UInt64, code: ErrorCode)] = []
        let limits = (message: Int(clamping: messageLimit), channel: channelLimit)
        for entry in channels {
            let isKnown = UInt64(clamping: entry.channel.number) < limits.channel
            queue.forEach(on: entry.channel) { id, size in
                if !isKnown {
                    refused.append((entry.channel, id, .limitExceeded))
                } else if size > limits.message {
                    refused.append((entry.channel, id, .messageTooLarge))
                }
            }
        }
        for message in refused {
            guard let handle = queue.find(message.message, on: message.channel) else { continue }
            if message.code == .messageTooLarge, message.channel.mode.isReliable {
                // The id has been given out, so the peer must hear that nothing comes under it.
                withdraw(handle, message.message, channelIndex(message.channel), message.code)
            } else {
                queue.remove(handle)
            }
        }
        return refused
    }
}
