/// A piece of a reliable message: records 0x20...0x27.
public struct Piece: Hashable, Sendable {
    public let channel: Channel
    public let message: UInt64
    /// Where in the message the bytes belong.
    public let offset: UInt64
    /// The bytes, as a range of the parsed span.
    public let bytes: Range<Int>
    /// Whether the message ends with this piece.
    public let isLast: Bool

    public init(channel: Channel, message: UInt64, offset: UInt64, bytes: Range<Int>, isLast: Bool) {
        self.channel = channel
        self.message = message
        self.offset = offset
        self.bytes = bytes
        self.isLast = isLast
    }

    /// Bytes of the record, length included.
    public var encodedSize: Int {
        Piece.headerSize(
            channel: channel, message: message, offset: offset, length: UInt64(clamping: bytes.count)) + bytes.count
    }

    /// Bytes in front of the piece's own. An offset of 0 is left out; nil leaves the length out too.
    public static func headerSize(channel: Channel, message: UInt64, offset: UInt64, length: UInt64?) -> Int {
        var size = 1 + varintSize(channel.encoded) + varintSize(message)
        if offset > 0 { size += varintSize(offset) }
        if let length { size += varintSize(length) }
        return size
    }

    /// Appends what stands in front of the piece's bytes; false, with nothing written, when it does not fit.
    /// Without a length the bytes that follow must go to the end of the frame.
    @discardableResult
    public static func appendHeader(
        channel: Channel, message: UInt64, offset: UInt64, length: UInt64?, isLast: Bool,
        to output: inout OutputSpan<UInt8>
    ) -> Bool {
        let size = headerSize(channel: channel, message: message, offset: offset, length: length)
        guard output.freeCapacity >= size else { return false }
        var type = RecordType.piece
        if isLast { type |= RecordType.lastFlag }
        if offset > 0 { type |= RecordType.offsetFlag }
        if length != nil { type |= RecordType.lengthFlag }
        output.append(uint8: type)
        output.append(varint: channel.encoded)
        output.append(varint: message)
        if offset > 0 { output.append(varint: offset) }
        if let length { output.append(varint: length) }
        return true
    }

    /// Reads what follows the type octet, which stood at `start`.
    static func parse(
        type: UInt8, at start: Int, _ reader: inout ByteReader
    ) throws(WireError) -> Piece {
        let channel = try reader.readChannel(reliable: true)
        let message = try reader.readVarint()
        // [SCP-REC-25]
        let offset = type & RecordType.offsetFlag != 0 ? try reader.readVarint() : 0
        let length =
            type & RecordType.lengthFlag != 0 ? try reader.readVarint() : UInt64(clamping: reader.remaining)
        let isLast = type & RecordType.lastFlag != 0
        // [SCP-REC-27] Both are at most 2^62-1, so the sum cannot overflow.
        guard offset &+ length <= Varint.maximum else { throw WireError(.offsetOverflow, at: start) }
        // [SCP-REC-26]
        guard length > 0 || isLast else { throw WireError(.emptyPiece, at: start) }
        let bytes = try reader.readRange(length)
        return Piece(channel: channel, message: message, offset: offset, bytes: bytes, isLast: isLast)
    }
}

/// A whole message of an unreliable channel: records 0x30 and 0x34.
public struct UnreliableMessage: Hashable, Sendable {
    public let channel: Channel
    public let number: UInt64
    /// The message, as a range of the parsed span.
    public let bytes: Range<Int>

    public init(channel: Channel, number: UInt64, bytes: Range<Int>) {
        self.channel = channel
        self.number = number
        self.bytes = bytes
    }

    /// Bytes of the record, length included.
    public var encodedSize: Int {
        UnreliableMessage.headerSize(channel: channel, number: number, length: UInt64(clamping: bytes.count))
            + bytes.count
    }

    /// Bytes in front of the message's own; nil leaves the length out.
    public static func headerSize(channel: Channel, number: UInt64, length: UInt64?) -> Int {
        let size = 1 + varintSize(channel.encoded) + varintSize(number)
        guard let length else { return size }
        return size + varintSize(length)
    }

    /// Appends what stands in front of the message's bytes; false, with nothing written, when it does not fit.
    /// Without a length the bytes that follow must go to the end of the frame.
    @discardableResult
    public static func appendHeader(
        channel: Channel, number: UInt64, length: UInt64?, to output: inout OutputSpan<UInt8>
    ) -> Bool {
        guard output.freeCapacity >= headerSize(channel: channel, number: number, length: length) else { return false }
        output.append(uint8: RecordType.unreliable | (length != nil ? RecordType.lengthFlag : 0))
        output.append(varint: channel.encoded)
        output.append(varint: number)
        if let length { output.append(varint: length) }
        return true
    }

    /// Reads what follows the type octet.
    static func parse(type: UInt8, _ reader: inout ByteReader) throws(WireError) -> UnreliableMessage {
        let channel = try reader.readChannel(reliable: false)
        // [SCP-REC-25]
        let number = try reader.readVarint()
        let length =
            type & RecordType.lengthFlag != 0 ? try reader.readVarint() : UInt64(clamping: reader.remaining)
        return UnreliableMessage(channel: channel, number: number, bytes: try reader.readRange(length))
    }
}
