import SCPGcrypt
import SCPMisbehaviours

@testable import SCP

/// A peer with real keys and no manners: it completes a genuine handshake in either role and then says whatever a test
/// wants, properly protected or deliberately not. Nothing here checks what it sends.
struct HostilePeer {
    typealias Provider = GcryptProvider

    /// What made the HMAC of a frame of epoch 0.
    enum Key {
        case initiatorHello, responderHello, finished
    }

    let role: Role
    let provider: Provider
    let identity: Provider.PrivateKey
    var suite = Suite.classic
    var presharedKeys: PresharedKeys?
    var accessKey: Secret?
    /// The secrets that the hello keys of its own INIT are made from.
    var hello: HelloKey = []
    var attempt = Attempt(rawValue: 0x0102_0304_0506_0708)
    /// Raw items: the parameters of M1, the payloads of M2 and M3.
    var parameters: [UInt8] = []
    var items: [UInt8]
    /// The responder's static key, for hello keys.
    let responderKey: PublicKey

    private(set) var noise: HandshakeState<Provider>?
    private(set) var helloKeys: HelloKeys<Provider>?
    private(set) var finished: Provider.Authenticator?
    private(set) var receivedItems: [UInt8] = []
    private(set) var schedule: KeySchedule<Provider>?
    private var sending: TrafficKeys<Provider>?
    private var receiving: TrafficKeys<Provider>?
    /// The HMAC key of its frames by itself, derived once more from what Noise gave.
    private var frameAuthenticator: Provider.Authenticator?
    /// The connection credit that its first frame of epoch 1 grants.
    var grant: UInt64 = 262_144
    /// The counter of the next frame it seals.
    var nextCounter: UInt64 = 0

    init(_ role: Role, _ fixture: Fixture) {
        self.role = role
        provider = fixture.provider
        identity = role == .initiator ? fixture.initiatorKey : fixture.responderKey
        responderKey = fixture.responderPublic
        // Versions and suites, which M2 must have; M3 has nothing.
        items = role == .initiator ? [] : itemBytes(0x0c, [1]) + itemBytes(0x0d, [1])
    }

    /// Takes the attempt's hello keys, without a handshake.
    mutating func introduce(_ attempt: Attempt) throws {
        self.attempt = attempt
        helloKeys = try keys(hello)
    }

    // MARK: The handshake of an initiator

    mutating func initFrame() throws -> [UInt8] {
        let message = try message1()
        return try handshakeFrame(.handshakeInit, message)
    }

    mutating func message1() throws -> [UInt8] {
        let length = UInt16(parameters.count)
        let opening = [suite.rawValue, UInt8(length >> 8), UInt8(length & 0xff)] + parameters
        helloKeys = try keys(hello)
        var noise = try state(opening)
        let message = try opening + noise.write(payload: Span())
        self.noise = noise
        return message
    }

    mutating func readResponse(_ frame: [UInt8]) throws {
        var noise = try current()
        guard frame.count >= 61 else { throw HostileError.refused }
        receivedItems = try noise.read(frame.span.extracting(29..<frame.count - 32))
        finished = try noise.finishedKey()
        self.noise = noise
    }

    mutating func ackFrame() throws -> [UInt8] {
        let message = try message3()
        return try handshakeFrame(.ack, message)
    }

    mutating func message3() throws -> [UInt8] {
        var noise = try current()
        let message = try noise.write(payload: items.span)
        self.noise = noise
        try makeKeys()
        return message
    }

    // MARK: The handshake of a responder

    mutating func readInit(_ frame: [UInt8]) throws {
        guard frame.count >= 93 else { throw HostileError.refused }
        let piece = try HandshakePiece.parse(
            frame.span, in: 14..<frame.count - 32, type: .handshakeInit, counter: 0, isStream: true)
        attempt = piece.attempt
        hello = piece.hello
        helloKeys = try keys(hello)
        let message = try InitMessage.parse(frame.span, in: piece.bytes)
        suite = try suite(message.suite)
        var noise = try state(Array(frame[message.opening]))
        _ = try noise.read(frame.span.extracting(message.noise))
        self.noise = noise
    }

