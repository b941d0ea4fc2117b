/// Two initiators that meet: each has sent an INIT and finds one of the other's. SHA-256 of message 1 decides, which
/// nobody can choose once it has sent its own.
extension Connection {
    /// Remembers what decides, in symmetric mode.
    mutating func noteOpening(_ message: [UInt8]?) {
        guard configuration.isSymmetric, let message else { return }
        opening = configuration.digest(message.span)
    }

    /// WAIT on a stream: an INIT of the peer's crosses ours. The holder of the larger goes on as if it had not come,
    /// for its own will be answered; the holder of the smaller answers, and is the responder from now on.
    ///
    /// - Returns: whether the INIT is to be answered.
    /// [SCP-HS-36]
    mutating func yields(
        to verified: ResponderHandshake<Provider>.Verified, _ frame: Span<UInt8>
    ) throws(Violation) -> Bool {
        guard let ours = opening, let theirs = configuration.digest(frame.extracting(verified.piece.bytes)),
            phase.handshakeView?.attempt != verified.attempt, ours.order(theirs) != .same
        else { throw Violation(.unexpectedMessage, offset: 1) }
        guard ours.order(theirs) == .smaller else {
            counts.drops.count(.unexpected)
            return false
        }
        role = .responder
        inbox = configuration.inbox(.responder)
        phase = .awaitingInit(AwaitingInit())
        return true
    }

    /// On datagrams both attempts go on, and ours is the larger: it is said again, at most once in 100 ms.
    /// [SCP-DGRAM-29]
    mutating func repeatAttempt(at now: Instant) {
        setClock(now)
        guard link?.handshake.mayAnswer(DatagramHandshake<Provider>.answerInterval, at: clock) == true else { return }
        link?.handshake.repeatFlight(at: clock)
    }

    /// The peer's attempt has become the session instead of ours, of which nothing has left but its handshake: what was
    /// to be sent is sent in the session.
    /// [SCP-DGRAM-29]
    mutating func takeOver(_ attempt: inout Connection) {
        for refused in outbox.takeOver(attempt.outbox).reversed() {
            events.excluded(refused.channel, MessageID(rawValue: refused.message), refused.code)
        }
        events.takeOver(attempt.events, isQuestionAsked: attempt.state == .deciding)
        if outbox.takeRoomNotice() { events.writable() }
        wishesRotation = attempt.wishesRotation
        // An answer to what our attempt asked the holder of the private key is none to what the session will ask.
        lastAgreement = max(lastAgreement, attempt.lastAgreement)
        counts.messagesSent &+= attempt.counts.messagesSent
    }

    /// The key of a peer on whom somebody has to decide.
    var pendingPeer: PublicKey? {
        switch phase {
        case .deciding(let deciding): deciding.response.peerKey
        case .held(let held): held.candidate.publicKey
        default: nil
        }
    }

    /// Whether nobody has been asked about the peer of an attempt, or only about this one.
    func asksNobody(butAbout other: PublicKey?) -> Bool {
        guard state == .deciding else { return state == .waiting }
        guard let pendingPeer, let other else { return false }
        return pendingPeer.names(sameKeyAs: other)
    }
}

extension Configuration {
    func digest(_ message: Span<UInt8>) -> Digest? { try? provider.hash(message, Span()) }
}

/// How one digest stands to another, both read as numbers, the first byte the most significant.
package enum DigestOrder {
    case smaller, same, larger
}

extension Digest {
    package func order(_ other: Digest) -> DigestOrder {
        for index in indices where self[index] != other[index] {
            return self[index] < other[index] ? .smaller : .larger
        }
        return .same
    }
}
