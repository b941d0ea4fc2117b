import SCPMisbehaviours

@testable import SCP

/// ACK, CLOSE and rotation of epoch 1.
enum NegativeSessionCases {
    static func all() throws -> [NegativeCase] {
        try acknowledgements() + closes() + requests() + answers() + epochs()
    }

    private static func acknowledgements() throws -> [NegativeCase] {
        let scene = try VectorScene(.established)
        let rows: [(String, [UInt8], ErrorCode, String)] = [
            ("of a frame that was not sent", Plain.acknowledgement(1_000), .sequenceViolation, "SCP-ACK-4"),
            ("of the largest number of all", Plain.acknowledgement(1 << 62 - 1), .sequenceViolation, "SCP-ACK-4"),
            ("with bit 1 of flags", [2, 0, 0, 0, 0, 0], .malformedFrame, "SCP-ACK-1"),
            ("with bit 7 of flags", [0x80, 0, 0, 0, 0, 0], .malformedFrame, "SCP-ACK-1"),
            ("with a delay", [0, 0, 1, 0, 0, 0], .malformedFrame, "SCP-ACK-2"),
            ("with a range", [0, 0, 0, 1, 0, 0, 0, 0], .malformedFrame, "SCP-ACK-2"),
            ("with first", [0, 0, 0, 0, 1, 0], .malformedFrame, "SCP-ACK-1"),
            ("without a credit", [0, 0, 0, 0, 0], .malformedFrame, "SCP-FRAME-13"),
            ("without the counts of its ECN section", [1, 0, 0, 0, 0, 0, 0, 0], .malformedFrame, "SCP-FRAME-13"),
            ("with a byte behind it", [0, 0, 0, 0, 0, 0, 0], .malformedFrame, "SCP-FRAME-13"),
            ("without a byte", [], .malformedFrame, "SCP-FRAME-13"),
        ]
        let unconfirmed = try VectorScene(.unconfirmed, .initiator)
        return try rows.map { name, plaintext, code, requirement in
            scene.refuses("ACK \(name)", try scene.seal(.ack, plaintext), code, requirement)
        } + [
            unconfirmed.refuses(
                "UNCONF: ACK of a frame that was not sent", unconfirmed.seal(.ack, Plain.acknowledgement(1_000)),
                .sequenceViolation, "SCP-ACK-4")
        ]
    }

    private static func closes() throws -> [NegativeCase] {
        let text = Array("reason".utf8)
        let rows: [(String, [UInt8], String)] = [
            ("without a byte", [], "SCP-CLOSE-1"), ("without a reason", [0], "SCP-CLOSE-1"),
            ("with a reason that is cut off", [0, 7] + text, "SCP-CLOSE-1"),
            ("with a byte behind it", [0, 5] + text, "SCP-FRAME-13"),
            ("with a reason of 257 bytes", Plain.close(0, reason: [UInt8](repeating: 0x61, count: 257)), "SCP-CLOSE-2"),
            ("with a lone continuation byte", Plain.close(0, reason: [0x80]), "SCP-CLOSE-2"),
            ("with an overlong form", Plain.close(0, reason: [0xc0, 0xaf]), "SCP-CLOSE-2"),
            ("with a surrogate", Plain.close(0, reason: [0xed, 0xa0, 0x80]), "SCP-CLOSE-2"),
            ("above U+10FFFF", Plain.close(0, reason: [0xf4, 0x90, 0x80, 0x80]), "SCP-CLOSE-2"),
            ("with a character that is cut off", Plain.close(0, reason: [0xe2, 0x82]), "SCP-CLOSE-2"),
        ]
        var cases: [NegativeCase] = []
        for (state, role, name): (ConnectionState, Role, String) in [
            (.established, .responder, "EST"), (.closing, .responder, "CLOSING"),
        ] {
            let scene = try VectorScene(state, role)
            for (what, plaintext, requirement) in rows {
                cases.append(
                    scene.refuses(
                        "\(name): CLOSE \(what)", try scene.seal(.close, plaintext), .malformedFrame, requirement))
            }
        }
        let closing = try VectorScene(.closing)
        return try cases + [
            closing.refuses(
                "CLOSING: version 2", [2] + closing.seal(.data, Plain.ping).dropFirst(), .unsupportedVersion,
                "SCP-CLOSE-20"),
            closing.refuses(
                "CLOSING: L above the limit", HostilePeer.header(3, epoch: 1, counter: 0, length: 65_537),
                .frameTooLarge,
                "SCP-CLOSE-20"),
            closing.refuses(
                "CLOSING: counter left out", closing.seal(.data, Plain.ping, counter: 1), .sequenceViolation,
                "SCP-FRAME-10"),
            closing.refuses(
                "CLOSING: ACK of a frame that was not sent", closing.seal(.ack, Plain.acknowledgement(1_000)),
                .sequenceViolation, "SCP-ACK-4"),
        ]
    }

