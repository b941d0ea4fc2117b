internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SCP
internal import SCPRecording

/// Who moves a session's bytes: the handler of its stream, or of the socket that it shares with others.
protocol SessionDriver: Sendable {
    /// The engine has something to say. From any thread.
    func wake()
    /// From any thread.
    func closeTransport(after delay: Duration)
}

/// A connection's engine, shared by the event loop that moves its bytes and the tasks that use its messages.
///
/// One lock guards it. A task that sends or receives calls the engine itself, under the lock: no hop to the event loop
/// and back, errors are exact, and a message leaves the engine - and returns its credit - only when somebody asked for
/// it. What the engine wants to write is fetched by the event loop, which is woken once for any number of calls. The
/// lock is held for one buffer's work at most; for messages that follow each other, two others that are held for a
/// moment stand before it (``OutgoingHandoff``, ``IncomingHandoff``).
final class Session<Provider: CryptoProvider>: AnySession, @unchecked Sendable {
    // Sendable: what is mutable is touched under `lock` only. Entry points take it; what they call expects it held.
    // The locks of `outgoing` and `incoming` may be taken while it is held, never the other way round.
    let eventLoop: any EventLoop
    let endpoint: Endpoint?
    let allocator = ByteBufferAllocator()
    /// Sessions of one datagram socket share it.
    let lock: NIOLock
    var engine: RecordedConnection<Provider>
    var senders = WaitingLine<WaitingSender>()
    var receivers = WaitingLine<WaitingReceiver>()
    var establishing = WaitingLine<CheckedContinuation<Peer, any Error>>()
    var closing = WaitingLine<CheckedContinuation<Closure, any Error>>()
    var isCloseRequested = false
    var lastTicket: UInt64 = 0
    var outcome: Closure?
    /// The transport has been given the last frames. Who waits for the end goes on only then, and may end the program.
    var hasFlushedEnd = false
    var hasPeerFinished = false

    let outgoing = NIOLockedValueBox(OutgoingHandoff())
    let incoming = NIOLockedValueBox(IncomingHandoff())
    /// Who writes what the engine has to say; nil before the transport is there and after it is gone.
    let driver = NIOLockedValueBox<(any SessionDriver)?>(nil)
    /// Charges of messages read since the driver last asked the engine for frames, and how many make it ask again.
    var consumed = 0
    let creditStep: Int
    let writeHighWater: Int
    var peerNames: [String] = []
    /// Reliable messages accepted, and confirmed through the last number of each channel.
    var accepted = 0
    var delivered: [SCP.Channel: UInt64] = [:]

    init(
        _ engine: consuming RecordedConnection<Provider>, under lock: NIOLock, _ limits: Limits, endpoint: Endpoint?,
        eventLoop: any EventLoop
    ) {
        self.engine = engine
        self.lock = lock
        self.eventLoop = eventLoop
        self.endpoint = endpoint
        writeHighWater = limits.writeHighWater
        creditStep = min(limits.connectionCredit, limits.channelCredit) / 8
    }

    /// On a stream of its own.
    convenience init(
        _ role: Role, _ configuration: Configuration<Provider>, recorder: SessionRecorder? = nil, endpoint: Endpoint?,
        eventLoop: any EventLoop
    ) throws(ConfigurationError) {
        let engine = try RecordedConnection(role, configuration, recorder: recorder, at: Instant(eventLoop.now))
        self.init(engine, under: NIOLock(), configuration.limits, endpoint: endpoint, eventLoop: eventLoop)
    }

    var now: Instant { Instant(eventLoop.now) }

    // MARK: Views

    var view: SessionView {
        lock.withLock {
            drain()
            return SessionView(
                peer: engine.peer, statistics: engine.statistics, identifier: engine.sessionIdentifier,
                suite: engine.negotiatedSuite, peerNames: peerNames, outcome: outcome, undelivered: undelivered)
        }
    }

