extension Connection {
    /// Asks for new keys as soon as the rules let us; at most one wish is remembered. Data flows meanwhile.
    public mutating func rotateKeys(at now: Instant) {
        setClock(now)
        switch state {
        case .unconfirmed, .held, .established: wishesRotation = true
        default: break
        }
    }

    /// Builds our INIT if one is due or wished for, and everything it must wait for has happened.
    /// [SCP-ROT-1] [SCP-ROT-2] [SCP-ROT-8]
    mutating func startRotationIfDue() throws(Violation) {
        guard state == .established, closeIntent == nil, rotation.isIdle else { return }
        guard let keys = rotatingKeys, !keys.isAnswering else { return }
        if keys.isDue(rotationSettings) { wantsRotation = true }
        guard wantsRotation || wishesRotation, keys.isConfirmed, keys.isSettled else { return }
        // A responder that has granted nothing may be holding us, and refuses a request then. [SCP-ROT-2]
        guard role == .responder || outbox.connection.credit > 0 else { return }
        // [SCP-ROT-19]
        guard keys.epoch < UInt16.max else { throw Violation(.keyLimitReached) }
        // [SCP-ROT-18] "A side MUST NOT ask more than 4 times at once and then more than once in a second."
        guard ownRequests.take(at: clock) else { return }
        wantsRotation = false
        wishesRotation = false
        try beginRotation(keys)
    }

    /// Apart from the question whether it is due, which every frame asks: a Noise state on the stack takes metadata.
    @inline(never)
    private mutating func beginRotation(_ keys: SessionKeys<Provider>) throws(Violation) {
        do throws(NoiseError) {
            let mode = configuration.rotation.mode
            let nonce = try randomNonce()
            let terms = RotationTerms(
                target: keys.epoch + 1, nonce: nonce, mode: mode, asker: role, suite: suite, hash: keys.hash)
            let noise: HandshakeState<Provider> = try terms.handshake(
                .initiator, configuration, chain: keys.chain, peer: peer?.publicKey)
            rotation = .preparing(RotationRequest(target: terms.target, nonce: nonce, mode: mode, noise: noise))
            timers.rotationStall = clock.advanced(by: Constant.rotationStall)
        } catch {
            throw Violation(.rotationFailed)
        }
        try sendRotationRequest()
    }

    private mutating func sendRotationRequest() throws(Violation) {
        guard case .preparing(var request) = rotation else { return }
        do throws(NoiseError) {
            let message = try request.noise.write(payload: Span())
            owedRotation = OwedRotation(.handshakeInit, request, noise: message, isStream: link == nil)
            rotation = .asking(request)
        } catch {
            try awaitRotation(error)
        }
    }

    /// A rotation that failed; or that waits for the holder of our key while data flows. [SCP-ROT-25]
    private mutating func awaitRotation(_ error: NoiseError) throws(Violation) {
        // [SCP-ROT-7]
        guard case .agreementNeeded(let peer) = error
        else { throw Violation(.rotationFailed, offset: RotationMessage.headerSize) }
        try ask(peer)
    }

    /// The holder of our private key has answered.
    mutating func resumeRotation(with secret: Secret, for peer: PublicKey) throws(Violation) {
        switch rotation {
        case .preparing(var request):
            request.noise.supply(secret, for: peer)
            rotation = .preparing(request)
            try sendRotationRequest()
        case .finishing(var request, let answer):
            request.noise.supply(secret, for: peer)
            rotation = .finishing(request, answer: answer)
            try finishRotation()
        case .answering(var request, let bytes):
            request.noise.supply(secret, for: peer)
            rotation = .answering(request, request: bytes)
            try answerRotation()
        case .idle, .asking: break
        }
    }

    /// The peer asks.
    mutating func processRotationInit(_ plaintext: Span<UInt8>) throws(Violation) {
        guard let keys = rotatingKeys else { throw Violation(.unexpectedMessage) }
        let message = try parseRotation(plaintext, .handshakeInit)
        // [SCP-ROT-18]
        if isNewRequest(message), !peerRequests.take(at: clock) { throw Violation(.rateLimited) }
        // [SCP-ROT-9]
        // Late: acknowledged and ignored.
        if message.target <= keys.highestInstalled { return counts.drops.count(.staleRotation) }
        // [SCP-ROT-11]
        guard message.target == keys.epoch &+ 1, keys.epoch < UInt16.max else { throw Violation(.rotationFailed) }
        // [SCP-ROT-10]
        switch rotation {
        case .idle, .preparing: break
        // Crossing: the initiator's wins.
        case .asking where role == .responder: break
        case .finishing where role == .responder: throw Violation(.unexpectedMessage)
        case .asking, .finishing: return counts.drops.count(.staleRotation)
        case .answering: return
        }
        guard let bytes = try assembleRotation(message, .handshakeInit, in: plaintext) else { return }
        if case .preparing = rotation { forgetAgreement() }  // nobody has heard of ours
        owedRotation = nil
        timers.rotationStall = nil
        let terms = RotationTerms(
            target: message.target, nonce: message.nonce, mode: message.mode, asker: role.peer, suite: suite,
            hash: keys.hash)
        do throws(NoiseError) {
            let noise: HandshakeState<Provider> = try terms.handshake(
                .responder, configuration, chain: keys.chain, peer: peer?.publicKey)
            let request = RotationRequest(
                target: message.target, nonce: message.nonce, mode: message.mode, noise: noise)
            rotation = .answering(request, request: bytes)
        } catch {
            // [SCP-ROT-7]
            throw Violation(.rotationFailed, offset: message.noise.lowerBound)
        }
        try answerRotation()
    }