    /// The receiver is asked.
    private static func requests() throws -> [NegativeCase] {
        var scene = try VectorScene(.established)
        let good = try scene.rotation(.initiator).plaintext(.handshakeInit)
        var far = try VectorScene(.established)
        let third = try far.rotation(.initiator, target: 3).plaintext(.handshakeInit)
        let rows: [(String, [UInt8], ErrorCode, String)] = [
            ("for epoch 3", third, .rotationFailed, "SCP-ROT-11"),
            ("mode 2", good.replacing(10..<11, with: [2]), .rotationFailed, "SCP-ROT-4"),
            ("piece 1", good.replacing(11..<12, with: [1]), .malformedFrame, "SCP-ROT-3"),
            ("T of 47", good.replacing(12..<14, with: [0, 47]).dropLast(), .malformedFrame, "SCP-ROT-4"),
            ("T of 49", good.replacing(12..<14, with: [0, 49]) + [0], .malformedFrame, "SCP-ROT-4"),
            ("shorter than T", good.dropLast(), .malformedFrame, "SCP-FRAME-13"),
            ("longer than T", good + [0], .malformedFrame, "SCP-FRAME-13"),
            ("ephemeral key changed", good.damaged(at: 14), .rotationFailed, "SCP-ROT-7"),
            ("tag changed", good.damaged(at: -1), .rotationFailed, "SCP-ROT-7"),
            ("nonce changed", good.damaged(at: 2), .rotationFailed, "SCP-ROT-6"),
            ("mode changed", good.replacing(10..<11, with: [1]), .rotationFailed, "SCP-ROT-6"),
            (
                "ephemeral key of low order", good.replacing(14..<46, with: [UInt8](repeating: 0, count: 32)),
                .rotationFailed, "SCP-ROT-7"
            ),
        ]
        var cases = try rows.map { name, plaintext, code, requirement in
            scene.refuses("INIT of a rotation: \(name)", try scene.seal(.handshakeInit, plaintext), code, requirement)
        }
        var often = try VectorScene(.established)
        let late = good.replacing(0..<2, with: [0, 1])
        for _ in 0..<8 { try often.hear(.handshakeInit, late) }
        often.note = "Requests for an epoch that there is already are ignored, and counted. No time passes."
        cases.append(
            often.refuses("the ninth request at once", try often.seal(.handshakeInit, late), .rateLimited, "SCP-ROT-18")
        )
        return cases
    }

    /// The receiver asks, or has not asked.
    private static func answers() throws -> [NegativeCase] {
        var idle = try VectorScene(.established)
        let made = try idle.rotation(.initiator).plaintext(.handshakeResponse)
        var cases = [
            idle.refuses(
                "RESPONSE that nobody asked for", try idle.seal(.handshakeResponse, made), .unexpectedMessage,
                "SCP-ROT-13")
        ]
        var scene = try VectorScene(.established, .initiator)
        let good = try scene.rotation(.initiator).plaintext(.handshakeResponse)
        scene.before.append(.rotate)
        let rows: [(String, [UInt8], ErrorCode, String)] = [
            ("another nonce", good.damaged(at: 2), .unexpectedMessage, "SCP-ROT-13"),
            ("for epoch 3", good.replacing(0..<2, with: [0, 3]), .unexpectedMessage, "SCP-ROT-13"),
            ("another mode", good.replacing(10..<11, with: [1]), .rotationFailed, "SCP-ROT-5"),
            ("mode 2", good.replacing(10..<11, with: [2]), .rotationFailed, "SCP-ROT-4"),
            ("piece 1", good.replacing(11..<12, with: [1]), .malformedFrame, "SCP-ROT-3"),
            ("longer than T", good + [0], .malformedFrame, "SCP-FRAME-13"),
            ("ephemeral key changed", good.damaged(at: 14), .rotationFailed, "SCP-ROT-7"),
            ("tag changed", good.damaged(at: -1), .rotationFailed, "SCP-ROT-7"),
            (
                "ephemeral key of low order", good.replacing(14..<46, with: [1] + [UInt8](repeating: 0, count: 31)),
                .rotationFailed, "SCP-ROT-7"
            ),
        ]
        cases += try rows.map { name, plaintext, code, requirement in
            scene.refuses(
                "RESPONSE of a rotation: \(name)", try scene.seal(.handshakeResponse, plaintext), code, requirement)
        }
        return cases
    }

    /// Frames under the old and the new keys.
    private static func epochs() throws -> [NegativeCase] {
        var asked = try VectorScene(.established)
        let request = try asked.rotation(.initiator)
        try asked.hear(.handshakeInit, request.plaintext(.handshakeInit))
        let waiting = asked
        try asked.hear(.data, Plain.ping, request)
        var asking = try VectorScene(.established, .initiator)
        let answer = try asking.rotation(.initiator)
        asking.before.append(.rotate)
        try asking.hear(.handshakeResponse, answer.plaintext(.handshakeResponse))
        return try [
            asked.refuses(
                "a frame of epoch 1 after one of epoch 2", asked.seal(.data, Plain.ping), .sequenceViolation,
                "SCP-ROT-14"),
            asked.refuses(
                "a counter that begins anew in epoch 2", request.seal(.initiator, .data, Plain.ping, counter: 0),
                .sequenceViolation, "SCP-FRAME-9"),
            waiting.refuses(
                "a frame of epoch 2 under the keys of epoch 1", waiting.seal(.data, Plain.ping, epoch: 2),
                .authenticationFailed, "SCP-ROT-10"),
            waiting.refuses(
                "a frame of epoch 3", waiting.seal(.data, Plain.ping, epoch: 3), .sequenceViolation, "SCP-FRAME-10"),
            asking.refuses(
                "an ACK of epoch 1 for a frame of epoch 2", asking.seal(.ack, Plain.acknowledgement(3)),
                .sequenceViolation, "SCP-ACK-5"),
        ]
    }
}
