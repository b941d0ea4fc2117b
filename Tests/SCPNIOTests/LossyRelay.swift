import NIOCore
import NIOPosix
import SCP
import SCPNIO
import SCPSimulation

/// A bad stretch of network between two real UDP sockets, for one client: what it does to datagrams is the simulated
/// network's doing, on the real clock.
final class LossyRelay: Sendable {
    enum Side: Hashable, Sendable { case client, server }

    private struct State {
        var network: SimulatedNetwork<Side>
        /// Where the client's datagrams come from; the first who sends is the client.
        var client: SocketAddress?
        var front: (any NIOCore.Channel)?
        var back: (any NIOCore.Channel)?
        var isArmed = false
    }

    private let state: Shared<State>
    private let eventLoop: any EventLoop
    private let server: (host: String, port: Int)

    private final class Receiver: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        let take: @Sendable (AddressedEnvelope<ByteBuffer>) -> Void

        init(_ take: @escaping @Sendable (AddressedEnvelope<ByteBuffer>) -> Void) { self.take = take }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { take(unwrapInboundIn(data)) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }

    init(to target: Endpoint, seed: UInt64, _ conditions: LinkConditions) async throws {
        state = Shared(State(network: SimulatedNetwork(seed: seed, conditions: conditions)))
        eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        guard case .udp(let host, let port) = target else { throw ChannelError.operationUnsupported }
        server = (host, port)
        let front = try await bootstrap { [weak self] in self?.take($0, from: .client) }.bind(host: host, port: 0).get()
        state.change { $0.front = front }
        try await move()
    }

    /// The server hears the client from another port from now on, as when a NAT has forgotten it.
    func move() async throws {
        let back = try await bootstrap { [weak self] in self?.take($0, from: .server) }
            .connect(host: server.host, port: server.port).get()
        let old = state.change { state in
            defer { state.back = back }
            return state.back
        }
        try await old?.close()
    }

    /// What clients connect to.
    var address: Endpoint { .udp("127.0.0.1", state.value.front?.localAddress?.port ?? 0) }

    /// What became of the datagrams.
    var counts: SimulatedNetwork<Side>.Counts { state.value.network.counts }

    func close() async throws {
        try await state.value.front?.close()
        try await state.value.back?.close()
    }

    private func bootstrap(
        _ take: @escaping @Sendable (AddressedEnvelope<ByteBuffer>) -> Void
    ) -> DatagramBootstrap {
        DatagramBootstrap(group: eventLoop).channelInitializer { channel in
            channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(Receiver(take))
            }
        }
    }

    private func take(_ envelope: AddressedEnvelope<ByteBuffer>, from side: Side) {
        let now = Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds)
        state.change { state in
            if side == .client, state.client == nil { state.client = envelope.remoteAddress }
            state.network.send(
                Array(buffer: envelope.data), from: side, to: side == .client ? .server : .client, at: now)
        }
        forward()
    }

    /// Passes on what has arrived, and waits for what has not. On the event loop.
    private func forward() {
        let now = Instant(nanoseconds: NIODeadline.now().uptimeNanoseconds)
        let next: Instant? = state.change { state in
            while let datagram = state.network.receive(at: now) {
                let bytes = ByteBuffer(bytes: datagram.bytes)
                switch datagram.destination {
                case .server: state.back?.writeAndFlush(bytes, promise: nil)
                case .client:
                    guard let client = state.client else { continue }
                    state.front?.writeAndFlush(AddressedEnvelope(remoteAddress: client, data: bytes), promise: nil)
                }
            }
            guard !state.isArmed, let next = state.network.nextArrival else { return nil }
            state.isArmed = true
            return next
        }
        guard let next else { return }
        eventLoop.scheduleTask(deadline: .uptimeNanoseconds(next.nanoseconds)) { [weak self] in
            self?.state.change { $0.isArmed = false }
            self?.forward()
        }
    }
}
