import SCPGcrypt

@testable import SCP

/// Payloads of epoch 0, hello keys, Noise messages and public keys.
enum NegativeHandshakeCases {
    static func all() throws -> [NegativeCase] {
        try payloads() + inits() + hellos() + lowOrder() + noise() + identities() + closes()
    }

    /// The seven encodings, and each with the top bit set.
    static let lowOrderKeys: [[UInt8]] = {
        let high = [UInt8](repeating: 0xff, count: 30)
        let keys: [[UInt8]] = [
            [UInt8](repeating: 0, count: 32), [1] + [UInt8](repeating: 0, count: 31),
            [
                0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda,
                0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
            ],
            [
                0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04,
                0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
            ],
            [0xec] + high + [0x7f], [0xed] + high + [0x7f], [0xee] + high + [0x7f],
        ]
        return keys + keys.map { key in key.replacing(31..<32, with: [key[31] | 0x80]) }
    }()

    /// Each field, in each frame: the HMAC is right.
    private static func payloads() throws -> [NegativeCase] {
        var cases: [NegativeCase] = []
        for (state, role, name): (ConnectionState, Role, String) in [
            (.awaitingInit, .responder, "INIT"), (.waiting, .initiator, "RESPONSE"), (.halfOpen, .responder, "ACK"),
        ] {
            let scene = try VectorScene(state, role)
            let transcript = scene.transcript
            let message =
                switch state {
                case .awaitingInit: transcript.m1.message
                case .waiting: try transcript.requireM2().message
                default: try transcript.requireM3().message
                }
            func add(_ what: String, _ frame: [UInt8], _ code: ErrorCode, _ requirement: String) {
                cases.append(scene.refuses("\(name): \(what)", frame, code, requirement))
            }
            let isUnexpected = { (kind: UInt8) in kind == 1 ? state == .waiting : kind == 2 && state != .halfOpen }
            for kind: UInt8 in 1...3 {
                add(
                    "kind \(kind)", try scene.carry(message, kind: kind),
                    isUnexpected(kind) ? .unexpectedMessage : .malformedFrame, "SCP-HS-5")
            }
            add("hello 4", try scene.carry(message, hello: 4), .malformedFrame, "SCP-HS-6")
            add("piece 1", try scene.carry(message, piece: 1), .malformedFrame, "SCP-HS-7")
            add("piece 16", try scene.carry(message, piece: 16), .malformedFrame, "SCP-HS-7")
            add("total 0", try scene.carry(message, total: 0), .malformedFrame, "SCP-HS-8")
            add(
                "total above what is there", try scene.carry(message, total: message.count + 1), .malformedFrame,
                "SCP-HS-8")
            add("total 16,321", try scene.carry(message, total: 16_321), .malformedFrame, "SCP-HS-8")
            let key =
                state == .awaitingInit
                ? transcript.hello.initiatorToResponder
                : state == .waiting ? transcript.hello.responderToInitiator : try transcript.requireFinished()
            let type: FrameType =
                state == .awaitingInit ? .handshakeInit : state == .waiting ? .handshakeResponse : .ack
            add(
                "payload of 14 bytes", try transcript.plain(type, scene.session.attempt + [0, 0, 0, 0, 1, 0], key),
                .malformedFrame, "SCP-FRAME-13")
            add("no payload", try transcript.plain(type, [], key), .malformedFrame, "SCP-FRAME-13")
            guard state != .awaitingInit else { continue }
            add(
                "another attempt", try scene.carry(message, attempt: [1, 2, 3, 4, 5, 6, 7, 8]), .unexpectedMessage,
                "SCP-HS-15")
            add(
                "another attempt, HMAC wrong",
                try scene.carry(message, attempt: [1, 2, 3, 4, 5, 6, 7, 8]).damaged(at: -1),
                .authenticationFailed, "SCP-HS-15")
            add(
                "HMAC and shape wrong", try scene.carry(message, kind: 3).damaged(at: -1), .authenticationFailed,
                "SCP-FRAME-14")
            add(
                "hello of another attempt", try scene.carry(message, hello: state == .waiting ? 0 : 1), .malformedFrame,
                "SCP-HS-6")
        }
        return cases
    }

