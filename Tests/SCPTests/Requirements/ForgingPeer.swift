import SCPSimulation
import Testing

@testable import SCP

/// One engine, and in the place of its peer a test that says whatever it likes: with ``ForgeableProvider`` every frame,
/// protected ones included, can be made by hand.
struct ForgingPeer: ~Copyable {
    /// How far the handshake goes before the test takes the peer's place.
    enum Stage: Int, Comparable {
        case start, initDelivered, responseDelivered, acknowledgementDelivered, confirmed

        static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
    }

    typealias Engine = Connection<ForgeableProvider>
    typealias Settings = Configuration<ForgeableProvider>

    /// The engine under test.
    var engine: Engine
    let victim: Role
    var now = Instant.zero
    /// The peer's next counter from epoch 1 on.
    var counter: UInt64
    /// What the two engines wrote before the test took over: INIT, RESPONSE, ACK and what followed.
    private(set) var initiatorFlight: [UInt8] = []
    private(set) var responderFlight: [UInt8] = []

    /// - Parameters:
    ///   - victim: which side is under test.
    ///   - change: of the victim's configuration, and of the other's.
    init(
        _ victim: Role = .responder, at stage: Stage = .confirmed, isHybrid: Bool = false,
        _ change: (inout Settings) -> Void = { _ in }, peer changePeer: (inout Settings) -> Void = { _ in }
    ) throws {
        let initiatorProvider = ForgeableProvider(seed: 1, isHybrid: isHybrid)
        let responderProvider = ForgeableProvider(seed: 2, isHybrid: isHybrid)
        var first = Settings(
            provider: initiatorProvider,
            identity: try initiatorProvider.privateKey(initiatorProvider.randomSecret(count: 32)),
            identityPolicy: .anyone)
        var second = Settings(
            provider: responderProvider,
            identity: try responderProvider.privateKey(responderProvider.randomSecret(count: 32)),
            identityPolicy: .anyone)
        if victim == .initiator {
            change(&first)
            changePeer(&second)
        } else {
            change(&second)
            changePeer(&first)
        }
        var initiator = try Engine(.initiator, first, at: .zero)
        var responder = try Engine(.responder, second, at: .zero)
        initiatorFlight = Self.poll(&initiator, at: .zero)
        if stage >= .initDelivered {
            try Self.deliver(initiatorFlight, to: &responder, at: .zero)
            responderFlight = Self.poll(&responder, at: .zero)
        }
        if stage >= .responseDelivered {
            try Self.deliver(responderFlight, to: &initiator, at: .zero)
            initiatorFlight = Self.poll(&initiator, at: .zero)
        }
        if stage >= .acknowledgementDelivered {
            try Self.deliver(initiatorFlight, to: &responder, at: .zero)
            if stage >= .confirmed {
                responderFlight = Self.poll(&responder, at: .zero)
                try Self.deliver(responderFlight, to: &initiator, at: .zero)
                initiatorFlight = Self.poll(&initiator, at: .zero)
                try Self.deliver(initiatorFlight, to: &responder, at: .zero)
            }
        }
        let other = victim == .initiator ? responder.statistics.framesSent : initiator.statistics.framesSent
        let handshakeFrames: UInt64 = victim == .initiator ? 1 : 2
        counter = other > handshakeFrames ? other - handshakeFrames : 0
        self.victim = victim
        if victim == .initiator { engine = initiator } else { engine = responder }
    }

    // MARK: Saying something

    /// Sends a protected frame.
    mutating func say(
        _ type: FrameType, _ plaintext: [UInt8], epoch: UInt16 = 1, counter number: UInt64? = nil
    ) throws(ConnectionError) {
        let bytes = ForgeableProvider.forge(type, epoch: epoch, counter: number ?? counter, plaintext: plaintext) ?? []
        if number == nil { counter += 1 }
        try hand(bytes)
    }

    /// Sends records in one DATA frame.
    mutating func say(_ records: Record..., bytes: [UInt8] = [], epoch: UInt16 = 1) throws(ConnectionError) {
        let plaintext = [UInt8](capacity: 70_000) { output in
            for record in records { record.write(to: &output, bytes: bytes.span) }
        }
        try say(.data, plaintext, epoch: epoch)
    }

    /// Sends a piece of a reliable message.
    mutating func sayPiece(
        _ text: String, message: UInt64, at offset: UInt64 = 0, isLast: Bool = true, on channel: Channel = .default
    ) throws(ConnectionError) {
        let bytes = Array(text.utf8)
        try say(
            .piece(Piece(channel: channel, message: message, offset: offset, bytes: 0..<bytes.count, isLast: isLast)),
            bytes: bytes)
    }

    mutating func acknowledge(_ largest: UInt64, credit: UInt64 = 0, epoch: UInt16 = 1) throws(ConnectionError) {
        let acknowledgement = Acknowledgement(upTo: largest, credit: credit)
        try say(.ack, [UInt8](capacity: 64) { output in acknowledgement.write(to: &output) }, epoch: epoch)
    }

    mutating func sayClose(_ code: ErrorCode = .noError, epoch: UInt16 = 1) throws(ConnectionError) {
        try say(.close, CloseFrame.encoded(code, reason: []), epoch: epoch)
    }

