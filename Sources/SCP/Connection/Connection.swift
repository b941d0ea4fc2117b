/// One end of an SCP/1 connection, over a byte stream or over datagrams, as a pure state machine: it consumes what
/// arrived and the time, and gives back what to send, events, and the time at which it wants to be called again. It
/// touches no socket, no clock and no random source but its provider's.
///
/// Methods are of three kinds.
/// - **Inputs** (`receive`, `receiveEnd`, `advance`, `send`, `read`, `cancel`, `refuse`, `ping`, `finish`, `close`,
///   `abort`, `resolveIdentity`, `resolveAgreement`; on datagrams `receive(datagram:from:at:)`, `transmitFailed`) take
///   the time. They may follow each other back to back.
/// - **Outputs** (`pollTransmit`, `pollEvent`, `deadline`) are asked after any input, in this order: poll transmit
///   until `.nothing`, poll events until nil, then arm a timer for `deadline`.
/// - **Views** (`state`, `peer`, `statistics`, `sessionIdentifier`) change nothing.
///
/// Times never go back: a smaller one is taken as the last. After a fatal error at most one CLOSE is left to poll (on
/// datagrams it is repeated until it is answered), and every later `receive` throws the same error. No byte from the
/// peer can trap, and memory is bounded by ``Limits``.
/// [SCP-SEC-4]
public struct Connection<Provider: CryptoProvider>: ~Copyable {
    /// What it began as, but for an initiator that met a larger attempt of its peer's (`[SCP-HS-36]`).
    public internal(set) var role: Role
    var phase: Phase<Provider>
    var inbox: Inbox
    var outbox: Outbox
    var frameBuffer = FrameBuffer()
    /// Frames that were built when they were due and go before any other.
    var flight = Flight()
    var events = EventQueue()
    var acknowledgements = AcknowledgementState()
    var timers = Timers()
    var owed = OwedRecords()
    var rotation = RotationState<Provider>.idle
    var owedRotation: OwedRotation?
    /// What the holder of our private key has been asked, and the last number given to such a request.
    var agreement: PendingAgreement?
    var lastAgreement: UInt64 = 0
    /// A rotation is due, and must wait; the next epoch settles it.
    var wantsRotation = false
    /// A rotation was asked for by the embedder, and must wait; only one that begins afterwards settles it.
    var wishesRotation = false
    /// Requests of ours and of the peer's: four at once, then one a second.
    var ownRequests: TokenBucket
    var peerRequests: TokenBucket
    /// The suite in use, once known.
    var suite = Suite.classic
    var clock: Instant
    let startTime: Instant
    /// Bytes of the stream before the frame that is being worked on.
    var position: UInt64 = 0
    /// A graceful close that waits for accepted messages to be sent.
    var closeIntent: CloseIntent?
    /// What every later input throws.
    var failure: ConnectionError?
    /// The end of our writing is to be told to the adapter once.
    var owesEndOfStream = false
    var sessionHash: Digest?
    /// SHA-256 of the attempt's message 1, where two initiators may meet. [SCP-DGRAM-29]
    var opening: Digest?
    /// Keys for the application, from epoch 1; forgotten when the session ends.
    var exporter: Exporter?
    /// The largest payload the peer accepts from epoch 1 on.
    var peerFrameLimit = Int(TransportParameters.minimumFrameLimit)

    /// The peer, once it has been accepted.
    public internal(set) var peer: Peer?

    var counts = Statistics()

    /// Counts since the start.
    public var statistics: Statistics {
        var result = counts
        result.messagesReceived = inbox.received
        result.framesLost &+= link?.recovery.lostFrames ?? 0
        result.drops = counts.drops + inbox.drops
        result.drops[.unpolledNotice] = events.lostNotices
        return result
    }

    public var state: ConnectionState { phase.state }

    /// The suite of the session; nil before it is established.
    public var negotiatedSuite: Suite? { peer == nil ? nil : suite }

    /// Whether nothing is left to do: the transport may be closed and the value dropped.
    public var isTerminated: Bool { state == .closed && flight.isEmpty }

    /// Whether no frame has come or gone for a second: the engine holds no buffers, and an adapter need not either.
    public var isQuiet: Bool { timers.quiet == nil }

    /// Bytes of message and frame data held, for the ceiling that ``Limits`` documents.
    public var memory: Int {
        inbox.memory + inbox.bookkeeping + outbox.memory + outbox.bookkeeping + frameBuffer.memory + flight.memory
            + (link?.memory ?? 0)
    }

    /// What a connection on datagrams has besides; nil on streams.
    var link: DatagramLink<Provider>?
    let isStream: Bool

    /// The last property: it alone has a size that depends on the provider. What stands before it has offsets that the
    /// compiler knows, so that a program compiled apart from the engine looks up no metadata while it sends.
    let configuration: Configuration<Provider>

