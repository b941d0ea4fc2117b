#if SwiftCrypto
import struct Crypto.SHA256
import SCP

/// SHA-256, once, over what may be secret.
///
/// swift-crypto 4.5.2 means to wipe a state when its last reference goes, and wipes at most 8 bytes of it: its
/// `zeroize` takes the size of the type's metatype. So every state of ours takes in a block of zeros at last, which
/// overwrites the buffered bytes and leaves a chaining value from which nobody gets back to the one before.
final class HashState {
    static let digestSize = 32
    static let blockSize = 64
    private static let zeros = [UInt8](repeating: 0, count: blockSize)

    private var hash: SHA256

    init() { hash = SHA256() }

    private init(_ hash: SHA256) { self.hash = hash }

    deinit {
        // In place, unless another state began here and has not gone on yet: then it is up to that one.
        hash.update(data: HashState.zeros)
    }

    /// A state of its own that goes on from here.
    func copy() -> HashState { HashState(hash) }

    func update(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBytes { unsafe hash.update(bufferPointer: $0) }
    }

    /// The digest into the first 32 bytes of `output`.
    func finish(into output: inout MutableSpan<UInt8>) {
        var digest = hash.finalize()
        unsafe withUnsafeMutableBytes(of: &digest) { digest in
            for index in 0..<min(output.count, digest.count) { unsafe output[index] = digest[index] }
            unsafe wipe(digest)
        }
    }
}

/// One HMAC-SHA-256 key (RFC 2104): the two hash states that begin with it.
///
/// Not swift-crypto's `HMAC`: that one leaves the key in arrays that are freed unwiped, and hashes it anew each time.
struct AuthenticationCode {
    private let inner = HashState()
    private let outer = HashState()

    init(key: Span<UInt8>) {
        let block = Secret(count: HashState.blockSize)
        block.withMutableBytes { block in
            if key.count > HashState.blockSize {
                let hash = HashState()
                hash.update(key)
                hash.finish(into: &block)
            } else {
                for index in key.indices { block[index] = key[index] }
            }
            for index in block.indices { block[index] ^= 0x36 }
        }
        inner.update(block.bytes)
        block.withMutableBytes { block in
            for index in block.indices { block[index] ^= 0x36 ^ 0x5c }
        }
        outer.update(block.bytes)
    }

    /// A message is added to what this returns.
    func begin() -> HashState { inner.copy() }

    /// The code of the message that `running` has, into `output`, which has 32 bytes.
    func finish(_ running: HashState, into output: inout MutableSpan<UInt8>) {
        running.finish(into: &output)
        let outer = outer.copy()
        outer.update(output.span)
        outer.finish(into: &output)
    }

    func authenticate(_ bytes: Span<UInt8>, into output: inout MutableSpan<UInt8>) {
        let running = begin()
        running.update(bytes)
        finish(running, into: &output)
    }
}

/// Never inlined, never optimised: no pass may infer that the writes are dead.
@inline(never)
@_optimize(none)
func wipe(_ bytes: UnsafeMutableRawBufferPointer) {
    var index = 0
    while index < bytes.count {
        unsafe bytes[index] = 0
        index += 1
    }
}
#endif
