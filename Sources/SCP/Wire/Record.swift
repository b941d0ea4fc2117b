/// One record of a DATA plaintext. Bytes are told as ranges of the parsed span.
public enum Record: Hashable, Sendable {
    /// A run of `count` padding octets, at least one.
    case padding(count: Int)
    case ping
    /// Connection credit: the sum of charges the peer may reach.
    case credit(UInt64)
    case channelCredit(Channel, UInt64)
    /// The sender could send more, and this connection credit stops it.
    case blocked(limit: UInt64)
    case channelBlocked(Channel, limit: UInt64)
    /// The sender gives a message up, after charging `charge` for it.
    case cancel(Channel, message: UInt64, charge: UInt64, code: ErrorCode)
    /// The receiver does not want a message.
    case refuse(Channel, message: UInt64, code: ErrorCode)
    /// No more messages from this side; `charge` is the final sum of its charges.
    case finish(charge: UInt64)
    case pathChallenge(token: UInt64)
    case pathResponse(token: UInt64)
    case piece(Piece)
    case unreliable(UnreliableMessage)
    /// An unknown record with an even type in 0x40...0x7F: to be skipped.
    case skippable(type: UInt8, body: Range<Int>)

    /// Whether a frame with this record has to be acknowledged.
    public var isEliciting: Bool {
        if case .padding = self { return false }
        return true
    }
}

/// The type octets of records.
enum RecordType {
    static let padding: UInt8 = 0x00
    static let ping: UInt8 = 0x01
    static let credit: UInt8 = 0x02
    static let channelCredit: UInt8 = 0x03
    static let blocked: UInt8 = 0x04
    static let channelBlocked: UInt8 = 0x05
    static let cancel: UInt8 = 0x06
    static let refuse: UInt8 = 0x07
    static let finish: UInt8 = 0x08
    static let pathChallenge: UInt8 = 0x09
    static let pathResponse: UInt8 = 0x0a
    /// 0x20...0x27, with the flags below.
    static let piece: UInt8 = 0x20
    /// 0x30 and 0x34, with `lengthFlag` alone.
    static let unreliable: UInt8 = 0x30
    static let extensions: ClosedRange<UInt8> = 0x40...0x7f

    /// F: the message ends with this piece.
    static let lastFlag: UInt8 = 0x01
    /// N: an offset is present; without one it is 0.
    static let offsetFlag: UInt8 = 0x02
    /// L: a length is present; without one the bytes go to the end of the frame.
    static let lengthFlag: UInt8 = 0x04
}

/// Sending a record.
extension Record {
    /// Bytes of the record with every varint in its shortest form. Pieces and unreliable messages carry their length.
    public var encodedSize: Int {
        switch self {
        case .padding(let count): max(0, count)
        case .ping: 1
        case .credit(let value), .blocked(let value), .finish(let value): 1 + varintSize(value)
        case .channelCredit(let channel, let value), .channelBlocked(let channel, let value):
            1 + varintSize(channel.encoded) + varintSize(value)
        case .cancel(let channel, let message, let charge, let code):
            1 + varintSize(channel.encoded) + varintSize(message) + varintSize(charge) + varintSize(code.rawValue)
        case .refuse(let channel, let message, let code):
            1 + varintSize(channel.encoded) + varintSize(message) + varintSize(code.rawValue)
        case .pathChallenge, .pathResponse: 9
        case .piece(let piece): piece.encodedSize
        case .unreliable(let message): message.encodedSize
        case .skippable(_, let body): 1 + varintSize(body.count) + body.count
        }
    }

    /// Appends the record; false, with nothing written, when it does not fit. `bytes` is what the ranges of pieces,
    /// unreliable messages and extensions point into.
    @discardableResult
    public func write(to output: inout OutputSpan<UInt8>, bytes: Span<UInt8> = Span()) -> Bool {
        guard output.freeCapacity >= encodedSize else { return false }
        switch self {
        case .padding(let count): output.append(zeros: count)
        case .ping: output.append(uint8: RecordType.ping)
        case .credit(let value): output.append(record: RecordType.credit, value)
        case .channelCredit(let channel, let value):
            output.append(record: RecordType.channelCredit, channel.encoded, value)
        case .blocked(let limit): output.append(record: RecordType.blocked, limit)
        case .channelBlocked(let channel, let limit):
            output.append(record: RecordType.channelBlocked, channel.encoded, limit)
        case .cancel(let channel, let message, let charge, let code):
            output.append(record: RecordType.cancel, channel.encoded, message)
            output.append(varint: charge)
            output.append(varint: code.rawValue)
        case .refuse(let channel, let message, let code):
            output.append(record: RecordType.refuse, channel.encoded, message)
            output.append(varint: code.rawValue)
        case .finish(let charge): output.append(record: RecordType.finish, charge)
        case .pathChallenge(let token):
            output.append(uint8: RecordType.pathChallenge)
            output.append(uint64: token)
        case .pathResponse(let token):
            output.append(uint8: RecordType.pathResponse)
            output.append(uint64: token)
        case .piece(let piece):
            Piece.appendHeader(
                channel: piece.channel, message: piece.message, offset: piece.offset,
                length: UInt64(clamping: piece.bytes.count), isLast: piece.isLast, to: &output)
            output.append(bytes, in: piece.bytes)
        case .unreliable(let message):
            UnreliableMessage.appendHeader(
                channel: message.channel, number: message.number, length: UInt64(clamping: message.bytes.count),
                to: &output)
            output.append(bytes, in: message.bytes)
        case .skippable(let type, let body):
            output.append(uint8: type)
            output.append(varint: body.count)
            output.append(bytes, in: body)
        }
        return true
    }
}

extension OutputSpan<UInt8> {
    fileprivate mutating func append(record type: UInt8, _ value: UInt64) {
        append(uint8: type)
        append(varint: value)
    }

    fileprivate mutating func append(record type: UInt8, _ first: UInt64, _ second: UInt64) {
        append(uint8: type)
        append(varint: first)
        append(varint: second)
    }
}
