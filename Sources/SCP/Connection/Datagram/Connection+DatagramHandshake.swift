/// Frames of epoch 0 on datagrams: pieces of messages, progress, retries, refusals. Whatever is wrong with one is
/// dropped, and the genuine one still works.
extension Connection {
    /// [SCP-DGRAM-20] [SCP-DGRAM-22] [SCP-DGRAM-23] [SCP-DGRAM-24] [SCP-DGRAM-25]
    mutating func receiveHandshake(_ frame: Span<UInt8>, _ header: FrameHeader) -> FrameVerdict {
        switch (header.type, state) {
        case (.handshakeInit, .awaitingInit): receiveInit(frame, header)
        case (.handshakeInit, .halfOpen): receiveRepeatedInit(frame, header)
        case (.handshakeResponse, .waiting), (.handshakeResponse, .unconfirmed): receiveResponse(frame, header)
        case (.ack, .halfOpen): receiveAck(frame, header)
        case (.ack, .held), (.ack, .established), (.ack, .closing), (.ack, .draining):
            receiveRepeatedAck(frame, header)
        case (.close, .waiting), (.close, .awaitingInit), (.close, .halfOpen): receiveRefusal(frame)
        default: .dropped(.unexpected)
        }
    }

    // MARK: Initiator

    private mutating func receiveResponse(_ frame: Span<UInt8>, _ header: FrameHeader) -> FrameVerdict {
        guard let view = phase.handshakeView else { return .dropped(.unexpected) }
        guard (try? HandshakeFrame.verify(frame, key: view.hello.responderToInitiator)) != nil
        else { return .stop(.unauthentic) }
        guard let piece = try? HandshakeFrame.parse(frame, header: header, isStream: false),
            piece.attempt == view.attempt, piece.hello == view.hello.hello
        else { return .dropped(.malformed) }
        guard state == .waiting else { return receiveLateResponse(piece) }
        switch piece.kind {
        case .retry: return receiveRetry(piece, frame)
        case .progress(let message):
            guard message == .m1 else { return .dropped(.unexpected) }
            link?.handshake.flight?.held = piece.have
            return .accepted
        case .piece:
            return receiveResponsePiece(piece, frame)
        }
    }

    private mutating func receiveResponsePiece(_ piece: HandshakePiece, _ frame: Span<UInt8>) -> FrameVerdict {
        guard link?.handshake.assembly.add(piece, in: frame) == true else { return .dropped(.malformed) }
        if takeHandshakeSample() {
            let roundTrip = link?.recovery.roundTrip
            link?.handshake.shortenInterval(roundTrip)
        }
        guard let assembly = link?.handshake.assembly, assembly.isComplete else {
            link?.handshake.scheduleProgress(at: clock)
            return .accepted
        }
        link?.handshake.assembly.discard()
        link?.handshake.progressAt = nil
        do throws(Violation) {
            try acceptResponse { (handshake, configuration) throws(Violation) in
                try handshake.accept(assembly.bytes.span, 0..<assembly.bytes.count, configuration)
            }
        } catch {
            return messageFailed(error)
        }
        return .accepted
    }

    /// A message that failed is dropped, and the attempt goes on; only our own failures end it.
    /// [SCP-DGRAM-13]
    private mutating func messageFailed(_ violation: Violation) -> FrameVerdict {
        link?.handshake.lastFailure = violation.code
        if violation.code == .internalError { _ = fail(violation) }
        return .dropped(.failedMessage)
    }

    /// [SCP-DGRAM-16] [SCP-DGRAM-17]
    private mutating func receiveRetry(_ piece: HandshakePiece, _ frame: Span<UInt8>) -> FrameVerdict {
        guard let range = piece.cookie, let handshake = link?.handshake, handshake.assembly.isEmpty,
            handshake.retries < DatagramHandshake<Provider>.maximumRetries
        else { return .dropped(.unexpected) }
        link?.handshake.takeRetry([UInt8](frame, range))
        return .accepted
    }

