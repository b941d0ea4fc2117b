extension Connection {
    /// Works on one frame of epoch 0, which the state expects.
    mutating func processHandshake(_ frame: Span<UInt8>, header: FrameHeader) throws(Violation) {
        switch header.type {
        case .handshakeInit: try processInit(frame, header: header)
        case .handshakeResponse: try processResponse(frame, header: header)
        case .ack: try processInitiatorAck(frame, header: header)
        case .close: try processHandshakeClose(frame)
        case .data: throw Violation(.unexpectedMessage, offset: 1)
        }
    }

    // MARK: Initiator

    // [SCP-HS-23]
    private mutating func processResponse(_ frame: Span<UInt8>, header: FrameHeader) throws(Violation) {
        try acceptResponse { (handshake, configuration) throws(Violation) in
            try handshake.read(frame, header: header, configuration)
        }
    }

    /// WAIT -> DECIDE, and on to UNCONF when the policy knows the answer.
    /// [SCP-HS-23]
    mutating func acceptResponse(
        _ read: (inout InitiatorHandshake<Provider>, Configuration<Provider>) throws(Violation) -> AcceptedResponse
    ) throws(Violation) {
        switch phase.take() {
        case .waiting(let waiting):
            let before = waiting.handshake
            var response: AcceptedResponse
            do throws(Violation) {
                response = try read(&waiting.handshake, configuration)
            } catch {
                phase = .waiting(waiting)
                throw error
            }
            let peerKey = response.peerKey
            let verdict = configuration.verdict(on: peerKey)
            let (credential, objection) = configuration.consider(
                response.shown, of: .responder, peerKey, isRejected: verdict?.isAccepted == false)
            response.shown = nil
            // [SCP-DGRAM-13]
            if link != nil, let objection {
                waiting.handshake = before
                phase = .waiting(waiting)
                throw objection
            }
            let isSettled = verdict != nil && credential == nil
            phase = .deciding(
                Deciding(
                    waiting, response: response, credential: credential, isFirstUse: verdict?.isFirstUse ?? false))
            if let objection { throw objection }
            guard isSettled else { return events.identityPending(peerKey) }
            try acceptResponder()
        case let other:
            phase = other
            throw Violation(.unexpectedMessage, offset: 1)
        }
    }

    /// Leaves DECIDE: message 3 shows who we are, so it is built only now.
    /// [SCP-HS-24] [SCP-HS-26]
    private mutating func acceptResponder() throws(Violation) {
        switch phase.take() {
        case .deciding(let deciding): phase = .agreeing(Agreeing(deciding))
        case let other: phase = other
        }
        try sendThird()
    }

    /// AGREE -> UNCONF, unless the holder of our key has to be asked first.
    /// [SCP-HS-34]
    mutating func sendThird() throws(Violation) {
        switch phase.take() {
        case .agreeing(let agreeing):
            let response = agreeing.response
            let message: [UInt8]
            let schedule: KeySchedule<Provider>
            do throws(NoiseError) {
                (message, schedule) = try agreeing.handshake.complete(
                    response, configuration, connectionID: link?.path.ownConnectionID ?? [])
            } catch {
                phase = .agreeing(agreeing)
                return try awaitAgreement(error, offset: 0)
            }
            let keys: SessionKeys<Provider>
            do throws(Violation) {
                try sendMessage3(message, of: agreeing.handshake)
                keys = try sessionKeys(schedule)
            } catch {
                phase = .agreeing(agreeing)
                throw error
            }
            suite = agreeing.handshake.suite
            let accepted = Peer(
                publicKey: response.peerKey, applicationProtocol: response.applicationProtocol,
                isFirstUse: agreeing.isFirstUse)
            // Before `agreeing` is given away: Swift 6.3.1, optimizing, has `response` read what went with it. All
            // phases are treated so: what is needed of one is used up before it becomes the next.
            link?.path.peerConnectionID = response.connectionID ?? []
            apply(response.parameters)
            phase = .unconfirmed(Unconfirmed(agreeing, keys: keys, peer: accepted))
        case let other:
            phase = other
        }
    }

    private mutating func sendMessage3(
        _ message: [UInt8], of handshake: InitiatorHandshake<Provider>
    ) throws(Violation) {
        guard let finished = handshake.finished else { throw Violation(.internalError) }
        if link != nil { return beginAckFlight(message, attempt: handshake.attempt, key: finished) }
        guard
            let frame = try? HandshakeFrame.message(
                message, type: .ack, attempt: handshake.attempt, hello: [], key: finished)
        else { throw Violation(.internalError) }
        flight.append(frame)
        counts.framesSent &+= 1
    }

    /// UNCONF -> EST: the responder has spoken under session keys.
    /// [SCP-HS-25]
    mutating func becomeEstablished() {
        switch phase.take() {
        case .unconfirmed(let unconfirmed):
            establish(Established(unconfirmed))
        case .held(let held):
            establish(Established(held))
            guard configuration.asks else { return }
            // [SCP-FLOW-12]
            inbox.openWindow()
            owed.credit = true
        case let other:
            phase = other
        }
    }

    private mutating func establish(_ established: consuming Established<Provider>) {
        peer = established.peer
        events.established(established.peer)
        phase = .established(established)
        timers.handshake = nil
        timers.decision = nil
        if role == .initiator { link?.handshake.end() }
        timers.setKeepsAlive(configuration.timers.keepAlive, at: clock)
        counts.handshakeTime = clock.since(startTime)
    }

    // MARK: Responder

    // [SCP-HS-19] "The responder MUST answer an accepted M1 with M2 at once, under a fresh ephemeral that is derived
    // from nothing."
    private mutating func processInit(_ frame: Span<UInt8>, header: FrameHeader) throws(Violation) {
        let verified = try ResponderHandshake.verify(frame, header: header, configuration)
        if state == .waiting, try !yields(to: verified, frame) { return }
        do throws(Violation) {
            let prepared = try ResponderHandshake.prepare(verified, frame, verified.piece.bytes, configuration)
            beginAnswering(prepared)
        } catch {
            refuse(verified, error.code)
            throw error
        }
        try sendSecond()
    }

    /// AGREE -> HALF, unless the holder of our key has to be asked first.
    /// [SCP-HS-34]
    mutating func sendSecond() throws(Violation) {
        switch phase.take() {
        case .answering(let answering):
            let handshake: ResponderHandshake<Provider>
            let message: [UInt8]
            do throws(NoiseError) {
                (handshake, message) = try ResponderHandshake.respond(
                    to: answering.prepared, configuration, isStream: isStream,
                    connectionID: link?.path.ownConnectionID ?? [])
            } catch {
                let offset = answering.prepared.offset
                phase = .answering(answering)
                return try awaitAgreement(error, offset: offset)
            }
            do throws(Violation) {
                try sendMessage2(message, answering.prepared.verified)
            } catch {
                phase = .answering(answering)
                throw error
            }
            phase = .halfOpen(HalfOpen(answering, handshake: handshake))
        case let other:
            phase = other
        }
    }

    private mutating func sendMessage2(
        _ message: [UInt8], _ verified: ResponderHandshake<Provider>.Verified
    ) throws(Violation) {
        if link != nil {
            link?.handshake.beginResponse(message, verified, at: clock)
            return
        }
        guard
            let response = try? HandshakeFrame.message(
                message, type: .handshakeResponse, attempt: verified.attempt, hello: verified.hello.hello,
                key: verified.hello.responderToInitiator)
        else { throw Violation(.internalError) }
        flight.append(response)
        counts.framesSent &+= 1
    }

    mutating func beginAnswering(_ prepared: ResponderHandshake<Provider>.Prepared) {
        switch phase.take() {
        case .awaitingInit(let awaiting): phase = .answering(Answering(awaiting, prepared: prepared))
        case let other: phase = other
        }
    }

    /// A refusal of a verified INIT goes out under its hello key.
    /// [SCP-HS-17] [SCP-HS-18] [SCP-CLOSE-10]
    mutating func refuse(_ verified: ResponderHandshake<Provider>.Verified, _ code: ErrorCode) {
        guard !configuration.isSilent, code.maySendInHandshake else { return }
        let list = code == .unsupportedSuite ? configuration.suites.map(\.rawValue) : []
        appendClose(
            attempt: verified.attempt, named: .hello(verified.hello.hello), code, list: list,
            key: verified.hello.responderToInitiator)
    }

    // [SCP-HS-20] [SCP-HS-22]
    private mutating func processInitiatorAck(_ frame: Span<UInt8>, header: FrameHeader) throws(Violation) {
        try acceptInitiator { (handshake, configuration) throws(Violation) in
            try handshake.read(frame, header: header, configuration)
        }
    }

    /// HALF -> HOLD or EST: message 3 is read, and the session's keys are there.
    /// [SCP-HS-20] [SCP-HS-21]
    mutating func acceptInitiator(
        _ read: (inout ResponderHandshake<Provider>, Configuration<Provider>) throws(Violation) ->
            AcceptedInitiator<Provider>
    ) throws(Violation) {
        switch phase.take() {
        case .halfOpen(let halfOpen):
            let initiator: AcceptedInitiator<Provider>
            let keys: SessionKeys<Provider>
            do throws(Violation) {
                initiator = try read(&halfOpen.handshake, configuration)
                keys = try sessionKeys(initiator.schedule)
                suite = halfOpen.handshake.suite
            } catch {
                phase = .halfOpen(halfOpen)
                throw error
            }
            let verdict = configuration.verdict(on: initiator.peerKey)
            let (credential, objection) = configuration.consider(
                initiator.shown, of: .initiator, initiator.peerKey, isRejected: verdict?.isAccepted == false)
            let isSettled = verdict != nil && credential == nil
            let candidate = Peer(
                publicKey: initiator.peerKey, applicationProtocol: initiator.applicationProtocol,
                isFirstUse: verdict?.isFirstUse ?? false)
            link?.didAcceptInitiator(halfOpen.handshake, connectionID: initiator.connectionID)
            apply(halfOpen.handshake.parameters)
            phase = .held(Held(halfOpen, keys: keys, candidate: candidate, credential: credential))
            // The confirmation: our first frame under the session's keys, with our credit. [SCP-HS-21]
            owed.credit = true
            timers.handshake = nil
            // [SCP-HS-32]
            try configuration.checkNotSelf(initiator.peerKey, isEphemeralReflected: false)
            // [SCP-ID-7] [SCP-ID-11]
            if let objection { throw objection }
            if isSettled { becomeEstablished() } else { awaitDecision(on: initiator.peerKey) }
        case let other:
            phase = other
            throw Violation(.unexpectedMessage, offset: 1)
        }
    }

    // [SCP-TIME-3] [SCP-TIME-6]
    private mutating func awaitDecision(on key: PublicKey) {
        timers.decision = clock.advanced(by: configuration.timers.decision)
        timers.setKeepsAlive(true, at: clock)
        events.identityPending(key)
    }

    // MARK: Both

    /// What the peer has shown to vouch for its key, while ``Event/identityPending(_:)`` waits for its answer; nil when
    /// it has shown nothing. To accept a peer with a credential is to have verified it.
    /// [SCP-ID-11]
    public var pendingCredential: PeerCredential? {
        switch phase {
        case .deciding(let deciding): deciding.credential
        case .held(let held): held.credential
        default: nil
        }
    }

    /// Answers ``Event/identityPending(_:)``. Without a pending question nothing happens.
    /// [SCP-ID-6] [SCP-ID-11] [SCP-STATE-21] [SCP-STATE-22]
    public mutating func resolveIdentity(_ decision: IdentityDecision, at now: Instant) {
        setClock(now)
        switch (state, decision) {
        case (.deciding, .accept):
            do throws(Violation) { try acceptResponder() } catch { _ = fail(error) }
        case (.held, .accept):
            becomeEstablished()
        case (.deciding, .reject), (.held, .reject):
            fail(locally: .identityRejected)
        case (.deciding, .rejectCredential), (.held, .rejectCredential):
            fail(locally: .credentialInvalid)
        default:
            break
        }
    }

    private mutating func sessionKeys(_ schedule: KeySchedule<Provider>) throws(Violation) -> SessionKeys<Provider> {
        sessionHash = schedule.hash
        do throws(CryptoError) {
            exporter = try schedule.exporter()
            return try SessionKeys(schedule, role: role, isStream: isStream)
        } catch {
            throw Violation(.internalError)
        }
    }

    /// Takes the peer's parameters, and starts the session's clocks.
    /// [SCP-ITEM-26]
    private mutating func apply(_ parameters: TransportParameters) {
        for refused in outbox.apply(parameters).reversed() {
            events.excluded(refused.channel, MessageID(rawValue: refused.message), refused.code)
        }
        if outbox.takeRoomNotice() { events.writable() }
        peerFrameLimit = Int(clamping: parameters.frameLimit)
        link?.recovery.setSizeLimit(min(configuration.limits.datagramSize, Int(clamping: parameters.datagramSize)))
        counts.epoch = 1
        let ours = configuration.timers.idle
        let theirs = Duration.milliseconds(Int64(clamping: min(parameters.idleTimeout, 1 << 40)))
        timers.idleTimeout = ours == .zero ? theirs : theirs == .zero ? ours : min(ours, theirs)
        timers.keyAge = clock.advanced(by: Constant.hardAgeLimit)
        timers.rotation = clock.advanced(by: rotationSettings.age)
        timers.restart(at: clock)
    }
}
