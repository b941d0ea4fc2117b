import SCPGcrypt
import SCPMisbehaviours

@testable import SCP

/// A connection in one state of the table, and what it takes to make one event happen to it.
struct TableStage: ~Copyable {
    let event: TableEvent
    let state: TableState
    let role: Role
    var duel: Duel
    private let fixture: Fixture
    private(set) var frames: [SeenFrame] = []
    private(set) var thrown: ConnectionError?
    private var isRefused = false

    init(_ event: TableEvent, in state: TableState, _ role: Role) throws {
        var fixture = try Fixture()
        TableStage.prepare(&fixture.initiator, for: event)
        TableStage.prepare(&fixture.responder, for: event)
        let duel = try Duel.at(state.state, role, fixture) { peer in
            var offer: [UInt8] = []
            if event == .blocked || event == .flush {
                // No credit: connection credit 0 in the peer's message, and none granted after it.
                peer.grant = 0
                offer = itemBytes(0x03, [0])
            }
            if event == .decision || event == .keyAge { offer = itemBytes(0x06, [0]) }  // no idle time
            if role == .responder { peer.parameters += offer } else { peer.items += offer }
        }
        self.event = event
        self.state = state
        self.role = role
        self.fixture = fixture
        self.duel = duel
    }

    /// Lets the timer in question be the first that expires.
    private static func prepare(_ configuration: inout Configuration<GcryptProvider>, for event: TableEvent) {
        let long: Duration = .seconds(100_000)
        switch event {
        case .idle: (configuration.timers.handshake, configuration.timers.decision) = (long, long)
        case .keepAlive: configuration.timers.keepAlive = true
        case .decision: configuration.timers.idle = .zero
        case .keyAge:
            (configuration.timers.handshake, configuration.timers.decision) = (long, long)
            configuration.timers.idle = .zero
        default: break
        }
    }

    /// Makes the event happen and says what came of it.
    mutating func run() throws -> TableOutcome {
        var (eventsBefore, endedBefore) = (duel.events.count, duel.hasEnded)
        switch event {
        case .handshake, .decision, .idle, .keepAlive, .keyAge, .acknowledge, .blocked, .flush, .closeWait:
            guard try reachesTimer() else { throw DuelError.silent }
            (eventsBefore, endedBefore) = (duel.events.count, duel.hasEnded)
            duel.advanceToDeadline()
        case .endOfStream: duel.engine.receiveEnd(.endOfStream, at: duel.now)
        case .reset: duel.engine.receiveEnd(.failed, at: duel.now)
        case .send, .read, .close, .abort, .finish, .ping, .cancel, .refuse, .accept, .reject, .rotate: call()
        default: thrown = duel.feed(try bytes())
        }
        duel.poll()
        frames = duel.takeFrames()
        var outcome = TableOutcome(next: duel.engine.state)
        outcome.thrown = thrown?.code
        outcome.frames = frames.map(\.kind) + (duel.hasEnded && !endedBefore ? ["fin"] : [])
        outcome.events = duel.events[eventsBefore...].map(TableStage.name)
        outcome.isRefused = isRefused
        return outcome
    }

    static func name(_ event: Event) -> String {
        switch event {
        case .identityPending: "identityPending"
        case .agreementNeeded: "agreementNeeded"
        case .established: "established"
        case .readable: "readable"
        case .writable: "writable"
        case .delivered: "delivered"
        case .cancelled: "cancelled"
        case .refused: "refused"
        case .peerFinished: "peerFinished"
        case .rotated: "rotated"
        case .rotationStalled: "rotationStalled"
        case .pathChanged: "pathChanged"
        case .pathSuspect: "pathSuspect"
        case .closed(.clean): "closed(clean)"
        case .closed(.unconfirmed): "closed(unconfirmed)"
        case .closed(.byPeer): "closed(peer)"
        case .closed(.failed(let error)): "closed(\(error.code))"
        }
    }

    // MARK: The application

    private mutating func call() {
        let now = duel.now
        switch event {
        case .send: isRefused = (try? duel.engine.send("x", at: now)) == nil
        case .read: _ = duel.engine.readText(at: now)
        case .close: duel.engine.close(at: now)
        case .abort: duel.engine.abort(ErrorCode(rawValue: 0x1000), at: now)
        case .finish: duel.engine.finish(at: now)
        case .ping: duel.engine.ping(at: now)
        case .cancel: duel.engine.cancel(MessageID(rawValue: 0), at: now)
        case .refuse: duel.engine.refuse(MessageID(rawValue: 0), at: now)
        case .accept: duel.engine.resolveIdentity(.accept, at: now)
        case .reject: duel.engine.resolveIdentity(.reject, at: now)
        default: duel.engine.rotateKeys(at: now)
        }
    }

    // MARK: Frames

