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

/// The file of a listening Unix-domain socket. NIO removes it when the listener is closed; after a program that had no
/// time to close anything it stays.
enum SocketFile {
    /// Listens at the path. A socket that nobody listens on any more is replaced; one that answers, and a file that is
    /// no socket, are left alone.
    static func bind(
        _ bootstrap: ServerBootstrap, _ path: String, on group: any EventLoopGroup
    ) async throws -> any NIOCore.Channel {
        do {
            return try await bootstrap.bind(unixDomainSocketPath: path).get()
        } catch let error as IOError where error.errnoCode == SystemCode.addressInUse {
            guard await isAbandoned(path, on: group) else { throw error }
        }
        // Looks again that it is a socket.
        return try await bootstrap.bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    }

    private static func isAbandoned(_ path: String, on group: any EventLoopGroup) async -> Bool {
        do {
            let probe = try await ClientBootstrap(group: group).connect(unixDomainSocketPath: path).get()
            try? await probe.close().get()
            return false
        } catch {
            return (error as? IOError)?.errnoCode == SystemCode.refused
        }
    }
}
