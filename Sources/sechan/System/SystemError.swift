#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A call of the operating system that failed: what was tried, on what, and the errno.
struct SystemError: Error, Equatable {
    /// What was tried, as it reads after "cannot": `open`, `create`, `write`.
    let operation: String
    let path: String
    let number: Int32

    /// The error of the call that has just failed.
    static func last(_ operation: String, _ path: String) -> SystemError {
        SystemError(operation: operation, path: path, number: errno)
    }

    /// What stands for the ends that a conversation with another process can have.
    static let endOfStream = ECONNRESET
    static let notPermitted = EPERM
    static let protocolFault = EPROTO

    var isMissing: Bool { number == ENOENT || number == ENOTDIR }
    var alreadyExists: Bool { number == EEXIST }
    var isBrokenPipe: Bool { number == EPIPE }

    /// The system's words for the errno.
    var reason: String { SystemCalls.message(for: number) }

    var text: String { "cannot \(operation) \(path): \(reason)" }
}
