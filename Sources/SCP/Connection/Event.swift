/// Something that happened. Small, never payload; bounded in number by construction.
public enum Event: Equatable, Sendable {
    /// The peer proved this key and waits for `resolveIdentity`, after a look at ``Connection/pendingCredential`` where
    /// the configuration lets it show one.
    case identityPending(PublicKey)
    /// The holder of our private key is asked: `resolveAgreement` takes the answer. One at a time; a session that
    /// rotates goes on meanwhile.
    case agreementNeeded(AgreementRequest)
    /// The peer is accepted and both sides know it: messages flow.
    case established(Peer)
    /// Messages of this channel may be read. Said once until it is polled, and again when more come.
    case readable(Channel)
    /// The send buffer has room again after ``SendError/full``.
    case writable
    /// The peer's engine holds every message of this channel up to `through`.
    case delivered(Channel, through: MessageID)
    /// The peer gave up a message it had begun.
    case cancelled(Channel, MessageID, ErrorCode)
    /// The peer asks for a message of ours not to be sent, or its limits, which were not known when we accepted the
    /// message, forbid it (MESSAGE_TOO_LARGE, LIMIT_EXCEEDED).
    case refused(Channel, MessageID, ErrorCode)
    /// The peer sends no further message (half close).
    case peerFinished
    /// Frames of ours are protected by the keys of this epoch from now on.
    case rotated(epoch: UInt16)
    /// A rotation that we asked for has not been answered; the session goes on under the old keys.
    case rotationStalled
    /// On datagrams: the peer has moved to this address, and has proved it.
    case pathChanged(Address)
    /// On datagrams: three probes in a row went unanswered. The session goes on; one may dial again meanwhile.
    case pathSuspect
    /// The connection is over. The last event, exactly once.
    case closed(Closure)
}

/// The accepted peer.
public struct Peer: Equatable, Sendable {
    public let publicKey: PublicKey
    /// The application protocol agreed on.
    public let applicationProtocol: ApplicationProtocol?
    /// Whether the key was accepted because none was known before.
    public let isFirstUse: Bool
}

/// How a connection ended.
public enum Closure: Equatable, Sendable {
    /// We closed, and the peer confirmed: every accepted message was delivered or cancelled.
    case clean
    /// The peer closed. With ``ErrorCode/noError`` that is its normal end.
    case byPeer(ErrorCode, reason: [UInt8])
    /// We closed, and the peer did not confirm: what it got is unknown.
    case unconfirmed
    /// Something failed.
    case failed(ConnectionError)

    /// Whether the end was an orderly one.
    public var isOrderly: Bool {
        switch self {
        case .clean: true
        case .byPeer(let code, _): code == .noError
        case .unconfirmed, .failed: false
        }
    }
}

/// Why a connection failed: whose fault, which code, and where in the stream.
public struct ConnectionError: Error, Equatable, Sendable {
    // [SCP-ERR-5]
    public enum Origin: Equatable, Sendable {
        /// We found it and told the peer, where the protocol lets us.
        case local
        /// The peer said so; in epoch 0 nobody proved that it was the peer.
        case peer(isAuthenticated: Bool)
        /// The transport ended or failed.
        case transport
    }

    public let code: ErrorCode
    public let origin: Origin
    /// Bytes received before the offending one.
    public let position: UInt64
    /// What exactly was wrong with the bytes.
    public let kind: WireError.Kind?
    /// Versions after UNSUPPORTED_VERSION, suites after UNSUPPORTED_SUITE, as the peer listed them.
    public let alternatives: [UInt8]

    init(
        _ code: ErrorCode, origin: Origin, position: UInt64 = 0, kind: WireError.Kind? = nil,
        alternatives: [UInt8] = []
    ) {
        self.code = code
        self.origin = origin
        self.position = position
        self.kind = kind
        self.alternatives = alternatives
    }
}

/// How the transport ended.
public enum StreamEnd: Sendable {
    /// The peer shut its write side: end of file.
    case endOfStream
    /// Reset, or any other error.
    case failed
}

/// What `pollTransmit` did.
public enum Transmit: Equatable, Sendable {
    /// Nothing to write now.
    case nothing
    /// Frames were appended; call again.
    case wrote
    /// Give an output with at least this many free bytes; nothing was appended.
    case outputFull(needed: Int)
    /// Nothing will be written any more: shut the write side down after what was written. Said once.
    case endOfStream
}

/// When `advance(to:)` must be called, and what for.
public struct Deadline: Equatable, Sendable {
    public enum Reason: Equatable, Sendable {
        case handshake, decision, acknowledge, idle, keepAlive, blocked, keyAge, rotation, rotationStalled, flush
        case closeWait, quiet
        /// On datagrams.
        case repetition, loss, pacing, oldKeys, path, messageExpired
    }

    public let instant: Instant
    public let reason: Reason
}

/// Where a connection stands, by the names of chapter 8 of the specification.
public enum ConnectionState: Equatable, Sendable {
    /// Initiator: INIT is out.
    case waiting
    /// Initiator: the responder is authentic, its identity is being decided.
    case deciding
    /// Our private key is elsewhere, and its agreement is awaited: for message 2 or 3.
    case agreeing
    /// Initiator: message 3 is out, the responder has not spoken in epoch 1.
    case unconfirmed
    /// Responder: no INIT yet.
    case awaitingInit
    /// Responder: RESPONSE is out.
    case halfOpen
    /// Responder: the initiator is authentic, its identity is being decided.
    case held
    case established
    case closing
    case draining
    case closed
}

/// Counts since the start.
public struct Statistics: Equatable, Sendable {
    public var framesSent: UInt64 = 0
    public var framesReceived: UInt64 = 0
    public var bytesSent: UInt64 = 0
    public var bytesReceived: UInt64 = 0
    public var messagesSent: UInt64 = 0
    public var messagesReceived: UInt64 = 0
    /// Blocked probes sent.
    public var blockedProbes: UInt64 = 0
    /// The epoch we send under.
    public var epoch: UInt16 = 0
    /// Rotations completed.
    public var rotations: UInt64 = 0
    /// On datagrams: eliciting frames of ours that were lost.
    public var framesLost: UInt64 = 0
    /// From the start to the established session.
    public var handshakeTime: Duration?
    /// What was thrown away without ending the connection.
    public var drops = DropCounts()
    /// Unreliable messages among it.
    public var messagesDropped: UInt64 {
        drops[.repeatedMessage] &+ drops[.lateMessage] &+ drops[.oversizedMessage] &+ drops[.unreadMessage]
    }

    public init() {}
}
