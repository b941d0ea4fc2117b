import SCP
import Synchronization

/// HMAC handles for key derivation, lent to one thread at a time.
///
/// Opening one costs 2.7 us, because libgcrypt polls its random source; setting another key costs 0.2 us. A handshake
/// makes some forty HMACs under as many keys. A pool instead of one handle under a lock: derivations of different
/// connections then run in parallel. Instead of one per thread: a thread-local handle would outlive the provider.
final class HandlePool: Sendable {
    /// As many as processors can use at once on most machines; what comes back beyond that is closed.
    private static let capacity = 16

    private let idle = Mutex<[HMACHandle]>([])

    /// Runs `body` with a handle that nobody else has, whose key is forgotten after.
    func withHandle(_ body: (HMACHandle) throws(CryptoError) -> Void) throws(CryptoError) {
        let handle: HMACHandle
        if let lent = idle.withLock({ $0.popLast() }) { handle = lent } else { handle = try HMACHandle() }
        try body(handle)
        // A handle that failed is not given back: it is closed, and closing wipes.
        try handle.forgetKey()
        idle.withLock { if $0.count < HandlePool.capacity { $0.append(handle) } }
    }
}