    mutating func responseFrame() throws -> [UInt8] {
        let message = try message2()
        return try handshakeFrame(.handshakeResponse, message)
    }

    mutating func message2() throws -> [UInt8] {
        var noise = try current()
        let message = try noise.write(payload: items.span)
        finished = try noise.finishedKey()
        self.noise = noise
        return message
    }

    mutating func readAck(_ frame: [UInt8]) throws {
        var noise = try current()
        guard frame.count >= 61 else { throw HostileError.refused }
        receivedItems = try noise.read(frame.span.extracting(29..<frame.count - 32))
        self.noise = noise
        try makeKeys()
    }

    // MARK: Epoch 0

    /// A frame with a whole message, as its type is due to have it.
    func handshakeFrame(_ type: FrameType, _ message: [UInt8]) throws -> [UInt8] {
        let isInit = type == .handshakeInit
        let payload = HostilePeer.payload(
            message, attempt: attempt, hello: type == .ack ? [] : hello, hasCookie: isInit)
        let key: Key = isInit ? .initiatorHello : type == .ack ? .finished : .responderHello
        return try plainFrame(type, payload, key)
    }

    static func payload(
        _ message: [UInt8], attempt: Attempt, kind: UInt8 = 0, hello: HelloKey = [], piece: UInt8 = 0,
        total: Int? = nil, hasCookie: Bool
    ) -> [UInt8] {
        let total = total ?? message.count
        return (0..<8).map { attempt.bytes[$0] }
            + [kind, hello.rawValue, piece, UInt8(total >> 8), UInt8(total & 0xff), 0, 0]
            + [UInt8](repeating: 0, count: hasCookie ? 32 : 0) + message
    }

    /// Any payload in a frame of epoch 0.
    func plainFrame(_ type: FrameType, _ payload: [UInt8], _ key: Key, counter: UInt64 = 0) throws -> [UInt8] {
        try remade(
            HostilePeer.header(type.rawValue, epoch: 0, counter: counter, length: payload.count) + payload
                + [UInt8](repeating: 0, count: 32), key)
    }

    /// The frame with an HMAC that fits what it holds now.
    func remade(_ frame: [UInt8], _ key: Key) throws -> [UInt8] {
        let body = Array(frame.dropLast(32))
        let authenticator: Provider.Authenticator? =
            switch key {
            case .initiatorHello: helloKeys?.initiatorToResponder
            case .responderHello: helloKeys?.responderToInitiator
            case .finished: finished
            }
        guard let authenticator else { throw HostileError.tooEarly }
        let mac = try authenticator.authenticate(body.span)
        return body + (0..<32).map { mac[$0] }
    }

    func plainClose(
        _ code: UInt64, list: [UInt8] = [], named octet: UInt8? = nil, attempt: Attempt? = nil, _ key: Key? = nil
    ) throws -> [UInt8] {
        let own: Key = role == .initiator ? .initiatorHello : .responderHello
        let bytes = (attempt ?? self.attempt).bytes
        let payload = (0..<8).map { bytes[$0] } + [octet ?? hello.rawValue] + varintBytes(code)
        return try plainFrame(.close, payload + [UInt8(list.count)] + list, key ?? own)
    }

