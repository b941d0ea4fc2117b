/// What a handshake on datagrams keeps besides its Noise state: the message going out, the one coming in, and when
/// something is repeated.
struct DatagramHandshake<Provider: CryptoProvider> {
    /// The first repetition without a round-trip sample, and the longest wait between two.
    static var firstInterval: Duration { .seconds(1) }
    static var shortestInterval: Duration { .milliseconds(200) }
    static var longestInterval: Duration { .seconds(2) }
    /// An initiator takes this many retries in an attempt. [SCP-DGRAM-17]
    static var maximumRetries: Int { 3 }
    /// Flights, confirmations and final answers are repeated at most this often.
    static var answerInterval: Duration { .milliseconds(100) }
    /// The ACK flight in answer to a RESPONSE that comes again.
    static var ackInterval: Duration { .milliseconds(200) }
    /// Progress, at most this often. [SCP-DGRAM-9]
    static var progressInterval: Duration { .milliseconds(50) }
    /// How long a responder answers duplicates of the ACK flight. [SCP-DGRAM-12]
    static var duplicatePeriod: Duration { .seconds(10) }

    /// M1 and then M3 of an initiator, M2 of a responder.
    var flight: HandshakeFlight<Provider.Authenticator>?
    /// M2 of a responder coming in, or M1 and then M3 of an initiator.
    var assembly = HandshakeAssembly()
    var cookie: [UInt8] = []
    var retries = 0
    var repeatAt: Instant?
    var interval = Duration.seconds(1)
    /// When the flight was first sent; nil once it has been repeated, since an answer then tells no time.
    var sentOnce: Instant?
    /// When progress is due, and when it was last sent.
    var progressAt: Instant?
    var lastProgress: Instant?
    var owesProgress = false
    /// Whether the flight has not been repeated.
    var isFirstFlight = true
    /// When something was last sent in answer to a repetition.
    var lastAnswer: Instant?
    /// The end that a CLOSE of epoch 0 claims, believed at the next timer. [SCP-DGRAM-15]
    var hint: ConnectionError?
    /// Datagrams of epoch 1 that came before message 3. [SCP-DGRAM-14]
    var parked = ParkedDatagrams()
    /// Of a responder: the attempt and key of the ACK flight that was accepted, to know its duplicates.
    var accepted: (attempt: Attempt, key: Provider.Authenticator)?
    var acceptedUntil: Instant?
    /// Whether the confirmation has been acknowledged.
    var isConfirmationKnown = false
    /// Why messages failed that were dropped: what the attempt ends with when no better one comes.
    private(set) var failure: ErrorCode?

    /// Of a responder: the attempt whose message 1 is coming in.
    var attempt: Attempt?
    var hello: HelloKey?

    /// A message failed, and was dropped. That one did not verify says little, since anybody can send such.
    /// [SCP-DGRAM-13]
    mutating func note(_ code: ErrorCode) {
        if failure == nil || code != .authenticationFailed { failure = code }
    }

    /// Whether an INIT is of the attempt that is being put together.
    func belongs(_ other: Attempt) -> Bool { attempt.map { $0 == other } ?? true }

    /// Message 1 goes out.
    mutating func beginInit(_ message: [UInt8], _ handshake: InitiatorHandshake<Provider>) {
        flight = HandshakeFlight(
            message, type: .handshakeInit, attempt: handshake.attempt, hello: handshake.hello.hello,
            key: handshake.hello.initiatorToResponder)
    }

    /// Message 2 goes out.
    mutating func beginResponse(
        _ message: [UInt8], _ verified: ResponderHandshake<Provider>.Verified, at now: Instant
    ) {
        flight = HandshakeFlight(
            message, type: .handshakeResponse, attempt: verified.attempt, hello: verified.hello.hello,
            key: verified.hello.responderToInitiator)
        flight?.held = verified.piece.have
        lastAnswer = now
        sentOnce = now
    }

    /// A flight goes out for the first time.
    /// [SCP-DGRAM-11]
    mutating func begin(_ flight: HandshakeFlight<Provider.Authenticator>, after roundTrip: RoundTrip?) {
        self.flight = flight
        repeatAt = nil
        interval = Self.firstInterval
        shortenInterval(roundTrip)
        sentOnce = nil
        lastAnswer = nil
        isFirstFlight = true
    }

    /// With a round trip known, three of them are waited for, and not less than 200 ms.
    mutating func shortenInterval(_ roundTrip: RoundTrip?) {
        guard let roundTrip, roundTrip.isMeasured else { return }
        interval = min(max(roundTrip.smoothed * 3, Self.shortestInterval), Self.longestInterval)
    }

    /// The last piece that was due has left. The first time an answer to it tells the round trip.
    ///
    /// - Parameter jitter: 0 to 255, for a wait of 90 to 110 %.
    mutating func didSendFlight(jitter: UInt8, isFirst: Bool, at now: Instant) {
        if isFirst { sentOnce = now }
        let wait = interval / 10 * 9 + interval * Int(jitter) / (5 * 255)
        repeatAt = now.advanced(by: wait)
    }

    /// Nothing has come: what is missing goes out again, and the next wait is twice as long.
    mutating func expire(at now: Instant) {
        repeatAt = nil
        sentOnce = nil
        isFirstFlight = false
        interval = min(interval * 2, Self.longestInterval)
        flight?.repeatMissing()
    }

    mutating func repeatFlight(at now: Instant) {
        sentOnce = nil
        isFirstFlight = false
        lastAnswer = now
        flight?.repeatMissing()
    }

    /// The cookie goes into the whole flight, at once.
    mutating func takeRetry(_ cookie: [UInt8]) {
        self.cookie = cookie
        retries += 1
        hint = nil
        sentOnce = nil
        repeatAt = nil
        interval = Self.firstInterval
        flight?.held = 0
        flight?.repeatMissing()
    }

    /// Whether something may be said again now; it is then taken as said.
    mutating func mayAnswer(_ pause: Duration, at now: Instant) -> Bool {
        if let lastAnswer, now.since(lastAnswer) < pause { return false }
        lastAnswer = now
        return true
    }

    /// A message is incomplete: the sender hears what has come, a quarter of its timer after the first piece.
    /// [SCP-DGRAM-9]
    mutating func scheduleProgress(at now: Instant) {
        guard progressAt == nil else { return }
        var due = now.advanced(by: interval / 4)
        if let lastProgress { due = max(due, lastProgress.advanced(by: Self.progressInterval)) }
        progressAt = due
    }

    /// The handshake is over for an initiator: the responder has spoken under the session's keys.
    mutating func end() {
        flight = nil
        assembly.discard()
        repeatAt = nil
        progressAt = nil
        hint = nil
    }
}

/// Datagrams that wait for keys: up to four, and 6 KB.
/// [SCP-DGRAM-14]
struct ParkedDatagrams {
    static let maximumCount = 4
    static let maximumBytes = 6_144

    private(set) var datagrams: [[UInt8]] = []
    private(set) var byteCount = 0

    /// Keeps the frames from `offset` on; false when there is no room.
    mutating func park(_ datagram: Span<UInt8>, from offset: Int) -> Bool {
        let size = datagram.count - offset
        guard datagrams.count < ParkedDatagrams.maximumCount, byteCount + size <= ParkedDatagrams.maximumBytes
        else { return false }
        datagrams.append([UInt8](datagram, offset..<datagram.count))
        byteCount += size
        return true
    }

    mutating func takeAll() -> [[UInt8]] {
        let taken = datagrams
        self = ParkedDatagrams()
        return taken
    }
}
