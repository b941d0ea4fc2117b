extension Connection {
    /// Closes in order: nothing more is accepted for sending, what was accepted is sent (within the flush time), then
    /// CLOSE, then the peer's acknowledgement is awaited. In the handshake it just ends.
    ///
    /// - Parameters:
    ///   - reason: UTF-8, cut to 256 bytes.
    ///   - afterPeerFinished: wait for the peer's `finish` too, within the flush time.
    /// [SCP-STATE-19] [SCP-CLOSE-13]
    public mutating func close(
        _ code: ErrorCode = .noError, reason: String = "", afterPeerFinished: Bool = false, at now: Instant
    ) {
        setClock(now)
        switch state {
        case .unconfirmed, .established:
            guard closeIntent == nil else { return }
            closeIntent = CloseIntent(
                code: code.maySend ? code : .noError, reason: CloseFrame.fitting(reason),
                afterPeerFinished: afterPeerFinished)
            timers.flush = clock.advanced(by: configuration.timers.flush)
        case .closing, .draining, .closed:
            break
        default:
            abort(code, at: now)
        }
    }

    /// Ends at once with a code; messages that were not sent are lost.
    /// [SCP-STATE-20] [SCP-ERR-2] [SCP-ERR-3]
    public mutating func abort(_ code: ErrorCode = .noError, reason: String = "", at now: Instant) {
        setClock(now)
        switch state {
        case .unconfirmed, .held, .established:
            let code = code.maySend ? code : .internalError
            closeIntent = CloseIntent(code: code, reason: CloseFrame.fitting(reason), afterPeerFinished: false)
            sendClose(isComplete: outbox.isEmpty)
        case .waiting, .deciding, .agreeing, .halfOpen, .awaitingInit:
            appendHandshakeClose(code.maySendInHandshake ? code : .noError)
            if isStream { becomeDraining(.unconfirmed) } else { endAfterRefusal(.unconfirmed) }
        case .closing, .draining, .closed:
            break
        }
    }

    /// Builds ACK and CLOSE, which leave before anything else, and waits for the acknowledgement.
    /// [SCP-CLOSE-13] [SCP-CLOSE-18]
    mutating func sendClose(isComplete: Bool) {
        guard let intent = closeIntent else { return }
        closeIntent = nil
        forgetRotation()
        outbox.discard()
        if !isStream { return beginClosing(intent.code, reason: intent.reason, isComplete: isComplete) }
        appendAcknowledgementToFlight()
        guard let counter = appendToFlight(.close, CloseFrame.encoded(intent.code, reason: intent.reason)) else {
            return fail(locally: .internalError)
        }
        switch phase.take() {
        case .unconfirmed(let old):
            phase = .closing(Closing(keys: old.keys, counter: counter, isComplete: isComplete))
        case .held(let old):
            phase = .closing(Closing(keys: old.keys, counter: counter, isComplete: isComplete))
        case .established(let old):
            phase = .closing(Closing(keys: old.keys, counter: counter, isComplete: isComplete))
        case let other:
            phase = other
        }
        timers.stopAll()
        timers.closeWait = clock.advanced(by: configuration.timers.closeWait)
    }

    /// Ends the connection for a rule that the peer's bytes broke; returns what `receive` throws.
    mutating func fail(_ violation: Violation) -> ConnectionError {
        let offset = UInt64(clamping: violation.offset)
        let error = ConnectionError(
            violation.code, origin: .local, position: position &+ offset, kind: violation.kind)
        fail(with: error)
        return error
    }

    /// Ends the connection for a reason of our own.
    mutating func fail(locally code: ErrorCode) {
        fail(with: ConnectionError(code, origin: .local, position: position))
    }

    /// One CLOSE, if the state has a key for it, and the end.
    /// [SCP-CLOSE-20]
    private mutating func fail(with error: ConnectionError) {
        if !isStream { return failOnDatagrams(error) }
        // What only we need to know: the peer learns that it is not to blame. [SCP-HS-35]
        let told: ErrorCode = error.code == .keyUnavailable ? .internalError : error.code
        switch state {
        case .unconfirmed, .held, .established:
            _ = appendToFlight(.close, CloseFrame.encoded(told, reason: []))
        case .closing:
            break  // one CLOSE is enough
        case .waiting, .deciding, .agreeing, .halfOpen, .awaitingInit:
            appendHandshakeClose(told)
        case .draining, .closed:
            return
        }
        failure = error
        becomeDraining(.failed(error))
    }

    /// The outcome is decided and the last frame is built: the keys go, the stream is ended in order.
    /// [SCP-CLOSE-21] [SCP-CLOSE-24]
    mutating func becomeDraining(_ closure: Closure) {
        events.closed(closure)
        closeIntent = nil
        forgetRotation()
        outbox.discard()
        if !isStream { return drainDatagrams() }
        phase = .draining(Draining())
        exporter = nil
        timers.stopAll()
        acknowledgements.didAcknowledge()  // nothing is owed any more
        timers.closeWait = clock.advanced(by: configuration.timers.closeWait)
        owesEndOfStream = true
    }

    /// Ends without another word.
    /// [SCP-CLOSE-22]
    mutating func end(_ closure: Closure) {
        events.closed(closure)
        if case .failed(let error) = closure { failure = error }
        terminate()
    }

    // [SCP-CLOSE-24] [SCP-TIME-15]
    mutating func terminate() {
        phase = .closed
        counts.framesLost &+= link?.recovery.lostFrames ?? 0
        link = nil
        exporter = nil
        forgetRotation()
        outbox.discard()
        inbox.discardUnfinished(isPeerAccepted: peer != nil)
        flight.discard()
        frameBuffer = FrameBuffer()
        timers = Timers()
        owesEndOfStream = false
        closeIntent = nil
    }

    /// A rotation that is under way ends with the session, and its secrets with it.
    /// [SCP-ROT-20]
    mutating func forgetRotation() {
        rotation = .idle
        owedRotation = nil
        wantsRotation = false
        wishesRotation = false
        forgetAgreement()
    }

    // MARK: Frames built at once

    /// Acknowledges everything accepted, so that the peer's delivery events are exact.
    /// [SCP-CLOSE-13]
    mutating func appendAcknowledgementToFlight() {
        guard let newest = acknowledgements.newest else { return }
        let credit = peer == nil ? inbox.connection.granted : inbox.announceConnectionCredit()
        let acknowledgement = Acknowledgement(upTo: newest, credit: credit)
        let plaintext = [UInt8](capacity: acknowledgement.encodedSize) { output in acknowledgement.write(to: &output) }
        _ = appendToFlight(.ack, plaintext)
        acknowledgements.didAcknowledge()
    }

    /// Builds a protected frame and puts it last in the flight; returns its counter.
    private mutating func appendToFlight(_ type: FrameType, _ plaintext: [UInt8]) -> UInt64? {
        var frame = [UInt8](repeating: 0, count: plaintext.count + FrameHeader.overhead)
        var span = frame.mutableSpan
        Bytes.copy(plaintext.span, 0..<plaintext.count, to: &span, at: FrameHeader.size)
        guard let counter = try? phase.keys?.seal(&span, at: 0, plaintextCount: plaintext.count, type: type).get()
        else { return nil }
        counts.framesSent &+= 1
        flight.append(frame)
        return counter
    }
}
