/// How the next piece of a message is laid out in what is left of a frame: which optional fields its record has, and
/// how many bytes of the message it takes.
struct PieceLayout {
    /// Bytes of the largest record header: type, channel, message, offset, length.
    static let maximumHeader = 1 + 4 + 8 + 8 + 8

    let channel: Channel
    let message: UInt64
    let offset: Int
    /// Bytes of the message in this piece.
    let count: Int
    let isLast: Bool
    /// Whether the length stands in the record; otherwise the piece goes to the end of the frame.
    let hasLength: Bool

    /// Nil when the room is too small: for a reliable message less than one byte of it would fit, for an unreliable one
    /// not the whole.
    ///
    /// - Parameter endsMessage: whether the `left` bytes are the last of the message; those of a repeated piece may not
    ///   be.
    /// [SCP-REC-34]
    init?(channel: Channel, message: UInt64, offset: Int, left: Int, room: Int, endsMessage: Bool = true) {
        let offsetSize = channel.mode.isReliable && offset > 0 ? Varint.size(UInt64(offset)) : 0
        let fixed = 1 + Varint.size(channel.encoded) + Varint.size(message) + offsetSize
        let withLength = room - fixed - Varint.size(UInt64(left))
        if left <= withLength {
            (count, isLast, hasLength) = (left, endsMessage, true)
        } else if left <= room - fixed {
            // It fits only without its length, and then nothing may follow it; padding is a record too, so it must
            // end the frame.
            (count, isLast, hasLength) = (left, endsMessage, false)
        } else {
            guard channel.mode.isReliable, room - fixed >= 1 else { return nil }
            (count, isLast, hasLength) = (room - fixed, false, false)
        }
        self.channel = channel
        self.message = message
        self.offset = offset
    }

    func appendHeader(to frame: inout OutputSpan<UInt8>) {
        if channel.mode.isReliable {
            Piece.appendHeader(
                channel: channel, message: message, offset: UInt64(offset), length: hasLength ? UInt64(count) : nil,
                isLast: isLast, to: &frame)
        } else {
            UnreliableMessage.appendHeader(
                channel: channel, number: message, length: hasLength ? UInt64(count) : nil, to: &frame)
        }
    }
}
