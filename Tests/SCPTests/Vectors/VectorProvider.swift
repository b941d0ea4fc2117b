import SCP
import SCPGcrypt
import SCPRepeatableMLKEM
import SCPSimulation
import Synchronization

/// libgcrypt with the randomness that a vector fixes. It notes every secret that the engine derives, by its label and
/// context, so that a vector holds what a connection really used.
struct VectorProvider: CryptoProvider {
    let base: GcryptProvider
    let notes: Notes
    let encapsulation: RepeatableMLKEM?

    init() throws {
        base = try GcryptProvider()
        let notes = Notes()
        self.notes = notes
        encapsulation = RepeatableMLKEM { notes.kem }
    }

    /// A private key, and the public key that it says it has: a peer may say anything.
    struct PrivateKey: Sendable {
        let real: GcryptPrivateKey
        let claimed: PublicKey?
    }

    /// What is drawn next, and what has been derived.
    final class Notes: Sendable {
        private struct State {
            var eight: [UInt8] = []
            var scalar: [UInt8] = []
            var kem: [UInt8] = []
            var claims: [[UInt8]: PublicKey] = [:]
            var secrets: [String: [[UInt8]: [UInt8]]] = [:]
            var extracts: [[UInt8]: [UInt8]] = [:]
        }

        private let state = Mutex(State())

        /// Every draw of 8 bytes (an attempt, a nonce) and of 32 (an ephemeral key) gives these from now on, and so
        /// does that of 64 for an encapsulation key, or of 32 in an encapsulation.
        func fix(eight: [UInt8], scalar: [UInt8], kem: [UInt8] = []) {
            state.withLock {
                $0.eight = eight
                $0.scalar = scalar
                $0.kem = kem
            }
        }

        fileprivate var kem: [UInt8] { state.withLock(\.kem) }

        /// The key of this scalar claims to have another public key.
        func claim(_ key: PublicKey, for scalar: [UInt8]) { state.withLock { $0.claims[scalar] = key } }

        /// The secret that was last derived with a label and a context.
        func secret(_ label: String, _ context: [UInt8]) throws -> [UInt8] {
            guard let secret = state.withLock({ $0.secrets[label]?[context] }) else {
                throw VectorError.notDerived(label)
            }
            return secret
        }

        /// `Extract(SALT, input)`, when the engine has computed it.
        func extracted(_ input: [UInt8]) throws -> [UInt8] {
            guard let output = state.withLock({ $0.extracts[input] }) else { throw VectorError.notDerived("extract") }
            return output
        }

        fileprivate func draw(_ count: Int) -> [UInt8] {
            state.withLock { count == 8 ? $0.eight : count == 32 ? $0.scalar : $0.kem }
        }

        fileprivate func claimed(_ scalar: [UInt8]) -> PublicKey? { state.withLock { $0.claims[scalar] } }

        fileprivate func note(_ input: [UInt8], extracted output: [UInt8]) {
            state.withLock { $0.extracts[input] = output }
        }

        fileprivate func note(info: [UInt8], expanded output: [UInt8]) {
            guard info.count > 3, info.count > 3 + Int(info[2]) else { return }  // Noise's own have no label
            let label = String(decoding: info[8..<3 + Int(info[2])], as: UTF8.self)
            let context = Array(info[(4 + Int(info[2]))...])
            state.withLock { $0.secrets[label, default: [:]][context] = output }
        }
    }

    func privateKey(_ scalar: Secret) throws(CryptoError) -> PrivateKey {
        PrivateKey(real: try base.privateKey(scalar), claimed: notes.claimed(Array(scalar)))
    }
    func publicKey(of key: PrivateKey) throws(CryptoError) -> PublicKey {
        if let claimed = key.claimed { return claimed }
        return try base.publicKey(of: key.real)
    }
    func sharedSecret(_ key: PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        try base.sharedSecret(key.real, with: peer)
    }
    func cipher(_ key: Secret) throws(CryptoError) -> GcryptCipher { try base.cipher(key) }
    func authenticator(_ key: Secret) throws(CryptoError) -> GcryptAuthenticator { try base.authenticator(key) }
    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try base.hash(first, second)
    }
    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
        if salt.count == 37 {
            notes.note(inputKeyMaterial.indices.map { inputKeyMaterial[$0] }, extracted: Array(output))
        }
    }
    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.expand(pseudorandomKey, info: info, into: output)
        notes.note(info: info.indices.map { info[$0] }, expanded: Array(output))
    }
    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        let drawn = notes.draw(bytes.count)
        guard drawn.count == bytes.count else { throw .randomFailed }
        for index in bytes.indices { bytes[index] = drawn[index] }
    }
}

enum VectorError: Error {
    case notDerived(String)
    case unreached(String)
    case differs(String)
}
