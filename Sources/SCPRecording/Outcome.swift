public import SCP

/// What an engine gave back for an input.
public enum Outcome: Equatable, Sendable {
    /// Nothing is given back.
    case done
    /// The connection did not begin.
    case notStarted(ConfigurationError)
    case failed(ConnectionError)
    case sent(MessageID)
    case notSent(SendError)
    /// A message that was read; nil when there was none.
    case message(ReceivedMessage, [UInt8])
    case noMessage
    case wasCancelled(Bool)
    case agreement(AgreementOutcome)
    case transmitted(Transmit, [UInt8])
    case event(Event?)
    /// Whether a frame of a datagram was accepted.
    case wasAccepted(Bool)
    case sentDatagram(DatagramTransmit, [UInt8])

    /// Different outcomes have different bytes, and the same one the same in every build.
    var entry: Entry {
        var body = BodyEncoder()
        switch self {
        case .done: body.append(UInt8(0))
        case .notStarted(let error):
            body.append(UInt8(1))
            body.append(Array("\(error)".utf8))
        case .failed(let error):
            body.append(UInt8(2))
            body.append(error)
        case .sent(let id):
            body.append(UInt8(3))
            body.append(id.rawValue)
        case .notSent(let error):
            body.append(UInt8(4))
            body.append(Array("\(error)".utf8))
        case .message(let message, let bytes):
            body.append(UInt8(5))
            body.append(message.channel.encoded)
            body.append(message.id.rawValue)
            body.append(bytes)
        case .noMessage: body.append(UInt8(6))
        case .wasCancelled(let was):
            body.append(UInt8(7))
            body.append(was)
        case .agreement(let outcome):
            body.append(UInt8(8))
            body.append(Array("\(outcome)".utf8))
        case .transmitted(let transmit, let bytes):
            body.append(UInt8(9))
            body.append(Array("\(transmit)".utf8))
            body.append(bytes)
        case .event(let event):
            body.append(UInt8(10))
            body.append(optional: event) { $0.append($1) }
        case .wasAccepted(let was):
            body.append(UInt8(11))
            body.append(was)
        case .sentDatagram(let transmit, let bytes):
            body.append(UInt8(12))
            body.append(transmit)
            body.append(bytes)
        }
        return Entry(kind: .outcome, body: body.bytes)
    }
}

extension BodyEncoder {
    fileprivate mutating func append(_ error: ConnectionError) {
        append(error.code.rawValue)
        append(Array("\(error.origin)".utf8))
        append(error.position)
        append(Array((error.kind?.rawValue ?? "").utf8))
        append(error.alternatives)
    }

    fileprivate mutating func append(_ transmit: DatagramTransmit) {
        switch transmit {
        case .nothing: append(UInt8(0))
        case .datagram(let address):
            append(UInt8(1))
            append(address)
        case .outputFull(let needed):
            append(UInt8(2))
            append(needed)
        }
    }

    fileprivate mutating func append(_ key: PublicKey) { append(raw: key.bytes.span) }

    fileprivate mutating func append(_ channel: Channel, _ message: MessageID) {
        append(channel.encoded)
        append(message.rawValue)
    }

    fileprivate mutating func append(_ event: Event) {
        switch event {
        case .identityPending(let key):
            append(UInt8(0))
            append(key)
        case .agreementNeeded(let request):
            append(UInt8(1))
            append(request.id)
            append(request.key)
            append(request.peer)
        case .established(let peer):
            append(UInt8(2))
            append(peer.publicKey)
            append(optional: peer.applicationProtocol) { $0.append($1.bytes) }
            append(peer.isFirstUse)
        case .readable(let channel):
            append(UInt8(3))
            append(channel.encoded)
        case .writable: append(UInt8(4))
        case .delivered(let channel, let through):
            append(UInt8(5))
            append(channel, through)
        case .cancelled(let channel, let message, let code):
            append(UInt8(6))
            append(channel, message)
            append(code.rawValue)
        case .refused(let channel, let message, let code):
            append(UInt8(7))
            append(channel, message)
            append(code.rawValue)
        case .peerFinished: append(UInt8(8))
        case .rotated(let epoch):
            append(UInt8(9))
            append(epoch)
        case .rotationStalled: append(UInt8(10))
        case .closed(let closure):
            append(UInt8(11))
            append(closure)
        case .pathChanged(let address):
            append(UInt8(12))
            append(address)
        case .pathSuspect: append(UInt8(13))
        }
    }

    private mutating func append(_ closure: Closure) {
        switch closure {
        case .clean: append(UInt8(0))
        case .byPeer(let code, let reason):
            append(UInt8(1))
            append(code.rawValue)
            append(reason)
        case .unconfirmed: append(UInt8(2))
        case .failed(let error):
            append(UInt8(3))
            append(error)
        }
    }
}

extension Outcome: CustomStringConvertible {
    /// For people: what came out, with sizes and numbers, never with contents.
    public var description: String {
        switch self {
        case .done: "done"
        case .notStarted(let error): "not started (\(error))"
        case .failed(let error): "failed with \(error.code)"
        case .sent(let id): "message \(id.rawValue)"
        case .notSent(let error): "not sent (\(error))"
        case .message(let message, let bytes):
            "message \(message.id.rawValue) of channel \(message.channel.number), \(bytes.count) bytes"
        case .noMessage, .event(nil): "nothing"
        case .wasCancelled(let was): was ? "cancelled" : "not cancelled"
        case .agreement(let outcome): "\(outcome)"
        case .transmitted(let transmit, let bytes): "\(bytes.count) bytes, \(transmit)"
        case .event(let event?): Outcome.words(event)
        case .wasAccepted(let was): was ? "accepted" : "not accepted"
        case .sentDatagram(.datagram, let bytes): "\(bytes.count) bytes"
        case .sentDatagram(let transmit, _): "\(transmit)"
        }
    }

    private static func words(_ event: Event) -> String {
        switch event {
        case .identityPending: "identity pending"
        case .agreementNeeded(let request): "key agreement \(request.id) needed"
        case .established: "established"
        case .readable(let channel): "channel \(channel.number) readable"
        case .writable: "writable"
        case .delivered(let channel, let through): "delivered on channel \(channel.number) through \(through.rawValue)"
        case .cancelled(let channel, let message, _):
            "message \(message.rawValue) of channel \(channel.number) cancelled"
        case .refused(let channel, let message, _): "message \(message.rawValue) on channel \(channel.number) refused"
        case .peerFinished: "peer finished"
        case .rotated(let epoch): "epoch \(epoch)"
        case .rotationStalled: "rotation stalled"
        case .pathChanged: "path changed"
        case .pathSuspect: "path suspect"
        case .closed(.clean): "closed, confirmed"
        case .closed(.byPeer(let code, _)): "closed by the peer with \(code)"
        case .closed(.unconfirmed): "closed, not confirmed"
        case .closed(.failed(let error)): "closed: \(error.code)"
        }
    }
}
