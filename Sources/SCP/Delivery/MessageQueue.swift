/// Whole messages of many channels, in the order in which they came, in one buffer.
///
/// Entries are slots of 32 bytes, which is what flow control charges for a message besides its bytes, so a flood of
/// empty messages costs its sender as much credit as it costs us memory. Small messages lie side by side in one
/// buffer; a message that was reassembled in a buffer of its own keeps that buffer. Nothing is allocated in the steady
/// state: slots and bytes are used again, and what is allocated is counted, slots included.
struct MessageQueue {
    /// Messages of at least this size may bring their own buffer.
    static let ownBufferThreshold = 1_024

    private struct Slot {
        var id: UInt64
        var channel: UInt32
        /// Where the bytes lie; ``MessageQueue/elsewhere`` when the message has a buffer of its own.
        var offset: UInt32
        var count: UInt32
        var previous: Int32
        var next: Int32
        /// The next message of the same channel, or the next free slot.
        var nextOfChannel: Int32
    }

    private struct OwnBuffer {
        var slot: Int32
        var bytes: [UInt8]
    }

    private struct Lane {
        var channel: UInt32
        var first: Int32
        var last: Int32
    }

    private static let slotSize = 32
    private static let none: Int32 = -1
    private static let elsewhere = UInt32.max

    private var slots: [Slot] = []
    private var freeSlot = MessageQueue.none
    private var oldest = MessageQueue.none
    private var newest = MessageQueue.none
    /// One lane for each channel that holds messages, sorted by channel.
    private var lanes: [Lane] = []
    private var bytes: [UInt8] = []
    private var end = 0
    private var ownBuffers: [OwnBuffer] = []
    private var ownByteCount = 0

    /// Messages held.
    private(set) var count = 0
    /// Bytes of the messages held.
    private(set) var byteCount = 0
    private var sharedByteCount = 0

    var isEmpty: Bool { count == 0 }

    /// Bytes allocated, slots included.
    var memory: Int { slots.capacity * MessageQueue.slotSize + bytes.count + ownByteCount }

    /// A message in the queue; valid until the next change of the queue.
    struct Handle: Equatable {
        fileprivate let slot: Int32
    }

    // MARK: Adding

    /// Copies a message to the end of the queue. For spare room ``memory`` grows to `limit` at most; a message that
    /// does not fit without passing it is taken all the same.
    mutating func append(_ source: Span<UInt8>, _ range: Range<Int>, channel: Channel, id: UInt64, limit: Int) {
        let length = range.count
        makeRoom(for: length, limit: limit)
        let offset = end
        var destination = bytes.mutableSpan
        Bytes.copy(source, range, to: &destination, at: offset)
        link(channel: channel, id: id, offset: UInt32(clamping: offset), count: length)
        end += length
        sharedByteCount += length
        // Slots that were added may have taken what the bytes had in reserve.
        let room = max(sharedByteCount, limit - (memory - bytes.count))
        if memory > limit, room < bytes.count { compact(into: room) }
    }

    /// Adds a message that has a buffer of its own, of which the first `length` bytes count.
    mutating func append(owning buffer: consuming [UInt8], length: Int, channel: Channel, id: UInt64) {
        let slot = link(channel: channel, id: id, offset: MessageQueue.elsewhere, count: length)
        ownByteCount += buffer.count
        ownBuffers.append(OwnBuffer(slot: slot, bytes: buffer))
    }

    @discardableResult
    private mutating func link(channel: Channel, id: UInt64, offset: UInt32, count length: Int) -> Int32 {
        let key = UInt32(clamping: channel.encoded)
        let slot = Slot(
            id: id, channel: key, offset: offset, count: UInt32(clamping: length),
            previous: newest, next: MessageQueue.none, nextOfChannel: MessageQueue.none)
        let index: Int32
        if freeSlot != MessageQueue.none {
            index = freeSlot
            freeSlot = slots[Int(index)].nextOfChannel
            slots[Int(index)] = slot
        } else {
            index = Int32(clamping: slots.count)
            // By an eighth, not by doubling: a flood of empty messages is nothing but slots.
            if slots.count == slots.capacity { slots.reserveCapacity(slots.count + max(8, slots.count / 8)) }
            slots.append(slot)
        }
        if newest == MessageQueue.none { oldest = index } else { slots[Int(newest)].next = index }
        newest = index
        let (lane, isNew) = findLane(key)
        if isNew {
            lanes.insert(Lane(channel: key, first: index, last: index), at: lane)
        } else {
            slots[Int(lanes[lane].last)].nextOfChannel = index
            lanes[lane].last = index
        }
        count += 1
        byteCount += length
        return index
    }

