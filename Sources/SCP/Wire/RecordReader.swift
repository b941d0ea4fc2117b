/// Reads the records of a DATA plaintext, one at a time.
public struct RecordReader: ~Copyable, ~Escapable {
    private var reader: ByteReader
    private let start: Int

    /// Reads the records in `range` of `bytes`; a range that reaches outside of them is cut off.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>, in range: Range<Int>) {
        reader = ByteReader(bytes, in: range)
        start = reader.position
    }

    /// Reads all of `bytes`.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) {
        reader = ByteReader(bytes)
        start = 0
    }

    /// Offset in the span of the next record.
    public var position: Int { reader.position }

    /// The next record; nil at the end. A run of padding is one record.
    ///
    /// - Throws: `emptyData` when there is no record at all, `truncated`, `unknownRecord`, `oddExtension`,
    ///   `modeMismatch`, `channelOutOfRange`, `emptyPiece`, `offsetOverflow`.
    public mutating func nextRecord() throws(WireError) -> Record? {
        let at = reader.position
        guard let type = reader.next else {
            // [SCP-REC-7]
            guard at > start else { throw WireError(.emptyData, at: at) }
            return nil
        }
        // [SCP-REC-8] [SCP-REC-24]
        if type == RecordType.padding { return .padding(count: reader.skip(RecordType.padding)) }
        _ = try reader.readUInt8()
        switch type {
        case RecordType.piece...RecordType.piece | 0x07:
            return .piece(try Piece.parse(type: type, at: at, &reader))
        case RecordType.unreliable, RecordType.unreliable | RecordType.lengthFlag:
            return .unreliable(try UnreliableMessage.parse(type: type, &reader))
        case RecordType.extensions:
            // [SCP-REC-21]
            guard type & 1 == 0 else { throw WireError(.oddExtension, at: at) }
            return .skippable(type: type, body: try reader.readRange(try reader.readVarint()))
        default:
            return try control(type, at: at)
        }
    }

    private mutating func control(_ type: UInt8, at position: Int) throws(WireError) -> Record {
        switch type {
        case RecordType.ping: return .ping
        case RecordType.credit: return .credit(try reader.readVarint())
        case RecordType.channelCredit:
            return .channelCredit(try reader.readChannel(), try reader.readVarint())
        case RecordType.blocked: return .blocked(limit: try reader.readVarint())
        case RecordType.channelBlocked:
            return .channelBlocked(try reader.readChannel(), limit: try reader.readVarint())
        case RecordType.cancel:
            return .cancel(
                try reader.readChannel(reliable: true), message: try reader.readVarint(),
                charge: try reader.readVarint(), code: try reader.readErrorCode())
        case RecordType.refuse:
            return .refuse(
                try reader.readChannel(reliable: true), message: try reader.readVarint(),
                code: try reader.readErrorCode())
        case RecordType.finish: return .finish(charge: try reader.readVarint())
        case RecordType.pathChallenge: return .pathChallenge(token: try reader.readUInt64())
        case RecordType.pathResponse: return .pathResponse(token: try reader.readUInt64())
        // [SCP-REC-7]
        default: throw WireError(.unknownRecord, at: position)
        }
    }
}

extension ByteReader {
    /// A channel of any mode, or of the reliable or the unreliable ones only.
    mutating func readChannel(reliable: Bool? = nil) throws(WireError) -> Channel {
        let start = position
        guard let channel = Channel(encoded: try readVarint()) else { throw WireError(.channelOutOfRange, at: start) }
        // [SCP-REC-23]
        if let reliable, channel.mode.isReliable != reliable { throw WireError(.modeMismatch, at: start) }
        return channel
    }

    mutating func readErrorCode() throws(WireError) -> ErrorCode { ErrorCode(rawValue: try readVarint()) }
}
