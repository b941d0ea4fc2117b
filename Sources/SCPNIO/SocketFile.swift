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
    static let hostUnreachable = EHOSTUNREACH
    static let networkUnreachable = ENETUNREACH
    static let messageTooLong = EMSGSIZE
    static let ioError = EIO
    static let invalidArgument = EINVAL
}

/// The file of a listening Unix-domain socket. NIO removes it when the listener is closed; after a program that had no
/// time to close anything it stays.
enum SocketFile {
    /// Listens at the path. A socket that nobody listens on any more is replaced; one that answers, and a file that is
    /// no socket, are left alone.
    ///
    /// - Parameters:
    ///   - open: listens at the path, and replaces the file there if it is told to.
    ///   - probe: connects to the path.
    static func bind(
        _ path: String, _ open: (_ path: String, _ replaces: Bool) -> EventLoopFuture<any NIOCore.Channel>,
        probe: () async throws -> any NIOCore.Channel
    ) async throws -> any NIOCore.Channel {
        do {
            return try await open(path, false).get()
        } catch let error as IOError where error.errnoCode == SystemCode.addressInUse {
            guard await isAbandoned(probe) else { throw error }
        }
        // Looks again that it is a socket.
        return try await open(path, true).get()
    }

    private static func isAbandoned(_ probe: () async throws -> any NIOCore.Channel) async -> Bool {
        do {
            let channel = try await probe()
            try? await channel.close().get()
            return false
        } catch {
            return (error as? IOError)?.errnoCode == SystemCode.refused
        }
    }
}
