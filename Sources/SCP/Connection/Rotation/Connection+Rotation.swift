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
        guard let keys = rotationView, !keys.isAnswering else { return }
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
            owedRotation = OwedRotation(.handshakeInit, request, noise: message)
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
        guard state == .established, let keys = rotationView else { throw Violation(.unexpectedMessage) }
        // [SCP-ROT-18]
        guard peerRequests.take(at: clock) else { throw Violation(.rateLimited) }
        let message = try parseRotation(plaintext)
        // [SCP-ROT-9]
        // Late: acknowledged and ignored.
        if message.target <= keys.highestInstalled { return counts.drops.count(.staleRotation) }
        // [SCP-ROT-11]
        guard message.target == keys.epoch &+ 1, keys.epoch < UInt16.max else { throw Violation(.rotationFailed) }
        // [SCP-ROT-10]
        switch rotation {
        case .idle: break
        case .asking, .finishing:
            if role == .initiator { return counts.drops.count(.staleRotation) }  // crossing: ours wins
            // Who has answered us does not ask.
            if case .finishing = rotation { throw Violation(.unexpectedMessage) }
        case .preparing: forgetAgreement()  // nobody has heard of ours
        case .answering: return
        }
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
            rotation = .answering(request, request: Bytes.array(plaintext, message.noise))
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
            owedRotation = OwedRotation(.handshakeResponse, request, noise: answer)
        } catch {
            try awaitRotation(error)
        }
    }

    /// The peer answers.
    mutating func processRotationResponse(_ plaintext: Span<UInt8>) throws(Violation) {
        guard state == .established, let keys = rotationView else { throw Violation(.unexpectedMessage) }
        let message = try parseRotation(plaintext)
        guard case .asking(let request) = rotation, request.target == message.target,
            request.nonce == message.nonce
        else {
            // [SCP-ROT-25] "An answer that comes again meanwhile on datagrams MUST be acknowledged and ignored."
            if case .finishing(let request, _) = rotation, !isStream, request.target == message.target,
                request.nonce == message.nonce
            {
                return counts.drops.count(.staleRotation)
            }
            // [SCP-ROT-13]
            if message.target <= keys.highestInstalled { return counts.drops.count(.staleRotation) }
            throw Violation(.unexpectedMessage)
        }
        guard request.mode == message.mode else { throw Violation(.rotationFailed, offset: 10) }
        rotation = .finishing(request, answer: Bytes.array(plaintext, message.noise))
        try finishRotation()
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
        // The first frame under the new epoch must elicit, or a quiet peer would keep the old keys. [SCP-ROT-12]
        owed.ping = true
        beganEpoch()
    }

    /// The first frame under a new epoch has arrived. The asker began the epoch when it was answered.
    mutating func turnedEpoch() {
        // Until now the old receive keys were still in use, however long ago ours were replaced.
        timers.keyAge = clock.advanced(by: Constant.hardAgeLimit)
        if let keys = rotationView, keys.epoch > counts.epoch { beganEpoch() }
    }

    // [SCP-ROT-19] [SCP-TIME-16]
    private mutating func beganEpoch() {
        guard let keys = rotationView else { return }
        wantsRotation = false
        counts.epoch = keys.epoch
        counts.rotations &+= 1
        timers.rotation = clock.advanced(by: rotationSettings.age)
        events.rotated(keys.epoch)
    }

    private func parseRotation(_ plaintext: Span<UInt8>) throws(Violation) -> RotationMessage {
        do throws(WireError) {
            return try RotationMessage.parse(plaintext)
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
        _ body: (inout SessionKeys<Provider>) throws(CryptoError) -> Void
    ) throws(NoiseError) {
        let result: Result<Void, CryptoError>? = phase.withKeys { keys in
            do throws(CryptoError) { return .success(try body(&keys)) } catch { return .failure(error) }
        }
        guard let result else { throw .outOfTurn }
        do throws(CryptoError) { try result.get() } catch { throw NoiseError(error) }
    }

    var rotationSettings: RotationSettings { configuration.rotation.staggered(role) }

    /// What rotation needs to know of the keys.
    private var rotationView: RotationView? {
        switch phase {
        case .established(let phase):
            RotationView(
                epoch: phase.keys.epoch, highestInstalled: phase.keys.highestInstalled,
                isSettled: phase.keys.highestInstalled == phase.keys.epoch
                    && phase.keys.receiveEpoch == phase.keys.epoch,
                isAnswering: phase.keys.isAnswering, isConfirmed: phase.keys.isConfirmed, sent: phase.keys.sent,
                received: phase.keys.received, chain: phase.keys.chain, hash: phase.keys.hash)
        default: nil
        }
    }
}

/// The keys of a session as rotation sees them.
private struct RotationView {
    let epoch: UInt16
    let highestInstalled: UInt16
    /// Whether one epoch is in force in both directions.
    let isSettled: Bool
    let isAnswering: Bool
    let isConfirmed: Bool
    let sent: KeyUsage
    let received: KeyUsage
    let chain: Secret
    let hash: Digest

    func isDue(_ settings: RotationSettings) -> Bool {
        sent.reaches(frames: settings.frames, bytes: settings.bytes)
            || received.reaches(frames: settings.frames, bytes: settings.bytes)
    }
}

/// An INIT or RESPONSE that waits to be written.
struct OwedRotation {
    let type: FrameType
    let plaintext: [UInt8]

    init<Provider: CryptoProvider>(_ type: FrameType, _ request: RotationRequest<Provider>, noise: [UInt8]) {
        self.type = type
        plaintext = RotationMessage.encoded(
            target: request.target, nonce: request.nonce, mode: request.mode, noise: noise)
    }
}
