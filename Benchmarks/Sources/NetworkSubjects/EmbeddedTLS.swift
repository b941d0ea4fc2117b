import NIOCore
import NIOEmbedded
import NIOSSL
import NIOTLS
import Subjects

/// Two ends of swift-nio-ssl in embedded channels, with the bytes between them carried by hand.
final class EmbeddedTLSPair {
    private let client: EmbeddedChannel
    private let server: EmbeddedChannel
    private let atServer = ByteCounter()

    /// Shakes hands.
    init(_ parties: TLSParties) throws {
        let loop = EmbeddedEventLoop()
        let established = HandshakeWitness()
        client = EmbeddedChannel(handlers: [try parties.clientHandler()], loop: loop)
        server = EmbeddedChannel(handlers: [parties.serverHandler(), established, atServer], loop: loop)
        try client.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        try server.connect(to: try SocketAddress(ipAddress: "127.0.0.1", port: 2)).wait()
        while try carry(from: client, to: server) || carry(from: server, to: client) {}
        guard established.hasSeen else { throw Failed("TLS was not established") }
    }

    /// Fired into the pipeline: the value of a discarded `writeInbound` may be freed before it is filled (Swift 6.3.1).
    private func carry(from source: EmbeddedChannel, to sink: EmbeddedChannel) throws -> Bool {
        var hasMoved = false
        while let part = try source.readOutbound(as: ByteBuffer.self) {
            sink.pipeline.fireChannelRead(part)
            hasMoved = true
        }
        if hasMoved { sink.pipeline.fireChannelReadComplete() }
        return hasMoved
    }

    /// Bytes that the server has got since the last time it was asked.
    func takeReceived() -> Int {
        defer { atServer.count = 0 }
        return atServer.count
    }

    /// One message from the client to the server, flushed.
    func exchange(_ message: ByteBuffer) throws {
        client.writeAndFlush(message, promise: nil)
        _ = try carry(from: client, to: server)
    }

    /// Many messages, flushed together.
    func exchange(_ message: ByteBuffer, count: Int) throws {
        for _ in 0..<count { client.write(message, promise: nil) }
        client.flush()
        _ = try carry(from: client, to: server)
    }
}

private final class ByteCounter: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    var count = 0

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { count += unwrapInboundIn(data).readableBytes }
}

private final class HandshakeWitness: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private(set) var hasSeen = false

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .some(.handshakeCompleted) = event as? TLSUserEvent { hasSeen = true }
        context.fireUserInboundEventTriggered(event)
    }
}

/// Messages from one end of TLS to the other, in memory.
public final class EmbeddedTLSSubject: Subject {
    private let pair: EmbeddedTLSPair
    private let message: ByteBuffer
    private let batch: Int

    /// - Parameter batch: messages that are flushed together.
    public init(_ parties: TLSParties, size: Int, batch: Int = 1) throws {
        pair = try EmbeddedTLSPair(parties)
        message = ByteBuffer(repeating: 0x5a, count: size)
        self.batch = batch
        for _ in 0..<3 { _ = try slice() }
    }

    public func slice() throws -> Slice {
        let size = message.readableBytes
        let rounds = max(1, min(256, 131_072 / max(size, 1)) / batch)
        var slice = Slice()
        try slice.measure(operations: rounds * batch) {
            for _ in 0..<rounds {
                if batch == 1 { try pair.exchange(message) } else { try pair.exchange(message, count: batch) }
            }
        }
        guard pair.takeReceived() == rounds * batch * size else { throw Failed("TLS lost bytes") }
        return slice
    }
}

/// Whole handshakes of TLS, both sides, in memory.
public final class EmbeddedTLSHandshakeSubject: Subject {
    private let parties: TLSParties

    public init(_ parties: TLSParties) throws {
        self.parties = parties
        _ = try slice()
    }

    public func slice() throws -> Slice {
        var slice = Slice()
        _ = try slice.measure(operations: 1) { try EmbeddedTLSPair(parties) }
        return slice
    }
}
