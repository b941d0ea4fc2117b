import SCPGcrypt
import SCPMisbehaviours

@testable import SCP

/// Headers, lengths, counters and protection: the checks of [SCP-FRAME-14] in their order.
enum NegativeFrameCases {
    static func all() throws -> [NegativeCase] { try headers() + inHandshake() + protection() }

    private static func headers() throws -> [NegativeCase] {
        var cases: [NegativeCase] = []
        for role: Role in [.responder, .initiator] {
            let scene = try VectorScene(.established, role)
            let counter = scene.counter
            func header(_ type: UInt8, epoch: UInt16 = 1, _ counter: UInt64, _ length: Int, version: UInt8 = 1)
                -> [UInt8]
            {
                HostilePeer.header(type, epoch: epoch, counter: counter, length: length, version: version)
            }
            let zeros = [UInt8](repeating: 0, count: 47)
            cases += [
                scene.refuses(
                    "\(role.name): version 2, everything else wrong too", header(9, epoch: 7, 5, 1 << 31, version: 2),
                    .unsupportedVersion, "SCP-FRAME-2"),
                scene.refuses(
                    "\(role.name): version 0", header(3, counter, 20, version: 0), .unsupportedVersion, "SCP-FRAME-2"),
                scene.refuses(
                    "\(role.name): type 6, L, epoch and counter wrong too", header(6, epoch: 7, 5, 1 << 31),
                    .malformedFrame, "SCP-FRAME-3"),
                scene.refuses(
                    "\(role.name): type 0", header(0, counter, 20), .malformedFrame, "SCP-FRAME-3"),
                scene.refuses(
                    "\(role.name): L above the limit, epoch and counter wrong too, nothing behind the header",
                    header(3, epoch: 7, 5, 65_537), .frameTooLarge, "SCP-FRAME-4"),
                scene.refuses(
                    "\(role.name): L of 2^32-1", header(3, counter, 0xffff_ffff), .frameTooLarge, "SCP-FRAME-4"),
                scene.refuses(
                    "\(role.name): L of 16,385 in epoch 0, counter wrong too", header(1, epoch: 0, 1, 16_385),
                    .frameTooLarge, "SCP-FRAME-5"),
                scene.refuses(
                    "\(role.name): L of 15, counter wrong too", header(3, 5, 15) + zeros, .malformedFrame,
                    "SCP-FRAME-6"),
                scene.refuses(
                    "\(role.name): L of 0", header(4, counter, 0) + zeros, .malformedFrame, "SCP-FRAME-6"),
            ]
            cases += try counters(scene)
        }
        return cases
    }

    private static func counters(_ scene: VectorScene) throws -> [NegativeCase] {
        let name = scene.receiver.name
        let next = scene.counter
        var repeated = scene
        try repeated.hear(.data, Plain.ping)
        return try [
            scene.refuses(
                "\(name): counter left out", scene.seal(.data, Plain.ping, counter: next + 1), .sequenceViolation,
                "SCP-FRAME-10"),
            repeated.refuses(
                "\(name): frame repeated", scene.seal(.data, Plain.ping), .sequenceViolation, "SCP-FRAME-10"),
            scene.refuses(
                "\(name): counter wrong, HMAC too", scene.seal(.data, Plain.ping, counter: next + 1).damaged(at: -1),
                .sequenceViolation, "SCP-FRAME-14"),
            scene.refuses(
                "\(name): epoch without keys", scene.seal(.data, Plain.ping, epoch: 2), .sequenceViolation,
                "SCP-FRAME-10"),
            scene.refuses(
                "\(name): epoch 65,535", scene.seal(.ack, Plain.acknowledgement(0), epoch: 65_535), .sequenceViolation,
                "SCP-FRAME-10"),
        ]
    }

