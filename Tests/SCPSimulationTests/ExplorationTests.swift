import SCP
import SCPSimulation
import Testing

/// Exhaustive exploration of two real engines. An engine cannot be copied, so a state is the list of choices that leads
/// to it, replayed from the start; states are told apart by a digest of everything that is visible of them.
struct Exploration {
    enum Choice: Hashable {
        /// One frame is delivered to this end.
        case deliver(Pipe<ForgeableProvider>.End)
        case rotate(Pipe<ForgeableProvider>.End)
        case close(Pipe<ForgeableProvider>.End)
        case send(Pipe<ForgeableProvider>.End)
        /// The acknowledgement delay passes.
        case timer
    }

    /// A fault that is put into what the explored ends do: each must be noticed, or the explorer sees nothing.
    enum Mutant: Hashable, CaseIterable {
        /// The responder's confirmation is not sent.
        case noConfirmation
        /// A request for new keys is not answered.
        case noRotationAnswer
        /// The acknowledgement of CLOSE is not sent.
        case noCloseAcknowledgement
    }

    var mutant: Mutant?
    /// Paths on which an engine refused what it was given.
    private(set) var refusals = 0

    /// What the application may do, each once, at any moment.
    let actions: [Choice]
    /// Whether exploration begins with a session that stands.
    let isEstablished: Bool
    private(set) var states = 0
    private(set) var quiescent = 0

    init(actions: [Choice], isEstablished: Bool) {
        self.actions = actions
        self.isEstablished = isEstablished
    }

    private func start() throws -> Pipe<ForgeableProvider> {
        let provider = ForgeableProvider(seed: 1)
        let first = try provider.privateKey(provider.randomSecret(count: 32))
        let second = try provider.privateKey(provider.randomSecret(count: 32))
        var pipe = try Pipe(
            initiator: Configuration(provider: provider, identity: first, identityPolicy: .anyone),
            responder: Configuration(provider: provider, identity: second, identityPolicy: .anyone))
        if isEstablished {
            pipe.settle()
            // Past the acknowledgement delay, so that nothing is owed.
            pipe.advance(by: .milliseconds(100))
        }
        pipe.collect(from: .initiator)
        pipe.collect(from: .responder)
        return pipe
    }

    /// What the mutant leaves out of the bytes that are on their way.
    private static func spoil(_ pipe: inout Pipe<ForgeableProvider>, _ mutant: Mutant) {
        for end in Pipe<ForgeableProvider>.End.allCases {
            let bytes = pipe.inFlight(from: end)
            var kept: [UInt8] = []
            var offset = 0
            while let header = try? FrameHeader.parse(bytes.span, at: offset, limit: 1 << 20) {
                let frame = bytes[offset..<offset + header.frameSize]
                let isSpoilt =
                    switch mutant {
                    case .noConfirmation: end == .responder && header.type == .data && header.sequence.counter == 0
                    case .noRotationAnswer: header.type == .handshakeResponse && header.sequence.epoch > 0
                    case .noCloseAcknowledgement: header.type == .ack && pipe.state(of: end) == .draining
                    }
                if !isSpoilt { kept += frame }
                offset += header.frameSize
            }
            pipe.replaceInFlight(from: end, with: kept)
        }
    }

    private static func apply(
        _ choice: Choice, to pipe: inout Pipe<ForgeableProvider>, _ mutant: Mutant?
    ) throws {
        defer { if let mutant { spoil(&pipe, mutant) } }
        switch choice {
        case .deliver(let end): try pipe.deliver(to: end, upTo: firstFrame(pipe.inFlight(from: end.other)))
        case .rotate(.initiator): pipe.initiator.rotateKeys(at: pipe.now)
        case .rotate(.responder): pipe.responder.rotateKeys(at: pipe.now)
        case .close(.initiator): pipe.initiator.close(at: pipe.now)
        case .close(.responder): pipe.responder.close(at: pipe.now)
        case .send(.initiator): _ = try? pipe.initiator.send([1, 2, 3].span, at: pipe.now)
        case .send(.responder): _ = try? pipe.responder.send([4, 5, 6].span, at: pipe.now)
        case .timer: pipe.advanceToDeadline()
        }
        pipe.collect(from: .initiator)
        pipe.collect(from: .responder)
    }

    /// Bytes of the first whole frame.
    private static func firstFrame(_ bytes: [UInt8]) -> Int {
        guard let header = try? FrameHeader.parse(bytes.span, limit: 1 << 20) else { return bytes.count }
        return header.frameSize
    }

    /// Type and sequence of every frame on its way.
    private static func frames(_ bytes: [UInt8]) -> [UInt64] {
        var result: [UInt64] = []
        var offset = 0
        while let header = try? FrameHeader.parse(bytes.span, at: offset, limit: 1 << 20) {
            result += [UInt64(header.type.rawValue), header.sequence.rawValue]
            offset += header.frameSize
        }
        return result
    }

    private struct Digest: Hashable {
        let states: [ConnectionState]
        let epochs: [UInt16]
        let frames: [[UInt64]]
        let events: [Int]
        let done: Set<Choice>
        let deadlines: [Deadline.Reason?]
    }

    private static func digest(_ pipe: borrowing Pipe<ForgeableProvider>, done: Set<Choice>) -> Digest {
        Digest(
            states: [pipe.initiator.state, pipe.responder.state],
            epochs: [pipe.initiator.statistics.epoch, pipe.responder.statistics.epoch],
            frames: [frames(pipe.inFlight(from: .initiator)), frames(pipe.inFlight(from: .responder))],
            events: [pipe.events[.initiator]?.count ?? 0, pipe.events[.responder]?.count ?? 0], done: done,
            deadlines: [pipe.initiator.deadline?.reason, pipe.responder.deadline?.reason])
    }

