public import SCP

/// A simulated session as its seed draws it: how both ends are configured, what happens to it, and how it ends. Any
/// subset of the steps is a plan too, which is how a failing one is made short.
public struct SessionPlan: Sendable {
    public enum Transport: String, Hashable, Sendable, CaseIterable { case stream, datagrams }

    public enum Ending: Hashable, Sendable, CaseIterable {
        case closedByInitiator, closedByResponder, closedByBoth
        /// Nothing passes any more.
        case partition
        /// Nobody says anything any more.
        case silence
    }

    /// How one end is configured.
    public struct Side: Sendable {
        public var policy = Policy.pinned
        /// The private key is elsewhere, and every agreement is asked for.
        public var isKeyExternal = false
        /// On datagrams; empty for none.
        public var connectionID: [UInt8] = []
        public var limits = Limits()
        public var rotation = RotationSettings()
        public var keepAlive = false
        /// How long it takes to decide on the peer, and for the key's holder to compute; nil: until everything else is
        /// done.
        public var answersAfter: Duration? = .zero
        public var acknowledgesEveryMessage = false
    }

    public enum Policy: Hashable, Sendable { case pinned, anyone, ask, askAndReject }

    public let seed: UInt64
    public let transport: Transport
    /// Whether the session is hybrid, so that messages of the handshake and of rotation take several datagrams.
    public var isHybrid: Bool
    public var sides: [Side]
    public var steps: [SessionStep]
    public var ending: Ending

    /// - Parameter transport: nil lets the seed choose.
    public init(seed: UInt64, transport: Transport? = nil) {
        let dice = SeededGenerator(seed: seed)
        let drawn = Transport.allCases[dice.next(below: 3) == 0 ? 0 : 1]
        self.seed = seed
        self.transport = transport ?? drawn
        sides = (0..<2).map { _ in Side(dice) }
        ending = Ending.allCases[dice.next(below: Ending.allCases.count)]
        var menu = Menu(dice, self.transport)
        steps = (0..<5 + dice.next(below: 60)).map { _ in menu.next() }
        isHybrid = dice.next(below: 3) == 0
    }
}

extension SessionPlan.Side {
    fileprivate init(_ dice: SeededGenerator) {
        policy = dice.next(below: 30) == 0 ? .askAndReject : [.pinned, .anyone, .ask][dice.next(below: 3)]
        isKeyExternal = dice.next(below: 4) == 0
        if dice.next(below: 2) == 0 {
            connectionID = (0..<1 + dice.next(below: 20)).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
        }
        if dice.next(below: 3) == 0 {
            limits.messageLimit = 20_000
            limits.connectionCredit = 20_032 + dice.next(below: 60_000)
            limits.channelCredit = limits.connectionCredit
            limits.sendBuffer = 30_000 + dice.next(below: 100_000)
        }
        if dice.next(below: 3) == 0 { rotation.bytes = UInt64(20_000 + dice.next(below: 200_000)) }
        if dice.next(below: 3) == 0 { rotation.mode = .authenticated }
        keepAlive = dice.next(below: 4) == 0
        let time = Duration.milliseconds(dice.next(below: 3_000))
        answersAfter = [.zero, .zero, .zero, .zero, time, time, time, nil][dice.next(below: 8)]
        acknowledgesEveryMessage = dice.next(below: 4) == 0
    }
}

/// What may happen in a run: each kind with a weight of its own, many with none (swarm testing, Groce et al., 2012).
private struct Menu {
    private let dice: SeededGenerator
    private let transport: SessionPlan.Transport
    private let weights: [Int]
    private let channels: [Channel]
    private let largest: Int

    init(_ dice: SeededGenerator, _ transport: SessionPlan.Transport) {
        self.dice = dice
        self.transport = transport
        weights = (0..<Self.kinds).map { kind in
            let isAlways = kind < 2
            let drawn = dice.next(below: 4)
            return isAlways ? 6 + drawn : drawn > 1 ? drawn : 0
        }
        channels = (0..<1 + dice.next(below: 4)).map { number in
            Channel(number, DeliveryMode(rawValue: UInt8(dice.next(below: 4))) ?? .reliableOrdered)
        }
        largest = [100, 2_000, 20_000][dice.next(below: 3)]
    }

    private static let kinds = 12

    /// Every step draws the same numbers, whatever it is.
    mutating func next() -> SessionStep {
        let after: Duration =
            switch dice.next(below: 8) {
            case 0: .seconds(dice.next(below: 8))
            case 1, 2: .milliseconds(dice.next(below: 900))
            case 3, 4: .milliseconds(dice.next(below: 40))
            default: .zero
            }
        let side = dice.next(below: 2)
        var drawn = dice.next(below: max(1, weights.reduce(0, +)))
        var kind = 0
        while kind < weights.count - 1, drawn >= weights[kind] {
            drawn -= weights[kind]
            kind += 1
        }
        return SessionStep(after: after, side: side, action: action(kind))
    }

    private func action(_ kind: Int) -> SessionStep.Action {
        let channel = channels[dice.next(below: channels.count)]
        let size = channel.mode.isReliable ? dice.next(below: largest) : dice.next(below: 900)
        switch kind {
        case 0: return .send(channel, size: size, expiry: expiry())
        case 1: return .read(1 + dice.next(below: 5))
        case 2: return .cancel(channel)
        case 3: return .refuse(channel)
        case 4: return .rotate
        case 5: return .ping
        case 6: return .send(channel, size: size / 10, expiry: nil)
        case 7, 8: return disturbance()
        case 9:
            return .forge(
                bit: dice.next(below: 4) == 0 ? nil : dice.next(below: 12_000), isReflected: dice.next(below: 4) == 0)
        default: return rare(dice.next(below: 12))
        }
    }

    private func expiry() -> Duration? {
        dice.next(below: 8) == 0 ? .milliseconds(dice.next(below: 2_000)) : nil
    }

    private func disturbance() -> SessionStep.Action {
        guard transport == .datagrams else {
            let delay: Duration? = dice.next(below: 6) == 0 ? nil : .milliseconds(dice.next(below: 300))
            return .stream(segment: 1 << dice.next(below: 17), delay: delay)
        }
        return dice.next(below: 6) == 0
            ? .rebind(port: UInt16(50_000 + dice.next(below: 1_000))) : .link(.swarm(dice))
    }

    private func rare(_ drawn: Int) -> SessionStep.Action {
        switch drawn {
        case 0: .finish
        case 1: .close(afterPeerFinished: false)
        case 2: .close(afterPeerFinished: true)
        case 3: .abort
        case 4 where transport == .stream: .cut
        case 5, 6:
            transport == .datagrams ? .link(Self.nothing) : .stream(segment: 1, delay: .zero)
        default: .read(100)
        }
    }

    private static var nothing: LinkConditions {
        var conditions = LinkConditions()
        conditions.isDown = true
        return conditions
    }
}
