import SCPMisbehaviours

@testable import SCP

/// Every row of the table of items, in every message.
enum NegativeItemCases {
    private typealias Row = (what: String, list: [UInt8], code: ErrorCode, requirement: String)

    static func all() throws -> [NegativeCase] { try parameters() + responses() + acknowledgements() + protocols() }

    private static func row(
        _ what: String, _ list: [UInt8], _ requirement: String, _ code: ErrorCode = .malformedFrame
    ) -> Row { (what, list, code, requirement) }

    /// What no message may have.
    private static let anywhere: [Row] = [
        row("an item twice", itemBytes(0, [1]) + itemBytes(0, [2]), "SCP-ITEM-7"),
        row("an item twice, the second id in two bytes", itemBytes(0x10, []) + [0x40, 0x10, 0], "SCP-ITEM-7"),
        row("an unknown odd item", itemBytes(0x0f, []), "SCP-ITEM-8"),
        row("an unknown odd item with a long id", itemBytes(0x1235, [1]), "SCP-ITEM-8"),
        row("a value that is cut off", [0x00, 0x02, 0x01], "SCP-FRAME-13"),
        row("an item without a length", [0x00], "SCP-FRAME-13"),
    ]

    /// Limits, in M1 and M2.
    private static let limits: [Row] = [
        row("frame limit 2,047", itemBytes(1, varintBytes(2_047)), "SCP-ITEM-12"),
        row("frame limit 1,048,577", itemBytes(1, varintBytes(1_048_577)), "SCP-ITEM-12"),
        row("frame limit without a value", itemBytes(1, []), "SCP-ITEM-9"),
        row("frame limit longer than its varint", itemBytes(1, varintBytes(65_536) + [0]), "SCP-ITEM-9"),
        row("frame limit shorter than its varint", itemBytes(1, [0x80, 1, 0]), "SCP-ITEM-9"),
        row(
            "message limit 2^48+1",
            itemBytes(2, varintBytes(1 << 48 + 1)) + itemBytes(3, varintBytes(1 << 50))
                + itemBytes(4, varintBytes(1 << 50)), "SCP-ITEM-13"),
        row("message limit above the default credits", itemBytes(2, varintBytes(262_113)), "SCP-ITEM-10"),
        row("connection credit of message limit + 31", itemBytes(3, varintBytes(131_103)), "SCP-ITEM-14"),
        row("connection credit 1", itemBytes(3, [1]), "SCP-ITEM-14"),
        row("credit of channels of message limit + 31", itemBytes(4, varintBytes(131_103)), "SCP-ITEM-15"),
        row("credit of channels 0", itemBytes(4, [0]), "SCP-ITEM-15"),
        row("no channel", itemBytes(5, [0]), "SCP-ITEM-16"),
        row("65,537 channels", itemBytes(5, varintBytes(65_537)), "SCP-ITEM-16"),
        row("idle timeout of two varints", itemBytes(6, [0, 0]), "SCP-ITEM-17"),
        row("datagram size 1,199", itemBytes(7, varintBytes(1_199)), "SCP-ITEM-18"),
        row("datagram size 65,528", itemBytes(7, varintBytes(65_528)), "SCP-ITEM-18"),
        row("parts with a value", itemBytes(8, [1]), "SCP-ITEM-19"),
    ]

    /// Items of M2 and M3.
    private static let personal: [Row] = [
        row("connection id of 0 bytes", itemBytes(9, []), "SCP-ITEM-20"),
        row("connection id of 21 bytes", itemBytes(9, [UInt8](repeating: 1, count: 21)), "SCP-ITEM-20"),
        row("application protocols without a name", itemBytes(10, []), "SCP-ITEM-21"),
        row("application protocol of 0 bytes", itemBytes(10, [0]), "SCP-ITEM-21"),
        row("application protocol that is cut off", itemBytes(10, [4, 1, 2, 3]), "SCP-ITEM-21"),
        row("credential", itemBytes(11, [0x08, 0x07, 0, 0]), "SCP-ITEM-22", .credentialInvalid),
        row("reset token of 15 bytes", itemBytes(14, [UInt8](repeating: 1, count: 15)), "SCP-ITEM-25"),
        row("reset token of 17 bytes", itemBytes(14, [UInt8](repeating: 1, count: 17)), "SCP-ITEM-25"),
    ]

