import SCPGcrypt

@testable import SCP

/// `key`, `mac` and `iv` of one direction in one epoch.
struct VectorKeys {
    let key: [UInt8]
    let mac: [UInt8]
    let iv: [UInt8]

    init(key: [UInt8], mac: [UInt8], iv: [UInt8]) {
        self.key = key
        self.mac = mac
        self.iv = iv
    }

    /// What an engine derived for the epoch whose handshake hash is `hash`.
    init(_ notes: VectorProvider.Notes, sentBy role: Role, hash: [UInt8]) throws {
        let direction = role.direction
        key = try notes.secret(direction + " key", hash)
        mac = try notes.secret(direction + " mac", hash)
        iv = try notes.secret(direction + " iv", hash)
    }

    var json: JSON { .object(["key": .hex(key), "mac": .hex(mac), "iv": .hex(iv)]) }

    /// The engine's own protection under these keys.
    func trafficKeys(_ provider: VectorProvider) throws -> TrafficKeys<VectorProvider> {
        TrafficKeys(
            cipher: try provider.cipher(Secret(copying: key.span)),
            authenticator: try provider.authenticator(Secret(copying: mac.span)), iv: Secret(copying: iv.span))
    }

    func nonce(_ sequence: UInt64) -> [UInt8] {
        (0..<12).map { $0 < 4 ? iv[$0] : iv[$0] ^ UInt8(truncatingIfNeeded: sequence >> UInt64(8 * (11 - $0))) }
    }

    /// Both directions of an epoch.
    static func epoch(_ notes: VectorProvider.Notes, hash: [UInt8]) throws -> JSON {
        .object([
            "i2r": try VectorKeys(notes, sentBy: .initiator, hash: hash).json,
            "r2i": try VectorKeys(notes, sentBy: .responder, hash: hash).json,
        ])
    }
}

extension Role {
    var name: String { self == .initiator ? "initiator" : "responder" }
    var direction: String { self == .initiator ? "i2r" : "r2i" }
}

/// A frame of epoch 1 or later as a vector.
struct VectorFrame {
    let role: Role
    let header: FrameHeader
    let keys: VectorKeys
    let plaintext: [UInt8]
    let bytes: [UInt8]
    var isCanonical = true

    static func seal(
        _ keys: TrafficKeys<VectorProvider>, _ type: FrameType, _ plaintext: [UInt8], epoch: UInt16, counter: UInt64
    ) throws -> [UInt8] {
        guard let sequence = SequenceNumber(epoch: epoch, counter: counter) else {
            throw VectorError.unreached("sequence")
        }
        let header = FrameHeader(type: type, sequence: sequence, length: plaintext.count + 16)
        var frame = [UInt8](repeating: 0, count: 14) + plaintext + [UInt8](repeating: 0, count: 48)
        var span = frame.mutableSpan
        try keys.seal(&span, at: 0, header: header)
        return frame
    }

    static func open(_ frame: [UInt8], _ keys: TrafficKeys<VectorProvider>) throws -> [UInt8] {
        let header = try FrameHeader.parse(frame.span, limit: 1 << 20)
        var copy = frame
        var span = copy.mutableSpan
        let range = try keys.open(&span, at: 0, header: header)
        return Array(copy[range])
    }

    /// A plaintext, sealed by the engine.
    init(
        sealing plaintext: [UInt8], _ type: FrameType, by role: Role, _ keys: VectorKeys, _ provider: VectorProvider,
        epoch: UInt16 = 1, counter: UInt64, isCanonical: Bool = true
    ) throws {
        self.role = role
        self.keys = keys
        self.plaintext = plaintext
        self.isCanonical = isCanonical
        let frame = try Self.seal(keys.trafficKeys(provider), type, plaintext, epoch: epoch, counter: counter)
        bytes = frame
        header = try FrameHeader.parse(frame.span, limit: 1 << 20)
    }

    /// A frame that an engine wrote.
    init(opening frame: [UInt8], sentBy role: Role, _ keys: VectorKeys, _ provider: VectorProvider) throws {
        self.role = role
        self.keys = keys
        bytes = frame
        header = try FrameHeader.parse(frame.span, limit: 1 << 20)
        plaintext = try Self.open(frame, keys.trafficKeys(provider))
    }

