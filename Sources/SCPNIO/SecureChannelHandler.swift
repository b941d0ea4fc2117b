public import NIOCore
public import SCP

/// What a handler later in the pipeline can ask of ``SecureChannelHandler``, with `triggerUserOutboundEvent`.
public enum SecureChannelCommand: Sendable {
    /// Close in order, with a code and a reason for the peer. `channel.close()` does the same without either.
    case close(ErrorCode, reason: String)
    /// End at once; messages that were not sent are lost.
    case abort(ErrorCode)
    /// Half close: what was written is still sent, and nothing after it.
    case finish
    /// Ask the peer for a sign of life.
    case ping
    /// The answer to ``SCP/Event/identityPending(_:)``; what the peer has shown is in
    /// ``SecureChannelHandler/pendingCredential``.
    case resolveIdentity(IdentityDecision)
    /// The answer to ``SCP/Event/agreementNeeded(_:)``, by its id.
    case resolveAgreement(UInt64, AgreementAnswer)
}

/// SCP/1 over a byte stream, TCP or a Unix-domain socket: bytes on the side of the socket, messages on the other.
///
/// - **Inbound** it gives one ``Message`` for each message, and every ``SCP/Event`` as a user event; `.closed` is the
///   last. A `read()` from a later handler, or NIO's with `autoRead`, is a wish for messages: with `autoRead` off they
///   stay in the engine, whose credit holds the peer back, until there is one. The socket itself is always read:
///   acknowledgements and credit for what we send must arrive even when nobody wants messages.
/// - **Outbound** it takes ``OutgoingMessage``. The promise of a write succeeds when the message is in the engine's
///   send buffer; a writer that waits for it is held back as far as the peer holds us back. Frames leave at `flush`.
/// - `close()` closes in order: accepted messages first, then CLOSE, then its acknowledgement; bounded by the
///   configuration's timers.
///
/// The channel needs `ChannelOptions.allowRemoteHalfClosure` set to true. Times come from the event loop's clock.
public final class SecureChannelHandler<Provider: CryptoProvider>: ChannelDuplexHandler {
    public typealias InboundIn = ByteBuffer
    public typealias InboundOut = Message
    public typealias OutboundIn = OutgoingMessage
    public typealias OutboundOut = ByteBuffer

    let session: Session<Provider>
    let closeWait: Duration
    let observer: (any SessionObserver)?
    /// Whether messages go down the pipeline. Otherwise tasks take them from the session.
    private let deliversInPipeline: Bool

    private(set) var context: ChannelHandlerContext?
    var writing = Writing()
    private var timer: Scheduled<Void>?
    private var timerInstant: Instant?
    private var hasStarted = false
    private var isPumping = false
    private var mustPumpAgain = false
    private var isPumpScheduled = false
    /// Handlers after this one asked for messages.
    private var isDemanded = false
    /// Whether they have been told that there is a session.
    private var isEstablished = false
    /// Whether bytes came since the engine was last asked for messages, and since it was last asked what follows.
    private var mayHaveMessages = false
    private var hasNews = false
    private var pendingWrites = CircularBuffer<(message: OutgoingMessage, promise: EventLoopPromise<Void>?)>(
        initialCapacity: 1)
    private var closePromises: [EventLoopPromise<Void>] = []
    /// A copy of what was read last: NIO keeps the buffers it reads into, so they are never ours alone to work in.
    private var scratch = ByteBuffer()
    private var hasClosedTransport = false

    /// - Parameter eventLoop: the channel's. The time for the handshake begins now.
    public init(
        _ role: Role, _ configuration: Configuration<Provider>, eventLoop: any EventLoop
    ) throws(ConfigurationError) {
        session = try Session(role, configuration, endpoint: nil, eventLoop: eventLoop)
        closeWait = configuration.timers.closeWait
        observer = nil
        deliversInPipeline = true
    }

    /// A handler whose messages tasks send and receive through `session`.
    init(session: Session<Provider>, _ configuration: Configuration<Provider>, observer: any SessionObserver) {
        self.session = session
        closeWait = configuration.timers.closeWait
        self.observer = observer
        deliversInPipeline = false
    }

    /// What the peer has shown to vouch for its key, from ``SCP/Event/identityPending(_:)`` until that is answered.
    /// From any thread.
    public var pendingCredential: PeerCredential? { session.pendingCredential }

    // MARK: The transport

