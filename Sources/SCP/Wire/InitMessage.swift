/// M1: `suite (1) | parameters length (2) | parameters | Noise message 1`.
public struct InitMessage: Hashable, Sendable {
    /// One that `noiseSize(suite:)` knows.
    public let suite: UInt8
    public let parameters: TransportParameters
    /// The bytes in front of the Noise message, as a range of the parsed span: what the prologue binds.
    public let opening: Range<Int>
    /// Noise message 1, as a range of the parsed span.
    public let noise: Range<Int>

    /// Bytes of Noise message 1: a public key (32), the hybrid suite's encapsulation key (1,184), the psk suites' tag
    /// on each part they encrypt (16). Nil for an unknown suite.
    public static func noiseSize(suite: UInt8) -> Int? {
        switch suite {
        case 0x01: 32
        case 0x02: 1_216
        case 0x81: 48
        case 0x82: 1_248
        default: nil
        }
    }

    /// Reads M1 in `range` of `bytes`.
    ///
    /// - Parameter suites: the suites that the responder supports, since an M1 of another one is UNSUPPORTED_SUITE
    ///   whatever else is wrong with it; nil for every suite there is.
    /// - Throws: `unsupportedSuite`, `truncated`, `wrongNoiseSize`, and what `TransportParameters.parse` throws.
    public static func parse(
        _ bytes: Span<UInt8>, in range: Range<Int>, supporting suites: [UInt8]? = nil
    ) throws(WireError) -> InitMessage {
        var reader = ByteReader(bytes, in: range)
        let start = reader.position
        let suite = try reader.readUInt8()
        // [SCP-ITEM-4]
        guard let noiseSize = noiseSize(suite: suite), suites?.contains(suite) ?? true else {
            throw WireError(.unsupportedSuite, at: start)
        }
        let list = try reader.readRange(UInt64(try reader.readUInt16()))
        let opening = start..<reader.position
        // [SCP-ITEM-3]
        guard reader.remaining == noiseSize else { throw WireError(.wrongNoiseSize, at: reader.position) }
        let parameters = try TransportParameters.parse(bytes, in: list)
        return InitMessage(suite: suite, parameters: parameters, opening: opening, noise: reader.readRest())
    }

    /// `suite | parameters length | parameters`: M1 up to its Noise message, which the initiator appends.
    public static func opening(suite: UInt8, parameters: TransportParameters) -> [UInt8] {
        let size = parameters.encodedSize
        return [UInt8](capacity: 3 + size) { output in
            // [SCP-ITEM-1]
            output.append(uint8: suite)
            output.append(uint16: UInt16(clamping: size))
            parameters.write(to: &output)
        }
    }

    /// The Noise prologue: `"SCP/1" | version | attempt | opening`.
    public static func prologue(
        attempt: Attempt, opening bytes: Span<UInt8>, in range: Range<Int>
    ) -> [UInt8] {
        [UInt8](capacity: 14 + range.count) { output in
            // [SCP-ITEM-2]
            output.append([0x53, 0x43, 0x50, 0x2f, 0x31])
            output.append(uint8: FrameHeader.version)
            output.append(uint64: attempt.rawValue)
            output.append(bytes, in: range)
        }
    }
}

/// The 8 random bytes, chosen by the initiator, that every epoch-0 payload of an attempt begins with.
public struct Attempt: RawRepresentable, Hashable, Sendable {
    /// The bytes as a big-endian number.
    public let rawValue: UInt64

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The bytes as they stand on the wire.
    public var bytes: [8 of UInt8] {
        [8 of UInt8] { UInt8(truncatingIfNeeded: rawValue >> UInt64(56 &- 8 &* $0)) }
    }
}
