public import SCP

/// Everything that can be done to a ``SCP/Connection`` after its start.
public enum Input: Sendable {
    case receive([UInt8])
    case receiveEnd(StreamEnd)
    case advance
    case send([UInt8], Channel, expiry: Instant?)
    case read(Channel?)
    case cancel(MessageID, Channel, ErrorCode)
    case refuse(MessageID, Channel, ErrorCode)
    case ping
    case finish
    case rotateKeys
    case close(ErrorCode, reason: String, afterPeerFinished: Bool)
    case abort(ErrorCode, reason: String)
    case resolveIdentity(IdentityDecision)
    case resolveAgreement(UInt64, AgreementAnswer)
    /// Into an output with `used` bytes in it and room for `free` more.
    case pollTransmit(used: Int, free: Int, unwritten: Int)
    case pollEvent
    case receiveDatagram([UInt8], from: Address)
    /// Into an output with `used` bytes in it and room for `free` more.
    case pollDatagram(used: Int, free: Int)
    case transmitFailed(TransmitError)
}

extension Input {
    var kind: Entry.Kind {
        switch self {
        case .receive: .receive
        case .receiveEnd: .receiveEnd
        case .advance: .advance
        case .send: .send
        case .read: .read
        case .cancel: .cancel
        case .refuse: .refuse
        case .ping: .ping
        case .finish: .finish
        case .rotateKeys: .rotateKeys
        case .close: .close
        case .abort: .abort
        case .resolveIdentity: .resolveIdentity
        case .resolveAgreement: .resolveAgreement
        case .pollTransmit: .pollTransmit
        case .pollEvent: .pollEvent
        case .receiveDatagram: .receiveDatagram
        case .pollDatagram: .pollDatagram
        case .transmitFailed: .transmitFailed
        }
    }

    func entry(at now: Instant) -> Entry {
        var body = BodyEncoder()
        body.append(now.nanoseconds)
        switch self {
        case .receive(let bytes): body.append(bytes)
        case .receiveEnd(let end): body.append(end == .failed)
        case .send(let bytes, let channel, let expiry):
            body.append(channel.encoded)
            body.append(optional: expiry) { $0.append($1.nanoseconds) }
            body.append(bytes)
        case .read(let channel): body.append(optional: channel) { $0.append($1.encoded) }
        case .cancel(let message, let channel, let code), .refuse(let message, let channel, let code):
            body.append(message.rawValue)
            body.append(channel.encoded)
            body.append(code.rawValue)
        case .close(let code, let reason, let afterPeerFinished):
            body.append(code.rawValue)
            body.append(Array(reason.utf8))
            body.append(afterPeerFinished)
        case .abort(let code, let reason):
            body.append(code.rawValue)
            body.append(Array(reason.utf8))
        case .resolveIdentity(let decision): body.append(decision.octet)
        case .resolveAgreement(let id, let answer):
            body.append(id)
            let secret: Secret? = if case .secret(let secret) = answer { secret } else { nil }
            body.append(optional: secret) { $0.append([UInt8](copying: $1.bytes)) }
        case .pollTransmit(let used, let free, let unwritten):
            body.append(used)
            body.append(free)
            body.append(unwritten)
        case .receiveDatagram(let bytes, let address):
            body.append(address)
            body.append(bytes)
        case .pollDatagram(let used, let free):
            body.append(used)
            body.append(free)
        case .transmitFailed(let error):
            let size: Int? = if case .tooLarge(let size) = error { size } else { nil }
            body.append(optional: size) { $0.append($1) }
        case .advance, .ping, .finish, .rotateKeys, .pollEvent: break
        }
        return Entry(kind: kind, body: body.bytes)
    }

    /// Nil for an entry that is no input, or an input that cannot be.
    static func parse(_ entry: Entry) -> (now: Instant, input: Input)? {
        var body = BodyDecoder(entry.body)
        do throws(BodyDecoder.Malformed) {
            let now = Instant(nanoseconds: try body.number())
            guard let input = try parse(entry.kind, &body) else { return nil }
            try body.end()
            return (now, input)
        } catch {
            return nil
        }
    }

