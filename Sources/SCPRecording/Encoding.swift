/// Builds the body of an entry: integers big-endian, bytes behind their 32-bit length.
struct BodyEncoder {
    private(set) var bytes: [UInt8] = []

    mutating func append<Number: FixedWidthInteger & UnsignedInteger>(_ number: Number) {
        for shift in stride(from: Number.bitWidth - 8, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: number >> Number(shift)))
        }
    }

    mutating func append(_ number: Int) { append(UInt64(bitPattern: Int64(number))) }
    mutating func append(_ flag: Bool) { append(UInt8(flag ? 1 : 0)) }

    mutating func append(_ duration: Duration) {
        append(UInt64(bitPattern: duration.components.seconds))
        append(UInt64(bitPattern: duration.components.attoseconds))
    }

    mutating func append(_ content: [UInt8]) {
        append(UInt32(clamping: content.count))
        bytes += content
    }

    mutating func append(raw content: Span<UInt8>) { for index in content.indices { bytes.append(content[index]) } }

    /// Whether there is a value, and the value.
    mutating func append<Value>(optional value: Value?, _ body: (inout BodyEncoder, Value) -> Void) {
        append(value != nil)
        if let value { body(&self, value) }
    }
}

/// Reads the body of an entry. Whatever it holds, nothing is allocated that is not there.
struct BodyDecoder {
    /// The body is not what its kind of entry says.
    struct Malformed: Error {}

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func number<Number: FixedWidthInteger & UnsignedInteger>(
        _: Number.Type = Number.self
    ) throws(Malformed) -> Number {
        let size = Number.bitWidth / 8
        guard bytes.count - position >= size else { throw Malformed() }
        var number: UInt64 = 0
        for index in 0..<size { number = number << 8 | UInt64(bytes[position + index]) }
        position += size
        return Number(truncatingIfNeeded: number)
    }

    mutating func integer() throws(Malformed) -> Int {
        guard let value = Int(exactly: Int64(bitPattern: try number(UInt64.self))) else { throw Malformed() }
        return value
    }

    mutating func flag() throws(Malformed) -> Bool {
        switch try number(UInt8.self) {
        case 0: false
        case 1: true
        default: throw Malformed()
        }
    }

    mutating func duration() throws(Malformed) -> Duration {
        let seconds = Int64(bitPattern: try number(UInt64.self))
        return Duration(
            secondsComponent: seconds, attosecondsComponent: Int64(bitPattern: try number(UInt64.self)))
    }

    /// Bytes behind their length.
    mutating func content() throws(Malformed) -> [UInt8] { try raw(Int(try number(UInt32.self))) }

    mutating func raw(_ count: Int) throws(Malformed) -> [UInt8] {
        guard count <= bytes.count - position else { throw Malformed() }
        defer { position += count }
        return Array(bytes[position..<position + count])
    }

    /// Nothing may be left over.
    func end() throws(Malformed) { guard position == bytes.count else { throw Malformed() } }
}

extension [UInt8] {
    /// A copy of what a span shows.
    init(copying span: Span<UInt8>) {
        self.init(capacity: span.count) { output in for index in span.indices { output.append(span[index]) } }
    }
}

/// CRC-32 of IEEE 802.3, which finds every burst of up to 32 damaged bits.
struct Checksum {
    private var state: UInt32 = .max

    var value: UInt32 { ~state }

    mutating func add(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { state = Self.table[Int(UInt8(truncatingIfNeeded: state) ^ byte)] ^ state >> 8 }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0xedb8_8320 }
    }
}
