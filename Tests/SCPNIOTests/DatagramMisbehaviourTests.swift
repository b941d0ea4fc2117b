import NIOCore
import NIOPosix
import SCP
import SCPMisbehaviours
import SCPNIO
import SCPSimulation
import Testing

/// A client of a real UDP listener that has a session, and then says what it likes: with a provider that forges, both
/// ends can be lied to with valid keys.
private final class ForgingClient: Sendable {
    private let channel: any NIOCore.Channel
    private let received = Shared<[[UInt8]]>([])
    private let prefix = Shared<[UInt8]>([])
    private let address = Address(ipv4: 0x7f00_0001, port: 1)

    private final class Collector: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        let received: Shared<[[UInt8]]>

        init(_ received: Shared<[[UInt8]]>) { self.received = received }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = Array(buffer: unwrapInboundIn(data).data)
            received.change { $0.append(bytes) }
        }
    }

    init(to endpoint: Endpoint) async throws {
        guard case .udp(let host, let port) = endpoint else { throw ChannelError.unknownLocalAddress }
        let received = received
        channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Collector(received))
                }
            }
            .connect(host: host, port: port).get()
    }

    /// Holds a handshake, and leaves it at that.
    func establish(_ configuration: Configuration<ForgeableProvider>) async throws {
        var taken = 0
        var connection = try Connection(.initiator, configuration, to: address, at: .zero)
        for round in 0..<2_000 where prefix.value.isEmpty {
            let now = Instant.zero.advanced(by: .milliseconds(round))
            while true {
                var transmit = DatagramTransmit.nothing
                let bytes = [UInt8](capacity: 2_000) { output in
                    transmit = connection.pollTransmit(datagram: &output, at: now)
                }
                guard case .datagram = transmit else { break }
                // What the listener wants before our frames.
                if bytes[0] == 0x04 { prefix.value = Array(bytes[..<(2 + Int(bytes[1]))]) }
                try await send(bytes)
            }
            try await Task.sleep(for: .milliseconds(1))
            for datagram in received.value.dropFirst(taken) {
                taken += 1
                var copy = datagram
                var span = copy.mutableSpan
                connection.receive(datagram: &span, from: address, at: now)
            }
            connection.advance(to: now)
            while let event = connection.pollEvent() { if case .established = event { connection.ping(at: now) } }
        }
    }

    private func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(
            AddressedEnvelope(remoteAddress: try #require(channel.remoteAddress), data: ByteBuffer(bytes: bytes)))
    }

    /// A frame of the session with this plaintext, under a counter that was not used.
    func forge(_ type: FrameType, _ plaintext: [UInt8], counter: UInt64) async throws {
        let frame = try #require(ForgeableProvider.forge(type, epoch: 1, counter: counter, plaintext: plaintext))
        try await send(prefix.value + frame)
    }

    /// The codes of the CLOSE frames that have come; we gave out no connection id, so nothing stands before frames.
    var closes: [UInt64] {
        received.value.flatMap { datagram in
            var codes: [UInt64] = []
            var rest = datagram[...]
            while rest.count > 46 {
                let frame = Array(rest)
                let size = 46 + frame[10..<14].reduce(0) { $0 << 8 | Int($1) }
                if frame[1] == 5, frame[3] > 0 {
                    let code = frame[14..<22].map { $0 ^ 0x5a }
                    let length = 1 << Int(code[0] >> 6)
                    codes.append(code[1..<length].reduce(UInt64(code[0] & 0x3f)) { $0 << 8 | UInt64($1) })
                }
                rest = rest.dropFirst(size)
            }
            return codes
        }
    }

    func close() async throws { try await channel.close() }
}

/// The tables of misbehaviours, said to a real listener over UDP.
@Suite("Peers with valid keys that misbehave, over UDP", .timeLimit(.minutes(10)))
struct DatagramMisbehaviourTests {
    private let provider = ForgeableProvider(seed: 7)

    private func configuration(_ number: UInt8) throws -> Configuration<ForgeableProvider> {
        let secret = Secret(copying: [UInt8](repeating: number, count: 32).span)
        return Configuration(provider: provider, identity: try provider.privateKey(secret), identityPolicy: .anyone)
    }

    /// Says something to a listener in a session of its own, and waits for its end, if it is to end.
    private func say(
        _ type: FrameType, _ rule: Misbehaviour.Rule, to server: SecureServer, _ recorder: LogRecorder
    ) async throws {
        let client = try await ForgingClient(to: server.address)
        try await client.establish(configuration(2))
        func ends() -> [LogRecorder.Line] { recorder.lines.filter { $0.message == "channel closed" } }
        let before = ends().count
        for (number, plaintext) in (rule.before + [rule.plaintext]).enumerated() {
            let isLast = number == rule.before.count
            try await client.forge(isLast ? type : .data, plaintext, counter: UInt64(1_000 + number))
        }
        guard let code = rule.code else {
            // It is taken for what it is, and the session ends as the client wishes.
            if type != .close { try await client.forge(.close, Plain.close(0), counter: 2_000) }
            try await eventually { ends().count > before }
            #expect(client.closes == [], "\(rule.name)")
            return try await client.close()
        }
        try await eventually { ends().count > before && !client.closes.isEmpty }
        #expect(ends().last?.metadata["code"] == "\(code)", "\(rule.name)")
        #expect(Set(client.closes) == [code.rawValue], "\(rule.name)")
        try await client.close()
    }

    /// [SCP-PROT-10] [SCP-DGRAM-5]
    @Test func everyRule() async throws {
        let recorder = LogRecorder()
        var options = ServerOptions()
        options.transport.logger = recorder.logger
        options.shutdownTime = .zero
        let acknowledgements = Misbehaviour.acknowledgements.map { Misbehaviour.Rule("ack", $0.plaintext, $0.code) }
        let closes = Misbehaviour.closes.map { Misbehaviour.Rule("close", $0.plaintext, $0.code) }
        #expect(Misbehaviour.rules.count + acknowledgements.count + closes.count >= 100)
        let listener = try configuration(1)
        try await SecureServer.withServer(
            on: .udp("127.0.0.1", 0), listener, options: options, handler: idle
        ) { server in
            for rule in Misbehaviour.rules { try await say(.data, rule, to: server, recorder) }
            for rule in acknowledgements { try await say(.ack, rule, to: server, recorder) }
            for rule in closes { try await say(.close, rule, to: server, recorder) }
            // An honest client is still served.
            let channel = try await SecureChannel.connect(to: server.address, configuration(3), options: .quiet)
            channel.abort()
        }
    }
}
