public import SCP
public import SCPSimulation

/// A provider with which hybrid sessions, too, are the same every time they run.
public typealias RepeatableProvider<Base: CryptoProvider> = SeededProvider<Base, RepeatableMLKEM>

extension SeededProvider where Encapsulation == RepeatableMLKEM {
    /// - Parameter isHybrid: whether there is ML-KEM-768, so that sessions are hybrid; slow without optimization.
    public init(_ base: Base, seed: UInt64, isHybrid: Bool) {
        self.init(base, seed: seed, encapsulation: isHybrid ? RepeatableMLKEM(seed: seed) : nil)
    }
}

extension RepeatableMLKEM {
    /// Draws what the seed determines, and a ``SeededProvider`` of this seed does not draw.
    public init(seed: UInt64) {
        let generator = SeededGenerator(seed: seed ^ 0x6d6c_6b65_6d)
        self.init { (0..<32).map { _ in UInt8(truncatingIfNeeded: generator.next()) } }
    }
}
