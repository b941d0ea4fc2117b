/// A request to the holder of our private key that has not been answered.
/// [SCP-ID-9]
struct PendingAgreement {
    let id: UInt64
    let peer: PublicKey
}

extension Connection {
    /// What the holder of our private key answers to ``Event/agreementNeeded(_:)``.
    ///
    /// An answer that nobody waits for - late, given twice, of an id that was never asked - and one of a wrong length
    /// changes nothing. A failure ends the connection with ``ErrorCode/keyUnavailable``, of which the peer learns
    /// INTERNAL_ERROR; a secret of zeros ends it like any other key agreement that gives one.
    /// [SCP-ID-9] [SCP-STATE-23]
    @discardableResult
    public mutating func resolveAgreement(
        _ id: UInt64, _ answer: AgreementAnswer, at now: Instant
    ) -> AgreementOutcome {
        setClock(now)
        guard let pending = agreement, pending.id == id else { return .unknownRequest }
        switch answer {
        case .failed:
            agreement = nil
            // [SCP-HS-35]
            fail(locally: .keyUnavailable)
        case .secret(let secret):
            guard secret.count == PublicKey.size else { return .wrongLength }
            agreement = nil
            do throws(Violation) { try resume(with: secret, for: pending.peer) } catch { _ = fail(error) }
        }
        return .taken
    }

    /// Takes up the step that waits. [SCP-HS-34]
    private mutating func resume(with secret: Secret, for peer: PublicKey) throws(Violation) {
        switch phase.take() {
        case .agreeing(let agreeing):
            agreeing.handshake.supply(secret, for: peer)
            phase = .agreeing(agreeing)
            try sendThird()
        case .answering(let answering):
            answering.prepared.noise.supply(secret, for: peer)
            phase = .answering(answering)
            try sendSecond()
        case let other:
            phase = other
            try resumeRotation(with: secret, for: peer)
        }
    }

    /// A step that failed; or that waits, and then the holder of our key is asked.
    mutating func awaitAgreement(_ error: NoiseError, offset: Int) throws(Violation) {
        guard case .agreementNeeded(let peer) = error else { throw Violation(error, offset: offset) }
        try ask(peer)
    }

    /// One request for one need: a step that waits is not begun again before its answer has come.
    /// [SCP-ID-9]
    mutating func ask(_ peer: PublicKey) throws(Violation) {
        guard let key = configuration.identity.external else { throw Violation(.internalError) }
        lastAgreement &+= 1
        agreement = PendingAgreement(id: lastAgreement, peer: peer)
        events.agreementNeeded(AgreementRequest(id: lastAgreement, key: key, peer: peer))
    }

    /// Nobody waits for the answer any more.
    mutating func forgetAgreement() {
        agreement = nil
        events.agreementNeeded(nil)
    }
}
