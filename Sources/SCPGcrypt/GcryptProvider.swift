public import SCP

/// Cryptography from libgcrypt 1.10 or later.
///
/// It has no state of its own: any number of threads may use one. Its X25519 is correct but not
/// constant-time (``Diagnostics/hasConstantTimeKeyAgreement``): where an attacker can measure this machine closely,
/// join another backend's ``KeyAgreement`` with it through ``CombinedProvider``.
public struct GcryptProvider: CryptoProvider {
    /// A provider whose library has proved itself: the right version, not in FIPS mode, known answers correct.
    ///
    /// Initialises libgcrypt unless the host program has; a host that wants libgcrypt's secure memory does that before.
    /// - Parameter allowingTableAES: Accept a processor on which AES-GCM reads tables at secret addresses.
    public init(allowingTableAES: Bool = false) throws(GcryptError) {
        try Library.setUp()
        guard allowingTableAES || Diagnostics.current().hasConstantTimeAES else { throw .noConstantTimeAES }
        // [SCP-SEC-5]
        if let failure = GcryptProvider.selfTestFailure { throw .selfTestFailed(failure) }
    }

    /// Like ``init(allowingTableAES:)``, but with answers of the caller's: wrong ones must be found.
    package init(proving answers: KnownAnswers) throws(GcryptError) {
        try Library.setUp()
        if let failure = answers.firstFailure(of: GcryptProvider(untested: ())) { throw .selfTestFailed(failure) }
    }

    /// For the self-test, which runs before any provider may be had.
    private init(untested: Void) {}

    /// The first primitive with a wrong known answer; found once in the process.
    private static let selfTestFailure = KnownAnswers.published.firstFailure(of: GcryptProvider(untested: ()))

    public func privateKey(_ scalar: Secret) throws(CryptoError) -> GcryptPrivateKey { try GcryptPrivateKey(scalar) }

    public func publicKey(of key: GcryptPrivateKey) throws(CryptoError) -> PublicKey { key.publicKey }

    public func sharedSecret(_ key: GcryptPrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        // [SCP-KEY-11] "with AUTHENTICATION_FAILED and before any multiplication"
        guard !peer.isLowOrder else { throw .invalidPublicKey }
        let secret = Secret(count: PublicKey.size)
        // The shim refuses an all-zero product.
        try secret.withMutableBytes { bytes throws(CryptoError) in
            try Library.x25519(key.scalar, peer, into: &bytes)
        }
        return secret
    }

    public func cipher(_ key: Secret) throws(CryptoError) -> GcryptCipher { try GcryptCipher(key) }

    public func authenticator(_ key: Secret) throws(CryptoError) -> GcryptAuthenticator {
        try GcryptAuthenticator(key)
    }

    public func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try Library.sha256(first, second)
    }

    public func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try output.withMutableBytes { bytes throws(CryptoError) in
            try Library.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: &bytes)
        }
    }

    public func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try output.withMutableBytes { bytes throws(CryptoError) in
            try Library.expand(pseudorandomKey, info: info, into: &bytes)
        }
    }

    /// From the kernel through libgcrypt, which ends the process itself when there is no entropy: this never throws.
    public func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) { Library.fillRandom(&bytes) }
}
