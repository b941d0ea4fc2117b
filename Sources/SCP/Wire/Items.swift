/// The three messages of the handshake, numbered as `progress` names them.
public enum HandshakeMessage: UInt8, Hashable, Sendable, CaseIterable {
    /// M1, carried by HANDSHAKE_INIT.
    case m1 = 1
    /// M2, carried by HANDSHAKE_RESPONSE.
    case m2 = 2
    /// M3, carried by ACK in epoch 0.
    case m3 = 3
}

/// The ids of parameters and items.
public struct ItemID: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    public static let padding = ItemID(rawValue: 0x00)
    public static let frameLimit = ItemID(rawValue: 0x01)
    public static let messageLimit = ItemID(rawValue: 0x02)
    public static let connectionCredit = ItemID(rawValue: 0x03)
    public static let channelCredit = ItemID(rawValue: 0x04)
    public static let channels = ItemID(rawValue: 0x05)
    public static let idleTimeout = ItemID(rawValue: 0x06)
    public static let datagramSize = ItemID(rawValue: 0x07)
    public static let parts = ItemID(rawValue: 0x08)
    public static let connectionID = ItemID(rawValue: 0x09)
    public static let applicationProtocols = ItemID(rawValue: 0x0a)
    public static let credential = ItemID(rawValue: 0x0b)
    public static let versions = ItemID(rawValue: 0x0c)
    public static let suites = ItemID(rawValue: 0x0d)
    public static let resetToken = ItemID(rawValue: 0x0e)

    /// Whether the table of items in the specification has the id.
    public var isKnown: Bool { rawValue <= ItemID.resetToken.rawValue }

    /// Whether a known id may stand in the message.
    func isAllowed(in message: HandshakeMessage) -> Bool {
        switch self {
        case .padding: true
        case .versions, .suites: message == .m2
        case .connectionID, .applicationProtocols, .credential, .resetToken: message != .m1
        default: message != .m3
        }
    }
}

/// One `id | length | value` of a list.
public struct Item: Hashable, Sendable {
    public let id: ItemID
    /// Offset of the id in the parsed span.
    public let position: Int
    /// The value, as a range of the parsed span.
    public let value: Range<Int>
}

/// Reads a list of items and applies the rules that hold for all of them: each id at most once in any varint form, an
/// unknown id ignored when even and refused when odd, a known one only where the table allows it.
public struct ItemReader: ~Copyable, ~Escapable {
    private var reader: ByteReader
    private let message: HandshakeMessage
    /// Bit i: known id i was read.
    private var known: UInt64 = 0
    /// The unknown even ids, each once for every time it was read.
    private var unknown: [UInt64] = []

    /// Reads the list in `range` of `bytes`; a range that reaches outside of them is cut off.
    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>, in range: Range<Int>, of message: HandshakeMessage) {
        reader = ByteReader(bytes, in: range)
        self.message = message
    }

    /// Offset in the span of the next item.
    public var position: Int { reader.position }

    /// The next item, known or not; nil at the end.
    ///
    /// - Throws: `truncated`, `unknownOddItem`, `duplicateItem`, `misplacedItem`. A repeated unknown id is reported at
    ///   the end of the list, once all have been compared.
    public mutating func nextItem() throws(WireError) -> Item? {
        let start = reader.position
        if reader.isAtEnd {
            try checkUnknown()
            return nil
        }
        // [SCP-ITEM-6]
        let id = ItemID(rawValue: try reader.readVarint())
        if id.isKnown {
            let bit: UInt64 = 1 << id.rawValue
            // [SCP-ITEM-7]
            guard known & bit == 0 else { throw WireError(.duplicateItem, at: start) }
            known |= bit
            // [SCP-ITEM-9]
            guard id.isAllowed(in: message) else { throw WireError(.misplacedItem, at: start) }
        } else {
            // [SCP-ITEM-8]
            guard id.rawValue & 1 == 0 else { throw WireError(.unknownOddItem, at: start) }
            unknown.append(id.rawValue)
        }
        let value = try reader.readRange(try reader.readVarint())
        return Item(id: id, position: start, value: value)
    }

    /// Sorted, so that a list of thousands of two-byte items costs no more than n log n comparisons.
    private mutating func checkUnknown() throws(WireError) {
        guard unknown.count > 1 else { return }
        unknown.sort()
        // [SCP-ITEM-7]
        for index in 1..<unknown.count where unknown[index] == unknown[index - 1] {
            throw WireError(.duplicateItem, at: reader.end)
        }
    }
}

extension OutputSpan<UInt8> {
    /// Appends `id | length` in front of a value of `size` bytes.
    mutating func append(item id: ItemID, size: Int) {
        append(varint: id.rawValue)
        append(varint: size)
    }

    /// Appends an item whose value is a varint.
    mutating func append(item id: ItemID, varint value: UInt64) {
        append(item: id, size: varintSize(value))
        append(varint: value)
    }

    /// Appends an item whose value is these bytes.
    mutating func append(item id: ItemID, bytes: [UInt8]) {
        append(item: id, size: bytes.count)
        append(bytes)
    }
}

extension ItemID {
    /// Bytes of a whole item with a value of `size` bytes.
    func itemSize(_ size: Int) -> Int { varintSize(rawValue) + varintSize(size) + size }

    /// Bytes of a whole item whose value is a varint.
    func itemSize(varint value: UInt64) -> Int { itemSize(varintSize(value)) }
}