    /// Visits every state and calls `check` in each where nothing is on its way and every action has been taken.
    mutating func run(limit: Int, check: (borrowing Pipe<ForgeableProvider>) -> Void) throws {
        var seen: Set<Digest> = []
        var open: [[Choice]] = [[]]
        while let path = open.popLast() {
            var pipe = try start()
            do {
                for choice in path { try Self.apply(choice, to: &pipe, mutant) }
            } catch  where mutant != nil {
                refusals += 1
                continue
            }
            let done = Set(path.filter { actions.contains($0) })
            guard seen.insert(Self.digest(pipe, done: done)).inserted else { continue }
            states += 1
            try #require(states <= limit, "the state space is larger than expected")
            var next: [Choice] = actions.filter { !done.contains($0) }
            for end in Pipe<ForgeableProvider>.End.allCases where !pipe.inFlight(from: end.other).isEmpty {
                next.append(.deliver(end))
            }
            if pipe.isAcknowledgementWaiting { next.append(.timer) }
            if next.isEmpty {
                quiescent += 1
                pipe.advance(by: .seconds(5))
                check(pipe)
            }
            for choice in next { open.append(path + [choice]) }
        }
    }
}

extension Pipe where Provider == ForgeableProvider {
    /// Whether the next thing that time brings is an acknowledgement.
    fileprivate var isAcknowledgementWaiting: Bool {
        [initiator.deadline, responder.deadline].contains { $0?.reason == .acknowledge && $0?.instant == nextDeadline }
    }
}

extension Pipe where Provider == ForgeableProvider {
    fileprivate func state(of end: End) -> ConnectionState { end == .initiator ? initiator.state : responder.state }
}

@Suite struct ExplorationTests {
    /// Each fault makes an engine refuse, or ends somewhere else than in what the explorations above demand.
    @Test(arguments: Exploration.Mutant.allCases)
    func aFaultIsNoticed(_ mutant: Exploration.Mutant) throws {
        var exploration =
            switch mutant {
            case .noConfirmation:
                Exploration(actions: [.send(.initiator), .send(.responder)], isEstablished: false)
            case .noRotationAnswer: Exploration(actions: [.rotate(.initiator)], isEstablished: true)
            case .noCloseAcknowledgement: Exploration(actions: [.close(.initiator)], isEstablished: true)
            }
        exploration.mutant = mutant
        var wrongEnds = 0
        try exploration.run(limit: 200_000) { pipe in
            let isRight =
                switch mutant {
                case .noConfirmation: pipe.initiator.state == .established && pipe.responder.state == .established
                case .noRotationAnswer: pipe.initiator.statistics.epoch == 2 && pipe.responder.statistics.epoch == 2
                case .noCloseAcknowledgement: pipe.events[.initiator]?.last == .closed(.clean)
                }
            if !isRight { wrongEnds += 1 }
        }
        print("\(mutant): \(exploration.states) states, \(wrongEnds) wrong ends, \(exploration.refusals) refusals")
        #expect(wrongEnds + exploration.refusals > 0)
    }

    /// Handshake completion: every order of deliveries and of the first messages ends in one session.
    @Test func handshakeCompletion() throws {
        var exploration = Exploration(
            actions: [.send(.initiator), .send(.responder)], isEstablished: false)
        try exploration.run(limit: 20_000) { pipe in
            let states = [pipe.initiator.state, pipe.responder.state]
            #expect(states == [.established, .established])
            let received = [pipe.initiator.isReadable(), pipe.responder.isReadable()]
            #expect(received == [true, true])
        }
        print("handshake: \(exploration.states) states, \(exploration.quiescent) quiescent")
        #expect(exploration.quiescent > 0)
    }

    /// Rotation: whoever asks, whenever, both sides end in one epoch, and data passes in every state between.
    @Test func rotation() throws {
        var exploration = Exploration(
            actions: [.rotate(.initiator), .rotate(.responder), .send(.initiator)],
            isEstablished: true)
        try exploration.run(limit: 200_000) { pipe in
            let states = [pipe.initiator.state, pipe.responder.state]
            #expect(states == [.established, .established])
            let epochs = [pipe.initiator.statistics.epoch, pipe.responder.statistics.epoch]
            #expect(epochs[0] == epochs[1] && (2...3).contains(epochs[0]))
            let isReceived = pipe.responder.isReadable()
            #expect(isReceived)
        }
        print("rotation: \(exploration.states) states, \(exploration.quiescent) quiescent")
        #expect(exploration.quiescent > 0)
    }

    /// Close: from either side or both, in every order, beside data and a rotation, both ends agree that it is over.
    @Test func close() throws {
        var exploration = Exploration(
            actions: [.close(.initiator), .close(.responder), .send(.initiator), .rotate(.responder)],
            isEstablished: true)
        try exploration.run(limit: 200_000) { pipe in
            let states = [pipe.initiator.state, pipe.responder.state]
            #expect(states == [.closed, .closed])
            let isDelivered = pipe.responder.isReadable()
            for end in Pipe<ForgeableProvider>.End.allCases {
                guard case .closed(let closure) = pipe.events[end]?.last else {
                    Issue.record("the last event is not the close")
                    continue
                }
                // Clean implies delivered, and only the sender of a message that was lost hears anything else.
                #expect(closure.isOrderly || end == .initiator && closure == .unconfirmed)
                if end == .initiator, closure == .clean, pipe.initiator.statistics.messagesSent > 0 {
                    #expect(isDelivered)
                }
            }
        }
        print("close: \(exploration.states) states, \(exploration.quiescent) quiescent")
        #expect(exploration.quiescent > 0)
    }
}