    private static func inits() throws -> [NegativeCase] {
        let scene = try VectorScene(.awaitingInit)
        let silent = try VectorScene(.awaitingInit) { $1.isSilent = true }
        let message = scene.transcript.m1.message
        let later = try VectorTranscript(scene.session, lies: .init(suite: 0x02)).m1.message
        let psk = try VectorScene(.awaitingInit) { session, _ in
            session.usePSK(VectorSession.secret(seed: 72))
        }
        let plain = try VectorTranscript(VectorSession(seed: 70)).m1
        return try [
            scene.refuses("INIT: HMAC wrong", scene.carry(message).damaged(at: -1), .authenticationFailed, "SCP-HS-17"),
            scene.refuses(
                "INIT: shape and HMAC wrong", scene.carry(message, piece: 1).damaged(at: -1), .malformedFrame,
                "SCP-FRAME-14"),
            scene.refuses("INIT: suite 0x02", scene.carry(later), .unsupportedSuite, "SCP-ITEM-4", .handshake),
            scene.refuses(
                "INIT: suite 0x7f, parameters wrong too", scene.carry([0x7f, 0xff, 0xff] + message.dropFirst(3)),
                .unsupportedSuite, "SCP-HS-16", .handshake),
            silent.refuses(
                "INIT: suite 0x02 at a silent responder", silent.carry(later), .unsupportedSuite, "SCP-HS-18", .none),
            psk.refuses(
                "INIT: suite 0x01 at a responder with pre-shared keys", plain.frame, .unsupportedSuite, "SCP-PSK-4",
                .handshake),
            scene.refuses(
                "INIT: suite 0x81 at a responder without pre-shared keys", psk.transcript.m1.frame, .unsupportedSuite,
                "SCP-PSK-4", .handshake),
            scene.refuses(
                "M1: Noise message of 31 bytes", scene.carry(message.dropLast()), .malformedFrame, "SCP-ITEM-3",
                .handshake),
            scene.refuses(
                "M1: Noise message of 33 bytes", scene.carry(message + [0]), .malformedFrame, "SCP-ITEM-3", .handshake),
            scene.refuses(
                "M1: suite alone", scene.carry([message[0]]), .malformedFrame, "SCP-FRAME-13", .handshake),
            scene.refuses(
                "M1: parameters longer than the message", scene.carry(message.replacing(1..<3, with: [0, 33])),
                .malformedFrame, "SCP-FRAME-13", .handshake),
            psk.refuses(
                "M1, suite 0x81: tag of the empty payload", psk.carry(psk.transcript.m1.message.damaged(at: -1)),
                .authenticationFailed, "SCP-HS-16", .handshake),
            psk.refuses(
                "M1, suite 0x81: Noise message of 32 bytes", psk.carry(psk.transcript.m1.message.dropLast(16)),
                .malformedFrame, "SCP-ITEM-3", .handshake),
        ]
    }

    /// [SCP-HS-14]: nothing is answered.
    private static func hellos() throws -> [NegativeCase] {
        let key = VectorSession.secret(seed: 73)
        func scene(_ hello: HelloKey, _ change: (inout VectorOptions) -> Void) throws -> VectorScene {
            try VectorScene(.awaitingInit) { session, options in
                session.hello = hello
                session.accessKey = key
                change(&options)
            }
        }
        var cases: [NegativeCase] = []
        func add(_ name: String, _ scene: VectorScene) {
            cases.append(
                scene.refuses("INIT: \(name)", scene.transcript.m1.frame, .authenticationFailed, "SCP-HS-14"))
        }
        add("access key at a responder without one", try scene(.all) { $0.accessKey = [] })
        add("another access key", try scene(.accessKey) { $0.accessKey = VectorSession.secret(seed: 74) })
        add("hello 0 where bit 0 is required", try scene([]) { $0.requiredHello = 1 })
        add("hello 1 where bit 1 is required", try scene(.staticKey) { $0.requiredHello = 2 })
        add("hello 2 where both bits are required", try scene(.accessKey) { $0.requiredHello = 3 })
        let plain = try scene(.staticKey) { _ in }
        let other = VectorSession.publicKey(try plain.transcript.provider.publicBytes(key))
        let keys = try HelloKeys(
            provider: plain.transcript.provider, hello: .staticKey, responderKey: other, accessKey: nil,
            attempt: plain.transcript.attempt)
        let none = try HelloKeys(
            provider: plain.transcript.provider, hello: [], responderKey: nil, accessKey: nil,
            attempt: plain.transcript.attempt)
        let message = plain.transcript.m1.message
        cases += [
            plain.refuses(
                "INIT: key of another responder", try plain.carry(message, key: keys.initiatorToResponder),
                .authenticationFailed, "SCP-HS-14"),
            plain.refuses(
                "INIT: hello 1 with the key of hello 0", try plain.carry(message, key: none.initiatorToResponder),
                .authenticationFailed, "SCP-HS-14"),
        ]
        return cases
    }