    static func header(_ type: UInt8, epoch: UInt16, counter: UInt64, length: Int, version: UInt8 = 1) -> [UInt8] {
        let sequence = UInt64(epoch) << 48 | counter
        return [version, type] + (0..<8).map { UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * $0)) }
            + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) }
    }

    // MARK: Epoch 1

    var hasSession: Bool { sending != nil }

    /// Protects any plaintext as the next frame, or as the one with the counter and epoch given.
    mutating func seal(
        _ type: FrameType, _ plaintext: [UInt8], counter: UInt64? = nil, epoch: UInt16 = 1
    ) throws -> [UInt8] {
        let number = counter ?? nextCounter
        nextCounter = number + 1
        guard let sending, let sequence = SequenceNumber(epoch: epoch, counter: number) else {
            throw HostileError.tooEarly
        }
        let header = FrameHeader(type: type, sequence: sequence, length: plaintext.count + 16)
        var frame = [UInt8](repeating: 0, count: 14) + plaintext + [UInt8](repeating: 0, count: 48)
        var span = frame.mutableSpan
        try sending.seal(&span, at: 0, header: header)
        return frame
    }

    /// The frame, damaged by `change`, under an HMAC that fits it again: GCM alone can notice.
    mutating func sealedButChanged(
        _ type: FrameType, _ plaintext: [UInt8], _ change: (inout [UInt8]) -> Void
    ) throws -> [UInt8] {
        var frame = try seal(type, plaintext)
        change(&frame)
        guard let frameAuthenticator else { throw HostileError.tooEarly }
        let body = Array(frame.dropLast(32))
        let mac = try frameAuthenticator.authenticate(body.span)
        return body + (0..<32).map { mac[$0] }
    }

    /// The plaintext of a frame that the other side protected.
    func open(_ frame: [UInt8]) throws -> [UInt8] {
        guard let receiving else { throw HostileError.tooEarly }
        var copy = frame
        let header = try FrameHeader.parse(copy.span, limit: 1 << 20)
        var span = copy.mutableSpan
        let range = try receiving.open(&span, at: 0, header: header)
        return Array(copy[range])
    }

    /// The plaintext of a genuine request for the keys of epoch 2.
    func rotationRequest(_ configuration: Configuration<Provider>, nonce: UInt64 = 7) throws -> [UInt8] {
        guard let schedule else { throw HostileError.tooEarly }
        let terms = RotationTerms(
            target: 2, nonce: nonce, mode: .ephemeral, asker: role, suite: suite, hash: schedule.hash)
        var noise: HandshakeState<Provider> = try terms.handshake(
            .initiator, configuration, chain: schedule.chain(), peer: nil)
        return RotationMessage.encoded(
            target: 2, nonce: nonce, mode: .ephemeral, noise: try noise.write(payload: Span()))
    }

    // MARK: Parts

    private func keys(_ hello: HelloKey) throws -> HelloKeys<Provider> {
        try HelloKeys(
            provider: provider, hello: hello, responderKey: responderKey, accessKey: accessKey, attempt: attempt)
    }

    private func state(_ opening: [UInt8]) throws -> HandshakeState<Provider> {
        let prologue = InitMessage.prologue(attempt: attempt, opening: opening.span, in: 0..<opening.count)
        return try HandshakeState(
            suite.pattern, role: role, prologue: prologue.span, provider: provider, staticKey: identity,
            presharedKeys: presharedKeys)
    }

    private func suite(_ octet: UInt8) throws -> Suite {
        guard let suite = Suite(rawValue: octet) else { throw HostileError.tooEarly }
        return suite
    }

    private func current() throws -> HandshakeState<Provider> {
        guard let noise else { throw HostileError.tooEarly }
        return noise
    }

    private mutating func makeKeys() throws {
        let noise = try current()
        let made = try noise.schedule()
        schedule = made
        sending = try made.trafficKeys(sentBy: role)
        receiving = try made.trafficKeys(sentBy: role.peer)
        let (first, second) = try noise.split()
        let both = (0..<32).map { first.bytes[$0] } + (0..<32).map { second.bytes[$0] }
        let hash = made.hash
        frameAuthenticator = try provider.authenticator(
            KeyDerivation.expandLabel(
                provider, KeyDerivation.extract(provider, both.span), role == .initiator ? "i2r mac" : "r2i mac",
                context: hash.span, count: 32))
    }
}

/// A test asked its peer for something that it cannot have yet.
enum HostileError: Error {
    case tooEarly
    /// What should have been a frame of the handshake is a CLOSE, or nothing.
    case refused
}