    private mutating func answerRotation() throws(Violation) {
        guard case .answering(let request, let bytes) = rotation else { return }
        do throws(NoiseError) {
            var noise = request.noise
            _ = try noise.read(bytes.span)
            let answer = try noise.write(payload: Span())
            let schedule = try noise.schedule()
            try install { [role] keys throws(CryptoError) in try keys.prepare(schedule, role: role) }
            rotation = .idle
            wishesRotation = false
            owedRotation = OwedRotation(.handshakeResponse, request, noise: answer, isStream: link == nil)
        } catch {
            try awaitRotation(error)
        }
    }

    /// The peer answers.
    mutating func processRotationResponse(_ plaintext: Span<UInt8>) throws(Violation) {
        guard let keys = rotatingKeys else { throw Violation(.unexpectedMessage) }
        let message = try parseRotation(plaintext, .handshakeResponse)
        switch rotation {
        case .asking(let request) where request.isAnswered(by: message):
            guard request.mode == message.mode else { throw Violation(.rotationFailed, offset: 10) }
            guard let bytes = try assembleRotation(message, .handshakeResponse, in: plaintext) else { return }
            rotation = .finishing(request, answer: bytes)
            try finishRotation()
        // Repeated while the holder of our key is asked.
        case .finishing(let request, _) where link != nil && request.isAnswered(by: message):
            counts.drops.count(.staleRotation)
        default:
            // [SCP-ROT-13]
            guard message.target <= keys.highestInstalled else { throw Violation(.unexpectedMessage) }
            counts.drops.count(.staleRotation)
        }
    }

    private mutating func finishRotation() throws(Violation) {
        guard case .finishing(let request, let bytes) = rotation else { return }
        do throws(NoiseError) {
            var noise = request.noise
            _ = try noise.read(bytes.span)
            let schedule = try noise.schedule()
            try install { [role] keys throws(CryptoError) in try keys.switchSending(to: schedule, role: role) }
        } catch {
            return try awaitRotation(error)
        }
        // [SCP-ROT-12]
        rotation = .idle
        timers.rotationStall = nil
        owedRotation = nil  // repetitions of what has been answered [SCP-ROT-23]
        // The first frame under the new epoch must elicit, or a quiet peer would keep the old keys. [SCP-ROT-12]
        owed.ping = true
        beganEpoch()
    }

    /// The first frame under a new epoch has arrived. The asker began the epoch when it was answered.
    mutating func turnedEpoch() {
        // Until now the old receive keys were still in use, however long ago ours were replaced.
        timers.keyAge = clock.advanced(by: Constant.hardAgeLimit)
        if owedRotation?.type == .handshakeResponse { owedRotation = nil }  // it has arrived [SCP-ROT-23]
        if let keys = rotatingKeys, keys.epoch > counts.epoch { beganEpoch() }
    }

    // [SCP-ROT-19] [SCP-TIME-16]
    private mutating func beganEpoch() {
        guard let keys = rotatingKeys else { return }
        wantsRotation = false
        counts.epoch = keys.epoch
        counts.rotations &+= 1
        timers.rotation = clock.advanced(by: rotationSettings.age)
        events.rotated(keys.epoch)
    }

    private func parseRotation(
        _ plaintext: Span<UInt8>, _ type: FrameType
    ) throws(Violation) -> RotationMessage {
        do throws(WireError) {
            return try RotationMessage.parse(
                plaintext, noiseSize: RotationMessage.noiseSize(type, suite), isStream: link == nil)
        } catch {
            // A mode that does not exist fails the rotation; anything else is a malformed frame.
            // [SCP-ROT-4]
            let code: ErrorCode = error.kind == .invalidRotationMode ? .rotationFailed : error.code
            throw Violation(code, kind: error.kind, offset: error.position)
        }
    }

    private func randomNonce() throws(NoiseError) -> UInt64 {
        do throws(CryptoError) {
            return try Attempt.random(configuration.provider).rawValue
        } catch {
            throw NoiseError(error)
        }
    }

    private mutating func install(
        _ body: (SessionKeys<Provider>) throws(CryptoError) -> Void
    ) throws(NoiseError) {
        guard let keys = phase.keys else { throw .outOfTurn }
        do throws(CryptoError) { try body(keys) } catch { throw NoiseError(error) }
    }

    var rotationSettings: RotationSettings { configuration.rotation.staggered(role) }

    /// The session's keys, while they may be replaced.
    private var rotatingKeys: SessionKeys<Provider>? { state == .established ? phase.keys : nil }
}

extension SessionKeys {
    /// Whether one epoch is in force in both directions.
    fileprivate var isSettled: Bool { highestInstalled == epoch && receiveEpoch == epoch }

    fileprivate func isDue(_ settings: RotationSettings) -> Bool {
        sent.reaches(frames: settings.frames, bytes: settings.bytes)
            || received.reaches(frames: settings.frames, bytes: settings.bytes)
    }
}
