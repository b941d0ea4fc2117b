import SCPGcrypt
import SCPSimulation

@testable import SCP

/// handshake.json: whole handshakes, run by two engines where both can say what the case says.
enum HandshakeVectors {
    static func file() throws -> JSON {
        try VectorFile.json(
            "handshake",
            [
                both("suite 0x01, hello 0x00, empty lists", session(1) { $0.hello = [] }),
                both("suite 0x01, hello 0x01", session(2)),
                both("suite 0x01, hello 0x02", session(3) { $0.hello = .accessKey }),
                both("suite 0x01, hello 0x03, limits of both sides, application protocols", full()),
                both("suite 0x81, hello 0x00", session(5) { $0.hello = [] }, psk: true),
                both("suite 0x81, hello 0x03, application protocols", full(6), psk: true),
                both("the smallest limits", smallest()),
                exotic(.initiator, "every item that M1 and M3 may have"),
                exotic(.responder, "every item that M2 may have"),
                exotic(.initiator, "suite 0x81, every item that M1 and M3 may have", psk: true),
                both("suite 0x02, hello 0x01", session(11) { $0.useHybrid() }),
                both("suite 0x82, hello 0x00", hybridPSK()),
                both("credentials of both sides", credentials()),
                both("suite 0x02, credentials of both sides", credentials(isHybrid: true)),
            ])
    }

    // MARK: Sessions

    static func session(_ seed: UInt64, _ change: (inout VectorSession) -> Void = { _ in }) -> VectorSession {
        var session = VectorSession(seed: seed)
        change(&session)
        if session.hello.contains(.accessKey) { session.accessKey = VectorSession.secret(seed: seed) }
        return session
    }

    private static func full(_ seed: UInt64 = 4) -> VectorSession {
        session(seed) { session in
            session.hello = .all
            session.initiator.list = limits([32_768, 65_536, 131_072, 98_304, 16, 20_000])
            session.responder.list =
                limits([1_048_576, 1 << 20, 1 << 24, 1 << 22, 65_536, 60_000])
                + [VectorItem(protocols: ["echo/1", "chat"])] + .required
            session.m3Items = [VectorItem(protocols: ["chat"])]
            session.initiatorProtocols = ["files", "chat", "echo/1"]
            session.responderProtocols = ["echo/1", "chat"]
        }
    }

    private static func smallest() -> VectorSession {
        session(7) { session in
            session.initiator.list = limits([2_048, 0, 32, 32, 1, 0])
            session.responder.list = limits([2_048, 0, 32, 32, 1, 0]) + .required
        }
    }

    private static func hybridPSK() -> VectorSession {
        session(12) { session in
            session.hello = []
            session.usePSK(VectorSession.secret(seed: 82))
            session.useHybrid()
        }
    }

    private static func credentials(isHybrid: Bool = false) -> VectorSession {
        session(isHybrid ? 14 : 13) { session in
            if isHybrid { session.useHybrid() }
            session.useCredentials(
                .initiator(isHybrid ? VectorCredential.hybrid.initiator : VectorCredential.classic.initiator),
                .responder(isHybrid ? VectorCredential.hybrid.responder : VectorCredential.classic.responder))
        }
    }

    private static func limits(_ values: [UInt64]) -> [VectorItem] {
        values.enumerated().map { VectorItem(UInt64($0 + 1), varint: $1) }
    }

    // MARK: Cases

    /// Both sides are engines.
    private static func both(_ name: String, _ session: VectorSession, psk: Bool = false) throws -> JSON {
        var session = session
        if psk { usePSK(&session) }
        let transcript = try VectorTranscript(session)
        var pair = try VectorPair(session)
        let frames = try pair.handshake()
        try check(frames[0], transcript.m1, name)
        try check(frames[1], transcript.requireM2(), name)
        try check(frames[2], transcript.requireM3(), name)
        return try json(name, session, transcript, pair.initiator.notes, frames)
    }

