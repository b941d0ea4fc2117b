import SCP
import SCPGcrypt
import Synchronization

/// What a provider is asked to do.
enum Operation: Hashable, Sendable {
    case privateKey, publicKey, agreement, hash, extract, expand, random
    case cipher, seal, open, authenticator, authenticate, verify
}

/// libgcrypt, with every call noted, and with failures and wrong answers where a test wants them.
///
/// Every test has its own, so tests that run at the same time do not see each other's calls.
struct ObservedProvider: CryptoProvider {
    let base: GcryptProvider
    let log = Log()

    init() throws(GcryptError) { base = try GcryptProvider() }

    /// A private key, and the public key that it says it has: a peer may say anything.
    struct PrivateKey: Sendable {
        let real: GcryptPrivateKey
        var claimed: PublicKey?

        func claiming(_ key: PublicKey) -> PrivateKey { PrivateKey(real: real, claimed: key) }
    }

    final class Log: Sendable {
        private struct State {
            var operations: [Operation] = []
            var peers: [PublicKey] = []
            var keys: [[UInt8]] = []
            var failure: (calls: Int, among: Operation?)?
            var answer: [UInt8]?
        }

        private let state = Mutex(State())

        /// Everything asked for, in order.
        var operations: [Operation] { state.withLock(\.operations) }
        /// The peers of key agreements, in order.
        var peers: [PublicKey] { state.withLock(\.peers) }
        /// Keys given to ciphers and authenticators, in order.
        var keys: [[UInt8]] { state.withLock(\.keys) }

        /// What the body asks for.
        func during(_ body: () throws -> Void) rethrows -> [Operation] {
            let before = operations.count
            try body()
            return Array(operations[before...])
        }

        /// Lets `calls` calls succeed, all or those of one operation, and the next one fail.
        func fail(after calls: Int, among operation: Operation? = nil) {
            state.withLock { $0.failure = (calls, operation) }
        }

        /// Nil once the failure has happened.
        var pendingFailure: Int? { state.withLock { $0.failure?.calls } }

        func failNoMore() { state.withLock { $0.failure = nil } }

        /// Gives these bytes for every key agreement; nil for honest ones.
        func answer(_ bytes: [UInt8]?) { state.withLock { $0.answer = bytes } }

        fileprivate func note(
            _ operation: Operation, peer: PublicKey? = nil, key: Secret? = nil
        ) throws(CryptoError) {
            let fails = state.withLock { state in
                state.operations.append(operation)
                if let peer { state.peers.append(peer) }
                if let key { state.keys.append(array(key.bytes)) }
                guard let (calls, among) = state.failure, among == nil || among == operation else { return false }
                state.failure = calls == 0 ? nil : (calls - 1, among)
                return calls == 0
            }
            if fails { throw operation == .random ? .randomFailed : .backend(99) }
        }

        fileprivate var forcedAnswer: [UInt8]? { state.withLock(\.answer) }
    }

    // MARK: Key agreement

    func privateKey(_ scalar: Secret) throws(CryptoError) -> PrivateKey {
        try log.note(.privateKey)
        return PrivateKey(real: try base.privateKey(scalar), claimed: nil)
    }

    func publicKey(of key: PrivateKey) throws(CryptoError) -> PublicKey {
        try log.note(.publicKey)
        if let claimed = key.claimed { return claimed }
        return try base.publicKey(of: key.real)
    }

    func sharedSecret(_ key: PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        try log.note(.agreement, peer: peer)
        if let answer = log.forcedAnswer { return Secret(copying: answer.span) }
        return try base.sharedSecret(key.real, with: peer)
    }

    // MARK: Everything else

    func cipher(_ key: Secret) throws(CryptoError) -> ObservedCipher {
        try log.note(.cipher, key: key)
        return ObservedCipher(try base.cipher(key), log)
    }

    func authenticator(_ key: Secret) throws(CryptoError) -> ObservedAuthenticator {
        try log.note(.authenticator, key: key)
        return ObservedAuthenticator(try base.authenticator(key), log)
    }

    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try log.note(.hash)
        return try base.hash(first, second)
    }

    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try log.note(.extract)
        try base.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
    }

    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try log.note(.expand)
        try base.expand(pseudorandomKey, info: info, into: output)
    }

    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        try log.note(.random)
        try base.fillRandom(&bytes)
    }
}

final class ObservedCipher: RecordCipher {
    private let base: GcryptCipher
    private let log: ObservedProvider.Log

    init(_ base: GcryptCipher, _ log: ObservedProvider.Log) {
        self.base = base
        self.log = log
    }

    func seal(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        try log.note(.seal)
        try base.seal(&buffer, range, nonce: nonce, authenticating: header)
    }

    func open(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        try log.note(.open)
        try base.open(&buffer, range, nonce: nonce, authenticating: header)
    }
}

final class ObservedAuthenticator: RecordAuthenticator {
    private let base: GcryptAuthenticator
    private let log: ObservedProvider.Log

    init(_ base: GcryptAuthenticator, _ log: ObservedProvider.Log) {
        self.base = base
        self.log = log
    }

    func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest {
        try log.note(.authenticate)
        return try base.authenticate(bytes)
    }

    func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool {
        try log.note(.verify)
        return try base.verify(tag, of: bytes)
    }
}
