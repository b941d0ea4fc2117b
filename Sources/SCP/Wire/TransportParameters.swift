/// What a side accepts and receives: the items 0x01...0x08 of M1 and M2. A new value is the defaults.
public struct TransportParameters: Hashable, Sendable {
    public static let minimumFrameLimit: UInt64 = 2_048
    public static let maximumFrameLimit: UInt64 = 1_048_576
    public static let maximumMessageLimit: UInt64 = 1 << 48
    public static let maximumChannels: UInt64 = 65_536
    public static let minimumDatagramSize: UInt64 = 1_200
    public static let maximumDatagramSize: UInt64 = 65_527
    /// What every message is charged besides its bytes ([SCP-FLOW-1]): a window holds at least one whole message.
    static let messageCharge: UInt64 = 32

    /// Largest payload (L) of a frame of epoch 1 and later, on streams: 2,048...1,048,576.
    public var frameLimit: UInt64 = 65_536
    /// Largest message in bytes: at most 2^48.
    public var messageLimit: UInt64 = 131_072
    /// Charges the peer may reach on the connection: 0, or at least `messageLimit` + 32.
    public var connectionCredit: UInt64 = 262_144
    /// Charges the peer may reach on each channel: at least `messageLimit` + 32.
    public var channelCredit: UInt64 = 262_144
    /// Channel numbers are below this: 1...65,536.
    public var channels: UInt64 = 256
    /// Milliseconds; 0 for none.
    public var idleTimeout: UInt64 = 30_000
    /// Largest UDP payload: 1,200...65,527.
    public var datagramSize: UInt64 = 65_527
    /// Whether messages above `messageLimit` are taken in parts.
    public var acceptsParts = false

    public init() {}

    /// The item whose value is out of bounds, if any is.
    public var outOfBounds: ItemID? {
        // [SCP-ITEM-12]
        if !(TransportParameters.minimumFrameLimit...TransportParameters.maximumFrameLimit).contains(frameLimit) {
            return .frameLimit
        }
        // [SCP-ITEM-13]
        if messageLimit > TransportParameters.maximumMessageLimit { return .messageLimit }
        // [SCP-ITEM-14] [SCP-ITEM-15]
        let charge = messageLimit &+ TransportParameters.messageCharge
        if connectionCredit != 0, connectionCredit < charge { return .connectionCredit }
        if channelCredit < charge { return .channelCredit }
        if connectionCredit > Varint.maximum { return .connectionCredit }
        if channelCredit > Varint.maximum { return .channelCredit }
        // [SCP-ITEM-16]
        if !(1...TransportParameters.maximumChannels).contains(channels) { return .channels }
        // [SCP-ITEM-17]
        if idleTimeout > Varint.maximum { return .idleTimeout }
        // [SCP-ITEM-18]
        if !(TransportParameters.minimumDatagramSize...TransportParameters.maximumDatagramSize).contains(datagramSize) {
            return .datagramSize
        }
        return nil
    }

    // MARK: Receiving

    /// Reads the parameters of M1: the list in `range` of `bytes`.
    ///
    /// - Throws: `truncated`, `unknownOddItem`, `duplicateItem`, `misplacedItem`, `itemSize`, `itemOutOfBounds`.
    public static func parse(_ bytes: Span<UInt8>, in range: Range<Int>) throws(WireError) -> TransportParameters {
        var parameters = TransportParameters()
        var positions = ItemPositions()
        var items = ItemReader(bytes, in: range, of: .m1)
        while let item = try items.nextItem() {
            try parameters.apply(item, in: bytes, &positions)
        }
        try parameters.checkBounds(positions)
        return parameters
    }

    /// Takes the value of an item if it is one of these; bounds are checked at the end, since they hang together.
    mutating func apply(_ item: Item, in bytes: Span<UInt8>, _ positions: inout ItemPositions) throws(WireError) {
        switch item.id {
        case .frameLimit: frameLimit = try item.varint(in: bytes)
        case .messageLimit: messageLimit = try item.varint(in: bytes)
        case .connectionCredit: connectionCredit = try item.varint(in: bytes)
        case .channelCredit: channelCredit = try item.varint(in: bytes)
        case .channels: channels = try item.varint(in: bytes)
        case .idleTimeout: idleTimeout = try item.varint(in: bytes)
        case .datagramSize: datagramSize = try item.varint(in: bytes)
        case .parts:
            // [SCP-ITEM-19]
            guard item.value.isEmpty else { throw WireError(.itemSize, at: item.position) }
            acceptsParts = true
        default: return
        }
        positions.note(item)
    }

    /// Defaults are held to the bounds too: the message limit moves the least credit.
    func checkBounds(_ positions: ItemPositions) throws(WireError) {
        // [SCP-ITEM-10]
        guard let id = outOfBounds else { return }
        throw WireError(.itemOutOfBounds, at: positions[id] ?? positions[.messageLimit] ?? 0)
    }

    // MARK: Sending

    /// Bytes of the list. Values that equal the default are left out.
    public var encodedSize: Int {
        let defaults = TransportParameters()
        var size = acceptsParts ? ItemID.parts.itemSize(0) : 0
        for id in TransportParameters.varintItems where self[id] != defaults[id] {
            size += id.itemSize(varint: self[id])
        }
        return size
    }

    /// Appends the list; false, with nothing written, when it does not fit.
    @discardableResult
    public func write(to output: inout OutputSpan<UInt8>) -> Bool {
        guard output.freeCapacity >= encodedSize else { return false }
        let defaults = TransportParameters()
        for id in TransportParameters.varintItems where self[id] != defaults[id] {
            output.append(item: id, varint: self[id])
        }
        if acceptsParts { output.append(item: .parts, size: 0) }
        return true
    }

    private static let varintItems: [ItemID] = [
        .frameLimit, .messageLimit, .connectionCredit, .channelCredit, .channels, .idleTimeout, .datagramSize,
    ]

    private subscript(id: ItemID) -> UInt64 {
        switch id {
        case .frameLimit: frameLimit
        case .messageLimit: messageLimit
        case .connectionCredit: connectionCredit
        case .channelCredit: channelCredit
        case .channels: channels
        case .idleTimeout: idleTimeout
        default: datagramSize
        }
    }
}

/// Where the known items of a list stood, for error positions.
struct ItemPositions {
    private var positions = [16 of Int](repeating: -1)

    mutating func note(_ item: Item) {
        guard let index = Int(exactly: item.id.rawValue), positions.indices.contains(index) else { return }
        positions[index] = item.position
    }

    subscript(id: ItemID) -> Int? {
        guard let index = Int(exactly: id.rawValue), positions.indices.contains(index), positions[index] >= 0
        else { return nil }
        return positions[index]
    }
}

extension Item {
    /// The value as one varint that fills it.
    func varint(in bytes: Span<UInt8>) throws(WireError) -> UInt64 {
        var reader = ByteReader(bytes, in: value)
        // The value is too short for its varint, or longer: a fault of the item, not of the list.
        // [SCP-ITEM-9]
        guard let number = try? reader.readVarint(), reader.isAtEnd else { throw WireError(.itemSize, at: position) }
        return number
    }
}
