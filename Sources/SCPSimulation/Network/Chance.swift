/// How often something happens: an integer ratio, so that every machine decides alike.
public struct Chance: Hashable, Sendable {
    public let numerator: UInt32
    public let denominator: UInt32

    /// `numerator` times in `denominator`; never, when the denominator is 0.
    public init(_ numerator: UInt32, in denominator: UInt32) {
        self.numerator = numerator
        self.denominator = denominator
    }

    public static let never = Chance(0, in: 1)
    public static let always = Chance(1, in: 1)

    /// Draws one number, whatever the chance, so that the draws of one fault do not depend on another's.
    func happens(_ generator: SeededGenerator) -> Bool {
        let drawn = generator.next()
        guard denominator > 0 else { return false }
        return drawn % UInt64(denominator) < UInt64(numerator)
    }
}

/// Losses that come together (Gilbert 1960, Elliott 1963): a good state that loses nothing and a bad one that loses
/// with its own chance.
public struct BurstLoss: Hashable, Sendable {
    /// From good to bad, at each datagram.
    public var begins: Chance
    /// From bad to good, at each datagram.
    public var ends: Chance
    /// Loss in the bad state.
    public var loss: Chance

    public init(begins: Chance, ends: Chance, loss: Chance) {
        self.begins = begins
        self.ends = ends
        self.loss = loss
    }
}