    private static func inHandshake() throws -> [NegativeCase] {
        let awaiting = try VectorScene(.awaitingInit)
        let silent = try VectorScene(.awaitingInit) { $1.isSilent = true }
        let waiting = try VectorScene(.waiting, .initiator)
        let half = try VectorScene(.halfOpen)
        func large(_ type: UInt8) -> [UInt8] { HostilePeer.header(type, epoch: 0, counter: 0, length: 16_385) }
        let newer = [2] + awaiting.transcript.m1.frame.dropFirst()
        return try [
            awaiting.refuses("AWAIT: version 2", newer, .unsupportedVersion, "SCP-CLOSE-11"),
            silent.refuses("AWAIT, silent: version 2", newer, .unsupportedVersion, "SCP-HS-18", .none),
            awaiting.refuses("AWAIT: type 6", [1, 6] + newer.dropFirst(2), .malformedFrame, "SCP-HS-17"),
            awaiting.refuses(
                "AWAIT: something else than SCP", Array("GET / HTTP/1.1\r\n".utf8), .unsupportedVersion,
                "SCP-FRAME-2"),
            awaiting.refuses("AWAIT: L of 16,385", large(1), .frameTooLarge, "SCP-FRAME-5"),
            waiting.refuses("WAIT: L of 16,385", large(2), .frameTooLarge, "SCP-FRAME-5"),
            waiting.refuses("WAIT: type 255", [1, 255] + large(2).dropFirst(2), .malformedFrame, "SCP-FRAME-3"),
            half.refuses("HALF: L of 16,385", large(4), .frameTooLarge, "SCP-FRAME-5"),
            half.refuses("HALF: version 3", [3] + large(4).dropFirst(), .unsupportedVersion, "SCP-FRAME-2"),
            awaiting.refuses(
                "AWAIT: counter 1 in epoch 0", awaiting.carry(awaiting.transcript.m1.message, counter: 1),
                .malformedFrame,
                "SCP-FRAME-8"),
            waiting.refuses(
                "WAIT: counter 1 in epoch 0, of a type without use", VectorScene.blank(.data, counter: 1),
                .malformedFrame, "SCP-FRAME-8"),
            half.refuses(
                "HALF: counter 2^48-1 in epoch 0",
                half.carry(half.transcript.requireM3().message, counter: SequenceNumber.maximumCounter),
                .malformedFrame,
                "SCP-FRAME-8"),
        ]
    }

    private static func protection() throws -> [NegativeCase] {
        var cases: [NegativeCase] = []
        for (state, role): (ConnectionState, Role) in [
            (.established, .responder), (.unconfirmed, .initiator), (.held, .responder), (.closing, .initiator),
        ] {
            let scene = try VectorScene(state, role)
            let frame = try scene.seal(.data, Plain.ping)
            let keys = try VectorKeys(
                scene.transcript.provider.notes, sentBy: role.peer, hash: scene.transcript.requireM3().hash)
            let mac = try GcryptProvider().authenticator(Secret(copying: keys.mac.span))
            let body = Array(frame.damaged(at: 14).dropLast(32))
            let broken = body + Array(try mac.authenticate(body.span))
            cases += [
                scene.refuses(
                    "\(name(state)): first byte of the HMAC", frame.damaged(at: -32), .authenticationFailed,
                    "SCP-PROT-4"),
                scene.refuses(
                    "\(name(state)): last byte of the HMAC", frame.damaged(at: -1), .authenticationFailed,
                    "SCP-PROT-4"),
                scene.refuses("\(name(state)): ciphertext", frame.damaged(at: 14), .authenticationFailed, "SCP-PROT-7"),
                scene.refuses(
                    "\(name(state)): type changed", frame.damaged(at: 1).replacing(1..<2, with: [4]),
                    .authenticationFailed, "SCP-PROT-3"),
                scene.refuses("\(name(state)): GCM alone", broken, .authenticationFailed, "SCP-PROT-7"),
            ]
        }
        let scene = try VectorScene(.established)
        cases.append(
            scene.refuses(
                "keys of the other direction", try scene.transcript.seal(.responder, .data, Plain.ping, counter: 0),
                .authenticationFailed, "SCP-KEY-6"))
        cases.append(
            scene.refuses(
                "HMAC and contents wrong", try scene.seal(.data, [0xff]).damaged(at: -1), .authenticationFailed,
                "SCP-PROT-5"))
        return cases
    }

    private static func name(_ state: ConnectionState) -> String {
        switch state {
        case .unconfirmed: "UNCONF"
        case .held: "HOLD"
        case .closing: "CLOSING"
        default: "EST"
        }
    }
}
