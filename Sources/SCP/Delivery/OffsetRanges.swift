/// Which bytes of a message, or which numbers, have arrived: disjoint ranges in ascending order.
///
/// Own code because the standard library's `RangeSet` is not available to an engine that also compiles as Embedded
/// Swift, and because the number of ranges is a limit here.
struct OffsetRanges {
    private(set) var ranges: [Range<UInt64>] = []

    var isEmpty: Bool { ranges.isEmpty }
    var count: Int { ranges.count }

    /// Whether everything from 0 to `end` is there.
    func covers(upTo end: UInt64) -> Bool {
        if end == 0 { return true }
        guard let first = ranges.first else { return false }
        return first.lowerBound == 0 && first.upperBound >= end
    }

    func contains(_ number: UInt64) -> Bool {
        let index = firstIndex(endingAfter: number)
        return index < ranges.count && ranges[index].lowerBound <= number
    }

    /// Calls `body` with every part of `range` that is not there yet, in ascending order.
    func forEachGap(in range: Range<UInt64>, _ body: (Range<UInt64>) -> Void) {
        var start = range.lowerBound
        var index = firstIndex(endingAfter: start)
        while start < range.upperBound {
            guard index < ranges.count, ranges[index].lowerBound < range.upperBound else {
                body(start..<range.upperBound)
                return
            }
            if ranges[index].lowerBound > start { body(start..<ranges[index].lowerBound) }
            start = max(start, ranges[index].upperBound)
            index += 1
        }
    }

    /// Adds a range, joining what touches it.
    mutating func insert(_ range: Range<UInt64>) {
        guard !range.isEmpty else { return }
        if let last = ranges.last, range.lowerBound >= last.lowerBound, range.lowerBound <= last.upperBound {
            // The common case: the next piece in order.
            ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
            return
        }
        var first = firstIndex(endingAfter: range.lowerBound)
        if first > 0, ranges[first - 1].upperBound == range.lowerBound { first -= 1 }
        var merged = range
        var end = first
        while end < ranges.count, ranges[end].lowerBound <= merged.upperBound {
            let lower = min(merged.lowerBound, ranges[end].lowerBound)
            merged = lower..<max(merged.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(first..<end, with: CollectionOfOne(merged))
    }

    /// Removes the ranges that lie below `number` and returns the first number that is not in the set from there on.
    mutating func advance(from number: UInt64) -> UInt64 {
        var next = number
        while let first = ranges.first, first.lowerBound <= next {
            next = max(next, first.upperBound)
            ranges.removeFirst()
        }
        return next
    }

    /// Index of the first range whose end is above `number`.
    private func firstIndex(endingAfter number: UInt64) -> Int {
        var low = 0
        var high = ranges.count
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound <= number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
