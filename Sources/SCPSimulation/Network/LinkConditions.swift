/// What a link does to the datagrams of one direction. The default carries everything, at once.
public struct LinkConditions: Sendable {
    public var loss = Chance.never
    public var bursts: BurstLoss?
    public var duplication = Chance.never
    /// How much later than the first the second copy arrives.
    public var duplicateDelay = Duration.milliseconds(50)
    public var delay = Duration.zero
    /// Added to the delay, evenly from zero to this; enough of it reorders.
    public var jitter = Duration.zero
    /// Held back by ``reorderDelay``, so that later ones overtake it.
    public var reordering = Chance.never
    public var reorderDelay = Duration.milliseconds(20)
    /// One bit of it flips.
    public var bitFlips = Chance.never
    /// It loses a part of its end.
    public var truncation = Chance.never
    /// Up to 16 bytes are added to its end.
    public var lengthening = Chance.never
    /// It comes back to its sender too.
    public var reflection = Chance.never
    /// An earlier datagram of this direction comes once more, right behind it.
    public var replay = Chance.never
    /// Larger ones are lost without a word; nil for no limit. In bytes.
    public var maximumSize: Int?
    /// Bytes a second; nil for no limit.
    public var rate: UInt64?
    /// Bytes that may wait for the rate; what comes when it is full is lost.
    public var queue = 65_536
    /// Nothing passes.
    public var isDown = false

    public init() {}

    /// Some faults, each with some strength, and most of them not at all (swarm testing, Groce et al., ISSTA 2012):
    /// what one fault hides, another run shows.
    public static func swarm(_ generator: SeededGenerator) -> LinkConditions {
        var conditions = LinkConditions()
        func some(_ most: UInt32) -> Chance {
            generator.next(below: 2) == 0 ? .never : Chance(UInt32(generator.next(below: Int(most))) + 1, in: 100)
        }
        conditions.loss = some(30)
        if generator.next(below: 4) == 0 {
            conditions.bursts = BurstLoss(begins: Chance(1, in: 50), ends: Chance(1, in: 5), loss: Chance(9, in: 10))
        }
        conditions.duplication = some(20)
        conditions.delay = .milliseconds(Int64(generator.next(below: 150)))
        conditions.jitter = generator.next(below: 2) == 0 ? .zero : .milliseconds(Int64(generator.next(below: 40)))
        conditions.reordering = some(10)
        conditions.bitFlips = some(5)
        conditions.truncation = some(5)
        conditions.lengthening = some(5)
        conditions.reflection = some(5)
        conditions.replay = some(5)
        if generator.next(below: 4) == 0 { conditions.rate = UInt64(50_000 + generator.next(below: 2_000_000)) }
        return conditions
    }
}
