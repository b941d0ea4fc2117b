import SCPMisbehaviours

@testable import SCP

/// Records, messages and credit.
enum NegativeRecordCases {
    private typealias Row = (what: String, plaintext: [UInt8], code: ErrorCode, requirement: String)

    private static let unreliable = Channel(1, .unreliable)
    private static let unordered = Channel(1, .reliableUnordered)
    private static let sequenced = Channel(1, .unreliableSequenced)

    static func all() throws -> [NegativeCase] {
        try records() + messages() + channels() + credit() + gaps() + ends()
    }

    private static func row(
        _ what: String, _ plaintext: [UInt8], _ requirement: String, _ code: ErrorCode = .malformedFrame
    ) -> Row { (what, plaintext, code, requirement) }

    /// Each row is the contents of one DATA frame.
    private static func cases(_ rows: [Row], _ scene: VectorScene) throws -> [NegativeCase] {
        try rows.map { scene.refuses("DATA: \($0.what)", try scene.seal(.data, $0.plaintext), $0.code, $0.requirement) }
    }

    private static func records() throws -> [NegativeCase] {
        var rows = [
            row("no record", [], "SCP-REC-7"),
            row("a good record, then a bad one", Plain.ping + [0x0b], "SCP-REC-7"),
            row("credit without a value", [0x02], "SCP-REC-10"),
            row("credit that is cut off", [0x02, 0xc0, 0, 0], "SCP-FRAME-13"),
            row("credit of a channel without a credit", [0x03, 0], "SCP-REC-11"),
            row("blocked without a limit", [0x04], "SCP-REC-12"),
            row("blocked on a channel without a limit", [0x05, 0], "SCP-REC-13"),
            row("cancel without a code", [0x06, 0, 0, 0], "SCP-REC-14"),
            row("refuse without a code", [0x07, 0, 0], "SCP-REC-15"),
            row("finish without a charge", [0x08], "SCP-REC-16"),
            row("path challenge of 7 bytes", [0x09] + [UInt8](repeating: 1, count: 7), "SCP-REC-17"),
            row("path response of 7 bytes", [0x0a] + [UInt8](repeating: 1, count: 7), "SCP-REC-18"),
            row("piece without an id", [0x21, 0], "SCP-REC-19"),
            row("piece shorter than its length", [0x25, 0, 0, 5, 1, 2, 3, 4], "SCP-REC-19"),
            row("unreliable message shorter than its length", [0x34, 2, 0, 2, 1], "SCP-REC-20"),
            row("extension shorter than its length", [0x40, 2, 1], "SCP-REC-21"),
            row("extension of type 0x41", [0x41, 0], "SCP-REC-21", .unexpectedMessage),
            row("extension of type 0x7f", [0x7f, 1, 1], "SCP-REC-21", .unexpectedMessage),
            row("piece without bytes that is not the last", Plain.piece(0, [], isLast: false), "SCP-REC-26"),
            row(
                "piece without bytes at an offset that is not the last", Plain.piece(0, offset: 5, [], isLast: false),
                "SCP-REC-26"),
        ]
        for type: UInt8 in [0x0b, 0x1f, 0x28, 0x2f, 0x31, 0x33, 0x35, 0x3f, 0x80, 0xff] {
            rows.append(row("record 0x" + String(type, radix: 16), [type, 0, 0, 0], "SCP-REC-7"))
        }
        for (name, channel) in [("2", unreliable), ("3", sequenced)] {
            rows += [
                row("piece on a channel of mode \(name)", Plain.piece(on: channel, 0, [1]), "SCP-REC-23"),
                row("cancel on a channel of mode \(name)", Plain.cancel(on: channel, 0, charge: 0), "SCP-REC-23"),
                row("refuse on a channel of mode \(name)", Plain.refuse(on: channel, 0), "SCP-REC-23"),
            ]
        }
        for (name, channel) in [("0", Channel.default), ("1", unordered)] {
            rows.append(
                row("unreliable message on a channel of mode \(name)", Plain.unreliable(channel, 0, [1]), "SCP-REC-23"))
        }
        return try cases(rows, VectorScene(.established))
            + cases([row("no record, to an initiator", [], "SCP-REC-7")], VectorScene(.established, .initiator))
            + cases([row("no record, in UNCONF", [], "SCP-REC-7")], VectorScene(.unconfirmed, .initiator))
            + cases([row("no record, in HOLD", [], "SCP-REC-7")], VectorScene(.held))
    }

