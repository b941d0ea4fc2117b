internal import NIOCore
internal import NIOPosix

#if canImport(Darwin)
internal import Darwin
#elseif canImport(Musl)
internal import Musl
#else
internal import Glibc
#endif

/// The numbers of the system's errors that are told apart here.
enum SystemCode {
    static let addressInUse = EADDRINUSE
    static let refused = ECONNREFUSED
}

/// The file of a listening Unix-domain socket: it outlives the program that made it unless somebody removes it.
struct SocketFile: Sendable {
    private let path: String
    /// Which file it is: somebody else may have put another in its place meanwhile.
    private let device: UInt64
    private let inode: UInt64

    /// The socket that is there now; nil when it cannot be seen.
    init?(_ path: String) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
        self.path = path
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
    }

    /// Listens at the path. A socket that nobody listens on any more is replaced; one that answers, and a file that is
    /// no socket, are left alone.
    static func bind(
        _ bootstrap: ServerBootstrap, _ path: String, on group: any EventLoopGroup
    ) async throws -> any NIOCore.Channel {
        do {
            return try await bootstrap.bind(unixDomainSocketPath: path).get()
        } catch let error as IOError where error.errnoCode == SystemCode.addressInUse {
            guard await isStale(path, on: group) else { throw error }
        }
        return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    }

    private static func isStale(_ path: String, on group: any EventLoopGroup) async -> Bool {
        do {
            let probe = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get()
            try? await probe.close().get()
            return false
        } catch {
            guard (error as? IOError)?.errnoCode == SystemCode.refused else { return false }
            return SocketFile(path) != nil
        }
    }

    /// Removes the file unless it has become another.
    func remove() async {
        guard let now = SocketFile(path), now.device == device, now.inode == inode else { return }
        try? await NonBlockingFileIO(threadPool: .singleton).unlink(path: path)
    }
}
