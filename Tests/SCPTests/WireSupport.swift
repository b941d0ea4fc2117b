import SCPMisbehaviours

@testable import SCP

/// SplitMix64: the tests' own generator, so that a failing seed fails everywhere.
struct WireRandom: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }

    /// A varint value; all four lengths are equally likely, and their bounds often.
    mutating func varint() -> UInt64 {
        let bits: UInt64 = [6, 14, 30, 62][Int.random(in: 0..<4, using: &self)]
        let top = (UInt64(1) << bits) - 1
        switch Int.random(in: 0..<6, using: &self) {
        case 0: return top
        case 1: return top >> 1
        case 2: return 0
        default: return next() & top
        }
    }

    mutating func bytes(_ count: Int) -> [UInt8] {
        var word: UInt64 = 0
        return (0..<count).map { index in
            if index % 8 == 0 { word = next() }
            defer { word >>= 8 }
            return UInt8(truncatingIfNeeded: word)
        }
    }

    /// Bytes that look more like messages than noise does: many small values, and those that begin something.
    mutating func plausibleBytes(_ count: Int) -> [UInt8] {
        bytes(count).map { byte in
            switch byte >> 6 {
            case 0: byte
            case 1: byte & 0x0f
            case 2: byte & 0x03
            default: WireRandom.marks[Int(byte & 0x0f)]
            }
        }
    }

    private static let marks: [UInt8] = [
        0x00, 0x01, 0x10, 0x20, 0x25, 0x27, 0x30, 0x34, 0x40, 0x41, 0x7f, 0x80, 0x81, 0xc0, 0xf0, 0xff,
    ]

    mutating func channel(reliable: Bool? = nil) -> Channel {
        var modes = DeliveryMode.allCases
        if let reliable { modes = modes.filter { $0.isReliable == reliable } }
        let number = Int.random(in: 0..<3, using: &self) == 0 ? (1 << 60) - 1 : Int.random(in: 0..<70_000, using: &self)
        return Channel(number, modes[Int.random(in: 0..<modes.count, using: &self)])
    }
}

/// What a writer appends to an empty buffer of `capacity` bytes.
func wireBytes(_ capacity: Int, _ body: (inout OutputSpan<UInt8>) -> Void) -> [UInt8] {
    [UInt8](capacity: capacity, initializingWith: body)
}

/// One item of a list.
func itemBytes(_ id: UInt64, _ value: [UInt8]) -> [UInt8] {
    varintBytes(id) + varintBytes(UInt64(value.count)) + value
}

func wireInteger(_ value: UInt64, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - $0))) }
}

/// All records of a plaintext, with the reader's progress checked: it must move on with every record.
func readRecords(_ bytes: [UInt8], in range: Range<Int>? = nil) throws(WireError) -> [Record] {
    var reader = RecordReader(bytes.span, in: range ?? 0..<bytes.count)
    var records: [Record] = []
    var position = reader.position
    while let record = try reader.nextRecord() {
        guard reader.position > position else { throw WireError(.truncated, at: -1) }
        position = reader.position
        records.append(record)
    }
    return records
}

/// Every parser of the wire, each telling the ranges that it found, so that one test can hold them all to the rules.
enum WireParser: CaseIterable {
    case header, initPiece, initPieceStream, responsePiece, ackPiece, handshakeClose, m1, m2, m3, records
    case ack, streamAck, close

    func parse(_ bytes: [UInt8], in range: Range<Int>) throws(WireError) -> [Range<Int>] {
        let span = bytes.span
        switch self {
        case .header:
            let header = try FrameHeader.parse(span, at: range.lowerBound, limit: 65_536)
            // Not a range of the input, which holds the header alone; its bound is what matters.
            guard (0...65_536).contains(header.length) else { throw WireError(.frameTooLarge, at: -1) }
            return []
        case .initPiece: return try piece(bytes, range, .handshakeInit, isStream: false)
        case .initPieceStream: return try piece(bytes, range, .handshakeInit, isStream: true)
        case .responsePiece: return try piece(bytes, range, .handshakeResponse, isStream: false)
        case .ackPiece: return try piece(bytes, range, .ack, isStream: true)
        case .handshakeClose: return [try HandshakeClose.parse(span, in: range).list]
        case .m1:
            let message = try InitMessage.parse(span, in: range)
            return [message.opening, message.noise]
        case .m2:
            _ = try HandshakeItems.parse(span, in: range, of: .m2, suite: 1)
            return []
        case .m3:
            _ = try HandshakeItems.parse(span, in: range, of: .m3, suite: 1)
            return []
        case .records:
            return try readRecords(bytes, in: range).map { record in
                switch record {
                case .piece(let piece): piece.bytes
                case .unreliable(let message): message.bytes
                case .skippable(_, let body): body
                default: range.lowerBound..<range.lowerBound
                }
            }
        case .ack, .streamAck:
            let ack = try Acknowledgement.parse(span, in: range, isStream: self == .streamAck)
            guard ack.first <= ack.largest else { throw WireError(.rangeUnderflow, at: -1) }
            return []
        case .close: return [try CloseFrame.parse(span, in: range).reason]
        }
    }

    private func piece(
        _ bytes: [UInt8], _ range: Range<Int>, _ type: FrameType, isStream: Bool
    ) throws(WireError) -> [Range<Int>] {
        // Datagram pieces carry their index in the counter; take it from the payload so that pieces are reached.
        let octet = range.count > 10 && bytes[range.lowerBound + 8] == 0 ? bytes[range.lowerBound + 10] : 0
        let piece = try HandshakePiece.parse(
            bytes.span, in: range, type: type, counter: isStream ? 0 : UInt64(octet >> 4), isStream: isStream)
        return [piece.bytes] + (piece.cookie.map { [$0] } ?? [])
    }
}
