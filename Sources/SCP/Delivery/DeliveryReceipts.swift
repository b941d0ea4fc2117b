/// A frame that carried the last byte of messages of one channel, up to `message`.
struct DeliveryReceipt {
    let counter: UInt64
    let channel: Channel
    let message: UInt64
}

/// What the peer's acknowledgements will say of messages, oldest frame first.
struct DeliveryReceipts {
    /// Receipts that wait for the peer's ACK. A peer that grants credit and never acknowledges is sent nothing more.
    static let maximum = 1_024

    private var receipts: [DeliveryReceipt] = []
    private var first = 0

    var count: Int { receipts.count - first }
    var isEmpty: Bool { count == 0 }
    /// Bytes allocated.
    var memory: Int { receipts.capacity * MemoryLayout<DeliveryReceipt>.stride }

    /// One receipt for each channel of a frame, holding the highest id.
    mutating func add(counter: UInt64, channel: Channel, message: UInt64) {
        let receipt = DeliveryReceipt(counter: counter, channel: channel, message: message)
        var position = receipts.count - 1
        while position >= first, receipts[position].counter == counter {
            if receipts[position].channel == channel {
                receipts[position] = receipt
                return
            }
            position -= 1
        }
        receipts.append(receipt)
    }

    /// Removes and returns the oldest receipt of a frame up to `counter`.
    mutating func take(upTo counter: UInt64) -> DeliveryReceipt? {
        guard first < receipts.count, receipts[first].counter <= counter else { return nil }
        let receipt = receipts[first]
        first += 1
        if first == receipts.count {
            receipts.removeAll(keepingCapacity: receipts.capacity <= 256)
            first = 0
        } else if first >= 256, first * 2 >= receipts.count {
            receipts.removeFirst(first)
            first = 0
        }
        return receipt
    }
}