    func json() throws -> JSON {
        let sequence = header.sequence
        return .object([
            "direction": .text(role.direction), "type": .text(Self.names[header.type] ?? ""),
            "epoch": .number(Int(sequence.epoch)), "counter": .number(sequence.counter), "keys": keys.json,
            "plaintext": .hex(plaintext), "contents": try contents(), "nonce": .hex(keys.nonce(sequence.rawValue)),
            "frame": .hex(bytes), "canonical": isCanonical ? nil : false,
        ])
    }

    static let names: [FrameType: String] = [
        .handshakeInit: "INIT", .handshakeResponse: "RESPONSE", .data: "DATA", .ack: "ACK", .close: "CLOSE",
    ]

    // MARK: What the engine reads in it

    private func contents() throws -> JSON {
        switch header.type {
        case .data:
            var records: [JSON] = []
            var reader = RecordReader(plaintext.span)
            while let record = try reader.nextRecord() { records.append(json(record)) }
            return .object(["records": .list(records)])
        case .ack:
            let ack = try Acknowledgement.parse(plaintext.span, in: 0..<plaintext.count, isStream: true)
            return .object([
                "flags": .number(Int(plaintext[0])), "largest": .number(ack.largest), "delay": .number(ack.delay),
                "first": .number(ack.first), "ranges": .list([]), "credit": .number(ack.credit),
            ])
        case .close:
            let close = try CloseFrame.parse(plaintext.span, in: 0..<plaintext.count)
            let reason = String(decoding: plaintext[close.reason], as: UTF8.self)
            return .object(["code": .number(close.code.rawValue), "reason": .text(reason)])
        case .handshakeInit, .handshakeResponse:
            let message = try RotationMessage.parse(
                plaintext.span, noiseSize: plaintext.count - RotationMessage.headerSize)
            return .object([
                "target": .number(Int(message.target)), "nonce": .hex(plaintext[2..<10]),
                "mode": .number(Int(message.mode.rawValue)), "piece": 0, "total": .number(message.noise.count),
                "bytes": .hex(plaintext[message.noise]),
            ])
        }
    }

    private func json(_ record: Record) -> JSON {
        switch record {
        case .padding(let count): .object(["record": "padding", "count": .number(count)])
        case .ping: .object(["record": "ping"])
        case .credit(let credit): .object(["record": "credit", "credit": .number(credit)])
        case .channelCredit(let channel, let credit):
            .object(["record": "channelCredit", "channel": json(channel), "credit": .number(credit)])
        case .blocked(let limit): .object(["record": "blocked", "limit": .number(limit)])
        case .channelBlocked(let channel, let limit):
            .object(["record": "channelBlocked", "channel": json(channel), "limit": .number(limit)])
        case .cancel(let channel, let message, let charge, let code):
            .object([
                "record": "cancel", "channel": json(channel), "message": .number(message), "charge": .number(charge),
                "code": .number(code.rawValue),
            ])
        case .refuse(let channel, let message, let code):
            .object([
                "record": "refuse", "channel": json(channel), "message": .number(message),
                "code": .number(code.rawValue),
            ])
        case .finish(let charge): .object(["record": "finish", "charge": .number(charge)])
        case .pathChallenge(let token): .object(["record": "pathChallenge", "token": json(token: token)])
        case .pathResponse(let token): .object(["record": "pathResponse", "token": json(token: token)])
        case .piece(let piece):
            .object([
                "record": "piece", "channel": json(piece.channel), "message": .number(piece.message),
                "offset": .number(piece.offset), "end": .bool(piece.isLast), "bytes": .hex(plaintext[piece.bytes]),
            ])
        case .unreliable(let message):
            .object([
                "record": "unreliable", "channel": json(message.channel), "number": .number(message.number),
                "bytes": .hex(plaintext[message.bytes]),
            ])
        case .skippable(let type, let body):
            .object(["record": "extension", "type": .number(Int(type)), "body": .hex(plaintext[body])])
        }
    }

    private func json(_ channel: Channel) -> JSON {
        .object(["number": .number(channel.number), "mode": .number(Int(channel.mode.rawValue))])
    }

    private func json(token: UInt64) -> JSON { .hex((0..<8).map { UInt8(truncatingIfNeeded: token >> (56 - 8 * $0)) }) }
}
