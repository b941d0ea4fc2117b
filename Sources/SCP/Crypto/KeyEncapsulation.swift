/// ML-KEM-768 (FIPS 203), from any backend.
///
/// Laws, held by one suite against every backend that has it: a seed gives the key pair that FIPS 203 says; a
/// ciphertext of the right size always gives a secret, which is the encapsulated one exactly when nobody touched the
/// ciphertext; keys may be used from any thread. `encapsulate` draws from the backend's own generator.
public protocol KeyEncapsulation: Sendable {
    associatedtype DecapsulationKey: Sendable

    /// The key pair of a seed of 64 random bytes: `d || z` of FIPS 203.
    func decapsulationKey(_ seed: Secret) throws(CryptoError) -> DecapsulationKey
    func encapsulationKey(of key: DecapsulationKey) throws(CryptoError) -> EncapsulationKey
    /// A fresh secret, and the ciphertext that lets the key's owner have it too.
    func encapsulate(to key: EncapsulationKey) throws(CryptoError) -> EncapsulatedSecret
    /// The 32 bytes that a ciphertext of 1,088 bytes holds; another size is `invalidLength`.
    func decapsulate(_ ciphertext: Span<UInt8>, with key: DecapsulationKey) throws(CryptoError) -> Secret
}

/// The public half of an ML-KEM-768 key pair, as FIPS 203 encodes it.
public struct EncapsulationKey: Hashable, Sendable {
    /// In bytes: three polynomials of 256 coefficients of 12 bits, and a seed.
    public static let size = 1_184
    /// Bytes of the seed that a key pair is made from.
    public static let seedSize = 64
    private static let modulus: UInt16 = 3_329

    public let bytes: [UInt8]

    /// Nil for another size than 1,184 bytes, and for a coefficient that is not below 3,329.
    /// [SCP-HS-2]
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count == EncapsulationKey.size else { return nil }
        for start in stride(from: 0, to: EncapsulationKey.size - 32, by: 3) {
            let first = UInt16(bytes[start]) | UInt16(bytes[start + 1] & 0x0f) << 8
            let second = UInt16(bytes[start + 1] >> 4) | UInt16(bytes[start + 2]) << 4
            guard first < EncapsulationKey.modulus, second < EncapsulationKey.modulus else { return nil }
        }
        self.bytes = bytes.indices.map { bytes[$0] }
    }
}

/// What `encapsulate` gives.
public struct EncapsulatedSecret: Sendable {
    /// Bytes of a ciphertext of ML-KEM-768.
    public static let ciphertextSize = 1_088

    public let ciphertext: [UInt8]
    /// 32 bytes.
    public let secret: Secret

    public init(ciphertext: [UInt8], secret: Secret) {
        self.ciphertext = ciphertext
        self.secret = secret
    }
}

/// Of a backend without ML-KEM: no value of this type exists.
public enum NoKeyEncapsulation: KeyEncapsulation {
    public func decapsulationKey(_ seed: Secret) throws(CryptoError) -> Never { switch self {} }
    public func encapsulationKey(of key: Never) throws(CryptoError) -> EncapsulationKey {}
    public func encapsulate(to key: EncapsulationKey) throws(CryptoError) -> EncapsulatedSecret { switch self {} }
    public func decapsulate(_ ciphertext: Span<UInt8>, with key: Never) throws(CryptoError) -> Secret {}
}
