/// The five frame types. Everything else rides inside payloads.
public enum FrameType: UInt8, Hashable, Sendable, CaseIterable {
    // [SCP-FRAME-3]
    case handshakeInit = 0x01
    case handshakeResponse = 0x02
    case data = 0x03
    case ack = 0x04
    case close = 0x05
}

/// A frame's sequence field: the key generation in the high 16 bits, the counter in the low 48.
public struct SequenceNumber: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: UInt64

    /// 2^48-1.
    public static let maximumCounter: UInt64 = 0xffff_ffff_ffff

    public static let zero = SequenceNumber(rawValue: 0)

    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Nil when the counter does not fit 48 bits.
    public init?(epoch: UInt16, counter: UInt64) {
        guard counter <= SequenceNumber.maximumCounter else { return nil }
        // [SCP-FRAME-7]
        rawValue = UInt64(epoch) << 48 | counter
    }

    /// 0 while no session keys exist, 1 after the handshake, one more at every rotation.
    public var epoch: UInt16 { UInt16(truncatingIfNeeded: rawValue >> 48) }

    /// Piece index in epoch 0; from epoch 1 on the number of the frame in its direction of the connection.
    public var counter: UInt64 { rawValue & SequenceNumber.maximumCounter }

    public static func < (left: SequenceNumber, right: SequenceNumber) -> Bool { left.rawValue < right.rawValue }
}

/// The 14 bytes in front of every payload: version, type, sequence, payload length.
public struct FrameHeader: Equatable, Sendable {
    /// The version this engine speaks.
    public static let version: UInt8 = 0x01
    /// Bytes of a header.
    public static let size = 14
    /// Bytes of the GCM tag that ends a payload of epoch 1 and later.
    public static let tagSize = 16
    /// Bytes of the HMAC that ends every frame.
    public static let macSize = 32
    /// What protection adds to a plaintext: header, tag and HMAC.
    public static let overhead = size + tagSize + macSize
    /// The largest payload of an epoch-0 frame, whatever the state: nothing there is authenticated.
    public static let handshakeLimit = 16_384

    public let type: FrameType
    public let sequence: SequenceNumber
    /// Bytes of the payload, tag included. Not negative, and below 2^32.
    public let length: Int

    /// A header to send. A length outside 0..<2^32 is clamped.
    public init(type: FrameType, sequence: SequenceNumber, length: Int) {
        self.type = type
        self.sequence = sequence
        self.length = Int(clamping: UInt32(clamping: length))
    }

    /// Bytes of the whole frame: header, payload, HMAC.
    public var frameSize: Int { FrameHeader.size &+ length &+ FrameHeader.macSize }

    /// Reads the 14 bytes at `offset` and makes the checks that need nothing else, in the order of [SCP-FRAME-14].
    ///
    /// - Parameter limit: the largest payload accepted in the present state from epoch 1 on; epoch-0 frames have
    ///   `handshakeLimit`, whatever is passed.
    /// - Throws: `truncated`, `unsupportedVersion`, `unknownType`, `frameTooLarge`, `frameTooShort`.
    /// [SCP-FRAME-14]
    public static func parse(
        _ bytes: Span<UInt8>, at offset: Int = 0, limit: Int
    ) throws(WireError) -> FrameHeader {
        var reader = ByteReader(bytes, in: max(offset, 0)..<max(bytes.count, offset, 0))
        let start = reader.position
        guard reader.remaining >= size else { throw WireError(.truncated, at: reader.end) }
        // [SCP-FRAME-2]
        guard try reader.readUInt8() == version else { throw WireError(.unsupportedVersion, at: start) }
        // [SCP-FRAME-3]
        guard let type = FrameType(rawValue: try reader.readUInt8()) else {
            throw WireError(.unknownType, at: start &+ 1)
        }
        let sequence = SequenceNumber(rawValue: try reader.readUInt64())
        let position = reader.position
        let wireLength = try reader.readUInt32()
        // [SCP-FRAME-4] [SCP-FRAME-5]
        let bound = sequence.epoch == 0 ? handshakeLimit : limit
        guard let length = Int(exactly: wireLength), length <= bound else {
            throw WireError(.frameTooLarge, at: position)
        }
        // [SCP-FRAME-6]
        guard sequence.epoch == 0 || length >= tagSize else { throw WireError(.frameTooShort, at: position) }
        return FrameHeader(type: type, sequence: sequence, length: length)
    }

    /// Appends the 14 bytes; false, with nothing written, when they do not fit.
    @discardableResult
    public func write(to output: inout OutputSpan<UInt8>) -> Bool {
        guard output.freeCapacity >= FrameHeader.size else { return false }
        // [SCP-FRAME-1]
        output.append(uint8: FrameHeader.version)
        output.append(uint8: type.rawValue)
        output.append(uint64: sequence.rawValue)
        output.append(uint32: UInt32(clamping: length))
        return true
    }

    /// Writes the 14 bytes over `output` from `offset` on; false, with nothing written, when they do not fit.
    @discardableResult
    public func write(to output: inout MutableSpan<UInt8>, at offset: Int) -> Bool {
        guard offset >= 0, offset <= output.count, output.count - offset >= FrameHeader.size else { return false }
        let encoded = bytes
        for index in 0..<FrameHeader.size { output[offset &+ index] = encoded[index] }
        return true
    }

    /// The 14 bytes, which are also the associated data of the payload's encryption.
    public var bytes: [14 of UInt8] {
        let length = UInt32(clamping: length)
        return [14 of UInt8] { index in
            switch index {
            case 0: FrameHeader.version
            case 1: type.rawValue
            case 2..<10: UInt8(truncatingIfNeeded: sequence.rawValue >> UInt64(8 &* (9 &- index)))
            default: UInt8(truncatingIfNeeded: length >> UInt32(8 &* (13 &- index)))
            }
        }
    }
}
