/// What a connection on datagrams has besides what one on a stream has. An object: streams do not carry room for it.
final class DatagramLink<Provider: CryptoProvider> {
    var handshake = DatagramHandshake<Provider>()
    var path: DatagramPath
    var recovery: Recovery
    var accepted = AcceptedCounters()
    /// The request or answer of a rotation that is out, to be repeated while it is alive. [SCP-ROT-23]
    var rotation: OwedRotation?
    /// The peer's, as long as pieces of it are missing. [SCP-ROT-23]
    var rotationPieces: RotationPieces?
    /// The request that was counted last: its other pieces, and repetitions, count no more. [SCP-ROT-18]
    var lastRequest: (target: UInt16, nonce: UInt64)?
    /// When the receive keys of the epoch before are erased. [SCP-ROT-24]
    var oldKeysUntil: Instant?
    /// When the pacer lets the next datagram go.
    var pacedUntil: Instant?
    /// ACK frames sent since something of ours was eliciting. [SCP-DGRAM-31]
    var acknowledgementsInARow = 0
    var close: CloseRepetition?
    /// The peer's CLOSE is to be acknowledged, once more.
    var owesFinalAcknowledgement = false
    /// Failed authentications, up to the integrity limit. [SCP-DGRAM-6]
    var forgeries: UInt64 = 0
    /// Probe timeouts in a row at which the path was said to be suspect.
    var isSuspect = false

    init(remote: Address, ownConnectionID: [UInt8]) {
        path = DatagramPath(remote: remote, ownConnectionID: ownConnectionID)
        recovery = Recovery(pathSize: PathSize(limit: PathSize.base))
    }

    /// Bytes held, for the memory ceiling.
    var memory: Int {
        recovery.log.memory + handshake.assembly.bytes.count + (handshake.flight?.message.count ?? 0)
            + handshake.parked.byteCount + (rotationPieces?.assembly.bytes.count ?? 0)
    }

    /// Something came that a CLOSE answers.
    /// [SCP-DGRAM-24] [SCP-DGRAM-26]
    func provokeClose(at now: Instant) {
        close?.provoke(after: recovery.roundTrip.probeTimeout / 2, at: now)
    }

    /// Message 3 is accepted: what is kept to know its duplicates, and what stands before frames for the initiator.
    /// [SCP-DGRAM-12]
    func didAcceptInitiator(_ handshake: ResponderHandshake<Provider>, connectionID: [UInt8]?) {
        self.handshake.accepted = (handshake.attempt, handshake.finished)
        self.handshake.flight = nil
        self.handshake.assembly.discard()
        self.handshake.progressAt = nil
        path.limit.validate()
        path.peerConnectionID = connectionID ?? []
    }
}

/// A CLOSE that is repeated until it is answered.
/// [SCP-DGRAM-28]
struct CloseRepetition {
    /// CLOSE frames counted at most; more than a close wait can bring.
    private static let maximumCounters = 64
    private static let longestInterval = Duration.milliseconds(400)

    let plaintext: [UInt8]
    /// Whether it is to be sent now.
    var isOwed = true
    private(set) var counters: [UInt64] = []
    private(set) var lastSent: Instant?
    private(set) var repeatAt: Instant?

    init(_ plaintext: [UInt8]) { self.plaintext = plaintext }

    /// - Parameter timeout: the probe timeout, which doubles with every repetition.
    mutating func didSend(_ counter: UInt64, timeout: Duration, at now: Instant) {
        isOwed = false
        lastSent = now
        let doublings = min(counters.count, 6)
        // Seldom enough for a path that is full, and often enough for the close wait to hold eight.
        repeatAt = now.advanced(by: min(timeout * (1 << doublings), max(timeout, CloseRepetition.longestInterval)))
        if counters.count < Self.maximumCounters { counters.append(counter) }
    }

    /// Says it again because something came, unless that was done a moment ago.
    mutating func provoke(after pause: Duration, at now: Instant) {
        if let lastSent, now.since(lastSent) < pause { return }
        isOwed = true
    }

    mutating func expire() {
        isOwed = true
        repeatAt = nil
    }

    /// Whether an ACK names one of them.
    func isAcknowledged(by acknowledgement: Acknowledgement) -> Bool {
        counters.contains { acknowledgement.names($0) }
    }
}

extension Acknowledgement {
    /// Whether a counter is in one of the ranges.
    func names(_ counter: UInt64) -> Bool {
        if counter <= largest, counter >= largest - min(first, largest) { return true }
        return ranges.contains { $0.contains(counter) }
    }
}