    private static func messages() throws -> [NegativeCase] {
        let scene = try small()
        let top: UInt64 = 1 << 62 - 1
        func piece(_ offset: UInt64, _ count: Int, isLast: Bool) -> [UInt8] {
            Plain.piece(0, offset: offset, [UInt8](repeating: 7, count: count), isLast: isLast)
        }
        let rows = [
            row("offset and length above 2^62-1", piece(top, 1, isLast: true), "SCP-REC-27"),
            row(
                "message of one byte more than the limit", piece(1_000, 1, isLast: true), "SCP-REC-27", .messageTooLarge
            ),
            row("offset of 2^62-2", piece(top - 1, 1, isLast: false), "SCP-REC-27", .messageTooLarge),
            row(
                "unreliable message above the limit",
                Plain.unreliable(unreliable, 0, [UInt8](repeating: 1, count: 1_001)),
                "SCP-REC-27", .messageTooLarge),
            row("two sizes", piece(10, 5, isLast: true) + piece(5, 4, isLast: true), "SCP-REC-28"),
            row("two sizes, the second larger", piece(10, 5, isLast: true) + piece(15, 4, isLast: true), "SCP-REC-28"),
            row("bytes behind the end", piece(10, 5, isLast: true) + piece(14, 2, isLast: false), "SCP-REC-28"),
            row("an end before bytes that came", piece(10, 5, isLast: false) + piece(0, 5, isLast: true), "SCP-REC-28"),
            row(
                "an end of no bytes before bytes that came", piece(10, 5, isLast: false) + piece(12, 0, isLast: true),
                "SCP-REC-28"),
            row(
                "cancel below what was charged", piece(10, 5, isLast: false) + Plain.cancel(0, charge: 46), "SCP-REC-31"
            ),
            row("cancel of 0 after a piece", piece(0, 5, isLast: false) + Plain.cancel(0, charge: 0), "SCP-REC-31"),
            row("cancel with a charge of 1", Plain.cancel(0, charge: 1), "SCP-REC-31"),
            row("cancel with a charge of 31", Plain.cancel(0, charge: 31), "SCP-REC-31"),
            row("cancel above the message limit", Plain.cancel(0, charge: 1_033), "SCP-REC-31"),
        ]
        var later = scene
        try later.hear(.data, piece(10, 5, isLast: true))
        return try cases(rows, scene) + [
            later.refuses(
                "DATA: two sizes, in two frames", later.seal(.data, piece(5, 4, isLast: true)), .malformedFrame,
                "SCP-REC-28")
        ]
    }

    /// Few channels, small messages and little credit.
    private static func small() throws -> VectorScene {
        try VectorScene(.established) { session, _ in
            session.responder.list =
                [(2, 1_000), (3, 2_000), (4, 1_100), (5, 4)].map { VectorItem($0, varint: $1) } + .required
            session.initiator.list = [VectorItem(5, varint: 3)]
        }
    }

