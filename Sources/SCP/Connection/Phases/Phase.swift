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

    @inline(__always)
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

    /// The session's keys, in the states that have them.
    @inline(__always)
    var keys: SessionKeys<Provider>? {
        switch self {
        case .unconfirmed(let phase): phase.keys
        case .held(let phase): phase.keys
        case .established(let phase): phase.keys
        case .closing(let phase): phase.keys
        case .acknowledging(let phase): phase.keys
        default: nil
        }
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
    @inline(__always)
    var areKeysExhausted: Bool {
        switch self {
        case .unconfirmed(let phase): phase.keys.isExhausted
        case .held(let phase): phase.keys.isExhausted
        case .established(let phase): phase.keys.isExhausted
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
}
