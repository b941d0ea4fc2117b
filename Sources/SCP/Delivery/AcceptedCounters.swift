/// The counters that were accepted and that the peer does not know to be acknowledged: what an ACK on datagrams says.
/// At most 64 ranges; when there are more the oldest is forgotten, which costs the peer a repetition and no more.
/// [SCP-DGRAM-31]
struct AcceptedCounters {
    static let maximum = Acknowledgement.maximumRanges + 1

    /// How a counter came.
    enum Arrival: Equatable {
        /// Next after the newest.
        case inOrder
        /// Newer than the newest, with a gap in front of it.
        case afterGap
        /// Older than the newest.
        case late
    }

    /// In ascending order, with at least one missing counter between two.
    private(set) var ranges: [ClosedRange<UInt64>] = []
    /// Counters below are not told again: the peer knows that they were acknowledged.
    private var floor: UInt64 = 0
    /// When the newest arrived.
    private(set) var newestTime = Instant.zero

    init() { ranges.reserveCapacity(AcceptedCounters.maximum + 1) }

    var newest: UInt64? { ranges.last?.upperBound }
    var isEmpty: Bool { ranges.isEmpty }

    /// Adds a counter that the replay window has let pass.
    @discardableResult
    mutating func insert(_ counter: UInt64, at now: Instant) -> Arrival {
        guard let last = ranges.last else {
            ranges.append(counter...counter)
            newestTime = now
            return counter == floor ? .inOrder : .afterGap
        }
        if counter > last.upperBound {
            newestTime = now
            guard counter > last.upperBound + 1 else {
                ranges[ranges.count - 1] = last.lowerBound...counter
                return .inOrder
            }
            ranges.append(counter...counter)
            shorten()
            return .afterGap
        }
        if counter >= floor { insertLate(counter) }
        return .late
    }

    private mutating func insertLate(_ counter: UInt64) {
        // Late frames are seldom far behind, so the search begins at the newest.
        var index = ranges.count
        while index > 0, ranges[index - 1].lowerBound > counter { index -= 1 }
        let touchesBelow = index > 0 && ranges[index - 1].upperBound >= counter - 1
        let touchesAbove = index < ranges.count && ranges[index].lowerBound == counter + 1
        switch (touchesBelow, touchesAbove) {
        case (true, true):
            ranges[index - 1] = ranges[index - 1].lowerBound...ranges[index].upperBound
            ranges.remove(at: index)
        case (true, false):
            let below = ranges[index - 1]
            ranges[index - 1] = below.lowerBound...max(below.upperBound, counter)
        case (false, true): ranges[index] = counter...ranges[index].upperBound
        case (false, false):
            ranges.insert(counter...counter, at: index)
            shorten()
        }
    }

    private mutating func shorten() {
        if ranges.count > AcceptedCounters.maximum { floor = ranges.removeFirst().upperBound + 1 }
    }

    /// The peer has got an ACK that named everything accepted up to `counter`: it need not be told again. The newest is
    /// always kept.
    mutating func forget(upTo counter: UInt64) {
        guard let newest, counter < newest else { return }
        floor = max(floor, counter + 1)
        while let first = ranges.first, first.lowerBound <= counter {
            if first.upperBound <= counter {
                ranges.removeFirst()
            } else {
                ranges[0] = (counter + 1)...first.upperBound
            }
        }
    }

    /// An ACK of everything held, newest first; nil when there is nothing.
    ///
    /// - Parameter delay: microseconds since the newest arrived.
    func acknowledgement(delay: UInt64, credit: UInt64) -> Acknowledgement? {
        guard let newest = ranges.last else { return nil }
        let further = ranges.count > 1 ? Array(ranges.dropLast().reversed()) : []
        return Acknowledgement(
            largest: newest.upperBound, delay: delay, first: newest.upperBound - newest.lowerBound, ranges: further,
            credit: credit)
    }
}