    // MARK: Looking

    /// The oldest message of a channel, or of all.
    func first(on channel: Channel?) -> Handle? {
        guard let channel else { return oldest == MessageQueue.none ? nil : Handle(slot: oldest) }
        let (lane, isNew) = findLane(UInt32(clamping: channel.encoded))
        return isNew ? nil : Handle(slot: lanes[lane].first)
    }

    /// Channels that hold messages, counted; ``channel(atLane:)`` names them in ascending order.
    var laneCount: Int { lanes.count }
    func channel(atLane lane: Int) -> Channel? {
        lanes.indices.contains(lane) ? Channel(encoded: UInt64(lanes[lane].channel)) : nil
    }

    func id(_ handle: Handle) -> UInt64 { slots[Int(handle.slot)].id }
    func size(_ handle: Handle) -> Int { Int(slots[Int(handle.slot)].count) }
    func channel(_ handle: Handle) -> Channel? { Channel(encoded: UInt64(slots[Int(handle.slot)].channel)) }

    /// Finds a message by its id.
    func find(_ id: UInt64, on channel: Channel) -> Handle? {
        var handle = first(on: channel)
        while let current = handle {
            if self.id(current) == id { return current }
            let next = slots[Int(current.slot)].nextOfChannel
            handle = next == MessageQueue.none ? nil : Handle(slot: next)
        }
        return nil
    }

    /// Id and size of every message of a channel, oldest first.
    func forEach(on channel: Channel, _ body: (UInt64, Int) -> Void) {
        var index = first(on: channel)?.slot ?? MessageQueue.none
        while index != MessageQueue.none {
            let slot = slots[Int(index)]
            body(slot.id, Int(slot.count))
            index = slot.nextOfChannel
        }
    }

    /// The bytes of a message.
    func withBytes<Result: ~Copyable, Failure: Error>(
        _ handle: Handle, _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let slot = slots[Int(handle.slot)]
        let length = Int(slot.count)
        if slot.offset == MessageQueue.elsewhere, let own = ownBuffers.first(where: { $0.slot == handle.slot }) {
            return try body(own.bytes.span.extracting(0..<min(length, own.bytes.count)))
        }
        let start = min(Int(slot.offset), bytes.count)
        return try body(bytes.span.extracting(start..<min(start + length, bytes.count)))
    }

    // MARK: Removing

    /// Lets the bytes of a message go and keeps its place and id. Only for messages without a buffer of their own.
    mutating func empty(_ handle: Handle) {
        let length = Int(slots[Int(handle.slot)].count)
        slots[Int(handle.slot)].count = 0
        byteCount -= length
        sharedByteCount -= length
        if sharedByteCount == 0 { end = 0 }
    }

    /// Removes a message; gives back the buffer of its own, if it had one, to be used again.
    @discardableResult
    mutating func remove(_ handle: Handle) -> [UInt8]? {
        let index = handle.slot
        let slot = slots[Int(index)]
        if slot.previous == MessageQueue.none { oldest = slot.next } else { slots[Int(slot.previous)].next = slot.next }
        if slot.next == MessageQueue.none {
            newest = slot.previous
        } else {
            slots[Int(slot.next)].previous = slot.previous
        }
        unlinkFromLane(index, slot)
        slots[Int(index)].nextOfChannel = freeSlot
        freeSlot = index
        count -= 1
        byteCount -= Int(slot.count)
        if slot.offset == MessageQueue.elsewhere {
            guard let own = ownBuffers.firstIndex(where: { $0.slot == index }) else { return nil }
            let bytes = ownBuffers.remove(at: own).bytes
            ownByteCount -= bytes.count
            return bytes
        }
        sharedByteCount -= Int(slot.count)
        if sharedByteCount == 0 { end = 0 }
        return nil
    }