    /// One side says what no engine of ours says, and the other, which is one, understands it.
    private static func exotic(_ role: Role, _ name: String, psk: Bool = false) throws -> JSON {
        var session = session(psk ? 10 : role == .initiator ? 8 : 9)
        let common = [
            VectorItem(0x00, [UInt8](repeating: 0, count: 9)), VectorItem(0x07, varint: 1_200), VectorItem(0x08, []),
            VectorItem(0x1234, Array("skipped".utf8)),
        ]
        let named = [VectorItem(0x0e, [UInt8](repeating: 7, count: 16)), VectorItem(0x09, [1, 2, 3, 4, 5])]
        if psk { usePSK(&session) }
        if role == .initiator {
            session.initiator.list = common + limits([4_096, 1_000, 0, 1_032, 64, 0])
            session.m3Items = [VectorItem(0x00, [1, 2, 3])] + named
        } else {
            session.responder.list = named + .required + common + limits([4_096, 1_000, 1_032, 1_032, 64, 0])
        }
        let transcript = try VectorTranscript(session)
        let victim = role.peer
        var receiver = try VectorReceiver(session, victim)
        let frames: [[UInt8]]
        if role == .initiator {
            try receiver.take(transcript.m1.frame)
            let response = receiver.written()
            try receiver.take(transcript.requireM3().frame)
            frames = [transcript.m1.frame] + response + [try transcript.requireM3().frame] + receiver.written()
        } else {
            let opening = receiver.written()
            try receiver.take(transcript.requireM2().frame)
            frames = opening + [try transcript.requireM2().frame] + receiver.written()
        }
        try check(frames[0], transcript.m1, name)
        try check(frames[1], transcript.requireM2(), name)
        try check(frames[2], transcript.requireM3(), name)
        return try json(name, session, transcript, receiver.provider.notes, frames)
    }

    private static func usePSK(_ session: inout VectorSession) {
        session.suite = .classicPSK
        session.psk = VectorSession.secret(seed: 81)
        session.responder.list = session.responder.list.map { $0.id == 0x0d ? VectorItem(0x0d, [0x81]) : $0 }
    }

    private static func check(_ frame: [UInt8], _ message: VectorTranscript.Message, _ name: String) throws {
        guard frame == message.frame else { throw VectorError.differs(name) }
    }

    // MARK: Form

    /// - Parameters:
    ///   - notes: of the engine whose keys they are.
    ///   - frames: INIT, RESPONSE, ACK, and where there are, the confirmation and its acknowledgement.
    private static func json(
        _ name: String, _ session: VectorSession, _ transcript: VectorTranscript, _ notes: VectorProvider.Notes,
        _ frames: [[UInt8]]
    ) throws -> JSON {
        let provider = transcript.provider
        let second = try transcript.requireM2()
        let third = try transcript.requireM3()
        guard let keys = transcript.keys else { throw VectorError.unreached("split") }
        let responderKey = try provider.publicBytes(session.responder.identity)
        let ikm =
            [session.hello.rawValue] + (session.hello.contains(.staticKey) ? responderKey : [])
            + (session.hello.contains(.accessKey) ? session.accessKey : [])
        let hash = third.hash
        var rest: [JSON?] = [nil, nil]
        for (index, role) in [Role.responder, .initiator].enumerated() where frames.count > 3 + index {
            rest[index] = try VectorFrame(
                opening: frames[3 + index], sentBy: role, VectorKeys(notes, sentBy: role, hash: hash), provider
            ).json()
        }
        let exporter = try notes.secret("exporter", hash)
        return .object([
            "name": .text(name), "session": try session.json(provider), "prologue": .hex(transcript.prologue),
            "helloKeys": .object([
                "ikm": .hex(ikm), "extracted": .hex(try notes.extracted(ikm)),
                "i2r": .hex(try notes.secret("hello i2r", session.attempt)),
                "r2i": .hex(try notes.secret("hello r2i", session.attempt)),
            ]),
            "m1": transcript.m1.json(), "m2": second.json(), "m3": third.json(),
            "agreements": try agreements(session, provider),
            "finishedExtracted": .hex(try notes.extracted(second.chainingKey)),
            "finished": .hex(try notes.secret("finished", second.hash)),
            "split": .object(["k1": .hex(keys.0), "k2": .hex(keys.1)]),
            "master": .hex(try notes.extracted(Array(keys.0) + Array(keys.1))),
            "keys": try VectorKeys.epoch(notes, hash: hash), "chain": .hex(try notes.secret("chain", hash)),
            "exporter": .hex(exporter), "binding": .hex(try notes.secret("binding", hash)),
            "exports": try exports(exporter, provider), "confirmation": rest[0], "confirmationAck": rest[1],
            "credentials": try credentials(session, transcript),
        ])
    }

