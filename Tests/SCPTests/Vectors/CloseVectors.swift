import SCPGcrypt
import SCPSimulation

@testable import SCP

/// close.json: the ends of connections in the handshake and after it, as engines write them.
enum CloseVectors {
    static func file() throws -> JSON {
        try VectorFile.json("close", handshakes() + sessions())
    }

    // MARK: Epoch 0

    private static func handshakes() throws -> [JSON] {
        let session = HandshakeVectors.session(50) { $0.hello = .all }
        let plain = VectorSession(seed: 51)
        let transcript = try VectorTranscript(session)
        var cases: [JSON] = []

        var waiting = try VectorReceiver(session, .initiator)
        _ = waiting.written()
        waiting.engine.close(at: .zero)
        cases.append(try json("the initiator gives up before M2", &waiting, session))

        var rejecting = try VectorReceiver(session, .initiator, asking)
        _ = rejecting.written()
        try rejecting.take(transcript.requireM2().frame)
        rejecting.engine.resolveIdentity(.reject, at: .zero)
        cases.append(try json("the initiator rejects the responder", &rejecting, session))

        var leaving = try VectorReceiver(session, .responder)
        try leaving.take(transcript.m1.frame)
        _ = leaving.written()
        leaving.engine.abort(.shuttingDown, at: .zero)
        cases.append(try json("the responder goes away before M3", &leaving, session))

        let hybrid = try VectorTranscript(plain, lies: .init(suite: 0x02))
        var refusing = try VectorReceiver(plain, .responder)
        try? refusing.take(hybrid.m1.frame)
        cases.append(try json("the responder has no such suite", &refusing, plain))

        var newer = try VectorTranscript(plain).m1.frame
        newer[0] = 2
        var old = try VectorReceiver(plain, .responder)
        try? old.take(newer)
        cases.append(try json("the responder has no such version", &old, plain))
        return cases
    }

    private static var asking: VectorOptions {
        var options = VectorOptions()
        options.asks = true
        return options
    }

    /// The CLOSE that an engine has just written.
    private static func json(_ name: String, _ engine: inout VectorReceiver, _ session: VectorSession) throws -> JSON {
        guard let frame = engine.written().last, frame[1] == 5 else { throw VectorError.unreached(name) }
        let close = try HandshakeClose.parse(frame.span, in: 14..<frame.count - 32)
        let key: [UInt8]
        if close.key == .finished {
            let transcript = try VectorTranscript(session)
            key = try engine.provider.notes.secret("finished", transcript.requireM2().hash)
        } else {
            key = try engine.provider.notes.secret("hello \(engine.role.direction)", Array(frame[14..<22]))
        }
        return .object([
            "name": .text(name), "epoch": 0, "session": try session.json(engine.provider),
            "sender": .text(engine.role.name), "attempt": .hex(frame[14..<22]), "key": .number(Int(close.key.rawValue)),
            "hmacKey": .hex(key), "code": .number(close.code.rawValue), "list": .hex(frame[close.list]),
            "payload": .hex(frame[14..<frame.count - 32]), "frame": .hex(frame),
        ])
    }

    // MARK: Epoch 1

    private static func sessions() throws -> [JSON] {
        try [
            ending("graceful close by the initiator") { pair in
                _ = try pair.pipe.initiator.send("the last message", at: .zero)
                pair.pipe.initiator.close(ErrorCode(rawValue: 0x1000), reason: "done", at: .zero)
                return try [(.initiator, pair.frames(from: .initiator)), (.responder, pair.frames(from: .responder))]
            },
            ending("graceful close by the responder, nothing said before") { pair in
                pair.pipe.responder.close(at: .zero)
                return try [(.responder, pair.frames(from: .responder)), (.initiator, pair.frames(from: .initiator))]
            },
            ending("half close, then the end from the other side") { pair in
                pair.pipe.initiator.finish(at: .zero)
                let first = try pair.frames(from: .initiator)
                pair.pipe.responder.close(at: .zero)
                return try [
                    (.initiator, first), (.responder, pair.frames(from: .responder)),
                    (.initiator, pair.frames(from: .initiator)),
                ]
            },
            ending("both sides close at once") { pair in
                pair.pipe.initiator.close(at: .zero)
                pair.pipe.responder.close(at: .zero)
                let both = (pair.wait(for: .initiator), pair.wait(for: .responder))
                try pair.deliver(from: .initiator)
                try pair.deliver(from: .responder)
                return try [
                    (.initiator, both.0), (.responder, both.1), (.responder, pair.frames(from: .responder)),
                    (.initiator, pair.frames(from: .initiator)),
                ]
            },
            ending("abort with a code of the application") { pair in
                pair.pipe.responder.abort(ErrorCode(rawValue: 0x7fff_ffff), reason: "no more", at: .zero)
                return try [(.responder, pair.frames(from: .responder)), (.initiator, pair.frames(from: .initiator))]
            },
            ending("fatal error") { pair in
                _ = try pair.pipe.initiator.send("damaged on its way", at: .zero)
                var frame = pair.wait(for: .initiator)[0]
                frame[20] ^= 1
                pair.pipe.replaceInFlight(from: .initiator, with: frame)
                try? pair.deliver(from: .initiator)
                return try [(.responder, pair.frames(from: .responder)), (.initiator, pair.wait(for: .initiator))]
            },
            ending("the responder rejects the initiator", asking: true) { pair in
                pair.pipe.responder.resolveIdentity(.reject, at: .zero)
                return try [(.responder, pair.frames(from: .responder)), (.initiator, pair.wait(for: .initiator))]
            },
        ]
    }

    private static func ending(
        _ name: String, asking isAsking: Bool = false,
        _ body: (inout VectorPair) throws -> [(Role, [[UInt8]])]
    ) throws -> JSON {
        var pair = try VectorPair(VectorSession(seed: 60), responder: isAsking ? asking : VectorOptions())
        if isAsking {
            for role: Role in [.initiator, .responder, .initiator] { _ = try pair.frames(from: role) }
        } else {
            _ = try pair.handshake()
        }
        let hash = try VectorTranscript(VectorSession(seed: 60), lies: lies(isAsking)).requireM3().hash
        var frames: [JSON] = []
        for (role, written) in try body(&pair) {
            let keys = try VectorKeys(pair.initiator.notes, sentBy: role, hash: hash)
            for frame in written {
                frames.append(try VectorFrame(opening: frame, sentBy: role, keys, pair.initiator).json())
            }
        }
        return .object(["name": .text(name), "epoch": 1, "frames": .list(frames)])
    }

    /// A responder that asks grants no credit in M2.
    private static func lies(_ isAsking: Bool) -> VectorTranscript.Lies {
        guard isAsking else { return VectorTranscript.Lies() }
        return VectorTranscript.Lies(m2: VectorItem(3, varint: 0).bytes + [VectorItem].required.bytes)
    }
}