    /// UNCONF: the responder has not got the whole ACK flight.
    /// [SCP-DGRAM-23]
    private mutating func receiveLateResponse(_ piece: HandshakePiece) -> FrameVerdict {
        if case .progress(let message) = piece.kind, message != .m3 { return .dropped(.unexpected) }
        link?.handshake.flight?.held = piece.have
        let isProgress = if case .progress = piece.kind { true } else { false }
        guard isProgress || link?.handshake.mayAnswer(DatagramHandshake<Provider>.ackInterval, at: clock) == true
        else { return .dropped(.limited) }
        link?.handshake.repeatFlight(at: clock)
        return .accepted
    }

    /// The ACK flight goes out; WAIT is over.
    mutating func beginAckFlight(_ message: [UInt8], attempt: Attempt, key: Provider.Authenticator) {
        let roundTrip = link?.recovery.roundTrip
        link?.handshake.begin(
            HandshakeFlight(message, type: .ack, attempt: attempt, hello: [], key: key), after: roundTrip)
    }

    // MARK: Responder

    private mutating func receiveInit(_ frame: Span<UInt8>, _ header: FrameHeader) -> FrameVerdict {
        let verified: ResponderHandshake<Provider>.Verified
        do throws(Violation) {
            verified = try ResponderHandshake.verify(frame, header: header, configuration, isStream: false)
        } catch {
            return error.code == .authenticationFailed ? .stop(.unauthentic) : .dropped(.malformed)
        }
        guard case .piece = verified.piece.kind, link?.handshake.belongs(verified.attempt) == true,
            link?.handshake.assembly.add(verified.piece, in: frame) == true
        else { return .dropped(.malformed) }
        link?.handshake.attempt = verified.attempt
        link?.handshake.hello = verified.hello.hello
        guard let assembly = link?.handshake.assembly, assembly.isComplete else {
            link?.handshake.scheduleProgress(at: clock)
            return .accepted
        }
        link?.handshake.assembly.discard()
        link?.handshake.progressAt = nil
        noteOpening(assembly.bytes)
        do throws(Violation) {
            let prepared = try ResponderHandshake.prepare(
                verified, assembly.bytes.span, 0..<assembly.bytes.count, configuration)
            beginAnswering(prepared)
        } catch {
            // [SCP-DGRAM-15] A hint to the initiator, smaller than what it sent.
            if error.code == .unsupportedSuite { refuse(verified, error.code) }
            return messageFailed(error)
        }
        do throws(Violation) { try sendSecond() } catch { _ = fail(error) }
        return .accepted
    }

    /// HALF: the initiator has not got the whole RESPONSE.
    /// [SCP-DGRAM-12] [SCP-DGRAM-20]
    private mutating func receiveRepeatedInit(_ frame: Span<UInt8>, _ header: FrameHeader) -> FrameVerdict {
        guard let view = phase.handshakeView else { return .dropped(.unexpected) }
        guard (try? HandshakeFrame.verify(frame, key: view.hello.initiatorToResponder)) != nil
        else { return .stop(.unauthentic) }
        guard let piece = try? HandshakeFrame.parse(frame, header: header, isStream: false),
            piece.attempt == view.attempt
        else { return .dropped(.unexpected) }
        if case .progress(let message) = piece.kind, message != .m2 { return .dropped(.unexpected) }
        link?.handshake.flight?.held = piece.have
        guard link?.handshake.mayAnswer(DatagramHandshake<Provider>.answerInterval, at: clock) == true
        else { return .dropped(.limited) }
        link?.handshake.repeatFlight(at: clock)
        return .accepted
    }

    /// The first answer to a flight that we sent once measures the round trip, unless it took so long that the peer may
    /// have thought about it, or have repeated it: then the first acknowledgement does. [SCP-DGRAM-32]
    private mutating func takeHandshakeSample() -> Bool {
        guard let sent = link?.handshake.sentOnce else { return false }
        link?.handshake.sentOnce = nil
        let time = clock.since(sent)
        guard time <= Constant.handshakeSampleLimit else { return false }
        link?.recovery.sample(time, at: clock)
        return true
    }

