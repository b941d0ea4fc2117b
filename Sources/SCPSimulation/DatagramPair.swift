public import SCP

/// Two engines joined by a ``SimulatedNetwork``, under a clock that only the embedder moves and that stops at nothing
/// but arrivals and reported deadlines. The same seed gives the same run.
public struct DatagramPair<Provider: CryptoProvider>: ~Copyable {
    public var initiator: Connection<Provider> {
        _read { yield first.connection }
        _modify { yield &first.connection }
    }
    public var responder: Connection<Provider> {
        _read { yield second.connection }
        _modify { yield &second.connection }
    }
    // Apart: a compiler that follows every part of a noncopyable value takes minutes to follow two engines.
    private let first: ConnectionBox<Provider>
    private let second: ConnectionBox<Provider>
    public var network: SimulatedNetwork<Address>
    /// What happens to datagrams of the initiator, and to those of the responder.
    public var conditions: [LinkConditions] { didSet { apply() } }
    /// The virtual time.
    public private(set) var now: Instant
    /// Where the two sides are; changing one is a rebinding of its network address translation.
    public var addresses: [Address] { didSet { apply() } }
    /// What each side reported, in order: 0 the initiator, 1 the responder.
    public private(set) var events: [[Event]] = [[], []]
    /// Datagrams that each side sent.
    public private(set) var sent: [Int] = [0, 0]
    /// Bytes that each side sent.
    public private(set) var sentBytes: [Int] = [0, 0]
    /// Looks at what a side sends before the network does; false loses it. For faults that name a frame.
    public var passes: ((_ side: Int, _ bytes: [UInt8]) -> Bool)?
    /// Told of every datagram: when a side sends it, with nil, and when it has arrived at a side, with whether a frame
    /// in it was accepted.
    var observe: ((_ side: Int, _ bytes: [UInt8], _ wasAccepted: Bool?, _ now: Instant) -> Void)?
    var engines: [ConnectionBox<Provider>] { [first, second] }
    /// Calls of `advance` since the start: a measure of wasted wake-ups.
    public private(set) var wakeUps = 0
    /// The size of the buffer that datagrams are polled into.
    public var outputSize = 65_536

    public init(
        initiator: Configuration<Provider>, responder: Configuration<Provider>, seed: UInt64 = 1,
        connectionIDs: [[UInt8]] = [[], []], conditions: LinkConditions = LinkConditions(), at start: Instant = .zero
    ) throws(ConfigurationError) {
        let addresses = [Address(ipv4: 0x0a00_0001, port: 40_000), Address(ipv4: 0x0a00_0002, port: 4_000)]
        let first = try Connection(
            .initiator, initiator, to: addresses[1], connectionID: connectionIDs[0], at: start)
        let second = try Connection(
            .responder, responder, to: addresses[0], connectionID: connectionIDs[1], at: start)
        self.first = ConnectionBox(first)
        self.second = ConnectionBox(second)
        self.addresses = addresses
        network = SimulatedNetwork(seed: seed)
        self.conditions = [conditions, conditions]
        now = start
        apply()
    }

    private mutating func apply() {
        network.set(conditions[0], from: addresses[0], to: addresses[1])
        network.set(conditions[1], from: addresses[1], to: addresses[0])
    }

    private mutating func with<Result>(
        _ side: Int, _ body: (inout Connection<Provider>) -> Result
    ) -> Result {
        side == 0 ? body(&initiator) : body(&responder)
    }

    /// Polls everything that a side has to send now, and what it has to tell.
    public mutating func collect(_ side: Int) {
        while true {
            let (instant, size) = (now, outputSize)
            var transmit = DatagramTransmit.nothing
            let bytes = with(side) { engine in
                [UInt8](capacity: size) { output in transmit = engine.pollTransmit(datagram: &output, at: instant) }
            }
            guard case .datagram(let address) = transmit else {
                if case .outputFull(let needed) = transmit, needed > outputSize {
                    outputSize = needed
                    continue
                }
                break
            }
            sent[side] += 1
            sentBytes[side] += bytes.count
            observe?(side, bytes, nil, now)
            guard passes?(side, bytes) ?? true else { continue }
            network.send(bytes, from: addresses[side], to: address, at: now)
        }
        while let event = with(side, { $0.pollEvent() }) { events[side].append(event) }
    }

    /// Gives a datagram to a side as if it came from an address.
    @discardableResult
    public mutating func deliver(_ bytes: [UInt8], to side: Int, from address: Address? = nil) -> Bool {
        var copy = bytes
        let (instant, origin) = (now, address ?? addresses[1 - side])
        let wasAccepted = with(side) { engine in
            var span = copy.mutableSpan
            return engine.receive(datagram: &span, from: origin, at: instant)
        }
        observe?(side, bytes, wasAccepted, now)
        return wasAccepted
    }

    /// When something happens next by itself.
    public var nextInstant: Instant? {
        var next = network.nextArrival
        for deadline in [initiator.deadline, responder.deadline] {
            if let instant = deadline?.instant { next = min(next ?? instant, instant) }
        }
        return next
    }

    /// One step: everything that is due now. False when nothing is to be waited for until `end`.
    mutating func step(until end: Instant) -> Bool {
        collect(0)
        collect(1)
        guard let next = nextInstant, next <= end else { return false }
        now = max(now, next)
        while let datagram = network.receive(at: now) {
            guard let side = addresses.firstIndex(of: datagram.destination) else { continue }
            deliver(datagram.bytes, to: side, from: datagram.source)
            collect(side)
        }
        let instant = now
        for side in 0..<2 {
            let isDue = with(side) { ($0.deadline?.instant ?? Instant(nanoseconds: .max)) <= instant }
            guard isDue else { continue }
            wakeUps += 1
            with(side) { $0.advance(to: instant) }
            collect(side)
        }
        return true
    }

    /// Moves the clock by `duration`, through everything that happens on the way.
    ///
    /// - Parameter body: called after every step; true ends the run early.
    public mutating func run(
        for duration: Duration, until body: (borrowing DatagramPair) -> Bool = { _ in false }
    ) {
        let end = now.advanced(by: duration)
        while step(until: end) { if body(self) { return } }
        skip(to: end)
    }

    /// Moves the clock to a time before which nothing happens.
    mutating func skip(to end: Instant) {
        now = end
        for side in 0..<2 {
            with(side) { $0.advance(to: end) }
            collect(side)
        }
    }
}
