extension Connection {
    /// The next event; nil when there is none.
    public mutating func pollEvent() -> Event? { events.next() }

    /// Accepts a message for sending: its bytes are copied into the send buffer and leave, in pieces if need be, as
    /// the peer's credit lets them. Before the session is established messages wait; nothing of them leaves before the
    /// peer is accepted.
    ///
    /// - Parameters:
    ///   - message: 0 bytes up to the peer's message limit.
    ///   - expiry: on datagrams, when a reliable message that has not arrived is given up; the peer skips it.
    /// - Returns: its number on the channel, for `delivered` and `cancel`.
    /// [SCP-STATE-17]
    public mutating func send(
        _ message: Span<UInt8>, on channel: Channel = .default, expiring expiry: Instant? = nil, at now: Instant
    ) throws(SendError) -> MessageID {
        setClock(now)
        guard closeIntent == nil, !events.isClosed else { throw .closed }
        switch state {
        case .closing, .draining, .closed: throw .closed
        default: break
        }
        let id = try outbox.send(message, on: channel)
        if let expiry { outbox.held?.expire(channel, id.rawValue, at: expiry) }
        counts.messagesSent &+= 1
        return id
    }

    /// What ``send(_:on:at:)`` takes at present: an adapter that lets many threads send can gather their messages and
    /// hand them on later, without one being refused.
    public var sendRoom: SendRoom {
        let accepts =
            switch state {
            case .closing, .draining, .closed: false
            default: closeIntent == nil && !events.isClosed
            }
        return outbox.room(accepts: accepts)
    }

    /// Hands the next message to `body` and returns its credit to the peer; nil when none is there. Messages stay
    /// readable after the connection has ended, until the value is dropped.
    ///
    /// - Parameters:
    ///   - channel: nil for the oldest of any channel.
    ///   - body: sees the bytes where they are; they are gone when it returns.
    /// [SCP-STATE-18] [SCP-STATE-14]
    public mutating func read<Result>(
        from channel: Channel? = nil, at now: Instant, _ body: (ReceivedMessage, Span<UInt8>) -> Result
    ) -> Result? {
        setClock(now)
        guard peer != nil else { return nil }  // nothing of a peer that has not been accepted
        return inbox.read(channel, body)
    }

    /// Whether `read` would give a message.
    public func isReadable(_ channel: Channel? = nil) -> Bool { peer != nil && inbox.isReadable(channel) }

    /// Gives up a message that has not been sent whole. The peer drops what it holds of it. On datagrams also one that
    /// has been, until it is acknowledged: it is not sent again, and may have arrived all the same.
    ///
    /// - Returns: false when it is too late, or the message does not exist.
    @discardableResult
    public mutating func cancel(
        _ message: MessageID, on channel: Channel = .default, code: ErrorCode = .noError, at now: Instant
    ) -> Bool {
        setClock(now)
        guard (try? outbox.check(channel)) != nil, outbox.cancel(message.rawValue, on: channel, code: code) else {
            return false
        }
        if outbox.takeRoomNotice() { events.writable() }
        return true
    }

    /// Asks the peer not to send a message, or its rest.
    public mutating func refuse(
        _ message: MessageID, on channel: Channel = .default, code: ErrorCode = .noError, at now: Instant
    ) {
        setClock(now)
        // The peer would call anything else a violation.
        guard channel.mode.isReliable, (try? inbox.check(channel)) != nil else { return }
        outbox.refuse(message.rawValue, on: channel, code: code)
    }

    /// Asks for a sign of life.
    public mutating func ping(at now: Instant) {
        setClock(now)
        switch state {
        case .unconfirmed, .held, .established: owed.ping = true
        default: break
        }
    }

    /// Half close: what was accepted is still sent, and nothing after it.
    /// [SCP-CLOSE-16]
    public mutating func finish(at now: Instant) {
        setClock(now)
        outbox.finish()
    }
}
