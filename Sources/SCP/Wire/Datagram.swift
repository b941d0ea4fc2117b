/// What stands before the frames of a datagram.
///
///     first octet 0x01         a frame, no prefix
///     first octet 0x04         0x04 | n (1; 1 to 20) | connection id (n), then frames
///     first octet 0x05..0x0F   reserved
///     anything else            not SCP
/// [SCP-DGRAM-1]
public struct DatagramPrefix: Hashable, Sendable {
    /// The octet that a connection id follows.
    public static let connectionIDMark: UInt8 = 0x04
    /// The longest connection id.
    public static let maximumConnectionID = 20
    /// Frames that a datagram may have.
    public static let maximumFrames = 16

    /// The connection id, as a range of the parsed span; nil when there is none.
    public let connectionID: Range<Int>?
    /// Where the first frame begins.
    public let frames: Int

    /// Nil for a datagram that is not ours.
    public static func parse(_ bytes: Span<UInt8>) -> DatagramPrefix? {
        guard bytes.count >= FrameHeader.size + FrameHeader.macSize else { return nil }
        if bytes[0] == FrameHeader.version { return DatagramPrefix(connectionID: nil, frames: 0) }
        guard bytes[0] == connectionIDMark else { return nil }
        let size = Int(bytes[1])
        guard (1...maximumConnectionID).contains(size), bytes.count - 2 - size >= FrameHeader.size else { return nil }
        return DatagramPrefix(connectionID: 2..<2 + size, frames: 2 + size)
    }

    /// Appends the prefix with a connection id; nothing for an empty one.
    static func write(_ connectionID: [UInt8], to output: inout OutputSpan<UInt8>) {
        guard !connectionID.isEmpty, connectionID.count <= maximumConnectionID else { return }
        output.append(uint8: connectionIDMark)
        output.append(uint8: UInt8(truncatingIfNeeded: connectionID.count))
        output.append(connectionID)
    }
}
