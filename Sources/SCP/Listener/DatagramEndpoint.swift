/// Many connections on one datagram socket: it finds the connection that a datagram is for, answers strangers without
/// remembering them, and bounds what they can make it hold. As sans-IO as its connections, and driven like one: inputs,
/// then `pollTransmit` until `.nothing`, `pollEvent` until nil, then a timer for `deadline`.
///
/// Connections of others appear with their first event, once their handshake has come that far. They live here until
/// they are closed, whatever the embedder does with their handles.
public struct DatagramEndpoint<Provider: CryptoProvider>: ~Copyable {
    /// One connection with what finds it.
    final class Slot {
        let box: ConnectionBox<Provider>
        var connection: Connection<Provider> {
            _read { yield box.connection }
            _modify { yield &box.connection }
        }
        let remote: Address
        var attempt: Attempt?
        var identifier: [UInt8]
        let isOwn: Bool
        /// The place that its identifier names, when that is not its own.
        var alias: Int?
        /// The first bytes of the initiator's ephemeral, for a silent listener's memory.
        var ephemeral: UInt64 = 0
        /// Whether the embedder has heard of it.
        var isShown: Bool
        /// Whether it is among `speakers`, and among `tellers`.
        var maySpeak = false
        var mayTell = false
        /// What it is counted as.
        var share = Census()

        init(
            _ connection: consuming Connection<Provider>, remote: Address, attempt: Attempt?, identifier: [UInt8],
            isOwn: Bool
        ) {
            box = ConnectionBox(connection)
            self.remote = remote
            self.attempt = attempt
            self.identifier = identifier
            self.isOwn = isOwn
            isShown = isOwn
        }
    }

    struct Place {
        var generation: UInt32 = 0
        var slot: Slot?
        /// Where the connection is that datagrams for this place are for. [SCP-DGRAM-29]
        var alias: Int?
    }

    let configuration: Configuration<Provider>
    /// Bytes of message 2 at most, in answer to a message 1 of one piece.
    let answerSize: Int
    private(set) var settings: DatagramEndpointSettings
    var places: [Place] = []
    var free: [Int] = []
    /// Places that are kept for identifiers of connections elsewhere.
    var aliases = 0
    /// Connections by the address of their peer, the oldest first.
    var byAddress: [Address: [Int]] = [:]
    /// Connections that may have something to send, in turn, and that may have something to report.
    var speakers: [Int] = []
    var tellers: [Int] = []
    var deadlines = DeadlineQueue()
    /// Of others' connections on their way to a session, without looking at each.
    var census = Census()
    /// Answers that need no connection.
    var answers: [(address: Address, bytes: [UInt8])] = []
    var cookies: CookieKeys<Provider>
    var strangers: TokenBucket
    var prefixes: PrefixBuckets
    var spent = SpentEphemerals()
    var clock: Instant
    private var turn = 0
    /// Datagrams and frames that were dropped before a connection was found, by reason.
    public internal(set) var drops = DropCounts()
    /// Retries that were sent.
    public internal(set) var retries: UInt64 = 0

    public init(
        _ configuration: Configuration<Provider>, settings: DatagramEndpointSettings = DatagramEndpointSettings(),
        at now: Instant
    ) throws(ConfigurationError) {
        try configuration.validate()
        do throws(CryptoError) {
            cookies = try CookieKeys(configuration.provider, at: now)
        } catch {
            throw .backend
        }
        self.configuration = configuration
        answerSize = configuration.responseSize(suite: .classic)
        self.settings = settings
        strangers = TokenBucket(burst: settings.initBurst, rate: settings.initRate, at: now)
        prefixes = PrefixBuckets(burst: settings.prefixBurst, rate: settings.prefixRate)
        clock = now
    }

    // MARK: Connections

    /// Begins a connection.
    ///
    /// - Parameter configuration: nil for the endpoint's.
    public mutating func connect(
        to remote: Address, _ configuration: Configuration<Provider>? = nil, at now: Instant
    ) throws(ConnectError) -> ConnectionHandle {
        clock = max(clock, now)
        let isSymmetric = (configuration ?? self.configuration).isSymmetric
        if let index = standing(at: remote, isSymmetric: isSymmetric), let handle = handle(index) {
            throw .exists(handle)
        }
        let identifier = newIdentifier()
        do throws(ConfigurationError) {
            let connection = try Connection(
                .initiator, configuration ?? self.configuration, to: remote, connectionID: identifier, at: clock)
            let attempt = connection.attempt
            let index = insert(
                Slot(connection, remote: remote, attempt: attempt, identifier: identifier, isOwn: true))
            guard let handle = handle(index) else { throw .backend }
            return handle
        } catch {
            throw .configuration(error)
        }
    }

