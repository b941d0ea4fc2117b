/// When connections want to be called, the earliest first: a binary heap that knows where each of them stands, so that
/// any change costs a number of steps that grows with the logarithm of their number.
struct DeadlineQueue {
    private struct Entry {
        let due: Instant
        let index: Int
    }

    private var heap: [Entry] = []
    /// Where the entry of each index is; -1 for none.
    private var positions: [Int] = []

    var first: Instant? { heap.first?.due }

    /// Sets, moves or removes the deadline of an index.
    mutating func set(_ index: Int, _ due: Instant?) {
        guard index >= 0 else { return }
        while positions.count <= index { positions.append(-1) }
        let position = positions[index]
        switch due {
        case let due? where position >= 0:
            guard heap[position].due != due else { return }
            heap[position] = Entry(due: due, index: index)
            settle(position)
        case let due?:
            heap.append(Entry(due: due, index: index))
            positions[index] = heap.count - 1
            settle(heap.count - 1)
        case nil where position >= 0: remove(at: position)
        case nil: break
        }
    }

    /// Removes every deadline that has come, and returns whose they were, the earliest first.
    mutating func takeAll(until now: Instant) -> [Int] {
        var taken: [Int] = []
        while let first = heap.first, first.due <= now {
            taken.append(first.index)
            remove(at: 0)
        }
        return taken
    }

    private mutating func remove(at position: Int) {
        positions[heap[position].index] = -1
        let last = heap.removeLast()
        guard position < heap.count else { return }
        put(last, at: position)
        settle(position)
    }

    private mutating func put(_ entry: Entry, at position: Int) {
        heap[position] = entry
        positions[entry.index] = position
    }

    /// Of equals the lower index comes first, so that every run is the same.
    private func comes(_ entry: Entry, before other: Entry) -> Bool {
        (entry.due, entry.index) < (other.due, other.index)
    }

    /// Moves an entry up or down to where it belongs.
    private mutating func settle(_ start: Int) {
        let entry = heap[start]
        var position = start
        while position > 0, comes(entry, before: heap[(position - 1) / 2]) {
            put(heap[(position - 1) / 2], at: position)
            position = (position - 1) / 2
        }
        while true {
            var child = 2 * position + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, comes(heap[child + 1], before: heap[child]) { child += 1 }
            guard comes(heap[child], before: entry) else { break }
            put(heap[child], at: position)
            position = child
        }
        put(entry, at: position)
    }
}