    private mutating func receiveAck(_ frame: Span<UInt8>, _ header: FrameHeader) -> FrameVerdict {
        guard let view = phase.handshakeView, let finished = view.finished else { return .dropped(.unexpected) }
        guard (try? HandshakeFrame.verify(frame, key: finished)) != nil else { return .stop(.unauthentic) }
        guard let piece = try? HandshakeFrame.parse(frame, header: header, isStream: false),
            piece.attempt == view.attempt, link?.handshake.assembly.add(piece, in: frame) == true
        else { return .dropped(.malformed) }
        // Who holds the key of message 2 has received it where it was sent. [SCP-DGRAM-18]
        link?.path.limit.validate()
        _ = takeHandshakeSample()
        guard let assembly = link?.handshake.assembly, assembly.isComplete else {
            link?.handshake.scheduleProgress(at: clock)
            return .accepted
        }
        link?.handshake.assembly.discard()
        do throws(Violation) {
            try acceptInitiator { (handshake, configuration) throws(Violation) in
                try handshake.accept(assembly.bytes.span, 0..<assembly.bytes.count, configuration)
            }
            link?.handshake.acceptedUntil = clock.advanced(by: DatagramHandshake<Provider>.duplicatePeriod)
        } catch {
            // Once there are keys it is a decision on an authentic initiator, and final.
            guard state == .halfOpen else {
                _ = fail(error)
                return .accepted
            }
            return messageFailed(error)
        }
        return .accepted
    }

    /// The initiator does not know yet that it is confirmed, or that we are closing.
    /// [SCP-DGRAM-12] [SCP-DGRAM-24]
    private mutating func receiveRepeatedAck(_ frame: Span<UInt8>, _ header: FrameHeader) -> FrameVerdict {
        guard let accepted = link?.handshake.accepted, let until = link?.handshake.acceptedUntil,
            clock < until || link?.handshake.isConfirmationKnown == false
        else { return .dropped(.unexpected) }
        guard (try? HandshakeFrame.verify(frame, key: accepted.key)) != nil else { return .stop(.unauthentic) }
        guard let piece = try? HandshakeFrame.parse(frame, header: header, isStream: false),
            piece.attempt == accepted.attempt
        else { return .dropped(.malformed) }
        switch state {
        case .closing:
            link?.provokeClose(at: clock)
        case .draining:
            owesFinalAcknowledgement(after: DatagramHandshake<Provider>.answerInterval)
        default:
            guard link?.handshake.mayAnswer(DatagramHandshake<Provider>.answerInterval, at: clock) == true
            else { return .dropped(.limited) }
            owed.credit = true
        }
        return .accepted
    }

    // MARK: Refusals

    /// A CLOSE of epoch 0. To the initiator it is a hint, believed when nothing better has come by its next timer; an
    /// initiator that gives up frees what a responder holds for it.
    /// [SCP-DGRAM-15] [SCP-DGRAM-25]
    private mutating func receiveRefusal(_ frame: Span<UInt8>) -> FrameVerdict {
        let payload = FrameHeader.size..<frame.count - FrameHeader.macSize
        guard let close = try? HandshakeClose.parse(frame, in: payload) else { return .dropped(.malformed) }
        if state == .awaitingInit {
            guard let attempt = link?.handshake.attempt, attempt == close.attempt,
                case .hello(let hello) = close.key,
                let keys = try? HelloKeys(
                    provider: configuration.provider, hello: hello,
                    responderKey: configuration.identity.publicKey(configuration.provider),
                    accessKey: configuration.accessKey, attempt: attempt),
                (try? HandshakeFrame.verify(frame, key: keys.initiatorToResponder)) != nil
            else { return .stop(.unauthentic) }
        } else {
            do throws(Violation) { try verifyClose(close, frame) } catch { return .stop(.unauthentic) }
            // [SCP-DGRAM-25] Who has not got message 2 cannot end what may be complete.
            if state == .halfOpen, close.key != .finished { return .dropped(.unexpected) }
        }
        let list = (0..<close.list.count).map { frame[close.list.lowerBound + $0] }
        let error = ConnectionError(close.code, origin: .peer(isAuthenticated: false), alternatives: list)
        guard state == .waiting else {
            end(.failed(error))
            return .accepted
        }
        if link?.handshake.assembly.isEmpty == true { link?.handshake.hint = error }
        return .accepted
    }
}
