/// The items in the payloads of M2 and M3.
public struct HandshakeItems: Hashable, Sendable {
    /// The responder's parameters, in M2.
    public var parameters = TransportParameters()
    /// 1...20 bytes that the receiver puts before frames it sends to us; ignored on streams.
    public var connectionID: [UInt8]?
    /// In M2 all that are offered, in M3 the one chosen; each of 1...255 bytes, never an empty list.
    public var applicationProtocols: [[UInt8]]?
    /// Not looked into here: ``CredentialItem`` is for receivers that want one. [SCP-ITEM-22]
    public var credential: [UInt8]?
    /// Versions the responder supports, in M2.
    public var versions: [UInt8] = []
    /// Suites the responder supports, in M2.
    public var suites: [UInt8] = []

    public init() {}

    /// Payloads with a credential are padded to a multiple of this. [SCP-ID-12]
    static let credentialPadding = 256

    // MARK: Receiving

    /// Reads the list in `range` of `bytes`.
    ///
    /// - Parameters:
    ///   - message: the message whose payload it is.
    ///   - suite: the suite in use, which the list of M2 has to contain.
    /// - Throws: `truncated`, `unknownOddItem`, `duplicateItem`, `misplacedItem`, `itemSize`, `itemOutOfBounds`,
    ///   `missingItem`.
    public static func parse(
        _ bytes: Span<UInt8>, in range: Range<Int>, of message: HandshakeMessage, suite: UInt8
    ) throws(WireError) -> HandshakeItems {
        var result = HandshakeItems()
        var positions = ItemPositions()
        var items = ItemReader(bytes, in: range, of: message)
        while let item = try items.nextItem() {
            try result.parameters.apply(item, in: bytes, &positions)
            try result.apply(item, in: bytes, of: message, suite: suite)
        }
        guard message == .m2 else { return result }
        // [SCP-ITEM-9]
        guard !result.versions.isEmpty, !result.suites.isEmpty else {
            throw WireError(.missingItem, at: items.position)
        }
        try result.parameters.checkBounds(positions)
        return result
    }

    private mutating func apply(
        _ item: Item, in bytes: Span<UInt8>, of message: HandshakeMessage, suite: UInt8
    ) throws(WireError) {
        switch item.id {
        case .connectionID:
            // [SCP-ITEM-20]
            guard (1...20).contains(item.value.count) else { throw WireError(.itemSize, at: item.position) }
            connectionID = [UInt8](bytes, item.value)
        case .applicationProtocols:
            let names = try item.names(in: bytes)
            // [SCP-ITEM-21]
            guard message == .m2 || names.count == 1 else { throw WireError(.itemOutOfBounds, at: item.position) }
            applicationProtocols = names
        case .credential: credential = [UInt8](bytes, item.value)
        // [SCP-ITEM-23]
        case .versions: versions = try item.list(in: bytes, containing: FrameHeader.version)
        // [SCP-ITEM-24]
        case .suites: suites = try item.list(in: bytes, containing: suite)
        case .resetToken:
            // [SCP-ITEM-25]
            guard item.value.count == 16 else { throw WireError(.itemSize, at: item.position) }
        // Padding and what is unknown: [SCP-ITEM-8] [SCP-ITEM-11]
        default: return
        }
    }

    // MARK: Sending

    /// Bytes of the list, with its padding when there is a credential.
    public var encodedSize: Int {
        let size = unpaddedSize(credential: credential?.count)
        guard let padding = padding(after: size) else { return size }
        return size + ItemID.padding.itemSize(padding)
    }

    /// The same with a credential of at most so many bytes, at most.
    func largestSize(credential: Int?) -> Int {
        let size = unpaddedSize(credential: credential)
        // Up to the next multiple, and one more where the room cannot be filled exactly.
        return credential == nil ? size : size + 2 * HandshakeItems.credentialPadding
    }

    /// Appends the list; false, with nothing written, when it does not fit. Parameters that equal the defaults, and
    /// lists that are empty, are left out: M3 has no parameters, versions or suites.
    @discardableResult
    public func write(to output: inout OutputSpan<UInt8>) -> Bool {
        guard output.freeCapacity >= encodedSize else { return false }
        parameters.write(to: &output)
        if let connectionID { output.append(item: .connectionID, bytes: connectionID) }
        if let applicationProtocols {
            output.append(item: .applicationProtocols, size: HandshakeItems.size(ofNames: applicationProtocols))
            for name in applicationProtocols {
                output.append(uint8: UInt8(truncatingIfNeeded: name.count))
                output.append(name)
            }
        }
        if let credential { output.append(item: .credential, bytes: credential) }
        if !versions.isEmpty { output.append(item: .versions, bytes: versions) }
        if !suites.isEmpty { output.append(item: .suites, bytes: suites) }
        if let padding = padding(after: unpaddedSize(credential: credential?.count)) {
            output.append(item: .padding, size: padding)
            output.append(zeros: padding)
        }
        return true
    }

    private func unpaddedSize(credential: Int?) -> Int {
        var size = parameters.encodedSize
        if let connectionID { size += ItemID.connectionID.itemSize(connectionID.count) }
        if let applicationProtocols {
            size += ItemID.applicationProtocols.itemSize(HandshakeItems.size(ofNames: applicationProtocols))
        }
        if let credential { size += ItemID.credential.itemSize(credential) }
        if !versions.isEmpty { size += ItemID.versions.itemSize(versions.count) }
        if !suites.isEmpty { size += ItemID.suites.itemSize(suites.count) }
        return size
    }

    private static func size(ofNames names: [[UInt8]]) -> Int {
        var size = 0
        for name in names { size += 1 + name.count }
        return size
    }

    /// Size of the padding item's value that makes the list a multiple of 256; nil when none is needed.
    ///
    /// An item adds two bytes to its value, or three from 64 on, so one room (1, and 66) cannot be filled exactly: the
    /// next multiple is taken then.
    private func padding(after size: Int) -> Int? {
        guard credential != nil, size % HandshakeItems.credentialPadding != 0 else { return nil }
        var room = HandshakeItems.credentialPadding - size % HandshakeItems.credentialPadding
        while true {
            for header in [2, 3] where room >= header && ItemID.padding.itemSize(room - header) == room {
                return room - header
            }
            room += HandshakeItems.credentialPadding
        }
    }
}

extension Item {
    /// A list of application protocols: `{length (1), name}+`, names not empty (as RFC 7301 3.1).
    fileprivate func names(in bytes: Span<UInt8>) throws(WireError) -> [[UInt8]] {
        var names: [[UInt8]] = []
        var reader = ByteReader(bytes, in: value)
        while let length = reader.next {
            // [SCP-ITEM-21]
            guard length > 0, reader.remaining > Int(length) else { throw WireError(.itemSize, at: position) }
            _ = try reader.readUInt8()
            names.append(try reader.readBytes(UInt64(length)))
        }
        guard !names.isEmpty else { throw WireError(.itemSize, at: position) }
        return names
    }

    /// A list of one-byte numbers that has to contain one.
    fileprivate func list(in bytes: Span<UInt8>, containing wanted: UInt8) throws(WireError) -> [UInt8] {
        guard !value.isEmpty else { throw WireError(.itemSize, at: position) }
        let list = [UInt8](bytes, value)
        guard list.contains(wanted) else { throw WireError(.itemOutOfBounds, at: position) }
        return list
    }
}