    /// Works on a connection; nil when it is gone.
    public mutating func withConnection<Result>(
        _ handle: ConnectionHandle, _ body: (inout Connection<Provider>) -> Result
    ) -> Result? {
        guard let slot = slot(handle) else { return nil }
        let result = body(&slot.connection)
        touch(handle.index)
        return result
    }

    /// Connections that are held, those of strangers included.
    public var count: Int { places.count - free.count - aliases }

    /// Bytes that are held for connections, in whatever state: added up by looking at each.
    public var memory: Int { places.reduce(0) { $0 + ($1.slot?.connection.memory ?? 0) } }

    /// Closes every connection with a code, in order; strangers are forgotten.
    public mutating func drain(_ code: ErrorCode = .shuttingDown, at now: Instant) {
        clock = max(clock, now)
        for index in places.indices {
            guard let slot = places[index].slot else { continue }
            slot.connection.close(code, at: clock)
            touch(index)
        }
    }

    /// Answers strangers no more, and forgets those that have not come far enough to be shown.
    public mutating func stopListening(at now: Instant) {
        clock = max(clock, now)
        settings.isListening = false
        for index in places.indices {
            guard let slot = places[index].slot, !slot.isShown else { continue }
            slot.connection.receiveEnd(.failed, at: clock)
            touch(index)
        }
    }

    /// The transport could not send what was polled for an address.
    /// [SCP-DGRAM-37]
    public mutating func transmitFailed(_ error: TransmitError, to remote: Address, at now: Instant) {
        clock = max(clock, now)
        for index in byAddress[remote] ?? [] {
            places[index].slot?.connection.transmitFailed(error, at: clock)
            touch(index)
        }
    }

    // MARK: Outputs

    /// Appends one datagram, of whatever connection has something to say, in turn.
    public mutating func pollTransmit(
        datagram output: inout OutputSpan<UInt8>, at now: Instant
    ) -> DatagramTransmit {
        clock = max(clock, now)
        if let answer = answers.first {
            guard output.freeCapacity >= answer.bytes.count else { return .outputFull(needed: answer.bytes.count) }
            answers.removeFirst()
            output.append(answer.bytes)
            return .datagram(to: answer.address)
        }
        while !speakers.isEmpty {
            turn = turn < speakers.count ? turn : 0
            let index = speakers[turn]
            if let slot = places[index].slot {
                let transmit = slot.connection.pollTransmit(datagram: &output, at: clock)
                note(index)
                if case .datagram = transmit { turn += 1 }
                guard transmit == .nothing else { return transmit }
                slot.maySpeak = false
            }
            speakers.swapAt(turn, speakers.count - 1)
            speakers.removeLast()
        }
        return .nothing
    }

    /// The next event, with the connection that it is of.
    public mutating func pollEvent() -> (connection: ConnectionHandle, event: Event)? {
        while let index = tellers.last {
            guard let slot = places[index].slot else {
                tellers.removeLast()
                continue
            }
            while let event = slot.connection.pollEvent() {
                if case .closed = event, !slot.isShown { continue }
                var place = index
                if case .established = event {
                    guard let settled = settle(index) else { continue }
                    place = settled
                    replaceOthers(at: slot.remote, by: place)
                }
                guard let handle = handle(place) else { break }
                places[place].slot?.isShown = true
                return (handle, event)
            }
            tellers.removeLast()
            slot.mayTell = false
            note(index)
            if slot.connection.isTerminated { remove(index) }
        }
        return nil
    }

    /// When `advance(to:)` must be called next.
    public var deadline: Instant? { deadlines.first }

    /// Does what is due in every connection.
    public mutating func advance(to now: Instant) { _ = advanceDue(to: now) }

    /// As ``advance(to:)``; returns the connections that had something to do.
    package mutating func advanceDue(to now: Instant) -> [ConnectionHandle] {
        clock = max(clock, now)
        cookies.advance(to: clock)
        // All of them first: what is due again at once waits for the next call.
        var handles: [ConnectionHandle] = []
        for index in deadlines.takeAll(until: clock) {
            places[index].slot?.connection.advance(to: clock)
            touch(index)
            if let handle = handle(index) { handles.append(handle) }
        }
        return handles
    }
}

/// Ephemerals of attempts that have ended, for a listener that answers nothing it has seen before.
/// [SCP-DGRAM-19]
struct SpentEphemerals {
    static let maximum = 4_096
    static let period: Duration = .seconds(240)

    private var entries = Ring<(ephemeral: UInt64, since: Instant)>()

    mutating func add(_ ephemeral: UInt64, at now: Instant) {
        if entries.count >= SpentEphemerals.maximum { entries.popFirst() }
        entries.append((ephemeral, now))
    }

    mutating func contains(_ ephemeral: UInt64, at now: Instant) -> Bool {
        while let first = entries.first, now.since(first.since) >= SpentEphemerals.period { entries.popFirst() }
        return (0..<entries.count).contains { entries[$0]?.ephemeral == ephemeral }
    }
}
