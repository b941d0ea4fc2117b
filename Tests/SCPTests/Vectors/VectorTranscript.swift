import SCPGcrypt

@testable import SCP

/// Both sides of a handshake, message by message, by the engine's own parts: for the values between the messages, and
/// as a peer that can say anything with the right keys.
struct VectorTranscript {
    struct Message {
        let message: [UInt8]
        let noise: [UInt8]
        let payload: [UInt8]
        let hash: [UInt8]
        let chainingKey: [UInt8]
        let frame: [UInt8]

        func json() -> JSON {
            .object([
                "message": .hex(message), "noise": .hex(noise), "payload": .hex(payload), "h": .hex(hash),
                "ck": .hex(chainingKey), "frame": .hex(frame),
            ])
        }
    }

    let session: VectorSession
    let provider: VectorProvider
    let attempt: Attempt
    let prologue: [UInt8]
    let hello: HelloKeys<VectorProvider>
    let m1: Message
    private(set) var m2: Message?
    private(set) var m3: Message?
    private(set) var finished: GcryptAuthenticator?
    private(set) var keys: (Secret, Secret)?
    private(set) var schedule: KeySchedule<VectorProvider>?

    /// What one side says that its session does not.
    struct Lies {
        /// The initiator's ephemeral public key has bit 255 set.
        var setsTopBit = false
        /// The claimed static public key of one side.
        var identity: (role: Role, key: [UInt8])?
        /// Plaintexts of the payloads of M2 and M3.
        var m2: [UInt8]?
        var m3: [UInt8]?
        /// The suite octet of M1 and of the transcript.
        var suite: UInt8?
        /// The parameters of M1, whatever the list says.
        var parameters: [UInt8]?
    }

    init(_ session: VectorSession, lies: Lies = Lies()) throws {
        self.session = session
        provider = try VectorProvider()
        if lies.setsTopBit {
            var key = try provider.publicBytes(session.initiator.ephemeral)
            key[31] |= 0x80
            provider.notes.claim(VectorSession.publicKey(key), for: session.initiator.ephemeral)
        }
        if let lie = lies.identity {
            provider.notes.claim(VectorSession.publicKey(lie.key), for: session[lie.role].identity)
        }
        attempt = Attempt(rawValue: session.attempt.reduce(0) { $0 << 8 | UInt64($1) })
        hello = try HelloKeys(
            provider: provider, hello: session.hello,
            responderKey: VectorSession.publicKey(try provider.publicBytes(session.responder.identity)),
            accessKey: VectorSession.secret(session.accessKey), attempt: attempt)
        let parameters = lies.parameters ?? session.initiator.list.bytes
        let opening =
            [lies.suite ?? session.suite.rawValue, UInt8(parameters.count >> 8), UInt8(parameters.count & 255)]
            + parameters
        prologue = InitMessage.prologue(attempt: attempt, opening: opening.span, in: 0..<opening.count)
        var initiator = try Self.state(.initiator, session, provider, prologue)
        var responder = try Self.state(.responder, session, provider, prologue)
        provider.notes.fix(eight: [], scalar: [], kem: session.initiator.kem)
        let first = try initiator.write(payload: Span())
        m1 = Self.message(
            opening + first, first, [], initiator,
            try Self.plain(
                .handshakeInit,
                HostilePeer.payload(opening + first, attempt: attempt, hello: session.hello, hasCookie: true),
                hello.initiatorToResponder))
        // A lie ends here what the other side would not have gone on with.
        guard (try? responder.read(first.span)) != nil else { return }
        try answer(&responder, attempt, lies.m2 ?? session.responder.list.bytes)
        guard let m2, (try? initiator.read(m2.noise.span)) != nil else { return }
        let items = lies.m3 ?? session.m3Items.bytes
        let third = try initiator.write(payload: items.span)
        m3 = Self.message(
            third, third, items, initiator,
            try plain(.ack, HostilePeer.payload(third, attempt: attempt, hasCookie: false), try requireFinished()))
        keys = try initiator.split()
        schedule = try initiator.schedule()
    }

    private mutating func answer(
        _ responder: inout HandshakeState<VectorProvider>, _ attempt: Attempt, _ items: [UInt8]
    ) throws {
        provider.notes.fix(eight: [], scalar: [], kem: session.responder.kem)
        let second = try responder.write(payload: items.span)
        m2 = Self.message(
            second, second, items, responder,
            try plain(
                .handshakeResponse,
                HostilePeer.payload(second, attempt: attempt, hello: session.hello, hasCookie: false),
                hello.responderToInitiator))
        finished = try responder.finishedKey()
    }

    private static func state(
        _ role: Role, _ session: VectorSession, _ provider: VectorProvider, _ prologue: [UInt8]
    ) throws -> HandshakeState<VectorProvider> {
        provider.notes.fix(eight: session.attempt, scalar: session[role].ephemeral)
        return try HandshakeState(
            session.suite.pattern, role: role, prologue: prologue.span, provider: provider,
            staticKey: provider.privateKey(Secret(copying: session[role].identity.span)),
            ephemeral: provider.privateKey(Secret(copying: session[role].ephemeral.span)),
            presharedKeys: VectorSession.secret(session.psk).map { .common($0) })
    }

    private static func message(
        _ message: [UInt8], _ noise: [UInt8], _ payload: [UInt8], _ state: HandshakeState<VectorProvider>,
        _ frame: [UInt8]
    ) -> Message {
        Message(
            message: message, noise: noise, payload: payload, hash: Array(state.handshakeHash),
            chainingKey: Array(state.chainingKey), frame: frame)
    }

    // MARK: What must be there

    func requireM2() throws -> Message {
        guard let m2 else { throw VectorError.unreached("M2") }
        return m2
    }

    func requireM3() throws -> Message {
        guard let m3 else { throw VectorError.unreached("M3") }
        return m3
    }

    func requireFinished() throws -> GcryptAuthenticator {
        guard let finished else { throw VectorError.unreached("finished") }
        return finished
    }

    func requireSchedule() throws -> KeySchedule<VectorProvider> {
        guard let schedule else { throw VectorError.unreached("keys") }
        return schedule
    }

    // MARK: Frames

    /// A frame of epoch 0 under a key.
    static func plain(
        _ type: FrameType, _ payload: [UInt8], _ key: GcryptAuthenticator, counter: UInt64 = 0, version: UInt8 = 1
    ) throws -> [UInt8] {
        let body =
            HostilePeer.header(
                type.rawValue, epoch: 0, counter: counter, length: payload.count, version: version) + payload
        let mac = try key.authenticate(body.span)
        return body + Array(mac)
    }

    func plain(
        _ type: FrameType, _ payload: [UInt8], _ key: GcryptAuthenticator, counter: UInt64 = 0
    ) throws -> [UInt8] { try Self.plain(type, payload, key, counter: counter) }

    /// A frame of epoch 1 from one side.
    func seal(
        _ role: Role, _ type: FrameType, _ plaintext: [UInt8], counter: UInt64, epoch: UInt16 = 1
    ) throws -> [UInt8] {
        try VectorFrame.seal(
            try requireSchedule().trafficKeys(sentBy: role), type, plaintext, epoch: epoch, counter: counter)
    }
}
