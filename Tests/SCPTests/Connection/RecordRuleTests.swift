import Testing

@testable import SCP

/// Plaintexts that are authentic and wrong, or odd and right: a table.
@Suite struct RecordRuleTests {
    struct Rule: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// The plaintexts of frames that are fine, and come first.
        var before: [[UInt8]] = []
        let plaintext: [UInt8]
        let code: ErrorCode?

        init(_ name: String, _ plaintext: [UInt8], _ code: ErrorCode? = nil, after before: [[UInt8]] = []) {
            (testDescription, self.plaintext, self.code, self.before) = (name, plaintext, code, before)
        }
    }

    private static let unordered = Channel(0, .reliableUnordered)
    private static let lossy = Channel(0, .unreliable)
    private static func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 6, count: count) }

    static let framing: [Rule] = [
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

    static let pieces: [Rule] = [
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

    static let rules = framing + pieces

    /// [SCP-PROT-10] A rule that an authentic frame breaks is fatal with its own code, and the frame not acknowledged.
    @Test(arguments: rules, [Role.initiator, .responder])
    func rule(_ rule: Rule, role: Role) throws {
        var duel = try Duel.at(.established, role, Fixture())
        for plaintext in rule.before { #expect(try duel.feed(.data, plaintext) == nil) }
        duel.poll()
        _ = duel.takeFrames()
        let counter = duel.peer.nextCounter
        let error = try duel.feed(.data, rule.plaintext)
        duel.poll()
        #expect(error?.code == rule.code)
        let frames = duel.takeFrames()
        guard let code = rule.code else {
            let state = duel.engine.state
            #expect(state == .established && frames.allSatisfy { $0.type != .close })
            return
        }
        #expect(frames.map(\.closeCode) == [code])
        #expect(!frames.contains { ($0.acknowledgement?.largest ?? 0) >= counter })
        #expect(duel.closure == error.map { .failed($0) })
    }

    /// [SCP-ACK-1] [SCP-ACK-2] [SCP-ACK-4] ACKs that cannot be. The engine has sent the counters 0 to 2 or so.
    @Test(
        arguments: [
            ([0, 0, 0, 0, 0, 5], nil), ([0, 0x40, 0, 0, 0, 0, 5], nil), ([1, 0, 0, 0, 0, 5, 1, 2, 3], nil),
            ([], .malformedFrame), ([0], .malformedFrame), ([0, 0, 0, 0, 0], .malformedFrame),
            ([0, 0, 0, 0, 0, 5, 0], .malformedFrame), ([2, 0, 0, 0, 0, 5], .malformedFrame),
            ([0x80, 0, 0, 0, 0, 5], .malformedFrame), ([1, 0, 0, 0, 0, 5], .malformedFrame),
            ([0, 0, 1, 0, 0, 5], .malformedFrame), ([0, 0, 0, 0, 1, 5], .malformedFrame),
            ([0, 0, 0, 1, 0, 0, 0, 5], .malformedFrame), ([0, 0, 0, 63, 0, 5], .malformedFrame),
            (Plain.acknowledgement(Varint.maximum), .sequenceViolation),
            (Plain.acknowledgement(1_000), .sequenceViolation),
            (Plain.acknowledgement(0, credit: Varint.maximum), nil),
        ] as [([UInt8], ErrorCode?)])
    func acknowledgements(plaintext: [UInt8], code: ErrorCode?) throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        let error = try duel.feed(.ack, plaintext)
        duel.poll()
        #expect(error?.code == code)
        #expect(duel.takeFrames().compactMap(\.closeCode) == (code.map { [$0] } ?? []))
    }

    /// [SCP-ACK-4] The first counter that was not sent yet.
    @Test func acknowledgementOfTheUnsent() throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        duel.engine.ping(at: duel.now)
        duel.poll()
        let newest = try #require(duel.takeFrames().last).counter
        #expect(try duel.feed(.ack, Plain.acknowledgement(newest)) == nil)
        #expect(try duel.feed(.ack, Plain.acknowledgement(newest + 1))?.code == .sequenceViolation)
    }

    static let closeRows: [(plaintext: [UInt8], code: ErrorCode?)] = [
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

    /// [SCP-CLOSE-1] [SCP-CLOSE-2] [SCP-ERR-4] CLOSE with reasons of every kind, and codes that nobody knows.
    @Test(arguments: closeRows)
    func closes(plaintext: [UInt8], code: ErrorCode?) throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        let error = try duel.feed(.close, plaintext)
        duel.poll()
        #expect(error?.code == code)
        let frames = duel.takeFrames()
        #expect(frames.map(\.kind) == [code == nil ? "ack/1" : "close/1"])
        guard code == nil else { return }
        let close = try CloseFrame.parse(plaintext.span, in: 0..<plaintext.count)
        #expect(duel.closure == .byPeer(close.code, reason: Array(plaintext[close.reason])))
    }

    /// Negative test 86: whatever follows CLOSE is thrown away unread, in the same bytes or later.
    @Test(arguments: [true, false])
    func nothingAfterClose(isTogether: Bool) throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        let close = try duel.peer.seal(.close, Plain.close(0x1234, reason: [0x61]))
        let late = try duel.peer.seal(.data, Plain.piece(0, [1]))
        if isTogether {
            #expect(duel.feed(close + late + [0xff, 0xff]) == nil)
        } else {
            #expect(duel.feed(close) == nil)
            #expect(duel.feed(late) == nil && duel.feed([UInt8](repeating: 2, count: 100_000)) == nil)
        }
        duel.poll()
        let (read, memory) = (duel.engine.readBytes(at: duel.now), duel.engine.memory)
        #expect(read == nil && memory == 0)
        #expect(duel.closure == .byPeer(ErrorCode(rawValue: 0x1234), reason: [0x61]))
        #expect(duel.takeFrames().map(\.kind) == ["ack/1"] && duel.hasEnded)
    }
}
