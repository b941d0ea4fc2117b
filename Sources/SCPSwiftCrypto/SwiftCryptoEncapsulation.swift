#if SwiftCrypto
import enum Crypto.MLKEM768
public import SCP

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// ML-KEM-768 of swift-crypto, whose own generator draws for encapsulation.
public struct SwiftCryptoEncapsulation: KeyEncapsulation {
    /// One key pair; swift-crypto keeps its seed and expanded form.
    public final class DecapsulationKey: Sendable {
        fileprivate let key: MLKEM768.PrivateKey

        fileprivate init(_ key: MLKEM768.PrivateKey) { self.key = key }
    }

    public func decapsulationKey(_ seed: Secret) throws(CryptoError) -> DecapsulationKey {
        guard seed.count == EncapsulationKey.seedSize else { throw .invalidLength }
        let made = unsafe seed.bytes.withUnsafeBytes {
            unsafe try? MLKEM768.PrivateKey(seedRepresentation: $0, publicKey: nil)
        }
        guard let made else { throw .backend(0) }
        return DecapsulationKey(made)
    }

    public func encapsulationKey(of key: DecapsulationKey) throws(CryptoError) -> EncapsulationKey {
        guard let key = EncapsulationKey(Array(key.key.publicKey.rawRepresentation).span) else { throw .backend(0) }
        return key
    }

    public func encapsulate(to key: EncapsulationKey) throws(CryptoError) -> EncapsulatedSecret {
        guard let key = try? MLKEM768.PublicKey(rawRepresentation: key.bytes) else { throw .invalidPublicKey }
        guard let made = try? key.encapsulate() else { throw .backend(0) }
        let secret = unsafe made.sharedSecret.withUnsafeBytes { unsafe SwiftCryptoEncapsulation.secret($0) }
        return EncapsulatedSecret(ciphertext: Array(made.encapsulated), secret: secret)
    }

    public func decapsulate(
        _ ciphertext: Span<UInt8>, with key: DecapsulationKey
    ) throws(CryptoError) -> Secret {
        guard ciphertext.count == EncapsulatedSecret.ciphertextSize else { throw .invalidLength }
        let shared = unsafe ciphertext.withUnsafeBytes { unsafe try? key.key.decapsulate(Data($0)) }
        guard let shared else { throw .backend(0) }
        return unsafe shared.withUnsafeBytes { unsafe SwiftCryptoEncapsulation.secret($0) }
    }

    private static func secret(_ bytes: UnsafeRawBufferPointer) -> Secret {
        let secret = Secret(count: 32)
        secret.withMutableBytes { secret in
            for index in 0..<min(secret.count, bytes.count) { unsafe secret[index] = bytes[index] }
        }
        return secret
    }
}

extension SwiftCryptoProvider {
    public var encapsulation: SwiftCryptoEncapsulation? { SwiftCryptoEncapsulation() }
}
#endif