    var undelivered: Int {
        if case .clean = outcome { return 0 }
        var confirmed = 0
        for through in delivered.values { confirmed += Int(clamping: through &+ 1) }
        return max(0, accepted - confirmed)
    }

    var endError: SecureChannelError? {
        outcome.map { SecureChannelError.end($0, at: endpoint, undelivered: undelivered) }
    }

    // MARK: Beginning and end

    nonisolated(nonsending) func established() async throws -> Peer {
        let ticket = lock.withLock { nextTicket() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Peer, any Error>? = lock.withLock {
                    if let peer = engine.peer { return .success(peer) }
                    if let endError { return .failure(endError) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    establishing.append(continuation, ticket: ticket)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            lock.withLock { establishing.remove(ticket) }?.resume(throwing: CancellationError())
        }
    }

    nonisolated(nonsending) func closed() async throws -> Closure {
        let ticket = lock.withLock { nextTicket() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let result: Result<Closure, any Error>? = lock.withLock {
                    if let outcome, hasFlushedEnd { return .success(outcome) }
                    if Task.isCancelled { return .failure(CancellationError()) }
                    closing.append(continuation, ticket: ticket)
                    return nil
                }
                if let result { continuation.resume(with: result) }
            }
        } onCancel: {
            lock.withLock { closing.remove(ticket) }?.resume(throwing: CancellationError())
        }
    }

    func nextTicket() -> UInt64 {
        lastTicket += 1
        return lastTicket
    }

    // MARK: Commands

    func command(_ body: () -> Void) {
        var resumptions = Resumptions()
        lock.withLock {
            // What was sent before comes before.
            drain(closes: true)
            body()
            // Those who wait for room are told at once when none of them will be sent.
            _ = admitSenders(&resumptions)
            setRoom()
            // Some of what may come of it leaves even when the transport is behind.
            outgoing.withLockedValue { $0.isPumpDue = true }
        }
        resumptions.run()
        pump()
    }

    func close(_ code: ErrorCode, reason: String, afterPeerFinished: Bool) {
        command {
            isCloseRequested = true
            engine.close(code, reason: reason, afterPeerFinished: afterPeerFinished, at: now)
        }
    }

    func abandon() {
        command {
            if !isCloseRequested, outcome == nil { engine.abort(.noError, at: now) }
        }
    }

    func abort(_ code: ErrorCode, reason: String) { command { engine.abort(code, reason: reason, at: now) } }
    func finish() { command { engine.finish(at: now) } }
    func ping() { command { engine.ping(at: now) } }
    func rotateKeys() { command { engine.rotateKeys(at: now) } }
    func resolveIdentity(_ decision: IdentityDecision) { command { engine.resolveIdentity(decision, at: now) } }

    var pendingCredential: PeerCredential? { lock.withLock { engine.pendingCredential } }
    func note(peerNames names: [String]) { lock.withLock { peerNames = names } }

    func resolveAgreement(_ id: UInt64, _ answer: AgreementAnswer) -> AgreementOutcome {
        var outcome = AgreementOutcome.unknownRequest
        command { outcome = engine.resolveAgreement(id, answer, at: now) }
        return outcome
    }

    func cancel(_ message: MessageID, on channel: SCP.Channel, code: ErrorCode) -> Bool {
        var isCancelled = false
        command { isCancelled = engine.cancel(message, on: channel, code: code, at: now) }
        return isCancelled
    }

    func refuse(_ message: MessageID, on channel: SCP.Channel, code: ErrorCode) {
        command { engine.refuse(message, on: channel, code: code, at: now) }
    }

    func closeTransport(after delay: Duration) {
        driver.withLockedValue { $0 }?.closeTransport(after: delay)
    }

    /// Sees to it that the driver asks the engine for frames soon.
    func requestPump() {
        if outgoing.withLockedValue({ $0.requestPump() }) { pump() }
    }

    func pump() { driver.withLockedValue { $0 }?.wake() }
}
