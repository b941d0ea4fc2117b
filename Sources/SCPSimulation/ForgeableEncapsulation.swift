public import SCP

/// A key encapsulation without any security, with the sizes of ML-KEM-768: who sees a ciphertext and the key that it is
/// for has the secret. With it sessions of ``ForgeableProvider`` are hybrid and still cost microseconds.
public struct ForgeableEncapsulation: KeyEncapsulation {
    private let generator: SeededGenerator

    init(_ generator: SeededGenerator) { self.generator = generator }

    /// A key that is its own public key.
    public struct DecapsulationKey: Sendable {
        fileprivate let encapsulationKey: EncapsulationKey
    }

    public func decapsulationKey(_ seed: Secret) throws(CryptoError) -> DecapsulationKey {
        guard seed.count == EncapsulationKey.seedSize else { throw .invalidLength }
        // Bytes below 8 make coefficients below 3,329 wherever they stand.
        let bytes = Self.stretched(Mixer.digest([7], seed.bytes), to: EncapsulationKey.size).map { $0 & 0x07 }
        guard let key = EncapsulationKey(bytes.span) else { throw .invalidLength }
        return DecapsulationKey(encapsulationKey: key)
    }

    public func encapsulationKey(of key: DecapsulationKey) throws(CryptoError) -> EncapsulationKey {
        key.encapsulationKey
    }

    public func encapsulate(to key: EncapsulationKey) throws(CryptoError) -> EncapsulatedSecret {
        let drawn = [32 of UInt8] { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let ciphertext = Self.stretched(drawn, to: EncapsulatedSecret.ciphertextSize)
        return EncapsulatedSecret(ciphertext: ciphertext, secret: Self.secret(ciphertext, key))
    }

    public func decapsulate(
        _ ciphertext: Span<UInt8>, with key: DecapsulationKey
    ) throws(CryptoError) -> Secret {
        guard ciphertext.count == EncapsulatedSecret.ciphertextSize else { throw .invalidLength }
        return Self.secret(ciphertext.indices.map { ciphertext[$0] }, key.encapsulationKey)
    }

    private static func secret(_ ciphertext: [UInt8], _ key: EncapsulationKey) -> Secret {
        Secret(copying: Mixer.digest([8], (ciphertext + key.bytes).span).span)
    }

    private static func stretched(_ bytes: Digest, to count: Int) -> [UInt8] { (0..<count).map { bytes[$0 % 32] } }
}