    private static func channels() throws -> [NegativeCase] {
        let beyond = Channel(4)
        let rows = [
            row("piece", Plain.piece(on: beyond, 0, [1]), "SCP-REC-2", .limitExceeded),
            row(
                "piece, mode 1, largest number of all", [0x25] + varintBytes(1 << 62 - 3) + [0, 1, 1], "SCP-REC-2",
                .limitExceeded),
            row("unreliable message", Plain.unreliable(Channel(4, .unreliable), 0, [1]), "SCP-REC-2", .limitExceeded),
            row("cancel", Plain.cancel(on: beyond, 0, charge: 0), "SCP-REC-2", .limitExceeded),
            row("blocked", [0x05] + varintBytes(beyond.encoded) + [0], "SCP-REC-2", .limitExceeded),
            row(
                "credit, by the channels of its sender",
                [0x03] + varintBytes(Channel(3).encoded) + varintBytes(300_000),
                "SCP-REC-2", .limitExceeded),
            row("refuse, by the channels of its sender", Plain.refuse(on: Channel(3), 0), "SCP-REC-2", .limitExceeded),
        ]
        return try cases(
            rows.map { row("a channel that there is not: \($0.what)", $0.plaintext, $0.requirement, $0.code) }, small())
    }

    private static func credit() throws -> [NegativeCase] {
        func message(_ count: Int, on channel: Int, _ id: UInt64 = 0, isLast: Bool = true) -> [UInt8] {
            Plain.piece(on: Channel(channel), id, [UInt8](repeating: 7, count: count), isLast: isLast)
        }
        let rows = [
            row(
                "credit of a channel exceeded by a message", message(1_000, on: 0) + message(37, on: 0, 1),
                "SCP-FLOW-3", .flowControlViolation),
            row(
                "connection credit exceeded by a message", message(968, on: 0) + message(969, on: 1), "SCP-FLOW-3",
                .flowControlViolation),
            row(
                "connection credit exceeded by an unfinished message",
                message(968, on: 0) + message(969, on: 1, isLast: false), "SCP-FLOW-3", .flowControlViolation),
            row(
                "connection credit exceeded by an offset",
                message(968, on: 0) + Plain.piece(on: unordered, 0, offset: 968, [1], isLast: false), "SCP-FLOW-3",
                .flowControlViolation),
            row(
                "credit of a channel exceeded by a cancel", message(500, on: 0) + Plain.cancel(5, charge: 569),
                "SCP-FLOW-3",
                .flowControlViolation),
            row(
                "connection credit exceeded by a cancel",
                message(968, on: 0) + Plain.cancel(on: Channel(1), 0, charge: 1_001), "SCP-FLOW-3",
                .flowControlViolation),
        ]
        let held = try VectorScene(.held)
        return try cases(rows, small()) + [
            held.refuses(
                "HOLD: a message without credit", held.seal(.data, message(0, on: 0)), .flowControlViolation,
                "SCP-FLOW-12")
        ]
    }

    private static func gaps() throws -> [NegativeCase] {
        let scene = try VectorScene(.established)
        let islands = (0...1_024).flatMap { Plain.piece(0, offset: UInt64(2 * $0 + 1), [7], isLast: false) }
        let begun = (0...1_024).flatMap { Plain.piece(on: unordered, UInt64($0), [7], isLast: false) }
        let finished = (0...256).flatMap { Plain.piece(on: unordered, UInt64(2 * $0 + 1), []) }
        let cancelled = (0...256).flatMap { Plain.cancel(UInt64(2 * $0 + 1), charge: 0) }
        return try cases(
            [
                row("1,025 ranges of one message", islands, "SCP-REC-32", .limitExceeded),
                row("1,025 messages begun", begun, "SCP-REC-32", .limitExceeded),
                row("257 ranges of finished messages", finished, "SCP-REC-32", .limitExceeded),
                row("257 ranges of cancelled messages", cancelled, "SCP-REC-32", .limitExceeded),
            ], scene)
    }

    private static func ends() throws -> [NegativeCase] {
        let scene = try VectorScene(.established)
        var finished = scene
        try finished.hear(.data, Plain.piece(0, [1, 2, 3]) + Plain.finish(35))
        return try cases(
            [
                row("finish with another sum", Plain.piece(0, [1, 2, 3]) + Plain.finish(34), "SCP-CLOSE-16"),
                row("finish of nothing with a sum", Plain.finish(1), "SCP-CLOSE-16"),
            ], scene)
            + cases([row("a message after finish", Plain.piece(1, [1]), "SCP-CLOSE-17", .unexpectedMessage)], finished)
    }
}