    /// What X25519 gives for each pair of keys that Noise mixes in.
    private static func agreements(_ session: VectorSession, _ provider: VectorProvider) throws -> JSON {
        func agree(_ secret: [UInt8], _ other: [UInt8]) throws -> JSON {
            let key = try provider.privateKey(Secret(copying: secret.span))
            return .hex(try provider.sharedSecret(key, with: VectorSession.publicKey(try provider.publicBytes(other))))
        }
        let (initiator, responder) = (session.initiator, session.responder)
        return .object([
            "ee": try agree(initiator.ephemeral, responder.ephemeral),
            "es": try agree(initiator.ephemeral, responder.identity),
            "se": try agree(initiator.identity, responder.ephemeral),
            "ekem1": session.suite.isHybrid ? .hex(try session.encapsulated()) : nil,
        ])
    }

    /// Of the responder and the initiator. What stands before the payload of messages 2 and 3 has these sizes: keys and
    /// their tags, and in hybrid suites a ciphertext.
    private static func credentials(_ session: VectorSession, _ transcript: VectorTranscript) throws -> JSON? {
        guard let initiator = session.credentials[.initiator], let responder = session.credentials[.responder]
        else { return nil }
        let (second, third) = (try transcript.requireM2(), try transcript.requireM3())
        func split(_ noise: [UInt8], _ sizes: [Int]) -> [[UInt8]] {
            var start = 0
            return sizes.map { size in
                defer { start += size }
                return Array(noise[start..<start + size])
            }
        }
        func key(_ role: Role) throws -> PublicKey {
            VectorSession.publicKey(try transcript.provider.publicBytes(session[role].identity))
        }
        return .list([
            try responder.json(
                .responder, key(.responder), before: transcript.m1.hash,
                split(second.noise, session.suite.isHybrid ? [32, 1_104, 48] : [32, 48]), transcript.provider),
            try initiator.json(
                .initiator, key(.initiator), before: second.hash, split(third.noise, [48]), transcript.provider),
        ])
    }

    private static func exports(_ secret: [UInt8], _ provider: VectorProvider) throws -> JSON {
        let secret = Secret(copying: secret.span)
        let exporter = Exporter(secret: secret, binding: Secret(count: 32))
        let none = try provider.hash(Span(), Span())
        let requests: [(String, [UInt8], Int)] = [
            ("EXPERIMENTAL test", [], 32), ("EXPERIMENTAL test", [], 33), ("EXPERIMENTAL test", [0, 1, 2], 32),
            ("a", [UInt8](repeating: 0xaa, count: 300), 1),
        ]
        return .list(
            try requests.map { label, context, length in
                let output = try exporter.export(
                    label: Array(label.utf8), context: context.span, length: length, provider)
                let key = try KeyDerivation.expandLabel(
                    provider, secret, Array(label.utf8), context: none.span, count: 32)
                return .object([
                    "label": .text(label), "context": .hex(context), "length": .number(length), "secret": .hex(key),
                    "contextHash": .hex(Array(try provider.hash(context.span, Span()))), "output": .hex(output),
                ])
            })
    }
}
