import Dispatch
import Foundation
import SCP
import SCPGcrypt
import Synchronization
import Testing

/// Real threads; the thread sanitizer has something to look at here.
struct ConcurrencyTests {
    /// Runs `body` on several threads at once and counts the runs that it calls right.
    private func rightRuns(of threads: Int, _ body: @Sendable (Int) throws -> Bool) -> Int {
        let right = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: threads) { thread in
            if (try? body(thread)) == true { right.add(1, ordering: .relaxed) }
        }
        return right.load(ordering: .relaxed)
    }

    /// A handle belongs to one thread; handles of different threads do not meet.
    @Test func ciphersOfDifferentThreads() throws {
        let provider = try GcryptProvider()
        let key = try provider.randomSecret(count: 32)
        let isRight = rightRuns(of: 4) { thread in
            let cipher = try provider.cipher(key)
            let authenticator = try provider.authenticator(key)
            let header = [UInt8(thread)]
            for round in 0..<300 {
                let nonce = Nonce { $0 == 0 ? UInt8(thread) : UInt8(truncatingIfNeeded: round >> (8 * ($0 & 1))) }
                var frame = [UInt8](repeating: UInt8(thread), count: 500 + 16)
                var bytes = frame.mutableSpan
                try cipher.seal(&bytes, 0..<500, nonce: nonce, authenticating: header.span)
                let tag = try authenticator.authenticate(bytes.span)
                guard try authenticator.verify(tag.span, of: bytes.span) else { return false }
                try cipher.open(&bytes, 0..<500, nonce: nonce, authenticating: header.span)
                guard frame.prefix(500).allSatisfy({ $0 == UInt8(thread) }) else { return false }
            }
            return true
        }
        #expect(isRight == 4)
    }

    @Test func onePrivateKeyOfManyThreads() throws {
        let provider = try GcryptProvider()
        let key = try provider.privateKey(provider.randomSecret(count: 32))
        let own = try provider.publicKey(of: key)
        let isRight = rightRuns(of: 4) { _ in
            for _ in 0..<30 {
                let peer = try provider.privateKey(provider.randomSecret(count: 32))
                let here = try provider.sharedSecret(key, with: provider.publicKey(of: peer))
                let there = try provider.sharedSecret(peer, with: own)
                for index in 0..<32 where here.bytes[index] != there.bytes[index] { return false }
            }
            return true
        }
        #expect(isRight == 4)
    }

    /// The pool lends a handle to one thread at a time: otherwise derivations would mix.
    @Test func oneProviderDerivesOnManyThreads() throws {
        let provider = try GcryptProvider()
        @Sendable func derive(_ thread: Int, _ round: Int) throws -> [UInt8] {
            let input = [UInt8](repeating: UInt8(thread), count: 40 + round % 60)
            let key = Secret(count: 32)
            let output = Secret(count: 100)
            try provider.extract(salt: input.span, inputKeyMaterial: input.span, into: key)
            try provider.expand(key.bytes, info: input.span, into: output)
            return output.bytes.indices.map { output.bytes[$0] }
        }
        let expected = try (0..<4).map { thread in try (0..<60).map { try derive(thread, $0) } }
        let isRight = rightRuns(of: 4) { thread in
            for round in 0..<600 {
                guard try derive(thread, round) == expected[thread][round % 60] else { return false }
            }
            return true
        }
        #expect(isRight == 4)
    }

    @Test func randomOfManyThreadsDiffers() throws {
        let provider = try GcryptProvider()
        let drawn = Drawn()
        let isRight = rightRuns(of: 4) { _ in
            for _ in 0..<100 {
                let secret = try provider.randomSecret(count: 16)
                let bytes = secret.bytes.indices.map { secret.bytes[$0] }
                drawn.append(bytes)
            }
            return true
        }
        #expect(isRight == 4)
        #expect(drawn.different == 400)
    }

    /// With a lock that the thread sanitizer knows: it takes what a contended Mutex guards for a race.
    private final class Drawn: @unchecked Sendable {
        // Sendable: what is mutable is touched under `lock` only.
        private let lock = NSLock()
        private var all: Set<[UInt8]> = []

        func append(_ bytes: [UInt8]) { lock.withLock { _ = all.insert(bytes) } }
        var different: Int { lock.withLock { all.count } }
    }
}
