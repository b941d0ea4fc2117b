import SCP
import SCPGcrypt
import SCPProviderLaws
import SCPSimulation
import Synchronization
import Testing

#if os(Linux)
// [SCP-SEC-2] [SCP-CLOSE-24]
/// What a whole session leaves in memory: nothing. Looked for are the static and ephemeral private keys, every shared
/// secret, and every secret that was derived: chaining keys, hello keys, traffic keys of both epochs, exporter.
@Suite(.serialized)
struct SessionResidueTests {
    /// A process of its own, whose memory is small enough to be searched for so much.
    @Test func aSessionLeavesNothing() async {
        await #expect(processExitsWith: .success) {
            let provider = TracingProvider(base: try GcryptProvider())
            try SessionResidueTests.session(provider)
            let (traces, kinds) = provider.traces
            #expect(kinds["random", default: 0] >= 6)  // identities, and an ephemeral each for handshake and rotation
            #expect(kinds["agreed", default: 0] >= 8)  // ee, es, se on both sides, and ee of the rotation
            #expect(kinds["derived", default: 0] >= 60)
            var left: [String: Int] = [:]
            for (kind, trace) in traces where trace.occurrences > 0 { left[kind, default: 0] += 1 }
            #expect(left == [:])
        }
    }

    /// While the session stands its keys are there, so the search can find them.
    @Test func aLiveSessionIsFound() async {
        await #expect(processExitsWith: .success) {
            let provider = TracingProvider(base: try GcryptProvider())
            let pipe = try SessionResidueTests.established(provider)
            let (traces, _) = provider.traces
            let found = traces.filter { $0.kind == "derived" && $0.trace.occurrences > 0 }
            #expect(found.count >= 4)
            _ = consume pipe
        }
    }

    private static func established(_ provider: TracingProvider) throws -> Pipe<TracingProvider> {
        let first = try provider.privateKey(provider.randomSecret(count: 32))
        let second = try provider.privateKey(provider.randomSecret(count: 32))
        let secret = try provider.randomSecret(count: 32)
        var one = Configuration(
            provider: provider, identity: first, identityPolicy: .pinned(try provider.publicKey(of: second)))
        var other = Configuration(
            provider: provider, identity: second, identityPolicy: .allowed([try provider.publicKey(of: first)]))
        one.usePresharedKeys(.common(secret))
        other.usePresharedKeys(.common(secret))
        var pipe = try Pipe(initiator: one, responder: other)
        pipe.settle()
        return pipe
    }

    private static func session(_ provider: TracingProvider) throws {
        var pipe = try established(provider)
        let message = [UInt8](repeating: 7, count: 50_000)
        _ = try pipe.initiator.send(message.span, at: pipe.now)
        pipe.settle()
        pipe.initiator.rotateKeys(at: pipe.now)
        pipe.settle()
        #expect(pipe.responder.statistics.epoch == 2)
        _ = try pipe.responder.send(message.span, at: pipe.now)
        pipe.settle()
        _ = try pipe.initiator.exportKey(label: "test", context: Span(), length: 32)
        pipe.initiator.close(at: pipe.now)
        pipe.settle()
        #expect(pipe.initiator.state == .closed)
    }
}

/// libgcrypt, with a masked trace of every secret that passes.
private struct TracingProvider: CryptoProvider {
    let base: GcryptProvider
    private let notes = Notes()

    init(base: GcryptProvider) { self.base = base }

    private final class Notes: Sendable {
        let found = Mutex<[(kind: String, trace: Trace)]>([])

        func note(_ kind: String, _ secret: Secret) {
            // One quarter is enough; so many are searched for.
            for start in stride(from: 0, to: secret.count - 31, by: 32) {
                let trace = Trace(secret, at: [start + 8])
                found.withLock { $0.append((kind, trace)) }
            }
        }
    }

    var traces: (all: [(kind: String, trace: Trace)], kinds: [String: Int]) {
        let all = notes.found.withLock { $0 }
        return (all, Dictionary(grouping: all, by: \.kind).mapValues(\.count))
    }

    func privateKey(_ scalar: Secret) throws(CryptoError) -> GcryptPrivateKey {
        notes.note("random", scalar)
        return try base.privateKey(scalar)
    }
    func publicKey(of key: GcryptPrivateKey) throws(CryptoError) -> PublicKey { try base.publicKey(of: key) }
    func sharedSecret(_ key: GcryptPrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        let secret = try base.sharedSecret(key, with: peer)
        notes.note("agreed", secret)
        return secret
    }
    func cipher(_ key: Secret) throws(CryptoError) -> GcryptCipher { try base.cipher(key) }
    func authenticator(_ key: Secret) throws(CryptoError) -> GcryptAuthenticator { try base.authenticator(key) }
    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try base.hash(first, second)
    }
    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
        notes.note("derived", output)
    }
    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.expand(pseudorandomKey, info: info, into: output)
        notes.note("derived", output)
    }
    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) { try base.fillRandom(&bytes) }
}
#endif
