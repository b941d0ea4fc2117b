/// A cursor over received bytes. Nothing it does can trap, whatever the bytes: every read checks what is left first.
struct ByteReader: ~Copyable, ~Escapable {
    private let bytes: Span<UInt8>
    /// Offset in the span of the next byte.
    private(set) var position: Int
    /// Offset in the span where reading ends.
    let end: Int

    /// Reads `range` of `bytes`; a range that reaches outside of them is cut off.
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>, in range: Range<Int>) {
        self.bytes = bytes
        end = min(max(range.upperBound, 0), bytes.count)
        position = min(max(range.lowerBound, 0), end)
    }

    /// Reads all of `bytes`.
    @_lifetime(copy bytes)
    init(_ bytes: Span<UInt8>) {
        self.bytes = bytes
        end = bytes.count
        position = 0
    }

    var remaining: Int { end &- position }

    var isAtEnd: Bool { position >= end }

    /// The next byte, without taking it; nil at the end.
    var next: UInt8? { position < end ? bytes[position] : nil }

    /// Takes `count` big-endian bytes, at most 8, as one number.
    private mutating func readInteger(_ count: Int) throws(WireError) -> UInt64 {
        guard remaining >= count else { throw WireError(.truncated, at: end) }
        var value: UInt64 = 0
        for index in position..<(position &+ count) { value = value << 8 | UInt64(bytes[index]) }
        position &+= count
        return value
    }

    mutating func readUInt8() throws(WireError) -> UInt8 {
        guard position < end else { throw WireError(.truncated, at: end) }
        let value = bytes[position]
        position &+= 1
        return value
    }

    mutating func readUInt16() throws(WireError) -> UInt16 { UInt16(truncatingIfNeeded: try readInteger(2)) }

    mutating func readUInt24() throws(WireError) -> UInt32 { UInt32(truncatingIfNeeded: try readInteger(3)) }

    mutating func readUInt32() throws(WireError) -> UInt32 { UInt32(truncatingIfNeeded: try readInteger(4)) }

    mutating func readUInt64() throws(WireError) -> UInt64 { try readInteger(8) }

    /// A varint of RFC 9000 section 16, in any of its four lengths: 0...2^62-1.
    mutating func readVarint() throws(WireError) -> UInt64 {
        // [SCP-FRAME-12]
        guard let first = next else { throw WireError(.truncated, at: end) }
        let length = 1 << Int(first >> 6)
        let value = try readInteger(length)
        // The two length bits stand at the top of the first byte.
        return value & (UInt64.max >> UInt64(66 &- 8 &* length))
    }

    /// Takes `count` bytes and says where they are in the span.
    mutating func readRange(_ count: UInt64) throws(WireError) -> Range<Int> {
        guard let count = Int(exactly: count), count <= remaining else { throw WireError(.truncated, at: end) }
        let start = position
        position &+= count
        return start..<position
    }

    /// Takes everything that is left.
    mutating func readRest() -> Range<Int> {
        let start = position
        position = end
        return start..<end
    }

    /// Takes the run of bytes equal to `value` that comes next; 0 when there is none.
    mutating func skip(_ value: UInt8) -> Int {
        let start = position
        while position < end, bytes[position] == value { position &+= 1 }
        return position &- start
    }

    /// Takes `count` bytes as an array.
    mutating func readBytes(_ count: UInt64) throws(WireError) -> [UInt8] {
        let range = try readRange(count)
        return [UInt8](bytes, range)
    }

    /// Fails unless everything has been read.
    func expectEnd() throws(WireError) {
        // [SCP-FRAME-13]
        guard isAtEnd else { throw WireError(.trailingBytes, at: position) }
    }
}

extension [UInt8] {
    /// A copy of `range` of `bytes`; empty when the range reaches outside of them.
    init(_ bytes: Span<UInt8>, _ range: Range<Int>) {
        self = []
        guard range.lowerBound >= 0, range.upperBound <= bytes.count else { return }
        reserveCapacity(range.count)
        for index in range { append(bytes[index]) }
    }
}
