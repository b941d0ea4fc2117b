public import SCP

/// A provider that does what its base does, and has a recorder write down what only the base could give: random bytes,
/// public keys and shared secrets, of X25519 and of ML-KEM. Everything else any provider computes again.
public struct RecordingProvider<Base: CryptoProvider>: CryptoProvider {
    private let base: Base
    private let recorder: SessionRecorder

    init(_ base: Base, _ recorder: SessionRecorder) {
        self.base = base
        self.recorder = recorder
    }

    public func privateKey(_ scalar: Secret) throws(CryptoError) -> Base.PrivateKey { try base.privateKey(scalar) }

    public func publicKey(of key: Base.PrivateKey) throws(CryptoError) -> PublicKey {
        let result = Result { () throws(CryptoError) in try base.publicKey(of: key) }
        recorder.answer(.publicKey(result))
        return try result.get()
    }

    public func sharedSecret(_ key: Base.PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        let result = Result { () throws(CryptoError) in try base.sharedSecret(key, with: peer) }
        recorder.answer(.sharedSecret(peer: peer, result))
        return try result.get()
    }

    public var encapsulation: RecordingEncapsulation<Base.Encapsulation>? {
        base.encapsulation.map { RecordingEncapsulation($0, recorder) }
    }

    public func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        do throws(CryptoError) {
            try base.fillRandom(&bytes)
        } catch {
            recorder.answer(.randomness(.failure(error)))
            throw error
        }
        recorder.answer(.randomness(.success([UInt8](copying: bytes.span))))
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
}

/// The ML-KEM of a ``RecordingProvider``.
public struct RecordingEncapsulation<Base: KeyEncapsulation>: KeyEncapsulation {
    private let base: Base
    private let recorder: SessionRecorder

    fileprivate init(_ base: Base, _ recorder: SessionRecorder) {
        self.base = base
        self.recorder = recorder
    }

    public func decapsulationKey(_ seed: Secret) throws(CryptoError) -> Base.DecapsulationKey {
        try base.decapsulationKey(seed)
    }

    public func encapsulationKey(of key: Base.DecapsulationKey) throws(CryptoError) -> EncapsulationKey {
        let result = Result { () throws(CryptoError) in try base.encapsulationKey(of: key) }
        recorder.answer(.encapsulationKey(result))
        return try result.get()
    }

    public func encapsulate(to key: EncapsulationKey) throws(CryptoError) -> EncapsulatedSecret {
        let result = Result { () throws(CryptoError) in try base.encapsulate(to: key) }
        recorder.answer(.encapsulatedSecret(peer: key, result))
        return try result.get()
    }

    public func decapsulate(
        _ ciphertext: Span<UInt8>, with key: Base.DecapsulationKey
    ) throws(CryptoError) -> Secret {
        let result: Result<Secret, CryptoError>
        do throws(CryptoError) {
            result = .success(try base.decapsulate(ciphertext, with: key))
        } catch {
            result = .failure(error)
        }
        recorder.answer(.decapsulatedSecret(ciphertext: [UInt8](copying: ciphertext), result))
        return try result.get()
    }
}

extension Credential {
    /// The same credential, which tells `recorder` what its signer answered.
    fileprivate func recorded(by recorder: SessionRecorder) -> Credential {
        let sign = sign
        return Credential(scheme: scheme, chain: chain) { message throws(CryptoError) in
            let result = Result { () throws(CryptoError) in try sign(message) }
            recorder.answer(.signature(message: message, result))
            return try result.get()
        }
    }
}

extension Configuration {
    /// The same configuration with a provider that tells `recorder` what it answers, for a ``RecordedConnection``.
    public func recorded(by recorder: SessionRecorder) -> Configuration<RecordingProvider<Provider>> {
        let identity: StaticKey<RecordingProvider<Provider>> =
            switch identity {
            case .held(let key): .held(key)
            case .external(let key): .external(key)
            }
        var result = Configuration<RecordingProvider<Provider>>(
            provider: RecordingProvider(provider, recorder), identity: identity, identityPolicy: identityPolicy)
        result.presharedKeys = presharedKeys
        result.credential = credential.map { $0.recorded(by: recorder) }
        result.credentialPolicy = credentialPolicy
        result.responderKey = responderKey
        result.accessKey = accessKey
        result.requiresHello = requiresHello
        result.applicationProtocols = applicationProtocols
        result.suites = suites
        result.offeredSuite = offeredSuite
        result.limits = limits
        result.timers = timers
        result.rotation = rotation
        result.acknowledgesEveryMessage = acknowledgesEveryMessage
        result.isSilent = isSilent
        result.allowsSelfConnection = allowsSelfConnection
        result.isSymmetric = isSymmetric
        return result
    }
}
