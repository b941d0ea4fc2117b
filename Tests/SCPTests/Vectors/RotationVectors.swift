import SCPSimulation

@testable import SCP

/// rotation.json: rotations of two engines, three in a row for each mode and side that asks first.
enum RotationVectors {
    static func file() throws -> JSON {
        var cases: [JSON] = []
        for (index, mode) in [RotationMode.ephemeral, .authenticated].enumerated() {
            for (other, asker) in [Role.initiator, .responder].enumerated() {
                cases += try chain(seed: 30 + UInt64(2 * index + other), mode, [asker, asker.peer])
            }
        }
        cases += try chain(seed: 40, .ephemeral, [.initiator], psk: VectorSession.secret(seed: 40))
        cases += try chain(seed: 41, .ephemeral, [.initiator, .responder], isHybrid: true)
        cases += try chain(seed: 42, .authenticated, [.responder], isHybrid: true)
        cases += try chain(seed: 43, .ephemeral, [.initiator], psk: VectorSession.secret(seed: 43), isHybrid: true)
        return VectorFile.json("rotation", cases)
    }

    private static let suffixes: [Suite: String] = [
        .classicPSK: ", suite 0x81", .hybrid: ", suite 0x02", .hybridPSK: ", suite 0x82",
    ]

    /// One connection, with one rotation for each asker.
    private static func chain(
        seed: UInt64, _ mode: RotationMode, _ askers: [Role], psk: [UInt8] = [],
        isHybrid: Bool = false
    ) throws -> [JSON] {
        var session = VectorSession(seed: seed)
        if !psk.isEmpty { session.usePSK(psk) }
        if isHybrid { session.useHybrid() }
        let transcript = try VectorTranscript(session)
        var pair = try VectorPair(session) { _, configuration in configuration.rotation.mode = mode }
        _ = try pair.handshake()
        var schedule = try transcript.requireSchedule()
        guard let keys = transcript.keys else { throw VectorError.unreached("split") }
        var master = try pair.initiator.notes.extracted(Array(keys.0) + Array(keys.1))
        var cases: [JSON] = []
        for (index, asker) in askers.enumerated() {
            let epoch = UInt16(index + 1)
            let draws = RotationDraws(seed: seed &* 100 &+ UInt64(epoch))
            let rotation = try VectorRotation(session, schedule, mode, asker, target: epoch + 1, draws)
            let frames = try rotate(&pair, asker, draws)
            let name = "\(mode == .ephemeral ? "NN" : "KK"), epoch \(epoch) to \(epoch + 1), asked by the \(asker.name)"
            guard frames.count == 2, frames[0] == (try rotation.frame(.handshakeInit, by: asker, counter: frames[0])),
                frames[1] == (try rotation.frame(.handshakeResponse, by: asker.peer, counter: frames[1]))
            else { throw VectorError.differs(name) }
            let suffix = suffixes[session.suite] ?? ""
            cases.append(
                try json(name + suffix, session, rotation, pair.initiator.notes, master: master, frames, draws))
            master = try pair.initiator.notes.extracted(rotation.split)
            schedule = rotation.schedule
        }
        return cases
    }

    /// INIT and RESPONSE, and everything that follows until both sides use the new keys.
    private static func rotate(
        _ pair: inout VectorPair, _ asker: Role, _ draws: RotationDraws
    ) throws -> [[UInt8]] {
        let (first, second) = asker == .initiator ? (pair.initiator, pair.responder) : (pair.responder, pair.initiator)
        first.notes.fix(eight: draws.nonce, scalar: draws.asker, kem: draws.askerKEM)
        second.notes.fix(eight: [], scalar: draws.answerer, kem: draws.answererKEM)
        if asker == .initiator {
            pair.pipe.initiator.rotateKeys(at: .zero)
        } else {
            pair.pipe.responder.rotateKeys(at: .zero)
        }
        let request = try pair.frames(from: asker)
        let answer = try pair.frames(from: asker.peer)
        for role in [asker, asker.peer, asker, asker.peer] { _ = try pair.frames(from: role) }
        return (request + answer).filter { $0[1] == 1 || $0[1] == 2 }
    }

    private static func json(
        _ name: String, _ session: VectorSession, _ rotation: VectorRotation, _ notes: VectorProvider.Notes,
        master: [UInt8], _ frames: [[UInt8]], _ draws: RotationDraws
    ) throws -> JSON {
        let asker = rotation.terms.asker
        let provider = rotation.provider
        let hash = Array(rotation.terms.hash)
        let next = rotation.hash
        func party(_ role: Role) throws -> JSON {
            .object([
                "static": .hex(session[role].identity),
                "staticPublic": .hex(try provider.publicBytes(session[role].identity)),
            ])
        }
        func frame(_ index: Int, _ role: Role) throws -> JSON {
            try VectorFrame(
                opening: frames[index], sentBy: role, VectorKeys(notes, sentBy: role, hash: hash), provider
            ).json()
        }
        return .object([
            "name": .text(name), "suite": .number(Int(session.suite.rawValue)),
            "mode": .number(Int(rotation.terms.mode.rawValue)), "epoch": .number(Int(rotation.terms.target) - 1),
            "asker": .text(asker.name), "nonce": .hex(draws.nonce), "h": .hex(hash), "master": .hex(master),
            "chain": .hex(try notes.secret("chain", hash)), "initiator": try party(.initiator),
            "responder": try party(.responder), "askerEphemeral": .hex(draws.asker),
            "answererEphemeral": .hex(draws.answerer),
            "askerKEM": session.suite.isHybrid ? .hex(draws.askerKEM) : nil,
            "answererKEM": session.suite.isHybrid ? .hex(draws.answererKEM) : nil,
            "prologue": .hex(rotation.terms.prologue),
            "message1": rotation.first.json, "message2": rotation.second.json, "init": try frame(0, asker),
            "response": try frame(1, asker.peer),
            "split": .object(["k1": .hex(rotation.split[..<32]), "k2": .hex(rotation.split[32...])]),
            "next": .object([
                "epoch": .number(Int(rotation.terms.target)), "h": .hex(next),
                "master": .hex(try notes.extracted(rotation.split)), "keys": try VectorKeys.epoch(notes, hash: next),
                "chain": .hex(try notes.secret("chain", next)),
            ]),
        ])
    }
}
