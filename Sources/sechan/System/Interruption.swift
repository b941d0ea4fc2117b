#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Work that SIGINT and SIGTERM end in order: it is cancelled and has a moment to say goodbye. A second signal, or the
/// end of the moment, ends the process at once.
enum Interruption {
    static let interrupt = SIGINT
    static let terminate = SIGTERM

    /// Runs `body`. After a signal its result does not matter: the failure is "interrupted", unless the signal is one
    /// that is meant to end the verb.
    static func guarding<Success: Sendable>(
        grace: Duration = .seconds(8), orderly: Set<Int32> = [], whenOrderly: Success? = nil,
        _ body: @escaping @Sendable () async -> Result<Success, Failure>
    ) async throws(Failure) -> Success {
        // Before there is work: who sees it at work may interrupt it.
        let signals = SystemCalls.signals([interrupt, terminate])
        let work = Task { await body() }
        let received = Received()
        let watch = Task.detached {
            for await signal in signals {
                if await received.note(signal) {
                    SystemCalls.exitAtOnce(ExitStatus.interrupted.rawValue)
                }
                work.cancel()
                Task.detached {
                    try? await Task.sleep(for: grace)
                    SystemCalls.exitAtOnce(ExitStatus.interrupted.rawValue)
                }
            }
        }
        defer { watch.cancel() }
        let result = await work.value
        guard let signal = await received.signal else { return try result.get() }
        if orderly.contains(signal), let whenOrderly { return whenOrderly }
        throw Failure(.interrupted, "interrupted")
    }

    private actor Received {
        private(set) var signal: Int32?

        /// Whether it is the second.
        func note(_ number: Int32) -> Bool {
            defer { signal = signal ?? number }
            return signal != nil
        }
    }
}