    private static func parameters() throws -> [NegativeCase] {
        let misplaced: [Row] = [
            row("connection id", itemBytes(9, [1]), "SCP-ITEM-20"),
            row("application protocols", VectorItem(protocols: ["echo"]).bytes, "SCP-ITEM-21"),
            row("credential", itemBytes(11, [0x08, 0x07, 0, 0]), "SCP-ITEM-22"),
            row("versions", itemBytes(12, [1]), "SCP-ITEM-23"), row("suites", itemBytes(13, [1]), "SCP-ITEM-24"),
            row("reset token", itemBytes(14, [UInt8](repeating: 1, count: 16)), "SCP-ITEM-25"),
        ]
        return try (anywhere + limits + misplaced).map { row in
            let scene = try VectorScene(.awaitingInit, lies: .init(parameters: row.list))
            return scene.refuses("M1: \(row.what)", scene.transcript.m1.frame, row.code, row.requirement, .handshake)
        }
    }

    private static func responses() throws -> [NegativeCase] {
        let required = [VectorItem].required.bytes
        var rows = (anywhere + limits + personal).map { row in
            (what: row.what, list: required + row.list, code: row.code, requirement: row.requirement)
        }
        rows += [
            row("no items", [], "SCP-ITEM-9"), row("no versions", itemBytes(13, [1]), "SCP-ITEM-23"),
            row("versions without the one in use", itemBytes(12, [2, 3]) + itemBytes(13, [1]), "SCP-ITEM-23"),
            row("no suites", itemBytes(12, [1]), "SCP-ITEM-24"),
            row("suites without the one in use", itemBytes(12, [1]) + itemBytes(13, [0x81, 2]), "SCP-ITEM-24"),
        ]
        return try rows.map { row in
            let scene = try VectorScene(.waiting, .initiator, lies: .init(m2: row.list))
            return scene.refuses(
                "M2: \(row.what)", try scene.transcript.requireM2().frame, row.code, row.requirement)
        }
    }

    private static func acknowledgements() throws -> [NegativeCase] {
        let misplaced = (1...8).map { id in
            let value: [UInt8] = id == 8 ? [] : varintBytes(id == 6 ? 0 : 262_144)
            return row("item 0x0\(id), a parameter", itemBytes(UInt64(id), value), "SCP-ITEM-9")
        }
        let rows =
            anywhere + personal + misplaced + [
                row("versions", itemBytes(12, [1]), "SCP-ITEM-23"), row("suites", itemBytes(13, [1]), "SCP-ITEM-24"),
            ]
        return try rows.map { row in
            let scene = try VectorScene(.halfOpen, lies: .init(m3: row.list))
            // A refusal of what a good message shows comes in epoch 1. [SCP-ID-11]
            return scene.refuses(
                "M3: \(row.what)", try scene.transcript.requireM3().frame, row.code, row.requirement,
                row.code == .credentialInvalid ? .session : .usual)
        }
    }

    private static func protocols() throws -> [NegativeCase] {
        func offer(_ names: [String]) -> VectorItem { VectorItem(protocols: names) }
        func initiator(_ wanted: [String], _ offered: [String]) throws -> VectorScene {
            try VectorScene(.waiting, .initiator) { session, _ in
                session.initiatorProtocols = wanted
                session.responderProtocols = offered
                if !offered.isEmpty { session.responder.list = [offer(offered)] + .required }
            }
        }
        func responder(_ offered: [String], _ chosen: [String]) throws -> VectorScene {
            try VectorScene(.halfOpen) { session, _ in
                session.responderProtocols = offered
                if !offered.isEmpty { session.responder.list = [offer(offered)] + .required }
                session.m3Items = chosen.isEmpty ? [] : [offer(chosen)]
            }
        }
        var cases: [NegativeCase] = []
        for (what, wanted, offered) in [
            ("none in common", ["echo"], ["chat", "files"]), ("only the responder has any", [], ["chat"]),
            ("only the initiator has any", ["echo"], []), ("names that differ in their case", ["echo"], ["Echo"]),
        ] {
            let scene = try initiator(wanted, offered)
            cases.append(
                scene.refuses(
                    "M2: application protocols, \(what)", try scene.transcript.requireM2().frame,
                    .noApplicationProtocol,
                    "SCP-ITEM-30"))
        }
        for (what, offered, chosen, code): (String, [String], [String], ErrorCode) in [
            ("one that was not offered", ["echo"], ["chat"], .noApplicationProtocol),
            ("two of those offered", ["echo", "chat"], ["echo", "chat"], .malformedFrame),
            ("none though M2 offers", ["echo"], [], .malformedFrame),
            ("one though M2 offers none", [], ["echo"], .malformedFrame),
        ] {
            let scene = try responder(offered, chosen)
            cases.append(
                scene.refuses(
                    "M3: application protocol, \(what)", try scene.transcript.requireM3().frame, code, "SCP-ITEM-31"))
        }
        return cases
    }
}
