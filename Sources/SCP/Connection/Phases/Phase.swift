/// Where a connection stands. One state is one noncopyable struct that holds exactly the secrets of that state, and the
/// legal transitions are its `consuming` initialisers:
///
///     initiator   Waiting ──RESPONSE──> Deciding ──accepted──> Agreeing ──> Unconfirmed ──epoch 1─> Established
///     responder   AwaitingInit ──INIT──> Answering ──> HalfOpen ──ACK──> Held ──accepted──> Established
///     both        Unconfirmed, Held, Established ──CLOSE sent──> Closing ──its ACK, or CLOSE──> Draining ──> closed
///                 any ──fatal error, peer's CLOSE──> Draining ──end of stream, or close wait──> closed
///
/// Deciding and Held last no time when the identity policy knows the answer, Agreeing and Answering when our private
/// key is here.
/// [SCP-STATE-1] [SCP-KEY-13]
enum Phase<Provider: CryptoProvider>: ~Copyable {
    case waiting(Waiting<Provider>)
    case deciding(Deciding<Provider>)
    case agreeing(Agreeing<Provider>)
    case unconfirmed(Unconfirmed<Provider>)
    case awaitingInit(AwaitingInit)
    case answering(Answering<Provider>)
    case halfOpen(HalfOpen<Provider>)
    case held(Held<Provider>)
    case established(Established<Provider>)
    case closing(Closing<Provider>)
    case draining(Draining)
    case acknowledging(Acknowledging<Provider>)
    case closed

    var state: ConnectionState {
        switch self {
        case .waiting: .waiting
        case .deciding: .deciding
        case .agreeing: .agreeing
        case .answering: .agreeing
        case .unconfirmed: .unconfirmed
        case .awaitingInit: .awaitingInit
        case .halfOpen: .halfOpen
        case .held: .held
        case .established: .established
        case .closing: .closing
        case .draining: .draining
        case .acknowledging: .draining
        case .closed: .closed
        }
    }

    /// The phase itself, leaving `closed` behind; every caller puts a phase back.
    mutating func take() -> Phase {
        let phase = consume self
        self = .closed
        return phase
    }

    /// Runs `body` on the session's keys, in the phases that have them.
    mutating func withKeys<Result>(_ body: (inout SessionKeys<Provider>) -> Result) -> Result? {
        switch consume self {
        case .unconfirmed(var phase):
            let result = body(&phase.keys)
            self = .unconfirmed(phase)
            return result
        case .held(var phase):
            let result = body(&phase.keys)
            self = .held(phase)
            return result
        case .established(var phase):
            let result = body(&phase.keys)
            self = .established(phase)
            return result
        case .closing(var phase):
            let result = body(&phase.keys)
            self = .closing(phase)
            return result
        case .acknowledging(var phase):
            let result = body(&phase.keys)
            self = .acknowledging(phase)
            return result
        case let other:
            self = other
            return nil
        }
    }

    /// Opens a protected frame in place.
    mutating func open(
        _ frame: inout MutableSpan<UInt8>, at start: Int, header: FrameHeader
    ) throws(Violation) -> OpenedFrame {
        let result: Result<OpenedFrame, Violation>
        switch consume self {
        case .unconfirmed(var phase):
            result = phase.keys.open(&frame, at: start, header: header)
            self = .unconfirmed(phase)
        case .held(var phase):
            result = phase.keys.open(&frame, at: start, header: header)
            self = .held(phase)
        case .established(var phase):
            result = phase.keys.open(&frame, at: start, header: header)
            self = .established(phase)
        case .closing(var phase):
            result = phase.keys.open(&frame, at: start, header: header)
            self = .closing(phase)
        case let other:
            self = other
            throw Violation(.sequenceViolation)
        }
        return try result.get()
    }

