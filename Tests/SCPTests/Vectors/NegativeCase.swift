import SCPGcrypt
import SCPMisbehaviours
import Testing

@testable import SCP

/// Something that a receiver must refuse.
struct NegativeCase {
    let name: String
    let session: VectorSession
    let receiver: Role
    let state: ConnectionState
    let options: VectorOptions
    let before: [VectorStep]
    let input: [UInt8]
    let code: ErrorCode
    /// The epoch of the receiver's CLOSE, 1 for every later one too; nil when there is none.
    let close: Int?
    let requirement: String
    let note: String?
    /// The handshake hash of each epoch that the receiver may answer in.
    let hashes: [UInt16: [UInt8]]

    func json(_ provider: VectorProvider) throws -> JSON {
        .object([
            "name": .text(name), "note": note.map { .text($0) }, "session": try session.json(provider),
            "receiver": .text(receiver.name), "state": .text(Self.names[state] ?? ""), "options": options.json,
            "before": .list(before.map(\.json)), "input": .hex(input), "error": .text(code.name ?? ""),
            "code": .number(code.rawValue), "close": close.map { .number($0) } ?? .null,
            "requirement": .text(requirement),
        ])
    }

    private static let names: [ConnectionState: String] = [
        .waiting: "WAIT", .deciding: "DECIDE", .unconfirmed: "UNCONF", .awaitingInit: "AWAIT", .halfOpen: "HALF",
        .held: "HOLD", .established: "EST", .closing: "CLOSING",
    ]

    /// Runs the case against the engine, whole and byte by byte.
    func verify() throws {
        for size in [input.count, 1] {
            var victim = try VectorReceiver(session, receiver, options)
            _ = victim.written()
            for step in before {
                try victim.run(step)
                _ = victim.written()
            }
            #expect(victim.engine.state == state, "\(name): state")
            let found = victim.error(for: input, size: size)
            #expect(found?.code == code, "\(name), \(size) bytes at a time: \(String(describing: found))")
            #expect(found?.origin == .local, "\(name)")
            try check(victim.written(), victim.provider)
        }
    }

    private func check(_ frames: [[UInt8]], _ provider: VectorProvider) throws {
        let closes = frames.filter { $0[1] == FrameType.close.rawValue }
        #expect(closes.count == (close == nil ? 0 : 1), "\(name): number of CLOSE frames")
        guard let frame = closes.last, frames.last == frame else {
            return #expect(close == nil, "\(name): CLOSE is last")
        }
        let header = try FrameHeader.parse(frame.span, limit: 1 << 20)
        let epoch = header.sequence.epoch
        #expect(min(Int(epoch), 1) == close, "\(name): epoch of CLOSE")
        if epoch == 0 {
            let said = try HandshakeClose.parse(frame.span, in: 14..<frame.count - 32)
            #expect(said.code == code, "\(name): code of CLOSE")
        } else {
            let hash = try #require(hashes[epoch], "\(name): keys of CLOSE")
            let keys = try VectorKeys(provider.notes, sentBy: receiver, hash: hash)
            let plaintext = try VectorFrame.open(frame, keys.trafficKeys(provider))
            let said = try CloseFrame.parse(plaintext.span, in: 0..<plaintext.count)
            #expect(said.code == code, "\(name): code of CLOSE")
        }
    }
}

extension VectorReceiver {
    /// What the engine throws for bytes that arrive `size` at a time.
    mutating func error(for bytes: [UInt8], size: Int) -> ConnectionError? {
        var first: ConnectionError?
        for start in stride(from: 0, to: bytes.count, by: size) {
            do throws(ConnectionError) {
                try take(Array(bytes[start..<min(start + size, bytes.count)]))
            } catch {
                first = first ?? error
            }
        }
        return first
    }
}

/// A receiver in a state, and a peer with the right keys, which can say anything.
struct VectorScene {
    enum Answer { case usual, none, handshake, session }

    let transcript: VectorTranscript
    let receiver: Role
    let state: ConnectionState
    private(set) var session: VectorSession
    private(set) var options = VectorOptions()
    var before: [VectorStep] = []
    /// The peer's next counter.
    private(set) var counter: UInt64 = 0
    private var hashes: [UInt16: [UInt8]] = [:]
    var note: String?

    init(
        _ state: ConnectionState, _ receiver: Role = .responder, lies: VectorTranscript.Lies = .init(),
        _ change: (inout VectorSession, inout VectorOptions) -> Void = { _, _ in }
    ) throws {
        self.state = state
        self.receiver = receiver
        session = VectorSession(seed: 70)
        options.asks = state == .deciding || state == .held
        if state == .held { session.responder.list = [VectorItem(3, varint: 0)] + .required }
        change(&session, &options)
        transcript = try VectorTranscript(session, lies: lies)
        hashes[1] = transcript.m3?.hash
        guard state != .waiting, state != .awaitingInit else { return }
        if receiver == .initiator {
            before.append(.receive(try transcript.requireM2().frame))
            if state == .established || state == .closing { try hear(.data, Plain.credit(262_144)) }
        } else {
            before.append(.receive(transcript.m1.frame))
            if state != .halfOpen { before.append(.receive(try transcript.requireM3().frame)) }
        }
        if state == .closing { before.append(.close) }
    }

