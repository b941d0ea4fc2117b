/// What went wrong inside a provider. Never says which byte was wrong.
public enum CryptoError: Error, Equatable, Sendable {
    /// A tag or a MAC did not verify. The range that was being opened has been zeroed.
    case authenticationFailed
    /// A public key of low order, or a shared secret of 32 zero bytes.
    case invalidPublicKey
    /// A key, nonce, tag or output of a length that the primitive does not have.
    case invalidLength
    /// The random source gave nothing.
    case randomFailed
    /// The backend refused for a reason of its own, such as exhausted secure memory; its number for the log.
    case backend(UInt32)
}

/// A 32-byte SHA-256 or HMAC-SHA-256 value that is not secret.
public typealias Digest = [32 of UInt8]

/// A 12-byte AES-GCM nonce.
public typealias Nonce = [12 of UInt8]

/// X25519 (RFC 7748), from any backend.
///
/// Laws, held by one suite against every provider:
/// - `sharedSecret` refuses the 14 low-order encodings (``PublicKey/isLowOrder``) before it multiplies and an all-zero
///   result after; it accepts non-canonical encodings as RFC 7748 says.
/// - Keys wipe themselves. A key may be used from any thread.
public protocol KeyAgreement: Sendable {
    associatedtype PrivateKey: Sendable

    /// A private key from 32 bytes (clamped by the multiplication, as RFC 7748 says).
    func privateKey(_ scalar: Secret) throws(CryptoError) -> PrivateKey
    func publicKey(of key: PrivateKey) throws(CryptoError) -> PublicKey
    /// 32 bytes, never all zero.
    func sharedSecret(_ key: PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret

    associatedtype Encapsulation: KeyEncapsulation = NoKeyEncapsulation
    /// ML-KEM-768 where the backend has it: what the hybrid suites need.
    var encapsulation: Encapsulation? { get }
}

extension KeyAgreement where Encapsulation == NoKeyEncapsulation {
    public var encapsulation: NoKeyEncapsulation? { nil }
}

/// AES-256-GCM, HMAC-SHA-256, SHA-256, HKDF-SHA-256 and random bytes, from any backend.
///
/// Laws: in place over a span and a range; on failure the opened range is all zero; only full-length tags (16, 32)
/// exist in the interface; comparisons in constant time; handles wipe their keys when released; a handle is used by one
/// thread at a time, and does the same after a rest; randomness has no other source than ``fillRandom(_:)``.
public protocol RecordProtection: Sendable {
    associatedtype Cipher: RecordCipher
    associatedtype Authenticator: RecordAuthenticator

    /// AES-256-GCM under a 32-byte key.
    func cipher(_ key: Secret) throws(CryptoError) -> Cipher
    /// HMAC-SHA-256 under a key of any length.
    func authenticator(_ key: Secret) throws(CryptoError) -> Authenticator

    /// SHA-256 of `first` followed by `second`.
    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest

    /// HKDF-Extract (RFC 5869 2.2) into `output`, which has 32 bytes.
    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError)
    /// HKDF-Expand (RFC 5869 2.3); `pseudorandomKey` has at least 32 bytes, `output` has 1...8160.
    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError)

    /// Fills the span with bytes fit for keys.
    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError)
}

/// One AES-256-GCM key. Nonce discipline is the engine's: a cipher does what it is told.
public protocol RecordCipher: AnyObject {
    /// Encrypts `buffer[range]` in place and writes the 16-byte tag to the 16 bytes that follow the range.
    func seal(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError)
    /// Decrypts `buffer[range]` in place; the 16-byte tag stands in the 16 bytes that follow the range.
    /// On failure the range is zeroed.
    func open(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError)
    /// Not used for a while: memory that can be had again, at the price of some microseconds, may go.
    func rest()
}

extension RecordCipher {
    public func rest() {}
}

/// One HMAC-SHA-256 key.
public protocol RecordAuthenticator: AnyObject {
    func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest
    /// Whether `tag` is the 32-byte HMAC of `bytes`; in constant time; false for any other length.
    func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool
    /// As ``RecordCipher/rest()``.
    func rest()
}

extension RecordAuthenticator {
    public func rest() {}
}

/// What an engine needs. ``CombinedProvider`` joins key agreement and record protection of different backends.
public protocol CryptoProvider: KeyAgreement, RecordProtection {}

/// Key agreement from one backend and record protection from another.
public struct CombinedProvider<Agreement: KeyAgreement, Protection: RecordProtection>: CryptoProvider {
    public let agreement: Agreement
    public let protection: Protection

    public init(agreement: Agreement, protection: Protection) {
        self.agreement = agreement
        self.protection = protection
    }

    public func privateKey(_ scalar: Secret) throws(CryptoError) -> Agreement.PrivateKey {
        try agreement.privateKey(scalar)
    }
    public func publicKey(of key: Agreement.PrivateKey) throws(CryptoError) -> PublicKey {
        try agreement.publicKey(of: key)
    }
    public func sharedSecret(_ key: Agreement.PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        try agreement.sharedSecret(key, with: peer)
    }
    public var encapsulation: Agreement.Encapsulation? { agreement.encapsulation }
    public func cipher(_ key: Secret) throws(CryptoError) -> Protection.Cipher { try protection.cipher(key) }
    public func authenticator(_ key: Secret) throws(CryptoError) -> Protection.Authenticator {
        try protection.authenticator(key)
    }
    public func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try protection.hash(first, second)
    }
    public func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try protection.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
    }
    public func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try protection.expand(pseudorandomKey, info: info, into: output)
    }
    public func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        try protection.fillRandom(&bytes)
    }
}

extension CryptoProvider {
    /// `count` random bytes as a secret.
    public func randomSecret(count: Int) throws(CryptoError) -> Secret {
        let secret = Secret(count: count)
        try secret.withMutableBytes { bytes throws(CryptoError) in try fillRandom(&bytes) }
        return secret
    }
}