    private static func parse(_ kind: Entry.Kind, _ body: inout BodyDecoder) throws(BodyDecoder.Malformed) -> Input? {
        switch kind {
        case .receive: return .receive(try body.content())
        case .receiveEnd: return .receiveEnd(try body.flag() ? .failed : .endOfStream)
        case .advance: return .advance
        case .send:
            let channel = try channel(&body)
            let expiry: Instant? = try body.flag() ? Instant(nanoseconds: try body.number()) : nil
            return .send(try body.content(), channel, expiry: expiry)
        case .read: return .read(try body.flag() ? try channel(&body) : nil)
        case .cancel: return .cancel(try message(&body), try channel(&body), try code(&body))
        case .refuse: return .refuse(try message(&body), try channel(&body), try code(&body))
        case .ping: return .ping
        case .finish: return .finish
        case .rotateKeys: return .rotateKeys
        case .close:
            return .close(try code(&body), reason: try text(&body), afterPeerFinished: try body.flag())
        case .abort: return .abort(try code(&body), reason: try text(&body))
        case .resolveIdentity:
            guard let decision = IdentityDecision(octet: try body.number()) else { throw BodyDecoder.Malformed() }
            return .resolveIdentity(decision)
        case .resolveAgreement:
            let id = try body.number(UInt64.self)
            return .resolveAgreement(id, try body.flag() ? .secret(try body.secret()) : .failed)
        case .pollTransmit:
            let (used, free, unwritten) = (try size(&body), try size(&body), try body.integer())
            return .pollTransmit(used: used, free: free, unwritten: unwritten)
        case .pollEvent: return .pollEvent
        case .receiveDatagram:
            let address = try body.address()
            return .receiveDatagram(try body.content(), from: address)
        case .pollDatagram: return .pollDatagram(used: try size(&body), free: try size(&body))
        case .transmitFailed:
            return .transmitFailed(try body.flag() ? .tooLarge(size: try body.integer()) : .unreachable)
        case .start, .randomness, .publicKey, .sharedSecret, .encapsulationKey, .encapsulatedSecret,
            .decapsulatedSecret, .signature, .outcome, .end:
            return nil
        }
    }

    private static func channel(_ body: inout BodyDecoder) throws(BodyDecoder.Malformed) -> Channel {
        guard let channel = Channel(encoded: try body.number()) else { throw BodyDecoder.Malformed() }
        return channel
    }

    /// What a buffer can have.
    private static func size(_ body: inout BodyDecoder) throws(BodyDecoder.Malformed) -> Int {
        let size = try body.integer()
        guard (0...Entry.maximumSize).contains(size) else { throw BodyDecoder.Malformed() }
        return size
    }

    private static func message(_ body: inout BodyDecoder) throws(BodyDecoder.Malformed) -> MessageID {
        MessageID(rawValue: try body.number())
    }

    private static func code(_ body: inout BodyDecoder) throws(BodyDecoder.Malformed) -> ErrorCode {
        ErrorCode(rawValue: try body.number())
    }

    private static func text(_ body: inout BodyDecoder) throws(BodyDecoder.Malformed) -> String {
        String(decoding: try body.content(), as: UTF8.self)
    }
}

extension IdentityDecision {
    fileprivate var octet: UInt8 {
        switch self {
        case .reject: 0
        case .accept: 1
        case .rejectCredential: 2
        }
    }

    fileprivate init?(octet: UInt8) {
        switch octet {
        case 0: self = .reject
        case 1: self = .accept
        case 2: self = .rejectCredential
        default: return nil
        }
    }
}

extension Input: CustomStringConvertible {
    /// For people: what was done, with sizes and numbers, never with contents.
    public var description: String {
        switch self {
        case .receive(let bytes): "receive \(bytes.count) bytes"
        case .receiveEnd(let end): "receive the end (\(end))"
        case .send(let bytes, let channel, _): "send \(bytes.count) bytes on channel \(channel.number)"
        case .read(let channel): channel.map { "read from channel \($0.number)" } ?? "read"
        case .cancel(let message, let channel, _): "cancel \(message.rawValue) on channel \(channel.number)"
        case .refuse(let message, let channel, _): "refuse \(message.rawValue) on channel \(channel.number)"
        case .close(let code, _, _): "close with \(code)"
        case .abort(let code, _): "abort with \(code)"
        case .resolveIdentity(.rejectCredential): "reject the peer's credential"
        case .resolveIdentity(let decision): "\(decision) the peer"
        case .resolveAgreement(let id, _): "answer key agreement \(id)"
        case .pollTransmit(_, let free, _): "poll for up to \(free) bytes"
        case .pollEvent: "poll for an event"
        case .receiveDatagram(let bytes, _): "receive a datagram of \(bytes.count) bytes"
        case .pollDatagram: "poll for a datagram"
        case .transmitFailed(let error): "transmit failed (\(error))"
        case .rotateKeys: "rotate keys"
        case .advance, .ping, .finish: "\(kind)"
        }
    }
}
