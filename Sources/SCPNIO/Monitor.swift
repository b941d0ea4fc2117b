internal import Logging
internal import NIOConcurrencyHelpers
internal import SCP

/// Watches one connection for its log, the metrics, the server's count, and the decision on its peer.
final class Monitor: SessionObserver {
    private let logger: Logger
    /// A server's clients come unasked; who connects is told the outcome anyway.
    private let level: Logger.Level
    private let metrics: ConnectionMetrics
    private let judge: Judge
    private let ticket: Admission.Ticket?
    private let agent: (any KeyAgent)?
    private let state = NIOLockedValueBox(State())

    private struct State {
        var isEstablished = false
        var decision: Task<Void, Never>?
        var agreement: Task<Void, Never>?
        var agentError: String?
        var presented: PublicKey?
        var rejection: String?
        var hint: String?
        var reported = Statistics()
    }

    init(
        logger: Logger, metrics: ConnectionMetrics, judge: Judge, agent: (any KeyAgent)?,
        ticket: Admission.Ticket? = nil
    ) {
        self.agent = agent
        self.logger = logger
        level = ticket == nil ? .debug : .info
        self.metrics = metrics
        self.judge = judge
        self.ticket = ticket
    }

    /// The key that the peer showed, where a decision was asked for.
    var presentedKey: PublicKey? { state.withLockedValue { $0.presented } }

    /// What the network said last, where nobody answered.
    var hint: String? { state.withLockedValue { $0.hint } }

    /// Why the peer's credential does not hold.
    var rejection: String? { state.withLockedValue { $0.rejection } }

    /// What went wrong with the holder of our private key.
    var agentError: String? { state.withLockedValue { $0.agentError } }

    func observe(_ event: Event, of session: any AnySession) {
        switch event {
        case .identityPending(let key):
            decide(on: key, session)
        case .agreementNeeded(let request):
            ask(request, session)
        case .established(let peer):
            established(peer, session)
        case .closed(let closure):
            closed(closure, session)
        case .peerFinished:
            logger.debug("peer finished sending")
        case .rotated(let epoch):
            logger.debug("keys replaced", metadata: ["epoch": "\(epoch)"])
        case .rotationStalled:
            logger.info("peer does not answer the request for new keys")
        case .readable, .writable, .delivered, .cancelled, .refused, .pathChanged, .pathSuspect:
            break
        }
    }

    func observeHint(_ error: any Error) {
        logger.debug("the network complains", metadata: ["error": "\(error)"])
        state.withLockedValue { $0.hint = "\(error)" }
    }

    func observeTick(of session: any AnySession) { reportTraffic(session.view.statistics) }

    /// The engine's timers go on while somebody thinks, and end the wait.
    private func decide(on key: PublicKey, _ session: any AnySession) {
        let judge = judge
        let credential = session.pendingCredential
        let task = Task { [weak self, weak session] in
            let ruling = await judge.decide(on: key, credential)
            guard !Task.isCancelled else { return }
            switch ruling {
            case .accept(let names): session?.note(peerNames: names)
            case .reject: break
            case .rejectCredential(let reason): self?.note(rejection: reason)
            }
            session?.resolveIdentity(ruling.decision)
        }
        state.withLockedValue { state in
            state.presented = key
            state.decision = task
        }
    }

    private func note(rejection reason: String) {
        state.withLockedValue { $0.rejection = reason }
        logger.log(level: level, "peer's credential does not hold", metadata: ["reason": "\(reason)"])
    }

    /// The engine's timers go on while the holder of our key works, and end the wait.
    private func ask(_ request: AgreementRequest, _ session: any AnySession) {
        let agent = agent
        let task = Task { [weak self, weak session] in
            do {
                guard let agent else { throw KeyAgentError.missing }
                let secret = try await agent.agree(request)
                guard session?.resolveAgreement(request.id, .secret(secret)) == .wrongLength else { return }
                throw KeyAgentError.wrongLength(secret.count)
            } catch {
                guard !Task.isCancelled else { return }
                self?.state.withLockedValue { $0.agentError = "\(error)" }
                session?.resolveAgreement(request.id, .failed)
            }
        }
        state.withLockedValue { $0.agreement = task }
    }

    private func established(_ peer: Peer, _ session: any AnySession) {
        ticket?.authenticate()
        state.withLockedValue { $0.isEstablished = true }
        let statistics = session.view.statistics
        metrics.established(after: statistics.handshakeTime)
        logger.log(
            level: level, "channel established",
            metadata: [
                "peer": "\(peer.publicKey.shortName)", "firstUse": "\(peer.isFirstUse)",
                "protocol": "\(peer.applicationProtocol.map(\.description) ?? "-")",
            ])
    }

    private func closed(_ closure: Closure, _ session: any AnySession) {
        let view = session.view
        let (wasEstablished, tasks, agentError) = state.withLockedValue { state in
            let result = (state.isEstablished, [state.decision, state.agreement], state.agentError)
            (state.decision, state.agreement) = (nil, nil)
            return result
        }
        for task in tasks { task?.cancel() }
        if closure.code == .keyUnavailable {
            logger.warning("own key could not be used", metadata: ["error": "\(agentError ?? "no answer")"])
        }
        reportTraffic(view.statistics)
        if wasEstablished {
            metrics.closed(closure)
        } else {
            metrics.handshakeFailed(closure.code)
        }
        let error = SecureChannelError.end(closure, at: nil, undelivered: view.undelivered)
        logger.log(
            level: level, wasEstablished ? "channel closed" : "handshake failed",
            metadata: [
                "code": "\(closure.code)", "reason": "\(error)", "messagesIn": "\(view.statistics.messagesReceived)",
                "messagesOut": "\(view.statistics.messagesSent)",
            ])
    }

    private func reportTraffic(_ now: Statistics) {
        let before = state.withLockedValue { state in
            let before = state.reported
            state.reported = now
            return before
        }
        metrics.traffic(from: before, to: now)
    }
}

extension Closure {
    /// The number that says how it ended.
    var code: ErrorCode {
        switch self {
        case .clean: .noError
        case .byPeer(let code, _): code
        case .unconfirmed: .closeUnconfirmed
        case .failed(let error): error.code
        }
    }
}

extension PublicKey {
    /// The first eight bytes in hexadecimal: enough to tell peers apart in a log, not enough to compare identities by.
    var shortName: String {
        var text = ""
        for index in 0..<8 {
            let digits = String(bytes[index], radix: 16)
            text += digits.count < 2 ? "0" + digits : digits
        }
        return text
    }
}
