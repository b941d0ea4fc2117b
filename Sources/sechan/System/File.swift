import SCP

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// An open file that closes itself.
struct File: ~Copyable {
    /// The name for messages.
    let path: String
    private let descriptor: Int32
    private let isOwned: Bool

    private init(_ descriptor: Int32, path: String, isOwned: Bool) {
        self.descriptor = descriptor
        self.path = path
        self.isOwned = isOwned
    }

    deinit {
        if isOwned { _ = close(descriptor) }
    }

    static var standardInput: File { File(STDIN_FILENO, path: "standard input", isOwned: false) }
    static var standardOutput: File { File(STDOUT_FILENO, path: "standard output", isOwned: false) }
    static var standardError: File { File(STDERR_FILENO, path: "standard error", isOwned: false) }

    /// Opens for reading. Symbolic links are followed; a named pipe without a writer does not block.
    static func open(_ path: String) throws(SystemError) -> File {
        try open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY, mode: 0, operation: "open")
    }

    /// Creates a file that was not there: a file or a symbolic link of that name, dangling or not, is an error.
    static func create(_ path: String, mode: UInt32) throws(SystemError) -> File {
        try open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode, operation: "create")
    }

    /// Opens a file to lock it, creating it when it is missing.
    static func openLock(_ path: String) throws(SystemError) -> File {
        try open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600, operation: "open")
    }

    /// Opens a directory, to flush the names in it.
    static func openDirectory(_ path: String) throws(SystemError) -> File {
        try open(path, O_RDONLY | O_DIRECTORY, mode: 0, operation: "open")
    }

    private static func open(
        _ path: String, _ flags: Int32, mode: UInt32, operation: String
    ) throws(SystemError) -> File {
        // A NUL would end the C string early and name another file.
        guard !path.utf8.contains(0) else { throw SystemError(operation: operation, path: path, number: EINVAL) }
        while true {
            #if canImport(Glibc)
            let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, mode_t(mode))
            #elseif canImport(Musl)
            let descriptor = unsafe Musl.open(path, flags | O_CLOEXEC, mode_t(mode))
            #else
            let descriptor = unsafe Darwin.open(path, flags | O_CLOEXEC, mode_t(mode))
            #endif
            if descriptor >= 0 { return File(descriptor, path: path, isOwned: true) }
            guard errno == EINTR else { throw .last(operation, path) }
        }
    }

    func status() throws(SystemError) -> FileStatus {
        var information = stat()
        guard unsafe fstat(descriptor, &information) == 0 else { throw .last("examine", path) }
        return FileStatus(information)
    }

    /// Bytes from here to the end of a regular file; nil when the end is not known.
    func remainingSize() -> UInt64? {
        guard let status = try? status(), status.isRegular else { return nil }
        let position = lseek(descriptor, 0, SEEK_CUR)
        return position < 0 ? nil : UInt64(max(0, status.size - Int(position)))
    }

    func setPermissions(_ mode: UInt32) throws(SystemError) {
        guard fchmod(descriptor, mode_t(mode)) == 0 else { throw .last("change the permissions of", path) }
    }

    /// Flushes to the disk.
    func synchronize() throws(SystemError) {
        guard fsync(descriptor) == 0 else { throw .last("flush", path) }
    }

    /// Tries once to take the exclusive lock of the file; it is let go when the file is closed.
    func tryLock() throws(SystemError) -> Bool {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return false }
            guard errno == EINTR else { throw .last("lock", path) }
        }
        return true
    }

    /// Reads what there is, at most `bytes.count`; 0 at the end.
    private func read(into bytes: inout MutableSpan<UInt8>, from start: Int) throws(SystemError) -> Int {
        while true {
            let count = unsafe bytes.withUnsafeMutableBufferPointer { buffer in
                let all = UnsafeMutableRawBufferPointer(buffer)
                let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: all[start...])
                #if canImport(Glibc)
                return unsafe Glibc.read(descriptor, rest.baseAddress, rest.count)
                #elseif canImport(Musl)
                return unsafe Musl.read(descriptor, rest.baseAddress, rest.count)
                #else
                return unsafe Darwin.read(descriptor, rest.baseAddress, rest.count)
                #endif
            }
            if count >= 0 { return count }
            guard errno == EINTR else { throw .last("read", path) }
        }
    }

    /// Reads what there is, at most `limit` bytes; nothing at the end.
    func read(upTo limit: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        while true {
            do throws(SystemError) {
                var span = bytes.mutableSpan
                let count = try read(into: &span, from: 0)
                bytes.removeLast(limit - count)
                return bytes
            } catch {
                // Somebody made the descriptor non-blocking.
                guard error.number == EAGAIN else { throw error }
                wait(for: POLLIN)
            }
        }
    }

    /// The whole content, into memory that wipes itself, and how many bytes of it were filled.
    ///
    /// Nil when the file is longer than `limit` bytes.
    func readSecret(limit: Int) throws(SystemError) -> (bytes: Secret, count: Int)? {
        let buffer = Secret(count: limit + 1)
        var filled = 0
        while filled <= limit {
            let count = try buffer.withMutableBytes { bytes throws(SystemError) in
                try read(into: &bytes, from: filled)
            }
            if count == 0 { return (buffer, filled) }
            filled += count
        }
        return nil
    }

    /// Writes all of the bytes.
    func write(_ bytes: Span<UInt8>) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBufferPointer { buffer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[written...])
                #if canImport(Glibc)
                return unsafe Glibc.write(descriptor, rest.baseAddress, rest.count)
                #elseif canImport(Musl)
                return unsafe Musl.write(descriptor, rest.baseAddress, rest.count)
                #else
                return unsafe Darwin.write(descriptor, rest.baseAddress, rest.count)
                #endif
            }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                wait(for: POLLOUT)
            } else if errno != EINTR {
                throw .last("write to", path)
            }
        }
    }

    /// Waits until a descriptor that somebody made non-blocking has bytes, or takes them again.
    private func wait(for events: Int32) {
        var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
        _ = unsafe poll(&entry, 1, -1)
    }

    /// Closes standard output, and tells what the system says then. `/dev/null` takes the descriptor's place.
    static func closeStandardOutput() throws(SystemError) {
        let last = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3)
        guard last >= 0 else { throw .last("close", "standard output") }
        let null = try open("/dev/null", O_RDONLY, mode: 0, operation: "open")
        guard dup2(null.descriptor, STDOUT_FILENO) >= 0 else { throw .last("close", "standard output") }
        guard close(last) == 0 else { throw .last("close", "standard output") }
    }

    func write(_ text: String) throws(SystemError) {
        let bytes = Array(text.utf8)
        try write(bytes.span)
    }
}