    public func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        session.attach(StreamDriver(self, on: context.eventLoop))
        if context.channel.isActive { start(context) }
    }

    public func channelActive(context: ChannelHandlerContext) {
        start(context)
        context.fireChannelActive()
    }

    private func start(_ context: ChannelHandlerContext) {
        guard !hasStarted else { return }
        hasStarted = true
        pump()
        readOn(context)
    }

    /// Wants the socket's next bytes. With `autoRead` on, NIO asks the whole pipeline for them, so that the later
    /// handlers' wish reaches us too, but only while nobody has: ours comes after.
    private func readOn(_ context: ChannelHandlerContext) {
        guard deliversInPipeline else { return context.read() }
        context.eventLoop.assumeIsolated().execute { self.context?.read() }
    }

    public func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        mayHaveMessages = true
        hasNews = true
        scratch.clear(minimumCapacity: 0)
        let bytes = unwrapInboundIn(data)
        scratch.writeBytes(bytes.readableBytesSpan)
        session.receive(&scratch)
    }

    public func channelReadComplete(context: ChannelHandlerContext) {
        // First, so that what they answer at once leaves with our acknowledgement, in one write.
        // What they ask for meanwhile waits for the round: `.closed` comes after all messages.
        if isEstablished, !isPumping {
            isPumping = true
            deliver(context)
            isPumping = false
            if mustPumpAgain { hasNews = true }
        }
        if hasNews { pump() }
        if !deliversInPipeline { context.fireChannelReadComplete() }
        readOn(context)
    }

    public func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.inputClosed) = event as? ChannelEvent {
            session.receiveEnd(.endOfStream)
            pump()
        }
        context.fireUserInboundEventTriggered(event)
    }

    public func errorCaught(context: ChannelHandlerContext, error: any Error) {
        session.receiveEnd(.failed)
        pump()
        if deliversInPipeline { context.fireErrorCaught(error) }
    }

    public func channelInactive(context: ChannelHandlerContext) {
        session.receiveEnd(.failed)
        pump()
        context.fireChannelInactive()
    }

    public func handlerRemoved(context: ChannelHandlerContext) {
        session.receiveEnd(.failed)
        pump()
        timer?.cancel()
        timer = nil
        session.detach()
        self.context = nil
        for write in pendingWrites { write.promise?.fail(ChannelError.ioOnClosedChannel) }
        pendingWrites = []
        for promise in closePromises { promise.succeed() }
        closePromises = []
    }

    // MARK: Handlers after this one

    public func read(context: ChannelHandlerContext) {
        context.read()
        guard deliversInPipeline, !isDemanded else { return }
        isDemanded = true
        // Not within the call: whoever asks may not be ready to be answered before it returns.
        if mayHaveMessages { schedulePump() }
    }

    public func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        pendingWrites.append((unwrapOutboundIn(data), promise))
        admitWrites()
    }

    public func flush(context: ChannelHandlerContext) {
        pump()
    }

    public func triggerUserOutboundEvent(context: ChannelHandlerContext, event: Any, promise: EventLoopPromise<Void>?) {
        guard let command = event as? SecureChannelCommand else {
            return context.triggerUserOutboundEvent(event, promise: promise)
        }
        switch command {
        case .close(let code, let reason): session.close(code, reason: reason, afterPeerFinished: false)
        case .abort(let code): session.abort(code, reason: "")
        case .finish: session.finish()
        case .ping: session.ping()
        case .resolveIdentity(let decision): session.resolveIdentity(decision)
        case .resolveAgreement(let id, let answer): _ = session.resolveAgreement(id, answer)
        }
        promise?.succeed()
    }

    public func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .output:
            session.finish()
            promise?.succeed()
        case .input:
            promise?.fail(ChannelError.operationUnsupported)
        case .all:
            if let promise { closePromises.append(promise) }
            session.close(.noError, reason: "", afterPeerFinished: false)
            pump()
        }
    }

    private func admitWrites() {
        while let next = pendingWrites.first {
            let failure: SecureChannelError?
            do throws(SecureChannelError) {
                guard case .sent = try session.attempt(next.message.bytes, on: next.message.channel, wakesDriver: false)
                else { return }
                failure = nil
            } catch {
                failure = error
            }
            // Before it is told: who hears of it may write the next at once, and comes here again.
            pendingWrites.removeFirst()
            if let failure { next.promise?.fail(failure) } else { next.promise?.succeed() }
        }
    }

    private func deliver(_ context: ChannelHandlerContext) {
        guard deliversInPipeline, isDemanded, mayHaveMessages else { return }
        mayHaveMessages = false
        let messages = session.readAll()
        guard !messages.isEmpty else { return }
        isDemanded = false
        mustPumpAgain = true  // their credit goes back, asked for or not
        for message in messages { context.fireChannelRead(wrapInboundOut(message)) }
        context.fireChannelReadComplete()
    }

    // MARK: Driving the engine

    /// Writes what the engine has to say, tells what happened, and arms the timer.
    func pump() {
        guard let context else { return }
        guard !isPumping else {
            mustPumpAgain = true
            return
        }
        isPumping = true
        defer { isPumping = false }
        repeat {
            mustPumpAgain = false
            round(context)
        } while mustPumpAgain
    }

    func schedulePump() {
        guard let context, !isPumpScheduled else { return }
        isPumpScheduled = true
        context.eventLoop.assumeIsolated().execute {
            self.isPumpScheduled = false
            self.pump()
        }
    }

    private func round(_ context: ChannelHandlerContext) {
        hasNews = false
        var report = Session<Provider>.Report()
        repeat {
            transmit(context)
            session.collect(into: &report)
        } while report.hasMore
        flushWrites(context)
        var isClosed = false
        for event in report.events {
            handle(event, context)
            if case .closed = event { isClosed = true }
        }
        report.resumptions.run()
        if isClosed { session.endWasFlushed() }
        deliver(context)
        if writing.mustLookAgain, !deliversInPipeline { schedulePump() }
        if isClosed { end(context) }
        if report.isTerminated { finishTransport(context) } else { arm(report.deadline, context) }
    }

    private func handle(_ event: Event, _ context: ChannelHandlerContext) {
        observer?.observe(event, of: session)
        guard deliversInPipeline else { return }
        if case .writable = event {
            admitWrites()
            mustPumpAgain = true
        }
        if case .closed = event { return }  // after the messages that came before it
        if case .established = event {
            isEstablished = true
            mayHaveMessages = true  // what came before we were sure of the peer
        }
        context.fireUserInboundEventTriggered(event)
    }

    private func end(_ context: ChannelHandlerContext) {
        guard deliversInPipeline else { return }
        admitWrites()  // which fails them
        guard let outcome = session.view.outcome else { return }
        context.fireUserInboundEventTriggered(Event.closed(outcome))
    }

    func closeTransport() {
        guard let context, !hasClosedTransport else { return }
        hasClosedTransport = true
        timer?.cancel()
        timer = nil
        timerInstant = nil
        let promise = context.eventLoop.makePromise(of: Void.self)
        let waiting = closePromises
        closePromises = []
        promise.futureResult.whenComplete { _ in
            for promise in waiting { promise.succeed() }
        }
        context.close(promise: promise)
    }

    // MARK: Time

    /// A timer that fires too early costs less than one that is moved with every frame: only an earlier deadline moves
    /// it, and when it fires with nothing due it is set again.
    private func arm(_ deadline: Deadline?, _ context: ChannelHandlerContext) {
        guard let instant = deadline?.instant else { return }
        if let timerInstant, timerInstant <= instant { return }
        timer?.cancel()
        timerInstant = instant
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: NIODeadline(instant)) {
            self.timerInstant = nil
            if self.session.advance() { self.releaseBuffers() }
            self.observer?.observeTick(of: self.session)
            self.pump()
        }
    }

    /// A connection that has fallen quiet holds no buffers.
    private func releaseBuffers() {
        writing.spares.release()
        scratch = ByteBuffer()
    }

    func linger(_ context: ChannelHandlerContext) {
        guard !writing.isLingering else { return }
        writing.isLingering = true
        timer?.cancel()
        let end = Instant(context.eventLoop.now).advanced(by: closeWait)
        timerInstant = end
        timer = context.eventLoop.assumeIsolated().scheduleTask(deadline: NIODeadline(end)) { self.closeTransport() }
    }
}

/// Reaches a stream's handler from any thread.
private struct StreamDriver<Provider: CryptoProvider>: SessionDriver {
    private let handler: NIOLoopBound<SecureChannelHandler<Provider>>
    private let eventLoop: any EventLoop

    init(_ handler: SecureChannelHandler<Provider>, on eventLoop: any EventLoop) {
        self.handler = NIOLoopBound(handler, eventLoop: eventLoop)
        self.eventLoop = eventLoop
    }

    func wake() { eventLoop.execute { handler.value.pump() } }

    func closeTransport(after delay: Duration) {
        eventLoop.scheduleTask(in: TimeAmount(delay)) { handler.value.closeTransport() }
    }
}