    private static func lowOrder() throws -> [NegativeCase] {
        var cases: [NegativeCase] = []
        for (index, key) in lowOrderKeys.enumerated() {
            let awaiting = try VectorScene(.awaitingInit)
            let opening = awaiting.transcript.m1.message.dropLast(32)
            cases.append(
                awaiting.refuses(
                    "M1: ephemeral key of low order, \(index + 1)", try awaiting.carry(opening + key),
                    .authenticationFailed, "SCP-KEY-11", .handshake))
            let waiting = try VectorScene(.waiting, .initiator)
            cases.append(
                waiting.refuses(
                    "M2: ephemeral key of low order, \(index + 1)",
                    try waiting.carry(waiting.transcript.requireM2().message.replacing(0..<32, with: key)),
                    .authenticationFailed, "SCP-KEY-11"))
            let lying = try VectorScene(.waiting, .initiator, lies: .init(identity: (.responder, key)))
            cases.append(
                lying.refuses(
                    "M2: static key of low order, \(index + 1)", try lying.transcript.requireM2().frame,
                    .authenticationFailed, "SCP-KEY-11"))
            let half = try VectorScene(.halfOpen, lies: .init(identity: (.initiator, key)))
            cases.append(
                half.refuses(
                    "M3: static key of low order, \(index + 1)", try half.transcript.requireM3().frame,
                    .authenticationFailed, "SCP-KEY-11"))
        }
        return cases
    }

    private static func noise() throws -> [NegativeCase] {
        let waiting = try VectorScene(.waiting, .initiator)
        let half = try VectorScene(.halfOpen)
        let second = try waiting.transcript.requireM2().message
        let third = try half.transcript.requireM3().message
        let psk = try VectorScene(.halfOpen) { session, options in
            session.usePSK(VectorSession.secret(seed: 75))
            options.psk = VectorSession.secret(seed: 76)
        }
        var topBit = try VectorScene(.established, lies: .init(setsTopBit: true))
        topBit.note =
            "The ephemeral public key in M1 has its top bit set, which is masked in X25519 and nowhere else: "
            + "M3 is right only for the 32 bytes as they were sent."
        return try [
            waiting.refuses(
                "M2: ephemeral key changed", waiting.carry(second.damaged(at: 0)), .authenticationFailed, "SCP-HS-23"),
            waiting.refuses(
                "M2: static key changed", waiting.carry(second.damaged(at: 32)), .authenticationFailed, "SCP-HS-23"),
            waiting.refuses(
                "M2: tag of the static key changed", waiting.carry(second.damaged(at: 64)), .authenticationFailed,
                "SCP-HS-23"),
            waiting.refuses(
                "M2: items changed", waiting.carry(second.damaged(at: 80)), .authenticationFailed, "SCP-HS-23"),
            waiting.refuses(
                "M2: last tag changed", waiting.carry(second.damaged(at: -1)), .authenticationFailed, "SCP-HS-23"),
            waiting.refuses(
                "RESPONSE: HMAC wrong", waiting.carry(second).damaged(at: -1), .authenticationFailed, "SCP-HS-12"),
            half.refuses(
                "M3: static key changed", half.carry(third.damaged(at: 0)), .authenticationFailed, "SCP-HS-20"),
            half.refuses("M3: last tag changed", half.carry(third.damaged(at: -1)), .authenticationFailed, "SCP-HS-20"),
            half.refuses(
                "ACK of epoch 0: HMAC wrong", half.carry(third).damaged(at: -1), .authenticationFailed, "SCP-HS-12"),
            half.refuses(
                "ACK of epoch 0: HMAC of the hello key",
                half.carry(third, key: half.transcript.hello.initiatorToResponder),
                .authenticationFailed, "SCP-HS-12"),
            psk.refuses(
                "M3: another pre-shared key", psk.transcript.requireM3().frame, .authenticationFailed, "SCP-PSK-3"),
            topBit.refuses(
                "DATA without records, after an M1 with a key that is not canonical", topBit.seal(.data, []),
                .malformedFrame, "SCP-KEY-12"),
        ]
    }

