import SCPGcrypt
import Testing

@testable import SCP

/// Two engines, two byte queues, a clock, and a generator that decides what happens next: which bytes are delivered and
/// how they are cut, what the applications call in whatever state they are, how much room the output has, when time
/// passes and how far it jumps. What must always hold is checked after every step.
struct RandomSession: ~Copyable {
    enum Fault: CaseIterable, Sendable {
        case none, endOfStream, reset, changedByte, removedBytes, repeatedBytes, injectedBytes, reflectedBytes
    }

    struct Sent: Hashable {
        let channel: Channel
        let id: UInt64
    }

    /// What one application knows.
    struct Side {
        var events: [Event] = []
        var sent: [Sent: [UInt8]] = [:]
        var cancelled: Set<Sent> = []
        var read: [Sent: [UInt8]] = [:]
        var order: [Channel: [UInt64]] = [:]
        var watermarks: [Channel: UInt64] = [:]
        /// Everything it wrote, as far as it was cut into frames.
        var unparsed: [UInt8] = []
        var kinds: [String] = []
        var nextCounter: UInt64 = 0
        var hasEnded = false

        var closure: Closure? {
            guard case .closed(let closure) = events.last else { return nil }
            return closure
        }
    }

    var first: Connection<GcryptProvider>
    var second: Connection<GcryptProvider>
    var sides: [Side] = [Side(), Side()]
    /// Bytes on their way to an end, and whether the stream to it has ended.
    var wires: [[UInt8]] = [[], []]
    var ends: [StreamEnd?] = [nil, nil]
    var hasToldEnd = [false, false]
    /// Whether the application has called close or abort.
    var isClosing = [false, false]
    var now: Instant
    var random: WireRandom
    let limits: Limits
    /// The bytes of every delivery, for comparing runs.
    var trace: [UInt8] = []

    init(seed: UInt64, _ fixture: Fixture) throws {
        var random = WireRandom(seed: seed)
        var fixture = fixture
        var limits = Limits()
        if seed % 3 == 0 {
            limits.messageLimit = 5_000
            limits.connectionCredit = 12_000
            limits.channelCredit = 6_000
            limits.sendBuffer = 20_000
            limits.frameLimit = 2_048
        }
        if Int.random(in: 0..<4, using: &random) == 0 { fixture.initiator.identityPolicy = .ask }
        if Int.random(in: 0..<4, using: &random) == 0 { fixture.responder.identityPolicy = .ask }
        for isInitiator in [true, false] {
            var configuration = isInitiator ? fixture.initiator : fixture.responder
            configuration.limits = limits
            configuration.timers.keepAlive = Bool.random(using: &random)
            configuration.acknowledgesEveryMessage = Bool.random(using: &random)
            configuration.rotation.frames = seed % 5 == 0 ? 12 : 1 << 23
            if isInitiator { fixture.initiator = configuration } else { fixture.responder = configuration }
        }
        let start = Instant(nanoseconds: UInt64.random(in: 0...1 << 60, using: &random))
        let first = try Connection(.initiator, fixture.initiator, at: start)
        let second = try Connection(.responder, fixture.responder, at: start)
        self.first = first
        self.second = second
        self.limits = limits
        self.random = random
        now = start
    }

    static func channels(_ number: Int) -> Channel {
        [
            Channel(0), Channel(1), Channel(0, .reliableUnordered), Channel(2, .unreliable),
            Channel(3, .unreliableSequenced),
        ][number]
    }

    /// Runs `body` on one of the engines.
    mutating func with<Result>(_ end: Int, _ body: (inout Connection<GcryptProvider>) -> Result) -> Result {
        end == 0 ? body(&first) : body(&second)
    }

    // MARK: Outputs

    /// Polls what an end wants to write, or only a part of it, and its events.
    mutating func poll(_ end: Int, all: Bool = true) {
        let (instant, size) = (now, [70_000, 70_000, 20_000, 600, 400, 66].randomElement(using: &random) ?? 70_000)
        let unwritten = all ? 0 : Int.random(in: 0..<4, using: &random) == 0 ? 200_000 : 0
        var room = size
        while true {
            var transmit = Transmit.nothing
            let produced = with(end) { engine in
                [UInt8](capacity: room) { output in
                    transmit = engine.pollTransmit(into: &output, unwritten: unwritten, at: instant)
                }
            }
            #expect(!sides[end].hasEnded || produced.isEmpty)
            wires[1 - end] += produced
            note(produced, from: end)
            switch transmit {
            case .outputFull(let needed):
                #expect(needed <= 65_582)
                #expect(produced.isEmpty, "bytes beside a request for room could be lost")
                #expect(needed > room)
                room = needed
            case .endOfStream:
                sides[end].hasEnded = true
                if ends[1 - end] == nil { ends[1 - end] = .endOfStream }
            case .nothing:
                takeEvents(end)
                return
            case .wrote:
                #expect(!produced.isEmpty)
                if !all { return }
            }
        }
    }

    private mutating func takeEvents(_ end: Int) {
        while let event = with(end, { $0.pollEvent() }) {
            #expect(sides[end].closure == nil, "an event after the last")
            sides[end].events.append(event)
            if case .delivered(let channel, let through) = event {
                #expect(through.rawValue >= sides[end].watermarks[channel] ?? 0)
                sides[end].watermarks[channel] = through.rawValue
            }
            // A message that was accepted before the peer's limits were known, and exceeds them.
            if case .refused(let channel, let id, .messageTooLarge) = event {
                sides[end].cancelled.insert(Sent(channel: channel, id: id.rawValue))
            }
            if case .identityPending = event, Bool.random(using: &random) {
                let (instant, accepts) = (now, Int.random(in: 0..<5, using: &random) > 0)
                with(end) { $0.resolveIdentity(accepts ? .accept : .reject, at: instant) }
            }
        }
    }

    /// S1: counters of epoch 1 and later have no gap. After CLOSE comes nothing but one ACK.
    private mutating func note(_ bytes: [UInt8], from end: Int) {
        sides[end].unparsed += bytes
        let (frames, rest) = Frames.split(sides[end].unparsed)
        sides[end].unparsed = rest
        for frame in frames {
            guard let header = try? Frames.header(frame) else { continue }
            if header.sequence.epoch > 0 {
                #expect(header.sequence.counter == sides[end].nextCounter)
                sides[end].nextCounter += 1
            }
            let hasClosed = sides[end].kinds.contains("close")
            #expect(!hasClosed || header.type == .ack && sides[end].kinds.last == "close")
            sides[end].kinds.append("\(header.type)")
        }
    }

    // MARK: What always holds

    mutating func check(_ end: Int) {
        let ceiling =
            limits.connectionCredit / 4 * 5 + 65_536 + 4_096 + limits.frameLimit + 46
            + limits.sendBuffer / 8 * 9 + 2_048
        let (memory, deadline, state, hasPeer) = with(end) { ($0.memory, $0.deadline, $0.state, $0.peer != nil) }
        #expect(memory <= ceiling)
        #expect(deadline == nil || state != .closed)
        #expect(hasPeer || sides[end].read.isEmpty)
        // [SCP-CLOSE-22] The outcome is known exactly when nothing more can happen.
        let isOver = state == .draining || state == .closed
        #expect((sides[end].closure != nil) == isOver)
    }

    /// T3: what was due has been done.
    mutating func checkDeadline(_ end: Int) {
        let (instant, deadline) = (now, with(end) { $0.deadline })
        #expect(deadline.map { $0.instant > instant } ?? true, "\(String(describing: deadline)) at \(instant)")
    }
}
