import SCPSimulation

@testable import SCP

/// The randomness of one rotation.
struct RotationDraws {
    let nonce: [UInt8]
    let asker: [UInt8]
    let answerer: [UInt8]
    /// Of the hybrid suites: 64 bytes, and 32.
    let askerKEM: [UInt8]
    let answererKEM: [UInt8]

    init(seed: UInt64) {
        let session = VectorSession(seed: seed)
        (nonce, asker, answerer) = (session.attempt, session.initiator.ephemeral, session.responder.ephemeral)
        (askerKEM, answererKEM) = (session.initiator.kem, session.responder.kem)
    }
}

/// Both sides of a rotation, message by message, by the engine's own parts.
struct VectorRotation {
    struct Message {
        let noise: [UInt8]
        let hash: [UInt8]
        let chainingKey: [UInt8]

        var json: JSON { .object(["noise": .hex(noise), "h": .hex(hash), "ck": .hex(chainingKey)]) }
    }

    let provider: VectorProvider
    let terms: RotationTerms
    let first: Message
    let second: Message
    /// `k1 || k2`.
    let split: [UInt8]
    let schedule: KeySchedule<VectorProvider>
    private let old: KeySchedule<VectorProvider>
    private let nonce: UInt64

    init(
        _ session: VectorSession, _ old: KeySchedule<VectorProvider>, _ mode: RotationMode, _ asker: Role,
        target: UInt16, _ draws: RotationDraws
    ) throws {
        let number = draws.nonce.reduce(0) { $0 << 8 | UInt64($1) }
        let terms = RotationTerms(
            target: target, nonce: number, mode: mode, asker: asker, suite: session.suite, hash: old.hash)
        var one = try Self.state(.initiator, session, terms, old, draws.asker)
        var other = try Self.state(.responder, session, terms, old, draws.answerer)
        one.provider.notes.fix(eight: [], scalar: draws.asker, kem: draws.askerKEM)
        other.provider.notes.fix(eight: [], scalar: draws.answerer, kem: draws.answererKEM)
        let request = try one.write(payload: Span())
        first = Message(noise: request, hash: Array(one.handshakeHash), chainingKey: Array(one.chainingKey))
        _ = try other.read(request.span)
        let answer = try other.write(payload: Span())
        second = Message(noise: answer, hash: Array(other.handshakeHash), chainingKey: Array(other.chainingKey))
        _ = try one.read(answer.span)
        let keys = try one.split()
        provider = one.provider
        split = Array(keys.0) + Array(keys.1)
        schedule = try one.schedule()
        self.terms = terms
        self.old = old
        nonce = number
    }

    private static func state(
        _ role: Role, _ session: VectorSession, _ terms: RotationTerms, _ old: KeySchedule<VectorProvider>,
        _ ephemeral: [UInt8]
    ) throws -> HandshakeState<VectorProvider> {
        let own = role == .initiator ? terms.asker : terms.asker.peer
        let configuration = try session.configuration(own)
        let provider = configuration.provider
        provider.notes.fix(eight: [], scalar: ephemeral)
        return try terms.handshake(
            role, configuration, chain: try old.chain(),
            peer: VectorSession.publicKey(try provider.publicBytes(session[own.peer].identity)))
    }

    /// `h` of the next epoch.
    var hash: [UInt8] { second.hash }

    func plaintext(_ type: FrameType) -> [UInt8] {
        RotationMessage.encoded(
            target: terms.target, nonce: nonce, mode: terms.mode,
            noise: type == .handshakeInit ? first.noise : second.noise)
    }

    /// The frame that carries a message, under the old keys and the counter of `frame`.
    func frame(_ type: FrameType, by role: Role, counter frame: [UInt8]) throws -> [UInt8] {
        try VectorFrame.seal(
            old.trafficKeys(sentBy: role), type, plaintext(type), epoch: terms.target - 1,
            counter: FrameHeader.parse(frame.span, limit: 1 << 20).sequence.counter)
    }

    /// Any frame under the new keys.
    func seal(_ role: Role, _ type: FrameType, _ plaintext: [UInt8], counter: UInt64) throws -> [UInt8] {
        try VectorFrame.seal(
            schedule.trafficKeys(sentBy: role), type, plaintext, epoch: terms.target, counter: counter)
    }
}
