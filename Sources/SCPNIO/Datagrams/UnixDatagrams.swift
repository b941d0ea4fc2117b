internal import NIOCore

#if canImport(Darwin)
internal import Darwin
#elseif canImport(Musl)
internal import Musl
#else
internal import Glibc
#endif

/// Sends from a Unix-domain datagram socket to one of many peers, which NIO does not do: it ends the program at such an
/// address. A receiver that does not keep up loses datagrams, as it would on a network.
struct UnixDatagramSender {
    private let descriptor: CInt

    /// Nil for another kind of channel.
    init?(_ context: ChannelHandlerContext) {
        guard case .unixDomainSocket = context.channel.localAddress, context.channel.remoteAddress == nil,
            let descriptor = try? context.channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
                of: NIOBSDSocket.Handle.self, { $0 })
        else { return nil }
        self.descriptor = descriptor
    }

    func send(_ bytes: ByteBuffer, to address: SocketAddress) {
        unsafe bytes.withUnsafeReadableBytes { bytes in
            unsafe address.withSockAddr { start, count in
                _ = unsafe sendto(
                    descriptor, bytes.baseAddress, bytes.count, CInt(MSG_DONTWAIT), start, socklen_t(count))
            }
        }
    }
}