    private static func identities() throws -> [NegativeCase] {
        let other = try VectorProvider().publicBytes(VectorSession.secret(seed: 77))
        var cases: [NegativeCase] = []
        for role: Role in [.initiator, .responder] {
            let (state, requirement): (ConnectionState, String) =
                role == .initiator ? (.waiting, "SCP-ID-4") : (.halfOpen, "SCP-ID-7")
            let answer: VectorScene.Answer = role == .initiator ? .handshake : .session
            func frame(_ scene: VectorScene) throws -> [UInt8] {
                try role == .initiator ? scene.transcript.requireM2().frame : scene.transcript.requireM3().frame
            }
            let pinned = try VectorScene(state, role) { session, options in
                session.hello = []
                options.pinned = other
            }
            let itself = try VectorScene(state, role) { session, _ in
                session.initiator.identity = session.responder.identity
            }
            cases += try [
                pinned.refuses(
                    "\(role.name): another key than the one wanted", frame(pinned), .identityRejected, requirement,
                    answer),
                itself.refuses(
                    "\(role.name): its own static key", frame(itself), .identityRejected, "SCP-HS-32", answer),
            ]
        }
        for isAllowed in [false, true] {
            let mirror = try VectorScene(.waiting, .initiator) { session, options in
                session.responder.ephemeral = session.initiator.ephemeral
                options.allowsItself = isAllowed
            }
            cases.append(
                mirror.refuses(
                    "initiator: its own ephemeral key" + (isAllowed ? ", though it may meet itself" : ""),
                    try mirror.transcript.requireM2().frame, .identityRejected, "SCP-HS-32"))
        }
        return cases
    }

    private static func closes() throws -> [NegativeCase] {
        var cases: [NegativeCase] = []
        for (state, role, name): (ConnectionState, Role, String) in [
            (.waiting, .initiator, "WAIT"), (.unconfirmed, .initiator, "UNCONF"), (.halfOpen, .responder, "HALF"),
        ] {
            let scene = try VectorScene(state, role)
            cases += try [
                scene.refuses(
                    "\(name): CLOSE, HMAC wrong", scene.refusal().damaged(at: -1), .authenticationFailed, "SCP-HS-12"),
                scene.refuses("\(name): CLOSE, key 0x02", scene.refusal(key: 2), .authenticationFailed, "SCP-CLOSE-5"),
                scene.refuses("\(name): CLOSE, key 0x04", scene.refusal(key: 4), .malformedFrame, "SCP-CLOSE-5"),
                scene.refuses(
                    "\(name): CLOSE, key 0x80 under a hello key", scene.refusal(key: 0x80), .authenticationFailed,
                    "SCP-CLOSE-5"),
                scene.refuses(
                    "\(name): CLOSE, another attempt, HMAC wrong too",
                    scene.refusal(attempt: [1, 2, 3, 4, 5, 6, 7, 8]).damaged(at: -1), .unexpectedMessage, "SCP-HS-15"),
                scene.refuses(
                    "\(name): CLOSE, a list with NO_ERROR, HMAC wrong too", scene.refusal(list: [1]).damaged(at: -1),
                    .malformedFrame, "SCP-CLOSE-9"),
                scene.refuses(
                    "\(name): CLOSE, list shorter than count", scene.refusal(code: 3, list: [1], count: 2),
                    .malformedFrame, "SCP-CLOSE-9"),
                scene.refuses(
                    "\(name): CLOSE, list longer than count", scene.refusal(code: 3, list: [1, 2], count: 1),
                    .malformedFrame, "SCP-CLOSE-9"),
            ]
        }
        return cases
    }
}