    /// Seals the frame that begins at `start`; returns its counter.
    mutating func seal(
        _ frame: inout MutableSpan<UInt8>, at start: Int, plaintextCount: Int, type: FrameType
    ) throws(Violation) -> UInt64 {
        let result: Result<UInt64, Violation>
        switch consume self {
        case .unconfirmed(var phase):
            result = phase.keys.seal(&frame, at: start, plaintextCount: plaintextCount, type: type)
            self = .unconfirmed(phase)
        case .held(var phase):
            result = phase.keys.seal(&frame, at: start, plaintextCount: plaintextCount, type: type)
            self = .held(phase)
        case .established(var phase):
            result = phase.keys.seal(&frame, at: start, plaintextCount: plaintextCount, type: type)
            self = .established(phase)
        case .closing(var phase):
            result = phase.keys.seal(&frame, at: start, plaintextCount: plaintextCount, type: type)
            self = .closing(phase)
        case .acknowledging(var phase):
            result = phase.keys.seal(&frame, at: start, plaintextCount: plaintextCount, type: type)
            self = .acknowledging(phase)
        case let other:
            self = other
            throw Violation(.internalError)
        }
        return try result.get()
    }

    /// What a CLOSE of epoch 0 carries and is protected with in this state.
    /// [SCP-HS-12] [SCP-CLOSE-4]
    var closeIdentity: (attempt: Attempt, named: HandshakeClose.Key, key: Provider.Authenticator)? {
        switch self {
        case .waiting(let phase):
            let hello = phase.handshake.hello
            return (phase.handshake.attempt, .hello(hello.hello), hello.initiatorToResponder)
        case .deciding(let phase):
            guard let finished = phase.handshake.finished else { return nil }
            return (phase.handshake.attempt, .finished, finished)
        case .agreeing(let phase):
            guard let finished = phase.handshake.finished else { return nil }
            return (phase.handshake.attempt, .finished, finished)
        case .answering(let phase):
            let verified = phase.prepared.verified
            return (verified.attempt, .hello(verified.hello.hello), verified.hello.responderToInitiator)
        case .halfOpen(let phase):
            let hello = phase.handshake.hello
            return (phase.handshake.attempt, .hello(hello.hello), hello.responderToInitiator)
        default:
            return nil
        }
    }

    /// Whether an epoch has been used as much as it may be, in either direction. [SCP-KEY-14]
    var areKeysExhausted: Bool {
        func isExhausted(_ sent: KeyUsage, _ received: KeyUsage) -> Bool {
            sent.reaches(frames: Constant.hardFrameLimit, bytes: Constant.hardByteLimit)
                || received.reaches(frames: Constant.hardFrameLimit, bytes: Constant.hardByteLimit)
        }
        return switch self {
        case .unconfirmed(let phase): isExhausted(phase.keys.sent, phase.keys.received)
        case .held(let phase): isExhausted(phase.keys.sent, phase.keys.received)
        case .established(let phase): isExhausted(phase.keys.sent, phase.keys.received)
        default: false
        }
    }

    /// Notes that DATA of the peer was thrown away after our CLOSE.
    mutating func noteDiscarded() {
        switch consume self {
        case .closing(var closing):
            closing.hasDiscarded = true
            self = .closing(closing)
        case let other:
            self = other
        }
    }

    /// Our CLOSE, once it is out.
    var sentClose: (counter: UInt64, isComplete: Bool, hasDiscarded: Bool)? {
        switch self {
        case .closing(let closing): (closing.counter, closing.isComplete, closing.hasDiscarded)
        default: nil
        }
    }

    /// Throws when the frame is not the one that the stream must bring next.
    /// [SCP-STATE-7] [SCP-STATE-8] [SCP-STATE-9] [SCP-STATE-11] [SCP-STATE-12]
    func check(_ header: FrameHeader) throws(Violation) {
        switch self {
        case .unconfirmed(let phase): try phase.keys.check(header)
        case .held(let phase): try phase.keys.check(header)
        case .established(let phase): try phase.keys.check(header)
        case .closing(let phase): try phase.keys.check(header)
        default: throw Violation(.sequenceViolation, offset: 2)
        }
    }

    /// The epoch whose frames are received: 0 until session keys exist.
    var receiveEpoch: UInt16 {
        switch self {
        case .unconfirmed(let phase): phase.keys.receiveEpoch
        case .held(let phase): phase.keys.receiveEpoch
        case .established(let phase): phase.keys.receiveEpoch
        case .closing(let phase): phase.keys.receiveEpoch
        default: 0
        }
    }
}
