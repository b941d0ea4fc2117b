public import SCP

/// A ``SCP/Connection`` that a ``SessionRecorder`` may watch. Its inputs and outputs are those of a connection, by the
/// same names; without a recorder each is a call of the connection's and nothing more.
public struct RecordedConnection<Provider: CryptoProvider>: ~Copyable {
    // Before the recorder: where the first field is an optional, Swift 6.3.1 makes invalid code for the thread
    // sanitizer.
    private let box: ConnectionBox<Provider>
    private let recorder: SessionRecorder?
    /// For looking at. What is done to it here is not recorded.
    public private(set) var connection: Connection<Provider> {
        _read { yield box.connection }
        _modify { yield &box.connection }
    }

    /// - Parameter recorder: nil records nothing. With one, the configuration is that of ``SCP/Configuration`` after
    ///   `recorded(by:)` with the same recorder.
    public init(
        _ role: Role, _ configuration: Configuration<Provider>, recorder: SessionRecorder? = nil, at now: Instant
    ) throws(ConfigurationError) {
        recorder?.start(Settings.entry(role, configuration, at: now), at: now)
        do throws(ConfigurationError) {
            box = ConnectionBox(try Connection(role, configuration, at: now))
        } catch {
            recorder?.outcome(.notStarted(error))
            recorder?.finish()
            throw error
        }
        self.recorder = recorder
        recorder?.outcome(.done)
    }

    /// One on datagrams with one peer. The parameters are those of ``SCP/Connection``.
    public init(
        _ role: Role, _ configuration: Configuration<Provider>, to remote: Address, connectionID: [UInt8] = [],
        recorder: SessionRecorder? = nil, at now: Instant
    ) throws(ConfigurationError) {
        let path = StartPath(remote: remote, connectionID: connectionID)
        recorder?.start(Settings.entry(role, configuration, path: path, at: now), at: now)
        do throws(ConfigurationError) {
            box = ConnectionBox(
                try Connection(role, configuration, to: remote, connectionID: connectionID, at: now))
        } catch {
            recorder?.outcome(.notStarted(error))
            recorder?.finish()
            throw error
        }
        self.recorder = recorder
        recorder?.outcome(.done)
    }

    /// A connection that others have a hand in, such as its endpoint on datagrams; nothing is recorded.
    package init(_ box: ConnectionBox<Provider>) {
        recorder = nil
        self.box = box
    }

    deinit { recorder?.finish() }

    // MARK: Inputs

    public mutating func receive(_ input: inout MutableSpan<UInt8>, at now: Instant) throws(ConnectionError) {
        guard let recorder else { return try connection.receive(&input, at: now) }
        // A copy of its own: the engine opens the frames in place.
        recorder.input(.receive([UInt8](copying: input.span)), at: now)
        do throws(ConnectionError) {
            try connection.receive(&input, at: now)
        } catch {
            recorder.outcome(.failed(error))
            throw error
        }
        recorder.outcome(.done)
    }

    public mutating func receiveEnd(_ end: StreamEnd, at now: Instant) {
        perform(.receiveEnd(end), at: now) { $0.receiveEnd(end, at: now) }
    }

    public mutating func advance(to now: Instant) { perform(.advance, at: now) { $0.advance(to: now) } }

    public mutating func send(
        _ message: Span<UInt8>, on channel: Channel = .default, expiring expiry: Instant? = nil, at now: Instant
    ) throws(SendError) -> MessageID {
        guard let recorder else { return try connection.send(message, on: channel, expiring: expiry, at: now) }
        recorder.input(.send([UInt8](copying: message), channel, expiry: expiry), at: now)
        do throws(SendError) {
            let id = try connection.send(message, on: channel, expiring: expiry, at: now)
            recorder.outcome(.sent(id))
            return id
        } catch {
            recorder.outcome(.notSent(error))
            throw error
        }
    }

    public mutating func read<Result>(
        from channel: Channel? = nil, at now: Instant, _ body: (ReceivedMessage, Span<UInt8>) -> Result
    ) -> Result? {
        guard let recorder else { return connection.read(from: channel, at: now, body) }
        recorder.input(.read(channel), at: now)
        var outcome = Outcome.noMessage
        let result = connection.read(from: channel, at: now) { message, bytes in
            outcome = .message(message, [UInt8](copying: bytes))
            return body(message, bytes)
        }
        recorder.outcome(outcome)
        return result
    }

    @discardableResult
    public mutating func cancel(
        _ message: MessageID, on channel: Channel = .default, code: ErrorCode = .noError, at now: Instant
    ) -> Bool {
        recorder?.input(.cancel(message, channel, code), at: now)
        let wasCancelled = connection.cancel(message, on: channel, code: code, at: now)
        recorder?.outcome(.wasCancelled(wasCancelled))
        return wasCancelled
    }