    /// The bytes of a frame of the peer, as genuine as the state allows.
    private mutating func bytes() throws -> [UInt8] {
        switch event {
        case .initOwn, .initOther, .response, .retry, .progress, .ack0, .close0, .data0: return try plainBytes()
        case .ping1: return try sealed(.data, Plain.ping)
        case .message1: return try sealed(.data, Plain.ping + Plain.piece(0, [1, 2, 3]))
        case .unreliable1:
            return try sealed(.data, Plain.ping + Plain.unreliable(Channel(0, .unreliable), 0, [1, 2, 3]))
        case .ack1:
            if state == .unconfirmed {
                // Something that can be acknowledged.
                _ = try duel.engine.send("x", at: duel.now)
                duel.poll()
                _ = duel.takeFrames()
            }
            return try sealed(.ack, Plain.acknowledgement(0))
        case .ackOfClose:
            return try sealed(.ack, Plain.acknowledgement(lastCounter))
        case .close1: return try sealed(.close, Plain.close(0))
        case .rotationInit:
            let configuration = role == .initiator ? fixture.responder : fixture.initiator
            let plaintext = try? duel.peer.rotationRequest(configuration)
            return try sealed(.handshakeInit, plaintext ?? [0])
        default:
            let plaintext = RotationMessage.encoded(
                target: 2, nonce: 7, mode: .ephemeral, noise: [UInt8](repeating: 9, count: 48))
            return try sealed(.handshakeResponse, plaintext)
        }
    }

    /// In CLOSING the counter of CLOSE; elsewhere one that was never sent.
    private var lastCounter: UInt64 {
        let frames = Frames.split(duel.written).frames
        guard let header = frames.last.flatMap({ try? Frames.header($0) }), header.sequence.epoch > 0 else { return 0 }
        return header.sequence.counter + (state == .closing ? 0 : 1)
    }

    /// Protected with the session's keys; where there are none yet, noise under a header of epoch 1.
    private mutating func sealed(_ type: FrameType, _ plaintext: [UInt8]) throws -> [UInt8] {
        if duel.peer.hasSession { return try duel.peer.seal(type, plaintext) }
        return HostilePeer.header(type.rawValue, epoch: 1, counter: 0, length: plaintext.count + 16)
            + [UInt8](repeating: 0x55, count: plaintext.count + 48)
    }

    private mutating func plainBytes() throws -> [UInt8] {
        var peer = HostilePeer(.initiator, fixture)
        switch (event, role) {
        case (.initOwn, .initiator): return Frames.split(duel.written).frames.first ?? []
        case (.initOwn, .responder):
            peer.attempt = duel.peer.attempt
            return try peer.initFrame()
        case (.initOther, _):
            peer.attempt = Attempt(rawValue: 99)
            return try peer.initFrame()
        case (.response, .initiator) where state == .waiting:
            try duel.peer.readInit(Frames.split(duel.written).frames.first ?? [])
            return try duel.peer.responseFrame()
        case (.response, _): return try forged(.handshakeResponse, kind: 0)
        case (.retry, _): return try forged(.handshakeResponse, kind: 1)
        case (.progress, .initiator): return try forged(.handshakeResponse, kind: 2)
        case (.progress, .responder): return try forged(.handshakeInit, kind: 2)
        case (.ack0, .responder) where state == .halfOpen: return try duel.peer.ackFrame()
        case (.ack0, _): return try forged(.ack, kind: 0)
        case (.close0, _): return try forgedClose()
        default: return try forged(.data, kind: 0)
        }
    }

    /// The peer with keys for epoch 0, also where nothing has been exchanged yet.
    private mutating func introduced() throws -> HostilePeer {
        var peer = duel.peer
        guard peer.helloKeys == nil else { return peer }
        if role == .initiator {
            try peer.readInit(Frames.split(duel.written).frames.first ?? [])
        } else {
            _ = try peer.initFrame()
        }
        return peer
    }

    private mutating func forged(_ type: FrameType, kind: UInt8) throws -> [UInt8] {
        let peer = try introduced()
        let hasCookie = type == .handshakeInit || kind == 1
        let payload = HostilePeer.payload(
            kind == 0 ? [1] : [], attempt: peer.attempt, kind: kind, hello: peer.hello, piece: kind == 2 ? 1 : 0,
            hasCookie: hasCookie)
        return try peer.plainFrame(type, payload, role == .initiator ? .responderHello : .initiatorHello)
    }

    private mutating func forgedClose() throws -> [UInt8] {
        try introduced().plainClose(ErrorCode.shuttingDown.rawValue)
    }

    // MARK: Timers

    private var reason: Deadline.Reason? {
        switch event {
        case .handshake: .handshake
        case .decision: .decision
        case .idle: .idle
        case .keepAlive: .keepAlive
        case .keyAge: .keyAge
        case .acknowledge: .acknowledge
        case .blocked: .blocked
        case .flush: .flush
        case .closeWait: .closeWait
        default: nil
        }
    }

    /// Whether the timer runs: goes from deadline to deadline, up to the one in question, as long as the state stays.
    mutating func reachesTimer() throws -> Bool {
        let now = duel.now
        if event == .acknowledge, state == .established || state == .held {
            // The first frame is acknowledged at once, so a second one is needed that is not.
            duel.feed(try duel.peer.seal(.data, Plain.ping))
            duel.poll()
            duel.feed(try duel.peer.seal(.data, [0x40, 0]))
        }
        if event == .blocked || event == .flush { _ = try? duel.engine.send("blocked", at: now) }
        if event == .flush, state == .unconfirmed || state == .established { duel.engine.close(at: now) }
        duel.poll()
        for _ in 0..<1_000 where duel.engine.state == state.state {
            guard let deadline = duel.engine.deadline else { return false }
            if deadline.reason == reason {
                _ = duel.takeFrames()
                return true
            }
            duel.advanceToDeadline()
        }
        return false
    }
}
