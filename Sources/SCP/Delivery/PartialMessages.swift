/// The unfinished messages of all channels. They are found by a search among keys of 16 bytes, whatever their number: a
/// peer may begin a thousand and then send a byte of any of them.
struct PartialMessages {
    private struct Key {
        let channel: UInt32
        var place: Int32
        let id: UInt64
    }

    private var messages: [PartialMessage] = []
    /// Sorted by channel and id.
    private var keys: [Key] = []

    var count: Int { messages.count }
    var indices: Range<Int> { messages.indices }

    subscript(place: Int) -> PartialMessage {
        _read { yield messages[place] }
        _modify { yield &messages[place] }
    }

    func place(of message: UInt64, on channel: Channel) -> Int? {
        let index = keyIndex(UInt32(clamping: channel.encoded), message)
        guard index < keys.count, keys[index].id == message, keys[index].channel == UInt32(clamping: channel.encoded)
        else { return nil }
        return Int(keys[index].place)
    }

    /// Adds a message that is not there; gives its place.
    mutating func append(_ message: PartialMessage) -> Int {
        let key = Key(
            channel: UInt32(clamping: message.channel.encoded), place: Int32(clamping: messages.count), id: message.id)
        keys.insert(key, at: keyIndex(key.channel, key.id))
        messages.append(message)
        return messages.count - 1
    }

    /// Removes the message at a place; the last one takes the place.
    mutating func remove(at place: Int) -> PartialMessage {
        let last = messages[messages.count - 1]
        keys[keyIndex(UInt32(clamping: last.channel.encoded), last.id)].place = Int32(clamping: place)
        keys.remove(at: keyIndex(UInt32(clamping: messages[place].channel.encoded), messages[place].id))
        messages.swapAt(place, messages.count - 1)
        return messages.removeLast()
    }

    private func keyIndex(_ channel: UInt32, _ id: UInt64) -> Int {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if (keys[middle].channel, keys[middle].id) < (channel, id) { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
