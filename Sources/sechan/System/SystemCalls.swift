import Dispatch

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The calls of the C library that take or give pointers, each behind a safe signature.
///
/// This file and `File.swift` are the only ones of the command with `unsafe` in them.
enum SystemCalls {
    /// The system's words for an errno.
    static func message(for number: Int32) -> String {
        var buffer = [CChar](repeating: 0, count: 256)
        guard unsafe strerror_r(number, &buffer, buffer.count) == 0 else { return "error \(number)" }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Time that this thread has spent computing.
    static func processorTime() -> Duration {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) == 0 else { return .zero }
        return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
    }

    /// A variable of the environment; nil when it is unset or empty.
    static func environment(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        let text = unsafe String(cString: value)
        return text.isEmpty ? nil : text
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    static func secondsSinceEpoch() -> Int64 {
        Int64(time(nil))
    }

    static func makeDirectory(_ path: String, mode: UInt32) throws(SystemError) {
        guard unsafe mkdir(path, mode_t(mode)) == 0 else { throw .last("create", path) }
    }

    static func remove(_ path: String) throws(SystemError) {
        guard unsafe unlink(path) == 0 else { throw .last("remove", path) }
    }

    static func rename(_ path: String, to target: String) throws(SystemError) {
        #if canImport(Glibc)
        let result = unsafe Glibc.rename(path, target)
        #elseif canImport(Musl)
        let result = unsafe Musl.rename(path, target)
        #else
        let result = unsafe Darwin.rename(path, target)
        #endif
        guard result == 0 else { throw .last("replace", target) }
    }

    /// What stands at `path`, following symbolic links.
    static func status(of path: String) throws(SystemError) -> FileStatus {
        var information = stat()
        guard unsafe stat(path, &information) == 0 else { throw .last("examine", path) }
        return FileStatus(information)
    }

    /// The path with every symbolic link resolved; the path itself when nothing stands there yet.
    static func resolvingLinks(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// The one spelling that the system gives an IPv6 address; nil when the text is none. A zone (`%eth0`) stays.
    static func canonicalIPv6(_ text: String) -> String? {
        let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let digits = parts.first else { return nil }
        var address = in6_addr()
        guard unsafe inet_pton(AF_INET6, String(digits), &address) == 1 else { return nil }
        var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard unsafe inet_ntop(AF_INET6, &address, &buffer, socklen_t(buffer.count)) != nil else { return nil }
        let canonical = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard parts.count == 2 else { return canonical }
        let zone = parts[1]
        let isPlain = zone.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf) || [0x2d, 0x2e, 0x5f].contains(byte)
        }
        return zone.isEmpty || !isPlain ? nil : canonical + "%" + zone
    }

    /// Whether a descriptor is a terminal.
    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    static func sleep(milliseconds: UInt32) { _ = usleep(milliseconds * 1000) }

    /// Makes the process fit to open files and to be interrupted; before anything else.
    static func prepareProcess() {
        occupyStandardDescriptors()
        prepareSignals()
    }

    /// A standard descriptor that the parent closed would go to the next file that is opened, and words for people
    /// would then land in a key file. `/dev/null` in the wrong direction takes its place, so that using it still fails.
    private static func occupyStandardDescriptors() {
        for (descriptor, flags) in [(STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_RDONLY)]
        where fcntl(descriptor, F_GETFD) == -1 {
            _ = unsafe open("/dev/null", flags)
        }
    }

    /// A broken pipe becomes an error of the write instead of a death, and an interrupt ends with status 130.
    ///
    /// A handler that somebody set to "ignore" (nohup) stays.
    private static func prepareSignals() {
        signal(SIGPIPE, SIG_IGN)
        var current = sigaction()
        guard unsafe sigaction(SIGINT, nil, &current) == 0, !isIgnored(current) else { return }
        signal(SIGINT) { _ in _exit(ExitStatus.interrupted.rawValue) }
    }

    /// Signals from now on, as they come; a signal that somebody set to "ignore" stays ignored.
    static func signals(_ numbers: [Int32]) -> AsyncStream<Int32> {
        AsyncStream { continuation in
            var ends: [Int32] = [-1, -1]
            guard unsafe pipe(&ends) == 0 else { return continuation.finish() }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            unsafe signalPipe = ends[1]
            for number in numbers {
                var current = sigaction()
                guard unsafe sigaction(number, nil, &current) == 0, !isIgnored(current) else { continue }
                signal(number) { number in
                    // A handler may do next to nothing; a write to a pipe is allowed.
                    let saved = errno
                    var byte = UInt8(truncatingIfNeeded: number)
                    _ = unsafe write(SystemCalls.signalPipe, &byte, 1)
                    errno = saved
                }
            }
            let end = ends[0]
            DispatchQueue(label: "sechan.signals").async {
                while true {
                    var byte: UInt8 = 0
                    let count = unsafe read(end, &byte, 1)
                    if count == 1 {
                        continuation.yield(Int32(byte))
                    } else if count == 0 || errno != EINTR {
                        return continuation.finish()
                    }
                }
            }
        }
    }

    /// Where the handlers of ``signals(_:)`` write; set before they are.
    nonisolated(unsafe) private static var signalPipe: Int32 = -1

    /// Ends the process without anything in it having a say.
    static func exitAtOnce(_ status: Int32) -> Never { _exit(status) }

    private static func isIgnored(_ action: sigaction) -> Bool {
        #if canImport(Darwin)
        let handler = unsafe action.__sigaction_u.__sa_handler
        #else
        let handler = unsafe action.__sigaction_handler.sa_handler
        #endif
        return unsafe unsafeBitCast(handler, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
