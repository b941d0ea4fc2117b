import SCPGcrypt
import SCPMisbehaviours

@testable import SCP

/// One engine against a ``HostilePeer``, in the state that a test begins with.
struct Duel: ~Copyable {
    let role: Role
    var engine: Connection<GcryptProvider>
    var peer: HostilePeer
    var now: Instant
    /// Everything the engine reported.
    private(set) var events: [Event] = []
    /// Everything the engine wrote.
    private(set) var written: [UInt8] = []
    /// How many of those bytes `takeFrames` has given out.
    private var taken = 0
    /// Whether the engine has said that it will write no more.
    private(set) var hasEnded = false
    var outputSize = 70_000
    var unwritten = 0

    /// An engine at the start of its handshake.
    init(
        _ role: Role, _ fixture: Fixture, at now: Instant = .zero,
        peer change: (inout HostilePeer) throws -> Void = { _ in }
    ) throws {
        var peer = HostilePeer(role.peer, fixture)
        try change(&peer)
        let engine = try Connection(role, role == .initiator ? fixture.initiator : fixture.responder, at: now)
        self.role = role
        self.now = now
        self.peer = peer
        self.engine = engine
    }

    /// An engine that a genuine handshake, and what follows it, has brought to a state.
    static func at(
        _ state: ConnectionState, _ role: Role, _ fixture: Fixture,
        peer change: (inout HostilePeer) throws -> Void = { _ in }
    ) throws -> Duel {
        var fixture = fixture
        if state == .deciding { fixture.initiator.identityPolicy = .ask }
        if state == .held { fixture.responder.identityPolicy = .ask }
        var duel = try Duel(role, fixture, peer: change)
        try duel.reach(state)
        return duel
    }

    private mutating func reach(_ state: ConnectionState) throws {
        poll()
        if state == .waiting || state == .awaitingInit {
            _ = takeFrames()
            return
        }
        if role == .initiator {
            try reachAsInitiator(state)
        } else {
            try reachAsResponder(state)
        }
        switch state {
        case .closing, .closed:
            engine.close(at: now)
            poll()
            guard state == .closed else { break }
            guard let counter = takeFrames().last(where: { $0.type == .close })?.counter else { throw DuelError.silent }
            try feed(peer.seal(.ack, Plain.acknowledgement(counter)))
            poll()
            engine.receiveEnd(.endOfStream, at: now)
        case .draining:
            try feed(peer.seal(.close, Plain.close(0)))
        default: break
        }
        poll()
        guard engine.state == state else { throw DuelError.unreachable(engine.state) }
        _ = takeFrames()
    }

    private mutating func reachAsInitiator(_ state: ConnectionState) throws {
        try peer.readInit(requireFrame())
        if state == .halfOpen { return }
        try feed(peer.responseFrame())
        poll()
        if state == .deciding { return }
        try peer.readAck(requireFrame())
        if state == .unconfirmed { return }
        try feed(peer.seal(.data, Plain.credit(peer.grant)))
        poll()
    }

    private mutating func reachAsResponder(_ state: ConnectionState) throws {
        try feed(peer.initFrame())
        poll()
        try peer.readResponse(requireFrame())
        if state == .halfOpen { return }
        try feed(peer.ackFrame())
        poll()
        if state == .held { return }
        // The peer acknowledges the confirmation.
        try feed(peer.seal(.ack, Plain.acknowledgement(0, credit: peer.grant)))
        poll()
    }

    private mutating func requireFrame() throws -> [UInt8] {
        guard let frame = takeFrames().last else { throw DuelError.silent }
        return frame.raw
    }

    // MARK: Moving

    /// Gives bytes to the engine; returns what it threw.
    @discardableResult
    mutating func feed(_ bytes: [UInt8]) -> ConnectionError? {
        var copy = bytes
        var span = copy.mutableSpan
        do throws(ConnectionError) {
            try engine.receive(&span, at: now)
            return nil
        } catch {
            return error
        }
    }

    /// Seals a frame of the peer and gives it to the engine.
    @discardableResult
    mutating func feed(_ type: FrameType, _ plaintext: [UInt8]) throws -> ConnectionError? {
        feed(try peer.seal(type, plaintext))
    }

    /// Polls everything, first what is to be written, then what happened.
    mutating func poll() {
        while true {
            var transmit = Transmit.nothing
            let produced = [UInt8](capacity: outputSize) { output in
                transmit = engine.pollTransmit(into: &output, unwritten: unwritten, at: now)
            }
            written += produced
            switch transmit {
            case .wrote: continue
            case .outputFull(let needed): outputSize = max(outputSize, needed)
            case .endOfStream: hasEnded = true
            case .nothing:
                while let event = engine.pollEvent() { events.append(event) }
                return
            }
        }
    }

    /// Moves the clock, doing what is due at every deadline on the way.
    mutating func advance(by duration: Duration) {
        let end = now.advanced(by: duration)
        while let deadline = engine.deadline, deadline.instant <= end {
            now = max(now, deadline.instant)
            engine.advance(to: now)
            poll()
        }
        now = end
        engine.advance(to: now)
        poll()
    }

    /// Moves the clock to the next deadline only.
    mutating func advanceToDeadline() {
        guard let deadline = engine.deadline else { return }
        now = max(now, deadline.instant)
        engine.advance(to: now)
        poll()
    }

    // MARK: Seeing

    /// Bytes written and not yet taken.
    var unreadBytes: [UInt8] { Array(written[taken...]) }

    /// The frames that were written since this was last asked, opened where the peer has keys.
    mutating func takeFrames() -> [SeenFrame] {
        let (frames, rest) = Frames.split(Array(written[taken...]))
        taken = written.count - rest.count
        return frames.compactMap { frame in
            guard let header = try? Frames.header(frame) else { return nil }
            let epoch = header.sequence.epoch
            let content = epoch == 0 ? Array(frame[14..<frame.count - 32]) : (try? peer.open(frame)) ?? []
            return SeenFrame(
                type: header.type, epoch: epoch, counter: header.sequence.counter, content: content, raw: frame)
        }
    }

    /// The last event, when it is the end.
    var closure: Closure? {
        guard case .closed(let closure) = events.last else { return nil }
        return closure
    }
}

enum DuelError: Error {
    case unreachable(ConnectionState)
    case silent
}
