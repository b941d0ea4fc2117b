/// The varint of RFC 9000 section 16.
public enum Varint {
    /// The largest value a varint can hold: 2^62-1.
    public static let maximum: UInt64 = 0x3fff_ffff_ffff_ffff

    /// Bytes in the shortest form of `value`: 1, 2, 4 or 8.
    public static func size(_ value: UInt64) -> Int {
        switch value {
        case 0..<0x40: 1
        case 0x40..<0x4000: 2
        case 0x4000..<0x4000_0000: 4
        default: 8
        }
    }
}

/// Bytes that `Varint.size(_:)` of a count takes.
func varintSize(_ value: UInt64) -> Int { Varint.size(value) }

func varintSize(_ count: Int) -> Int { Varint.size(UInt64(clamping: count)) }

/// Appending in network byte order. Callers make room first (each message tells its `encodedSize`); what does not fit
/// is not written at all, so that a wrong size can neither trap nor write past the end.
extension OutputSpan<UInt8> {
    /// The low `count` bytes of `value`, big-endian.
    mutating func append(_ value: UInt64, bytes count: Int) {
        guard count <= freeCapacity else { return }
        var shift = 8 &* count
        while shift > 0 {
            shift &-= 8
            append(UInt8(truncatingIfNeeded: value >> UInt64(shift)))
        }
    }

    mutating func append(uint8 value: UInt8) { append(UInt64(value), bytes: 1) }

    mutating func append(uint16 value: UInt16) { append(UInt64(value), bytes: 2) }

    mutating func append(uint24 value: UInt32) { append(UInt64(value), bytes: 3) }

    mutating func append(uint32 value: UInt32) { append(UInt64(value), bytes: 4) }

    mutating func append(uint64 value: UInt64) { append(value, bytes: 8) }

    /// The shortest form of `value`. Callers keep to `Varint.maximum`; above it the two top bits are lost.
    mutating func append(varint value: UInt64) {
        // [SCP-FRAME-12]
        let size = Varint.size(value)
        let prefix: UInt64 =
            switch size {
            case 1: 0
            case 2: 0x4000
            case 4: 0x8000_0000
            default: 0xc000_0000_0000_0000
            }
        append(value & Varint.maximum | prefix, bytes: size)
    }

    mutating func append(varint count: Int) { append(varint: UInt64(clamping: count)) }

    /// `range` of `source`.
    mutating func append(_ source: Span<UInt8>, in range: Range<Int>) {
        guard range.lowerBound >= 0, range.upperBound <= source.count, range.count <= freeCapacity else { return }
        for index in range { append(source[index]) }
    }

    mutating func append(_ source: [UInt8]) { append(source.span, in: 0..<source.count) }

    mutating func append(zeros count: Int) {
        guard count > 0, count <= freeCapacity else { return }
        append(repeating: 0, count: count)
    }
}
