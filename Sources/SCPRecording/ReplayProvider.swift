internal import SCP
internal import Synchronization

/// What a recorded provider answered, to be given again in the same order.
final class AnswerList: Sendable {
    private struct State {
        var answers: ArraySlice<Answer> = []
        var mismatch: Divergence.Difference?
    }

    private let state = Mutex(State())

    /// Takes the answers that were given during one input.
    func load(_ answers: [Answer]) { state.withLock { $0 = State(answers: answers[...]) } }

    /// Notes that the engine asked for something else than was recorded; the first such thing stays.
    private func mismatch(_ difference: Divergence.Difference, _ state: inout State) -> CryptoError {
        state.mismatch = state.mismatch ?? difference
        return .backend(0)
    }

    /// The next answer, if it is of the wanted kind.
    func take<Value>(_ wanted: Divergence.Difference, _ pick: (Answer) -> Result<Value, CryptoError>?)
        throws(CryptoError)
        -> Value
    {
        let result = state.withLock { state -> Result<Value, CryptoError> in
            guard let answer = state.answers.popFirst(), let result = pick(answer) else {
                return .failure(mismatch(wanted, &state))
            }
            return result
        }
        return try result.get()
    }

    /// What the signer of the credential answered.
    @Sendable func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        try take(.signature) { if case .signature(message, let result) = $0 { result } else { nil } }
    }

    /// Whether the engine asked for what was recorded and for nothing else.
    var difference: Divergence.Difference? {
        state.withLock { $0.mismatch ?? ($0.answers.isEmpty ? nil : .unusedAnswers($0.answers.count)) }
    }
}

/// Stands for a private key that is not there: what it makes was recorded.
struct AbsentKey: Sendable {}

/// A provider that computes with its base what can be computed, and has the rest from a recording.
struct ReplayProvider<Base: RecordProtection>: CryptoProvider {
    let base: Base
    let answers: AnswerList
    /// Nil where the recorded provider had no ML-KEM.
    let encapsulation: ReplayEncapsulation?

    /// - Parameter isHybrid: whether the recorded provider had ML-KEM.
    init(base: Base, answers: AnswerList, isHybrid: Bool) {
        self.base = base
        self.answers = answers
        encapsulation = isHybrid ? ReplayEncapsulation(answers: answers) : nil
    }

    func privateKey(_ scalar: Secret) throws(CryptoError) -> AbsentKey { AbsentKey() }

    func publicKey(of key: AbsentKey) throws(CryptoError) -> PublicKey {
        try answers.take(.publicKey) { if case .publicKey(let result) = $0 { result } else { nil } }
    }

    func sharedSecret(_ key: AbsentKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        try answers.take(.agreement) { answer in
            if case .sharedSecret(peer, let result) = answer { result } else { nil }
        }
    }

    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        let count = bytes.count
        let recorded = try answers.take(.randomness(count)) { answer -> Result<[UInt8], CryptoError>? in
            guard case .randomness(let result) = answer else { return nil }
            if case .success(let bytes) = result, bytes.count != count { return nil }
            return result
        }
        for index in bytes.indices { bytes[index] = recorded[index] }
    }

    func cipher(_ key: Secret) throws(CryptoError) -> Base.Cipher { try base.cipher(key) }
    func authenticator(_ key: Secret) throws(CryptoError) -> Base.Authenticator { try base.authenticator(key) }
    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try base.hash(first, second)
    }
    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
    }
    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.expand(pseudorandomKey, info: info, into: output)
    }
}

/// The ML-KEM of a ``ReplayProvider``.
struct ReplayEncapsulation: KeyEncapsulation {
    let answers: AnswerList

    func decapsulationKey(_ seed: Secret) throws(CryptoError) -> AbsentKey { AbsentKey() }

    func encapsulationKey(of key: AbsentKey) throws(CryptoError) -> EncapsulationKey {
        try answers.take(.encapsulation) { if case .encapsulationKey(let result) = $0 { result } else { nil } }
    }

    func encapsulate(to key: EncapsulationKey) throws(CryptoError) -> EncapsulatedSecret {
        try answers.take(.encapsulation) { answer in
            if case .encapsulatedSecret(key, let result) = answer { result } else { nil }
        }
    }

    func decapsulate(_ ciphertext: Span<UInt8>, with key: AbsentKey) throws(CryptoError) -> Secret {
        let ciphertext = [UInt8](copying: ciphertext)
        return try answers.take(.encapsulation) { answer in
            if case .decapsulatedSecret(ciphertext, let result) = answer { result } else { nil }
        }
    }
}
