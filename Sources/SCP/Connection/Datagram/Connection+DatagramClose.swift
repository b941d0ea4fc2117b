/// The end of a session on datagrams: a CLOSE is repeated until it is answered, and answered as often as it comes.
extension Connection {
    /// CLOSE goes out, and is repeated from now on.
    /// [SCP-DGRAM-28] [SCP-CLOSE-13] [SCP-CLOSE-20]
    mutating func beginClosing(_ code: ErrorCode, reason: [UInt8], isComplete: Bool) {
        guard phase.close(isComplete: isComplete) else { return }
        link?.close = CloseRepetition(CloseFrame.encoded(code, reason: reason))
        link?.recovery.discard()
        stopForEnd()
    }

    /// The timers of the session stop, and the wait for the end begins.
    private mutating func stopForEnd() {
        timers.stopAll()
        link?.handshake.repeatAt = nil
        link?.handshake.progressAt = nil
        link?.oldKeysUntil = nil
        link?.pacedUntil = nil
        let wait = (link?.recovery.roundTrip.probeTimeout ?? .zero) * 3
        timers.closeWait = clock.advanced(by: max(configuration.timers.closeWait, wait))
    }

    /// The outcome is decided; what is left is to acknowledge a CLOSE that comes again.
    /// [SCP-DGRAM-27] [SCP-DGRAM-28]
    mutating func drainDatagrams() {
        phase.drain()
        exporter = nil
        acknowledgements.didAcknowledge()  // nothing is owed any more
        link?.close = nil
        link?.handshake.flight = nil
        link?.recovery.discard()
        stopForEnd()
    }

    /// The peer's CLOSE.
    /// [SCP-CLOSE-19] [SCP-CLOSE-22]
    mutating func processDatagramClose(_ plaintext: Span<UInt8>) throws(Violation) {
        let close: CloseFrame
        do throws(WireError) {
            close = try CloseFrame.parse(plaintext, in: 0..<plaintext.count)
        } catch {
            throw Violation(error)
        }
        if let sent = phase.sentClose {
            becomeDraining(sent.isComplete ? .clean : .unconfirmed)
        } else {
            becomeDraining(.byPeer(close.code, reason: [UInt8](plaintext, close.reason)))
        }
        link?.owesFinalAcknowledgement = true
    }

    /// Acknowledges the peer's CLOSE again, unless that was done a moment ago.
    mutating func owesFinalAcknowledgement(after pause: Duration) {
        guard link?.handshake.mayAnswer(pause, at: clock) == true else { return }
        link?.owesFinalAcknowledgement = true
    }

    /// ACK and CLOSE, behind the ACK flight when the responder has not spoken.
    mutating func writeCloseDatagram(_ output: inout OutputSpan<UInt8>) throws(Violation) -> Address? {
        guard let link, let close = link.close, close.isOwed else { return nil }
        if let flight = link.handshake.flight, flight.type == .ack, flight.count == 1,
            let frame = try? flight.frame(0, have: 0, cookie: [])
        {
            output.append(frame)
        } else {
            DatagramPrefix.write(link.path.peerConnectionID, to: &output)
        }
        try writeLastAcknowledgement(&output)
        let start = output.count
        output.append(zeros: FrameHeader.size)
        output.append(close.plaintext)
        let counter = try seal(&output, from: start, type: .close)
        link.close?.didSend(counter, timeout: link.recovery.roundTrip.probeTimeout, at: clock)
        return link.path.remote
    }

    /// The ACK of the peer's CLOSE.
    mutating func writeFinalDatagram(_ output: inout OutputSpan<UInt8>) throws(Violation) -> Address? {
        guard let link, link.owesFinalAcknowledgement, !link.accepted.isEmpty else { return nil }
        link.owesFinalAcknowledgement = false
        DatagramPrefix.write(link.path.peerConnectionID, to: &output)
        try writeLastAcknowledgement(&output)
        return link.path.remote
    }

    /// An ACK of everything that was accepted, so that the peer's delivery events are exact.
    private mutating func writeLastAcknowledgement(_ output: inout OutputSpan<UInt8>) throws(Violation) {
        guard let message = link?.accepted.acknowledgement(delay: 0, credit: inbox.connection.granted) else { return }
        let start = output.count
        output.append(zeros: FrameHeader.size)
        message.write(to: &output)
        _ = try seal(&output, from: start, type: .ack)
        acknowledgements.didAcknowledge()
    }

    /// A fatal error: it is told, and CLOSE goes out and is repeated. In the handshake it is said once.
    /// [SCP-CLOSE-20] [SCP-DGRAM-28]
    mutating func failOnDatagrams(_ error: ConnectionError) {
        // What only we need to know: the peer learns that it is not to blame. [SCP-HS-35]
        let told: ErrorCode = error.code == .keyUnavailable ? .internalError : error.code
        switch state {
        case .unconfirmed, .held, .established:
            failure = error
            events.closed(.failed(error))
            // Nobody knows whether the peer still listens after so long a silence. [SCP-DGRAM-28]
            if error.code == .idleTimeout { return end(.failed(error)) }
            closeIntent = nil
            exporter = nil
            forgetRotation()
            outbox.discard()
            beginClosing(told, reason: [], isComplete: false)
        case .waiting, .deciding, .agreeing, .halfOpen, .awaitingInit:
            failure = error
            appendHandshakeClose(told)
            endAfterRefusal(.failed(error))
        case .closing:
            failure = error
            becomeDraining(.failed(error))
        case .draining, .closed: break
        }
    }

    /// Ends in the handshake; the CLOSE of epoch 0 that was built is still sent, once.
    mutating func endAfterRefusal(_ closure: Closure) {
        let last = flight
        let remote = link?.path
        end(closure)
        guard !last.isEmpty, let remote else { return }
        flight = last
        link = DatagramLink(remote: remote.remote, ownConnectionID: [])
        link?.path.limit = remote.limit
    }
}
