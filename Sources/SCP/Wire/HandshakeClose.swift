/// The payload of a CLOSE of epoch 0: `attempt (8) | key (1) | code v | count (1) | list`.
public struct HandshakeClose: Hashable, Sendable {
    /// Which key the frame's HMAC is made with.
    public enum Key: Hashable, Sendable {
        /// The hello key of the sender's direction.
        case hello(HelloKey)
        /// `finished`: only the initiator, once it has accepted M2.
        case finished

        /// The octet on the wire.
        public var rawValue: UInt8 {
            switch self {
            case .hello(let hello): hello.rawValue
            case .finished: 0x80
            }
        }

        /// Nil for an octet that names no key.
        public init?(rawValue: UInt8) {
            let hello = HelloKey(rawValue: rawValue)
            if rawValue == 0x80 {
                self = .finished
            } else if HelloKey.all.isSuperset(of: hello) {
                self = .hello(hello)
            } else {
                return nil
            }
        }
    }

    /// Zeros after UNSUPPORTED_VERSION on a stream.
    public let attempt: Attempt
    public let key: Key
    /// Unauthenticated; an unknown code is kept as its number.
    public let code: ErrorCode
    /// Versions after UNSUPPORTED_VERSION, suites after UNSUPPORTED_SUITE, else empty; a range of the parsed span.
    public let list: Range<Int>

    /// Reads the payload in `range` of `bytes`.
    ///
    /// - Throws: `truncated`, `invalidCloseKey`, `unexpectedList`, `trailingBytes`.
    public static func parse(_ bytes: Span<UInt8>, in range: Range<Int>) throws(WireError) -> HandshakeClose {
        var reader = ByteReader(bytes, in: range)
        // [SCP-CLOSE-3]
        let attempt = Attempt(rawValue: try reader.readUInt64())
        let keyPosition = reader.position
        // [SCP-CLOSE-5]
        guard let key = Key(rawValue: try reader.readUInt8()) else {
            throw WireError(.invalidCloseKey, at: keyPosition)
        }
        let code = try reader.readErrorCode()
        let countPosition = reader.position
        let count = try reader.readUInt8()
        // [SCP-CLOSE-9]
        guard count == 0 || hasList(code) else { throw WireError(.unexpectedList, at: countPosition) }
        let list = try reader.readRange(UInt64(count))
        try reader.expectEnd()
        return HandshakeClose(attempt: attempt, key: key, code: code, list: list)
    }

    private static func hasList(_ code: ErrorCode) -> Bool {
        code == .unsupportedVersion || code == .unsupportedSuite
    }

    /// Bytes of the payload with a list of `listSize` entries.
    public static func encodedSize(code: ErrorCode, listSize: Int) -> Int {
        10 + varintSize(code.rawValue) + listSize
    }

    /// Appends the payload; false, with nothing written, when it does not fit, or the list is longer than 255 or does
    /// not belong to the code.
    @discardableResult
    public static func write(
        attempt: Attempt, key: Key, code: ErrorCode, list: Span<UInt8> = Span(),
        to output: inout OutputSpan<UInt8>
    ) -> Bool {
        guard list.isEmpty || (hasList(code) && list.count <= 255),
            output.freeCapacity >= encodedSize(code: code, listSize: list.count)
        else { return false }
        output.append(uint64: attempt.rawValue)
        output.append(uint8: key.rawValue)
        output.append(varint: code.rawValue)
        output.append(uint8: UInt8(truncatingIfNeeded: list.count))
        output.append(list, in: 0..<list.count)
        return true
    }
}