    /// A rotation message whose Noise part has the tag that ``ForgeableProvider`` wants.
    static func rotation(
        target: UInt16, nonce: UInt64 = 7, mode: RotationMode = .ephemeral, key: UInt8 = 9
    ) -> [UInt8] {
        let noise =
            [UInt8](repeating: key, count: 32) + [UInt8](repeating: 0, count: 12)
            + [UInt8](repeating: 0xa5, count: 4)
        return RotationMessage.encoded(target: target, nonce: nonce, mode: mode, noise: noise)
    }

    /// Hands bytes over as they are.
    mutating func hand(_ bytes: [UInt8]) throws(ConnectionError) { try Self.deliver(bytes, to: &engine, at: now) }

    /// A frame of epoch 0 with the checksum that ``ForgeableProvider`` wants.
    static func handshakeFrame(_ type: FrameType, _ payload: [UInt8], counter: UInt64 = 0) -> [UInt8] {
        let header = FrameHeader(
            type: type, sequence: SequenceNumber(rawValue: counter), length: payload.count)
        let bytes = (0..<FrameHeader.size).map { header.bytes[$0] } + payload
        guard let key = try? ForgeableProvider(seed: 0).authenticator(Secret(count: 32)),
            let mac = try? key.authenticate(bytes.span)
        else { return [] }
        return bytes + (0..<FrameHeader.macSize).map { mac[$0] }
    }

    /// Hands a damaged copy of a frame of epoch 0 over, with a good HMAC.
    mutating func handPatched(
        _ frame: [UInt8], _ patch: (inout [UInt8]) -> Void
    ) throws(ConnectionError) {
        var payload = Array(frame[FrameHeader.size..<frame.count - FrameHeader.macSize])
        patch(&payload)
        try hand(Self.handshakeFrame(FrameType(rawValue: frame[1]) ?? .data, payload))
    }

    /// Lets the engine ask for a rotation; gives its nonce.
    mutating func letAsk() throws -> UInt64 {
        engine.rotateKeys(at: now)
        let request = listen().first { $0.type == .handshakeInit }?.rotation
        return try #require(request).nonce
    }

    mutating func wait(_ duration: Duration) {
        now = now.advanced(by: duration)
        engine.advance(to: now)
    }

    // MARK: Listening

    /// A frame that the engine wrote, opened.
    struct Heard: Equatable {
        let type: FrameType
        let epoch: UInt16
        let counter: UInt64
        let plaintext: [UInt8]

        /// The code of a CLOSE of epoch 1 and later.
        var closeCode: ErrorCode? {
            guard type == .close, epoch > 0 else { return nil }
            return try? CloseFrame.parse(plaintext.span, in: 0..<plaintext.count).code
        }

        /// The code of a CLOSE of epoch 0.
        var refusalCode: ErrorCode? {
            guard type == .close, epoch == 0 else { return nil }
            return try? HandshakeClose.parse(plaintext.span, in: 0..<plaintext.count).code
        }

        var acknowledgement: Acknowledgement? {
            guard type == .ack, epoch > 0 else { return nil }
            return try? Acknowledgement.parse(plaintext.span, in: 0..<plaintext.count, isStream: true)
        }

        var records: [Record] {
            guard type == .data else { return [] }
            var result: [Record] = []
            var reader = RecordReader(plaintext.span)
            while let record = try? reader.nextRecord() { result.append(record) }
            return result
        }

        var rotation: RotationMessage? { try? RotationMessage.parse(plaintext.span) }
    }

    /// Everything that the engine has to say now.
    mutating func listen() -> [Heard] { Self.frames(Self.poll(&engine, at: now)) }

    mutating func events() -> [Event] {
        var result: [Event] = []
        while let event = engine.pollEvent() { result.append(event) }
        return result
    }

    static func frames(_ bytes: [UInt8]) -> [Heard] {
        var result: [Heard] = []
        var start = 0
        while let header = try? FrameHeader.parse(bytes.span, at: start, limit: 1 << 20) {
            let payload = bytes[start + FrameHeader.size..<start + FrameHeader.size + header.length]
            let isPlain = header.sequence.epoch == 0
            let plaintext = isPlain ? Array(payload) : payload.dropLast(FrameHeader.tagSize).map { $0 ^ 0x5a }
            result.append(
                Heard(
                    type: header.type, epoch: header.sequence.epoch, counter: header.sequence.counter,
                    plaintext: plaintext))
            start += header.frameSize
        }
        return result
    }

    private static func poll(_ engine: inout Engine, at now: Instant) -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            var transmit = Transmit.nothing
            bytes += [UInt8](capacity: 131_072) { output in
                transmit = engine.pollTransmit(into: &output, unwritten: 0, at: now)
            }
            if transmit == .nothing { return bytes }
        }
    }

    private static func deliver(
        _ bytes: [UInt8], to engine: inout Engine, at now: Instant
    ) throws(ConnectionError) {
        var copy = bytes
        var span = copy.mutableSpan
        try engine.receive(&span, at: now)
    }
}

/// Runs `body` and gives the code of the error that it throws.
func codeThrown(_ body: () throws(ConnectionError) -> Void) -> ErrorCode? {
    do throws(ConnectionError) {
        try body()
        return nil
    } catch {
        return error.code
    }
}
