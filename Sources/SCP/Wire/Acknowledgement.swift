/// The plaintext of an ACK of epoch 1 and later.
public struct Acknowledgement: Hashable, Sendable {
    /// Counts of marked datagrams, as RFC 9000 19.3.2.
    public struct ECN: Hashable, Sendable {
        public let ect0: UInt64
        public let ect1: UInt64
        public let ce: UInt64

        public init(ect0: UInt64, ect1: UInt64, ce: UInt64) {
            self.ect0 = ect0
            self.ect1 = ect1
            self.ce = ce
        }
    }

    /// Most ranges after the first.
    public static let maximumRanges = 63

    /// Counter of the newest frame accepted.
    public let largest: UInt64
    /// Microseconds since it arrived; 0 on streams.
    public let delay: UInt64
    /// Frames before `largest` that were accepted without a gap; 0 on streams, where an ACK acknowledges everything up
    /// to `largest`.
    public let first: UInt64
    /// Further ranges of accepted counters, newest first, each with at least one missing counter in front of it.
    public let ranges: [ClosedRange<UInt64>]
    /// Connection credit.
    public let credit: UInt64
    public let ecn: ECN?

    /// The acknowledgement of a stream: everything up to `largest`.
    public init(upTo largest: UInt64, credit: UInt64) {
        self.init(largest: largest, delay: 0, first: 0, checked: [], credit: credit, ecn: nil)
    }

    /// Nil when the ranges are too many, overlap, touch, ascend or reach below 0.
    public init?(
        largest: UInt64, delay: UInt64, first: UInt64, ranges: [ClosedRange<UInt64>], credit: UInt64, ecn: ECN? = nil
    ) {
        guard ranges.count <= Acknowledgement.maximumRanges, first <= largest else { return nil }
        var smallest = largest - first
        for range in ranges {
            guard smallest >= 2, range.upperBound <= smallest - 2 else { return nil }
            smallest = range.lowerBound
        }
        self.init(largest: largest, delay: delay, first: first, checked: ranges, credit: credit, ecn: ecn)
    }

    private init(
        largest: UInt64, delay: UInt64, first: UInt64, checked: [ClosedRange<UInt64>], credit: UInt64, ecn: ECN?
    ) {
        self.largest = largest
        self.delay = delay
        self.first = first
        ranges = checked
        self.credit = credit
        self.ecn = ecn
    }

    // MARK: Receiving

    /// Reads the plaintext in `range` of `bytes`. Whether the counters were ever sent is for the caller to check.
    ///
    /// - Throws: `reservedFlags`, `truncated`, `tooManyRanges`, `rangeUnderflow`, `streamRanges`, `trailingBytes`.
    public static func parse(
        _ bytes: Span<UInt8>, in range: Range<Int>, isStream: Bool
    ) throws(WireError) -> Acknowledgement {
        var reader = ByteReader(bytes, in: range)
        let start = reader.position
        let flags = try reader.readUInt8()
        // [SCP-ACK-1]
        guard flags & ~1 == 0 else { throw WireError(.reservedFlags, at: start) }
        let largest = try reader.readVarint()
        let rangesStart = reader.position
        let delay = try reader.readVarint()
        let countPosition = reader.position
        let count = try reader.readVarint()
        // [SCP-ACK-1]
        guard count <= UInt64(maximumRanges) else { throw WireError(.tooManyRanges, at: countPosition) }
        let firstPosition = reader.position
        let first = try reader.readVarint()
        // [SCP-ACK-2]
        guard !isStream || (delay == 0 && count == 0 && first == 0) else {
            throw WireError(.streamRanges, at: rangesStart)
        }
        guard first <= largest else { throw WireError(.rangeUnderflow, at: firstPosition) }
        let ranges = try readRanges(count, below: largest - first, &reader)
        let credit = try reader.readVarint()
        var ecn: ECN?
        if flags & 1 != 0 {
            ecn = ECN(ect0: try reader.readVarint(), ect1: try reader.readVarint(), ce: try reader.readVarint())
        }
        try reader.expectEnd()
        return Acknowledgement(
            largest: largest, delay: delay, first: first, checked: ranges, credit: credit, ecn: ecn)
    }

    /// Reads `{gap, length}` pairs: a gap of 0 is one missing counter, a length of 0 one accepted (RFC 9000 19.3.1).
    private static func readRanges(
        _ count: UInt64, below first: UInt64, _ reader: inout ByteReader
    ) throws(WireError) -> [ClosedRange<UInt64>] {
        var ranges: [ClosedRange<UInt64>] = []
        var smallest = first
        for _ in 0..<count {
            let start = reader.position
            let gap = try reader.readVarint()
            let length = try reader.readVarint()
            // [SCP-ACK-1] Both are below 2^62, so the sums cannot overflow.
            guard smallest >= gap &+ 2, smallest &- gap &- 2 >= length else {
                throw WireError(.rangeUnderflow, at: start)
            }
            let upper = smallest &- gap &- 2
            smallest = upper &- length
            ranges.append(smallest...upper)
        }
        return ranges
    }

    // MARK: Sending

    public var encodedSize: Int {
        var size = 1 + varintSize(largest) + varintSize(delay) + varintSize(ranges.count) + varintSize(first)
        var smallest = largest &- first
        for range in ranges {
            size += varintSize(smallest &- range.upperBound &- 2) + varintSize(range.upperBound &- range.lowerBound)
            smallest = range.lowerBound
        }
        size += varintSize(credit)
        if let ecn { size += varintSize(ecn.ect0) + varintSize(ecn.ect1) + varintSize(ecn.ce) }
        return size
    }

    /// Appends the plaintext; false, with nothing written, when it does not fit.
    @discardableResult
    public func write(to output: inout OutputSpan<UInt8>) -> Bool {
        guard output.freeCapacity >= encodedSize else { return false }
        output.append(uint8: ecn == nil ? 0 : 1)
        output.append(varint: largest)
        output.append(varint: delay)
        output.append(varint: ranges.count)
        output.append(varint: first)
        var smallest = largest &- first
        for range in ranges {
            output.append(varint: smallest &- range.upperBound &- 2)
            output.append(varint: range.upperBound &- range.lowerBound)
            smallest = range.lowerBound
        }
        output.append(varint: credit)
        if let ecn {
            output.append(varint: ecn.ect0)
            output.append(varint: ecn.ect1)
            output.append(varint: ecn.ce)
        }
        return true
    }
}