    /// Begins a connection on a stream. An initiator's INIT is ready to be polled.
    public init(_ role: Role, _ configuration: Configuration<Provider>, at now: Instant) throws(ConfigurationError) {
        let begun = try Self.begin(role, configuration, isStream: true)
        var frame: [UInt8] = []
        if let begun {
            let hello = begun.handshake.hello
            guard
                let built = try? HandshakeFrame.message(
                    begun.message, type: .handshakeInit, attempt: begun.handshake.attempt, hello: hello.hello,
                    key: hello.initiatorToResponder)
            else { throw .backend }
            frame = built
        }
        self.init(role, configuration, begun?.handshake, link: nil, at: now)
        noteOpening(begun?.message)
        guard !frame.isEmpty else { return }
        flight.append(frame)
        counts.framesSent = 1
    }

    /// What both kinds of transport have.
    private init(
        _ role: Role, _ configuration: Configuration<Provider>, _ handshake: InitiatorHandshake<Provider>?,
        link: DatagramLink<Provider>?, at now: Instant
    ) {
        self.role = role
        self.configuration = configuration
        self.link = link
        isStream = link == nil
        clock = now
        startTime = now
        // One fewer than we may ask, so that jitter on the way makes nobody a flooder.
        ownRequests = TokenBucket(burst: Constant.rotationBurst - 1, at: now)
        peerRequests = TokenBucket(burst: Constant.peerRotationBurst, at: now)
        inbox = configuration.inbox(role)
        outbox = Outbox(limits: configuration.limits, isStream: link == nil)
        // [SCP-STATE-1]
        phase = if let handshake { .waiting(Waiting(handshake: handshake)) } else { .awaitingInit(AwaitingInit()) }
        timers.handshake = now.advanced(by: configuration.timers.handshake)
    }

    private static func begin(
        _ role: Role, _ configuration: Configuration<Provider>, isStream: Bool
    ) throws(ConfigurationError) -> (handshake: InitiatorHandshake<Provider>, message: [UInt8])? {
        try configuration.validate()
        guard role == .initiator else { return nil }
        do throws(Violation) {
            return try InitiatorHandshake.begin(configuration, isStream: isStream)
        } catch {
            throw .backend
        }
    }

    /// Begins a connection on datagrams with one peer. An initiator's INIT is ready to be polled.
    ///
    /// - Parameters:
    ///   - remote: the peer's address.
    ///   - connectionID: 1 to 20 bytes that the peer shall put before datagrams for us, so that we find it at another
    ///     address; empty for none.
    public init(
        _ role: Role, _ configuration: Configuration<Provider>, to remote: Address, connectionID: [UInt8] = [],
        at now: Instant
    ) throws(ConfigurationError) {
        let begun = try Self.begin(role, configuration, isStream: false)
        let own = Array(connectionID.prefix(DatagramPrefix.maximumConnectionID))
        let link = DatagramLink<Provider>(remote: remote, ownConnectionID: own)
        if let begun {
            link.path.limit.validate()
            link.handshake.beginInit(begun.message, begun.handshake)
        }
        self.init(role, configuration, begun?.handshake, link: link, at: now)
        noteOpening(begun?.message)
    }

    /// The handshake hash of the session: the same on both sides and different for every session. Known once the
    /// session is established.
    /// [SCP-KEY-9]
    public var sessionIdentifier: Digest? { peer == nil ? nil : sessionHash }

    /// `length` bytes that only the two ends of this session can derive, the same on both whatever rotates meanwhile
    /// (RFC 5705 in spirit). Any other label, context or length gives bytes that have nothing to do with these.
    ///
    /// - Parameters:
    ///   - label: what the bytes are for, 1 to 250 bytes of UTF-8, different for each use.
    ///   - context: any bytes that tell apart the exports for one use.
    ///   - length: 1 to 8,160.
    public func exportKey(label: String, context: Span<UInt8>, length: Int) throws(ExportError) -> Secret {
        guard peer != nil, let exporter else { throw .notConfirmed }
        return try exporter.export(
            label: Array(label.utf8), context: context, length: length, configuration.provider)
    }

    /// 32 bytes that stand for this session and no other: what authenticates the application's users binds to them.
    /// Nil before the session is established and after its end.
    public var channelBinding: Secret? {
        // A copy: what the caller wipes is its own.
        peer == nil ? nil : exporter.map { Secret(copying: $0.binding.bytes) }
    }

    /// Time never goes back.
    /// [SCP-TIME-14]
    mutating func setClock(_ now: Instant) { clock = max(clock, now) }
}

extension Configuration {
    /// Whether a person or a program may have to decide on a peer.
    var asks: Bool {
        if case .ask = identityPolicy { return true }
        return credentialPolicy != .refused
    }

    /// What may come before we have said a word: nothing from whom somebody has yet to decide on.
    func inbox(_ role: Role) -> Inbox {
        Inbox(limits: limits, granted: role == .responder && asks ? 0 : UInt64(limits.connectionCredit))
    }
}