    /// The peer's next frame of epoch 1.
    func seal(
        _ type: FrameType, _ plaintext: [UInt8], counter number: UInt64? = nil, epoch: UInt16 = 1
    ) throws -> [UInt8] {
        try transcript.seal(receiver.peer, type, plaintext, counter: number ?? counter, epoch: epoch)
    }

    /// A frame that is accepted.
    mutating func hear(_ type: FrameType, _ plaintext: [UInt8]) throws {
        before.append(.receive(try seal(type, plaintext)))
        counter += 1
    }

    /// A frame under the keys of a rotation.
    mutating func hear(_ type: FrameType, _ plaintext: [UInt8], _ rotation: VectorRotation) throws {
        before.append(.receive(try rotation.seal(receiver.peer, type, plaintext, counter: counter)))
        hashes[rotation.terms.target] = rotation.hash
        counter += 1
    }

    /// A rotation that goes from epoch 1 to 2.
    mutating func rotation(_ asker: Role, _ mode: RotationMode = .ephemeral, target: UInt16 = 2) throws
        -> VectorRotation
    {
        let draws = RotationDraws(seed: 71)
        options.rotation = (draws.nonce, asker == receiver ? draws.asker : draws.answerer)
        let rotation = try VectorRotation(
            session, transcript.requireSchedule(), mode, asker, target: target, draws)
        hashes[target] = rotation.hash
        return rotation
    }

    func refuses(
        _ name: String, _ input: [UInt8], _ code: ErrorCode, _ requirement: String, _ answer: Answer = .usual
    ) -> NegativeCase {
        let close: Int? =
            switch answer {
            case .none: nil
            case .handshake: 0
            case .session: 1
            case .usual: usualClose(code)
            }
        return NegativeCase(
            name: name, session: session, receiver: receiver, state: state, options: options, before: before,
            input: input, code: code, close: close, requirement: requirement, note: note, hashes: hashes)
    }

    private func usualClose(_ code: ErrorCode) -> Int? {
        switch state {
        case .unconfirmed, .held, .established: 1
        case .waiting, .deciding, .agreeing, .halfOpen: code.maySendInHandshake ? 0 : nil
        case .awaitingInit: code == .unsupportedVersion ? 0 : nil
        case .closing, .draining, .closed: nil
        }
    }

    // MARK: Frames of epoch 0

    /// A frame with a payload of zeros and no HMAC worth the name.
    static func blank(_ type: FrameType, epoch: UInt16 = 0, counter: UInt64 = 0, length: Int = 80) -> [UInt8] {
        HostilePeer.header(type.rawValue, epoch: epoch, counter: counter, length: length)
            + [UInt8](repeating: 0, count: length + 32)
    }

    /// A handshake message in a frame with the right HMAC, and fields that need not be right.
    func carry(
        _ message: [UInt8], kind: UInt8 = 0, hello: UInt8? = nil, piece: UInt8 = 0, total: Int? = nil,
        attempt: [UInt8]? = nil, key: GcryptAuthenticator? = nil, counter: UInt64 = 0
    ) throws -> [UInt8] {
        let type: FrameType =
            switch state {
            case .awaitingInit: .handshakeInit
            case .waiting: .handshakeResponse
            default: .ack
            }
        var payload = HostilePeer.payload(
            message, attempt: transcript.attempt,
            kind: kind, hello: HelloKey(rawValue: hello ?? (type == .ack ? 0 : session.hello.rawValue)), piece: piece,
            total: total, hasCookie: type == .handshakeInit)
        if let attempt { payload.replaceSubrange(0..<8, with: attempt) }
        return try transcript.plain(type, payload, try key ?? messageKey(type), counter: counter)
    }

    private func messageKey(_ type: FrameType) throws -> GcryptAuthenticator {
        switch type {
        case .handshakeInit: transcript.hello.initiatorToResponder
        case .handshakeResponse: transcript.hello.responderToInitiator
        default: try transcript.requireFinished()
        }
    }

    /// A CLOSE of epoch 0 by the peer.
    func refusal(
        key octet: UInt8? = nil, code: UInt64 = 0, list: [UInt8] = [], count: UInt8? = nil, attempt: [UInt8]? = nil
    ) throws -> [UInt8] {
        let payload =
            (attempt ?? session.attempt) + [octet ?? session.hello.rawValue] + varintBytes(code)
            + [count ?? UInt8(list.count)] + list
        let hello = transcript.hello
        return try transcript.plain(
            .close, payload, receiver == .initiator ? hello.responderToInitiator : hello.initiatorToResponder)
    }
}

extension [UInt8] {
    /// The bytes with one of them changed.
    func damaged(at index: Int) -> [UInt8] {
        var copy = self
        copy[index < 0 ? count + index : index] ^= 1
        return copy
    }

    func replacing(_ range: Range<Int>, with bytes: [UInt8]) -> [UInt8] {
        Array(self[..<range.lowerBound]) + bytes + Array(self[range.upperBound...])
    }
}
