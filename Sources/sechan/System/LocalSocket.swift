import SCP

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A Unix-domain stream socket whose calls block, for a holder of keys: what it says goes from one wiped buffer to the
/// kernel and from there to another. It closes itself.
final class LocalSocket: Sendable {
    let path: String
    private let descriptor: Int32

    private init(_ descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { _ = close(descriptor) }

    private static func make(_ path: String, operation: String) throws(SystemError) -> LocalSocket {
        #if canImport(Glibc)
        let kind = Int32(SOCK_STREAM.rawValue)
        #else
        let kind = SOCK_STREAM
        #endif
        let descriptor = socket(AF_UNIX, kind, 0)
        guard descriptor >= 0 else { throw .last(operation, path) }
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        return LocalSocket(descriptor, path: path)
    }

    /// Runs `body` on the address of `path`.
    private static func withAddress(
        _ path: String, operation: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws(SystemError) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        // The kernel wants the terminating zero inside.
        guard bytes.count < MemoryLayout.size(ofValue: address.sun_path), !bytes.contains(0) else {
            throw SystemError(operation: operation, path: path, number: ENAMETOOLONG)
        }
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in unsafe buffer.copyBytes(from: bytes) }
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { throw .last(operation, path) }
    }

    /// Listens where only this user may connect. A socket that nobody listens on any more is replaced; anything else
    /// at the path is left alone.
    static func listen(at path: String) throws(SystemError) -> LocalSocket {
        if let status = try? SystemCalls.status(of: path), status.isSocket {
            do throws(SystemError) {
                _ = try connect(to: path, timeout: .seconds(1))
                throw SystemError(operation: "listen at", path: path, number: EADDRINUSE)
            } catch {
                guard error.number == ECONNREFUSED else {
                    throw SystemError(operation: "listen at", path: path, number: EADDRINUSE)
                }
            }
            try SystemCalls.remove(path)
        }
        let listener = try make(path, operation: "listen at")
        // Nobody else may connect, not even between two calls.
        let mask = umask(0o177)
        defer { _ = umask(mask) }
        unsafe try withAddress(path, operation: "listen at") { address, size in
            #if canImport(Glibc)
            unsafe Glibc.bind(listener.descriptor, address, size)
            #elseif canImport(Musl)
            unsafe Musl.bind(listener.descriptor, address, size)
            #else
            unsafe Darwin.bind(listener.descriptor, address, size)
            #endif
        }
        #if canImport(Glibc)
        let result = Glibc.listen(listener.descriptor, 64)
        #elseif canImport(Musl)
        let result = Musl.listen(listener.descriptor, 64)
        #else
        let result = Darwin.listen(listener.descriptor, 64)
        #endif
        guard result == 0 else { throw .last("listen at", path) }
        return listener
    }

    static func connect(to path: String, timeout: Duration) throws(SystemError) -> LocalSocket {
        let client = try make(path, operation: "connect to")
        client.setTimeout(timeout)
        unsafe try withAddress(path, operation: "connect to") { address, size in
            #if canImport(Glibc)
            unsafe Glibc.connect(client.descriptor, address, size)
            #elseif canImport(Musl)
            unsafe Musl.connect(client.descriptor, address, size)
            #else
            unsafe Darwin.connect(client.descriptor, address, size)
            #endif
        }
        return client
    }

    /// The next client, whose every read and write may take `timeout`.
    func accept(timeout: Duration) throws(SystemError) -> LocalSocket {
        while true {
            #if canImport(Glibc)
            let client = Glibc.accept(descriptor, nil, nil)
            #elseif canImport(Musl)
            let client = Musl.accept(descriptor, nil, nil)
            #else
            let client = Darwin.accept(descriptor, nil, nil)
            #endif
            if client >= 0 {
                _ = fcntl(client, F_SETFD, FD_CLOEXEC)
                let socket = LocalSocket(client, path: path)
                socket.setTimeout(timeout)
                return socket
            }
            guard errno == EINTR || errno == ECONNABORTED else { throw .last("accept at", path) }
        }
    }

    private func setTimeout(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        var time = timeval()
        time.tv_sec = numericCast(seconds)
        time.tv_usec = numericCast(attoseconds / 1_000_000_000_000)
        let size = socklen_t(MemoryLayout<timeval>.size)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &time, size)
        _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &time, size)
    }

    /// Whether the process at the other end is this user's or root's, as the kernel says.
    var isOwnUsers: Bool {
        #if canImport(Darwin)
        var (user, group) = (uid_t(), gid_t())
        guard unsafe getpeereid(descriptor, &user, &group) == 0 else { return false }
        #else
        // struct ucred: process, user, group.
        var credentials: [UInt32] = [0, 0, 0]
        var size = socklen_t(12)
        guard unsafe getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0, size == 12
        else { return false }
        let user = uid_t(credentials[1])
        #endif
        return user == geteuid() || user == 0
    }

    /// Exactly `count` bytes, or nil at the end of the stream.
    func read(_ count: Int) throws(SystemError) -> Secret? {
        let buffer = Secret(count: count)
        var filled = 0
        while filled < count {
            let result = buffer.withMutableBytes { bytes in
                unsafe bytes.withUnsafeMutableBufferPointer { pointer in
                    let rest = unsafe UnsafeMutableRawBufferPointer(
                        rebasing: UnsafeMutableRawBufferPointer(pointer)[filled...])
                    return unsafe recv(descriptor, rest.baseAddress, rest.count, 0)
                }
            }
            if result == 0 { return nil }
            if result > 0 {
                filled += result
            } else if errno != EINTR {
                throw .last("read from", path)
            }
        }
        return buffer
    }

    func write(_ bytes: Span<UInt8>) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            let result = unsafe bytes.withUnsafeBufferPointer { pointer in
                let rest = unsafe UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(pointer)[written...])
                return unsafe send(descriptor, rest.baseAddress, rest.count, 0)
            }
            if result >= 0 {
                written += result
            } else if errno != EINTR {
                throw .last("write to", path)
            }
        }
    }
}