    public mutating func refuse(
        _ message: MessageID, on channel: Channel = .default, code: ErrorCode = .noError, at now: Instant
    ) {
        perform(.refuse(message, channel, code), at: now) { $0.refuse(message, on: channel, code: code, at: now) }
    }

    public mutating func ping(at now: Instant) { perform(.ping, at: now) { $0.ping(at: now) } }
    public mutating func finish(at now: Instant) { perform(.finish, at: now) { $0.finish(at: now) } }
    public mutating func rotateKeys(at now: Instant) { perform(.rotateKeys, at: now) { $0.rotateKeys(at: now) } }

    public mutating func close(
        _ code: ErrorCode = .noError, reason: String = "", afterPeerFinished: Bool = false, at now: Instant
    ) {
        perform(.close(code, reason: reason, afterPeerFinished: afterPeerFinished), at: now) {
            $0.close(code, reason: reason, afterPeerFinished: afterPeerFinished, at: now)
        }
    }

    public mutating func abort(_ code: ErrorCode = .noError, reason: String = "", at now: Instant) {
        perform(.abort(code, reason: reason), at: now) { $0.abort(code, reason: reason, at: now) }
    }

    public mutating func resolveIdentity(_ decision: IdentityDecision, at now: Instant) {
        perform(.resolveIdentity(decision), at: now) { $0.resolveIdentity(decision, at: now) }
    }

    @discardableResult
    public mutating func resolveAgreement(
        _ id: UInt64, _ answer: AgreementAnswer, at now: Instant
    ) -> AgreementOutcome {
        recorder?.input(.resolveAgreement(id, answer), at: now)
        let outcome = connection.resolveAgreement(id, answer, at: now)
        recorder?.outcome(.agreement(outcome))
        return outcome
    }

    @discardableResult
    public mutating func receive(
        datagram input: inout MutableSpan<UInt8>, from address: Address, at now: Instant
    ) -> Bool {
        guard let recorder else { return connection.receive(datagram: &input, from: address, at: now) }
        recorder.input(.receiveDatagram([UInt8](copying: input.span), from: address), at: now)
        let wasAccepted = connection.receive(datagram: &input, from: address, at: now)
        recorder.outcome(.wasAccepted(wasAccepted))
        return wasAccepted
    }

    public mutating func transmitFailed(_ error: TransmitError, at now: Instant) {
        perform(.transmitFailed(error), at: now) { $0.transmitFailed(error, at: now) }
    }

    private mutating func perform(
        _ input: @autoclosure () -> Input, at now: Instant, _ body: (inout Connection<Provider>) -> Void
    ) {
        recorder?.input(input(), at: now)
        body(&connection)
        recorder?.outcome(.done)
    }

    // MARK: Outputs

    public mutating func pollTransmit(
        into output: inout OutputSpan<UInt8>, unwritten: Int, at now: Instant
    ) -> Transmit {
        guard let recorder else { return connection.pollTransmit(into: &output, unwritten: unwritten, at: now) }
        let used = output.count
        recorder.input(.pollTransmit(used: used, free: output.freeCapacity, unwritten: unwritten), at: now)
        let transmit = connection.pollTransmit(into: &output, unwritten: unwritten, at: now)
        recorder.outcome(.transmitted(transmit, [UInt8](copying: output.span.extracting(used..<output.count))))
        return transmit
    }

    public mutating func pollTransmit(
        datagram output: inout OutputSpan<UInt8>, at now: Instant
    ) -> DatagramTransmit {
        guard let recorder else { return connection.pollTransmit(datagram: &output, at: now) }
        let used = output.count
        recorder.input(.pollDatagram(used: used, free: output.freeCapacity), at: now)
        let transmit = connection.pollTransmit(datagram: &output, at: now)
        recorder.outcome(.sentDatagram(transmit, [UInt8](copying: output.span.extracting(used..<output.count))))
        return transmit
    }

    public mutating func pollEvent() -> Event? {
        recorder?.input(.pollEvent, at: nil)
        let event = connection.pollEvent()
        recorder?.outcome(.event(event))
        return event
    }

    public var deadline: Deadline? { connection.deadline }

    // MARK: Views

    public var state: ConnectionState { connection.state }
    public var peer: Peer? { connection.peer }
    public var pendingCredential: PeerCredential? { connection.pendingCredential }
    public var statistics: Statistics { connection.statistics }
    public var sessionIdentifier: Digest? { connection.sessionIdentifier }
    public var negotiatedSuite: Suite? { connection.negotiatedSuite }
    public var isTerminated: Bool { connection.isTerminated }
    public var isQuiet: Bool { connection.isQuiet }
    public var sendRoom: SendRoom { connection.sendRoom }
    public func isReadable(_ channel: Channel? = nil) -> Bool { connection.isReadable(channel) }
}