    private mutating func unlinkFromLane(_ index: Int32, _ slot: Slot) {
        let (lane, isNew) = findLane(slot.channel)
        guard !isNew else { return }
        if lanes[lane].first == index {
            if slot.nextOfChannel == MessageQueue.none {
                lanes.remove(at: lane)
            } else {
                lanes[lane].first = slot.nextOfChannel
            }
            return
        }
        var before = lanes[lane].first
        while before != MessageQueue.none, slots[Int(before)].nextOfChannel != index {
            before = slots[Int(before)].nextOfChannel
        }
        guard before != MessageQueue.none else { return }
        slots[Int(before)].nextOfChannel = slot.nextOfChannel
        if lanes[lane].last == index { lanes[lane].last = before }
    }

    // MARK: Room

    /// Gives memory back: everything when empty, otherwise what is not in use.
    mutating func trim() {
        guard !isEmpty else {
            self = MessageQueue()
            return
        }
        if sharedByteCount < bytes.count { compact(into: sharedByteCount) }
        trimSlots()
        for index in ownBuffers.indices {
            let length = Int(slots[Int(ownBuffers[index].slot)].count)
            let allocated = ownBuffers[index].bytes.count
            guard allocated > length + length / 8 else { continue }
            ownBuffers[index].bytes = Bytes.prefix(ownBuffers[index].bytes, length)
            ownByteCount -= allocated - length
        }
    }

    private mutating func makeRoom(for length: Int, limit: Int) {
        if end + length <= bytes.count { return }
        if sharedByteCount + length <= bytes.count, sharedByteCount <= bytes.count / 2 {
            compact(into: bytes.count)
            return
        }
        // Doubling, but never past the limit that credit or the send buffer sets.
        let needed = sharedByteCount + length
        if needed > limit - (memory - bytes.count) { trimSlots() }
        let room = limit - (memory - bytes.count)
        compact(into: max(needed, min(room, max(256, 2 * bytes.count))))
    }

    /// Numbers the slots anew, in the order of the messages, when many of them are free.
    private mutating func trimSlots() {
        guard slots.capacity > count + count / 8 + 8 else { return }
        var packed: [Slot] = []
        packed.reserveCapacity(count)
        var owners = [Int32](repeating: MessageQueue.none, count: ownBuffers.count)
        var index = oldest
        for lane in lanes.indices { lanes[lane].first = MessageQueue.none }
        while index != MessageQueue.none {
            var slot = slots[Int(index)]
            let number = Int32(clamping: packed.count)
            if slot.offset == MessageQueue.elsewhere, let own = ownBuffers.firstIndex(where: { $0.slot == index }) {
                owners[own] = number
            }
            index = slot.next
            slot.previous = number - 1
            slot.next = index == MessageQueue.none ? MessageQueue.none : number + 1
            slot.nextOfChannel = MessageQueue.none
            let (lane, _) = findLane(slot.channel)
            if lanes[lane].first == MessageQueue.none {
                lanes[lane].first = number
            } else {
                packed[Int(lanes[lane].last)].nextOfChannel = number
            }
            lanes[lane].last = number
            packed.append(slot)
        }
        slots = packed
        for own in owners.indices { ownBuffers[own].slot = owners[own] }
        freeSlot = MessageQueue.none
        oldest = packed.isEmpty ? MessageQueue.none : 0
        newest = Int32(clamping: packed.count) - 1
    }

    /// Moves the shared bytes to the front of a buffer of `capacity` bytes.
    private mutating func compact(into capacity: Int) {
        let isSame = capacity == bytes.count
        var target = isSame ? [] : [UInt8](repeating: 0, count: max(capacity, sharedByteCount))
        var position = 0
        var index = oldest
        while index != MessageQueue.none {
            let slot = slots[Int(index)]
            if slot.offset != MessageQueue.elsewhere {
                let range = Int(slot.offset)..<Int(slot.offset) + Int(slot.count)
                if isSame {
                    // Slots are in the order of their bytes, so moving down never overwrites what is still to move.
                    for step in 0..<range.count { bytes[position + step] = bytes[range.lowerBound + step] }
                } else {
                    var destination = target.mutableSpan
                    Bytes.copy(bytes.span, range, to: &destination, at: position)
                }
                slots[Int(index)].offset = UInt32(clamping: position)
                position += range.count
            }
            index = slot.next
        }
        end = position
        if !isSame { swap(&bytes, &target) }
    }

    private func findLane(_ channel: UInt32) -> (index: Int, isNew: Bool) {
        var low = 0
        var high = lanes.count
        while low < high {
            let middle = (low + high) / 2
            if lanes[middle].channel < channel { low = middle + 1 } else { high = middle }
        }
        return (low, low == lanes.count || lanes[low].channel != channel)
    }
}
