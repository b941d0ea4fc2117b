package import SCP

/// What a peer with valid keys may say: plaintexts that are wrong, each with the code that ends the session, and
/// plaintexts that are odd and right.
package enum Misbehaviour {
    package struct Rule: Sendable {
        package let name: String
        /// The plaintexts of frames that are fine, and come first.
        package var before: [[UInt8]] = []
        package let plaintext: [UInt8]
        package let code: ErrorCode?

        package init(_ name: String, _ plaintext: [UInt8], _ code: ErrorCode? = nil, after before: [[UInt8]] = []) {
            (self.name, self.plaintext, self.code, self.before) = (name, plaintext, code, before)
        }
    }

    private static let unordered = Channel(0, .reliableUnordered)
    private static let lossy = Channel(0, .unreliable)
    private static func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 6, count: count) }

    package static let framing: [Rule] = [
        // [SCP-REC-7] [SCP-REC-24]
        Rule("nothing", [], .malformedFrame), Rule("padding", [0, 0, 0]), Rule("padding, ping, padding", [0, 1, 0]),
        Rule("type 0x0b", [0x0b], .malformedFrame), Rule("type 0x1f", [0x1f], .malformedFrame),
        Rule("type 0x28", [0x28], .malformedFrame), Rule("type 0x31", [0x31, 2, 0, 1], .malformedFrame),
        Rule("type 0x35", [0x35, 2, 0, 1, 1], .malformedFrame), Rule("type 0x3f", [0x3f], .malformedFrame),
        Rule("type 0x80", [0x80], .malformedFrame), Rule("type 0xff", [0xff], .malformedFrame),
        Rule("good, then bad", [1, 0x0b], .malformedFrame),
        // [SCP-REC-21]
        Rule("extension 0x40", [0x40, 0]), Rule("extension 0x7e", [0x7e, 2, 9, 9, 1]),
        Rule("extension 0x41", [0x41, 0], .unexpectedMessage), Rule("extension 0x7f", [0x7f, 0], .unexpectedMessage),
        Rule("extension longer than the frame", [0x40, 2, 9], .malformedFrame),
        Rule("extension of 2^62-1", [0x40] + varintBytes(Varint.maximum), .malformedFrame),
        Rule("extension without length", [0x40], .malformedFrame),
        // Fields that end early, of every record.
        Rule("credit without value", [2], .malformedFrame), Rule("half a varint", [2, 0x40], .malformedFrame),
        Rule("channel credit", [3, 0], .malformedFrame), Rule("blocked", [4], .malformedFrame),
        Rule("channel blocked", [5, 0], .malformedFrame), Rule("cancel", [6, 0, 0, 0], .malformedFrame),
        Rule("refuse", [7, 0, 0], .malformedFrame), Rule("finish", [8], .malformedFrame),
        Rule("challenge", [9] + bytes(7), .malformedFrame), Rule("response", [10] + bytes(7), .malformedFrame),
        Rule("piece", [0x25, 0, 0, 2, 1], .malformedFrame), Rule("unreliable", [0x34, 2, 0, 2, 1], .malformedFrame),
        // [SCP-REC-18] [SCP-REC-15]
        Rule("response that nobody asked for", [10] + bytes(8)), Rule("refusal of what is unknown", Plain.refuse(77)),
        // [SCP-REC-23]
        Rule("piece on an unreliable channel", Plain.piece(on: lossy, 0, [1]), .malformedFrame),
        Rule("cancel on an unreliable channel", Plain.cancel(on: lossy, 0, charge: 0), .malformedFrame),
        Rule("refuse on an unreliable channel", Plain.refuse(on: lossy, 0), .malformedFrame),
        Rule("unreliable on an ordered channel", Plain.unreliable(.default, 0, [1]), .malformedFrame),
        Rule("unreliable on an unordered channel", Plain.unreliable(unordered, 0, [1]), .malformedFrame),
        // [SCP-REC-2]
        Rule("last channel", Plain.piece(on: Channel(255), 0, [1])),
        Rule("one channel more", Plain.piece(on: Channel(256), 0, [1]), .limitExceeded),
        Rule("credit of one channel more", [3] + varintBytes(Channel(256).encoded) + [9], .limitExceeded),
        Rule("blocked on one channel more", [5] + varintBytes(Channel(256).encoded) + [9], .limitExceeded),
        Rule("cancel on one channel more", Plain.cancel(on: Channel(256), 0, charge: 0), .limitExceeded),
        Rule("refuse on one channel more", Plain.refuse(on: Channel(256), 0), .limitExceeded),
        Rule("unreliable on one more", Plain.unreliable(Channel(256, .unreliable), 0, []), .limitExceeded),
        Rule("largest channel", [0x25] + varintBytes(Varint.maximum - 3) + [0, 1, 1], .limitExceeded),
    ]

    package static let pieces: [Rule] = [
        // [SCP-REC-26]
        Rule("empty message", Plain.piece(0, [])),
        Rule("empty piece", Plain.piece(0, [], isLast: false), .malformedFrame),
        Rule("empty end", Plain.piece(0, offset: 3, []), after: [Plain.piece(0, [1, 2, 3], isLast: false)]),
        Rule("empty to the end of the frame", Plain.piece(0, [], hasLength: false)),
        // [SCP-REC-27]
        Rule("whole limit", Plain.piece(0, offset: 131_071, [1])),
        Rule("limit and one", Plain.piece(0, offset: 131_072, [1]), .messageTooLarge),
        Rule("largest offset", Plain.piece(0, offset: Varint.maximum - 1, [1]), .messageTooLarge),
        Rule("offset overflow", Plain.piece(0, offset: Varint.maximum, [1]), .malformedFrame),
        Rule("limit and one, empty", Plain.piece(0, offset: 131_073, []), .messageTooLarge),
        // [SCP-REC-28]
        Rule(
            "two sizes, larger", Plain.piece(0, offset: 4, [1]), .malformedFrame,
            after: [Plain.piece(0, offset: 2, [1])]),
        Rule("two sizes, smaller", Plain.piece(0, [1]), .malformedFrame, after: [Plain.piece(0, offset: 2, [1])]),
        Rule("same size", Plain.piece(0, offset: 2, [1]), after: [Plain.piece(0, offset: 2, [1])]),
        Rule(
            "beyond the size", Plain.piece(0, offset: 3, [1], isLast: false), .malformedFrame,
            after: [Plain.piece(0, offset: 2, [1])]),
        Rule(
            "size below what came", Plain.piece(0, offset: 2, [1]), .malformedFrame,
            after: [Plain.piece(0, offset: 5, [1], isLast: false)]),
        // [SCP-REC-29]
        Rule(
            "piece of a delivered message", Plain.piece(0, offset: 100_000, bytes(9)), after: [Plain.piece(0, [1])]),
        Rule("piece of a cancelled message", Plain.piece(0, [1]), after: [Plain.cancel(0, charge: 0)]),
        // [SCP-REC-30] [SCP-REC-31]
        Rule("cancel of what is unknown", Plain.cancel(5, charge: 0)),
        Rule("cancel of what was delivered", Plain.cancel(0, charge: 7), after: [Plain.piece(0, [1])]),
        Rule("cancel twice", Plain.cancel(0, charge: 99), after: [Plain.cancel(0, charge: 32)]),
        Rule("cancel with 31", Plain.cancel(0, charge: 31), .malformedFrame),
        Rule("cancel with 1", Plain.cancel(0, charge: 1), .malformedFrame),
        Rule("cancel with the largest", Plain.cancel(0, charge: 131_104)),
        Rule("cancel with more", Plain.cancel(0, charge: 131_105), .malformedFrame),
        Rule(
            "cancel below the count", Plain.cancel(0, charge: 34), .malformedFrame,
            after: [Plain.piece(0, [1, 2, 3], isLast: false)]),
        Rule(
            "cancel with 0 of what has begun", Plain.cancel(0, charge: 0), .malformedFrame,
            after: [Plain.piece(0, [1], isLast: false)]),
        Rule(
            "cancel above the count", Plain.cancel(0, charge: 36), after: [Plain.piece(0, [1, 2, 3], isLast: false)]),
        // [SCP-FLOW-3] The window is 262,144: two messages of the limit leave 64 - 2 * 32 = 0 less.
        Rule(
            "credit used up", Plain.piece(1, offset: 131_007, [1]), after: [Plain.piece(0, offset: 131_071, [1])]),
        Rule(
            "one byte more", Plain.piece(1, offset: 131_008, [1]), .flowControlViolation,
            after: [Plain.piece(0, offset: 131_071, [1])]),
        Rule(
            "one byte more in the same message", Plain.piece(1, offset: 131_008, [1]), .flowControlViolation,
            after: [Plain.piece(0, offset: 131_071, [1]), Plain.piece(1, offset: 131_007, [1], isLast: false)]),
        Rule(
            "cancel that exceeds the credit", Plain.cancel(1, charge: 131_041), .flowControlViolation,
            after: [Plain.piece(0, offset: 131_071, [1])]),
        Rule(
            "unreliable messages are free", Plain.unreliable(lossy, 0, bytes(1_000)),
            after: [Plain.piece(0, offset: 131_071, [1]), Plain.piece(1, offset: 131_007, [1], isLast: false)]),
        // [SCP-CLOSE-16] [SCP-CLOSE-17]
        Rule("finish with nothing", Plain.finish(0)), Rule("finish with too much", Plain.finish(1), .malformedFrame),
        Rule("finish with the sum", Plain.finish(35), after: [Plain.piece(0, [1, 2, 3])]),
        Rule("finish with less", Plain.finish(34), .malformedFrame, after: [Plain.piece(0, [1, 2, 3])]),
        Rule("message after finish", Plain.piece(0, [1]), .unexpectedMessage, after: [Plain.finish(0)]),
        Rule("ping after finish", Plain.ping, after: [Plain.finish(0)]),
    ]

    package static let rules = framing + pieces

    /// ACKs on datagrams.
    package static let acknowledgements: [(plaintext: [UInt8], code: ErrorCode?)] = [
        ([0, 0, 0, 0, 0, 5], nil), ([0, 0, 9, 0, 0, 5], nil), ([1, 0, 0, 0, 0, 5, 1, 2, 3], nil),
        ([], .malformedFrame), ([0], .malformedFrame), ([0, 0, 0, 0, 0], .malformedFrame),
        ([0, 0, 0, 0, 0, 5, 0], .malformedFrame), ([2, 0, 0, 0, 0, 5], .malformedFrame),
        ([0x80, 0, 0, 0, 0, 5], .malformedFrame), ([1, 0, 0, 0, 0, 5], .malformedFrame),
        ([0, 0, 0, 0, 1, 5], .malformedFrame), ([0, 0, 0, 1, 0, 0, 0, 5], .malformedFrame),
        ([0, 0, 0, 63, 0, 5], .malformedFrame), ([0, 0, 0, 0x40, 64, 0, 5], .malformedFrame),
        ([0, 0, 0] + varintBytes(Varint.maximum) + [0, 5], .malformedFrame),
        ([0, 0, 0, 0] + varintBytes(Varint.maximum) + [5], .malformedFrame),
        ([0] + varintBytes(1_000) + [0, 0, 0, 5], .sequenceViolation),
        ([0] + varintBytes(Varint.maximum) + [0, 0, 0, 5], .sequenceViolation),
        ([0, 0] + varintBytes(Varint.maximum) + [0, 0, 5], nil),
        ([0, 0, 0, 0, 0] + varintBytes(Varint.maximum), nil),
    ]

    /// CLOSE frames.
    package static let closes: [(plaintext: [UInt8], code: ErrorCode?)] = [
        (Plain.close(0), nil), (Plain.close(0, reason: Array("grüß".utf8)), nil),
        (Plain.close(0, reason: bytes(256)), nil), (Plain.close(0, reason: bytes(257)), .malformedFrame),
        (Plain.close(0, reason: [0xff]), .malformedFrame), (Plain.close(0, reason: [0xc0, 0x80]), .malformedFrame),
        (Plain.close(0, reason: [0xed, 0xa0, 0x80]), .malformedFrame),
        (Plain.close(0, reason: [0xe2, 0x82]), .malformedFrame),
        (Plain.close(0, reason: [0xf4, 0x90, 0x80, 0x80]), .malformedFrame), ([], .malformedFrame),
        ([0], .malformedFrame), ([0, 1], .malformedFrame), ([0, 0, 0], .malformedFrame),
        (Plain.close(0x17), nil), (Plain.close(0x80), nil), (Plain.close(0x1000), nil),
        (Plain.close(Varint.maximum), nil),
    ]
}
