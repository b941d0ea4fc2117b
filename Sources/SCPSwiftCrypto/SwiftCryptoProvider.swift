#if SwiftCrypto
public import SCP

/// Cryptography from swift-crypto 4, which is BoringSSL (on Apple's systems CryptoKit).
///
/// It has no state of its own: any number of threads may use one. Its X25519 is constant-time and faster than
/// libgcrypt's; its record protection is slower, since swift-crypto's public interface has neither a span to encrypt
/// in place nor a key schedule that outlives a call, so that every frame is copied and allocates. ``CombinedProvider``
/// joins its ``KeyAgreement`` with another backend's ``RecordProtection``.
///
/// What is wiped: keys of ciphers and MACs, hash states, opened copies of plaintext; private keys and shared secrets
/// where swift-crypto keeps them. What is not, because swift-crypto gives no way to: the AES key schedule that each
/// call makes (it stays in freed memory until that is used again), and what X25519 and HKDF leave on the stack, copies
/// of private keys, shared secrets and derived keys among it.
public struct SwiftCryptoProvider: CryptoProvider {
    /// BoringSSL's and CryptoKit's X25519 neither branch on a private key nor read at addresses that depend on one.
    public static let hasConstantTimeKeyAgreement = true

    /// A provider whose library has proved itself: known answers correct. The test is made once in a process.
    public init() throws(SwiftCryptoError) {
        // [SCP-SEC-5]
        if let failure = SwiftCryptoProvider.selfTestFailure { throw .selfTestFailed(failure) }
    }

    /// Like ``init()``, but with answers of the caller's: wrong ones must be found.
    package init(proving answers: KnownAnswers) throws(SwiftCryptoError) {
        if let failure = answers.firstFailure(of: SwiftCryptoProvider(untested: ())) { throw .selfTestFailed(failure) }
    }

    /// For the self-test, which runs before any provider may be had.
    private init(untested: Void) {}

    /// The first primitive with a wrong known answer; found once in the process.
    private static let selfTestFailure = KnownAnswers.published.firstFailure(of: SwiftCryptoProvider(untested: ()))

    public func privateKey(_ scalar: Secret) throws(CryptoError) -> SwiftCryptoPrivateKey {
        try SwiftCryptoPrivateKey(scalar)
    }

    public func publicKey(of key: SwiftCryptoPrivateKey) throws(CryptoError) -> PublicKey { key.publicKey }

    public func sharedSecret(_ key: SwiftCryptoPrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        // [SCP-KEY-11]
        guard !peer.isLowOrder else { throw .invalidPublicKey }
        return try key.agree(with: peer)
    }

    public func cipher(_ key: Secret) throws(CryptoError) -> SwiftCryptoCipher { try SwiftCryptoCipher(key) }

    public func authenticator(_ key: Secret) throws(CryptoError) -> SwiftCryptoAuthenticator {
        SwiftCryptoAuthenticator(key)
    }

    public func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        let hash = HashState()
        hash.update(first)
        hash.update(second)
        var digest = Digest(repeating: 0)
        var output = digest.mutableSpan
        hash.finish(into: &output)
        return digest
    }

    public func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        guard output.count == HashState.digestSize else { throw .invalidLength }
        let code = AuthenticationCode(key: salt)
        output.withMutableBytes { output in code.authenticate(inputKeyMaterial, into: &output) }
    }

    public func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        let size = HashState.digestSize
        guard pseudorandomKey.count >= size, (1...255 * size).contains(output.count) else { throw .invalidLength }
        let code = AuthenticationCode(key: pseudorandomKey)
        let block = Secret(count: size)
        var filled = 0
        var counter: UInt8 = 0
        while filled < output.count {
            counter += 1
            let running = code.begin()
            if filled > 0 { running.update(block.bytes) }
            running.update(info)
            running.update([1 of UInt8](repeating: counter).span)
            block.withMutableBytes { code.finish(running, into: &$0) }
            output.withMutableBytes { output in
                for index in 0..<min(size, output.count - filled) { output[filled + index] = block.bytes[index] }
            }
            filled += size
        }
    }

    /// From the system's generator, which ends the process itself when there is no entropy: this never throws.
    public func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        var generator = SystemRandomNumberGenerator()
        var index = 0
        while index < bytes.count {
            var word: UInt64 = generator.next()
            for _ in 0..<min(8, bytes.count - index) {
                bytes[index] = UInt8(truncatingIfNeeded: word)
                word >>= 8
                index += 1
            }
        }
    }
}
#endif
