import Foundation
import NIOCore
import NIOPosix
import SCPNIO
import Testing

/// A man in the middle who forwards bytes both ways until told otherwise.
final class Relay: Sendable {
    private struct State {
        var target: Endpoint?
        var channels: [any NIOCore.Channel] = []
        var forwardLimit: Int?
        var isDamaging = false

        mutating func pass(_ bytes: inout ByteBuffer) -> ByteBuffer? {
            if isDamaging, let byte = bytes.getInteger(at: bytes.readerIndex + 20, as: UInt8.self) {
                isDamaging = false
                bytes.setInteger(byte ^ 1, at: bytes.readerIndex + 20)
            }
            guard let limit = forwardLimit else { return bytes }
            let count = min(limit, bytes.readableBytes)
            forwardLimit = limit - count
            return bytes.readSlice(length: count)
        }
    }

    private let state = Shared(State())
    private let listener: any NIOCore.Channel

    private final class Forwarder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        let partner: any NIOCore.Channel
        let take: @Sendable (inout ByteBuffer) -> ByteBuffer?

        init(to partner: any NIOCore.Channel, _ take: @escaping @Sendable (inout ByteBuffer) -> ByteBuffer?) {
            self.partner = partner
            self.take = take
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var bytes = unwrapInboundIn(data)
            guard let part = take(&bytes), part.readableBytes > 0 else { return }
            partner.writeAndFlush(part, promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) { partner.close(promise: nil) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    init() async throws {
        let state = state
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { child in Relay.join(child, state) }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var address: Endpoint { .tcp("127.0.0.1", listener.localAddress?.port ?? 0) }

    private static func join(_ child: any NIOCore.Channel, _ state: Shared<State>) -> EventLoopFuture<Void> {
        guard case .tcp(let host, let port) = state.value.target else {
            return child.eventLoop.makeFailedFuture(ChannelError.inappropriateOperationForState)
        }
        return ClientBootstrap(group: child.eventLoop).connect(host: host, port: port).flatMapThrowing { partner in
            state.change { $0.channels += [child, partner] }
            try child.pipeline.syncOperations.addHandler(
                Forwarder(to: partner) { bytes in state.change { $0.pass(&bytes) } })
            try partner.pipeline.syncOperations.addHandler(Forwarder(to: child) { $0 })
        }
    }

    func start(to target: Endpoint) async throws { state.change { $0.target = target } }

    /// From now on only so many bytes of the one who connected pass.
    func limitForward(to count: Int) { state.change { $0.forwardLimit = count } }

    /// One bit of the next bytes that pass from the one who connected changes.
    func damageNext() { state.change { $0.isDamaging = true } }

    var isJoined: Bool { !state.value.channels.isEmpty }

    var isAtLimit: Bool { state.value.forwardLimit == 0 }

    /// Ends both streams, without a word.
    func cut() async throws {
        let channels = state.change { state in
            defer { state.channels = [] }
            return state.channels
        }
        for channel in channels { try? await channel.close() }
    }

    /// Ends both streams as a socket does that is closed with unread input: with RST.
    func reset() async throws {
        for channel in state.value.channels {
            let provider = try #require(channel as? any SocketOptionProvider)
            try await provider.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
        }
        try await cut()
    }

    func close() async throws {
        try await cut()
        try await listener.close()
    }
}
