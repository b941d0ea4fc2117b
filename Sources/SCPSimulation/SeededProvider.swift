public import SCP
import Synchronization

/// A provider whose randomness is a sequence that its seed determines, and whose everything else is the base's: with it
/// a whole session, keys included, is the same every time it runs. For simulation, test vectors and replay, never for
/// secrets.
public struct SeededProvider<Base: CryptoProvider, Encapsulation: KeyEncapsulation>: CryptoProvider {
    private let base: Base
    private let generator: SeededGenerator
    /// Not the base's, which draws from a generator of its own: no hybrid session would come out the same again.
    public let encapsulation: Encapsulation?

    /// - Parameter encapsulation: ML-KEM-768 that repeats itself, for sessions that are hybrid.
    public init(_ base: Base, seed: UInt64, encapsulation: Encapsulation?) {
        self.base = base
        self.encapsulation = encapsulation
        generator = SeededGenerator(seed: seed)
    }

    /// Without ML-KEM, whatever the base has.
    public init(_ base: Base, seed: UInt64) where Encapsulation == NoKeyEncapsulation {
        self.init(base, seed: seed, encapsulation: nil)
    }

    public func privateKey(_ scalar: Secret) throws(CryptoError) -> Base.PrivateKey { try base.privateKey(scalar) }
    public func publicKey(of key: Base.PrivateKey) throws(CryptoError) -> PublicKey { try base.publicKey(of: key) }
    public func sharedSecret(_ key: Base.PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        try base.sharedSecret(key, with: peer)
    }
    public func cipher(_ key: Secret) throws(CryptoError) -> Base.Cipher { try base.cipher(key) }
    public func authenticator(_ key: Secret) throws(CryptoError) -> Base.Authenticator { try base.authenticator(key) }
    public func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try base.hash(first, second)
    }
    public func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
    }
    public func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.expand(pseudorandomKey, info: info, into: output)
    }
    public func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: generator.next()) }
    }
}

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): small, fast, the same on every machine.
public final class SeededGenerator: Sendable {
    private let state: Mutex<UInt64>

    public init(seed: UInt64) { state = Mutex(seed) }

    /// The next 64 bits.
    public func next() -> UInt64 {
        state.withLock { state in
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }

    /// A number below `bound`, which is positive; near enough to even for choosing what to try.
    public func next(below bound: Int) -> Int {
        bound > 0 ? Int(truncatingIfNeeded: next() % UInt64(bound)) : 0
    }
}
