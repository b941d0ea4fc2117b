import SCP
import SCPGcrypt

/// What a handshake costs in a suite, without any transport: bytes each way until both ends know that the session
/// stands, and the time that both ends together compute.
struct HandshakeCost {
    let suite: Suite
    let bytesToResponder: Int
    let bytesToInitiator: Int
    let handshakes: Int
    /// For one handshake.
    let processorTime: Duration

    static func measure(
        _ suite: Suite, _ provider: Provider, for duration: Duration
    ) throws -> HandshakeCost {
        var ends: [Configuration<Provider>] = []
        for _ in 0..<2 {
            let key = try provider.privateKey(provider.randomSecret(count: PublicKey.size))
            var end = Configuration(provider: provider, identity: key, identityPolicy: .anyone)
            end.use(suite.isHybrid ? .require : .classic)
            ends.append(end)
        }
        var (handshakes, bytes) = (0, (0, 0))
        let start = SystemCalls.processorTime()
        var spent = Duration.zero
        while handshakes == 0 || spent < duration {
            bytes = try handshake(ends[0], ends[1])
            handshakes += 1
            spent = SystemCalls.processorTime() - start
        }
        return HandshakeCost(
            suite: suite, bytesToResponder: bytes.0, bytesToInitiator: bytes.1, handshakes: handshakes,
            processorTime: spent / handshakes)
    }

    /// One handshake; the bytes to the responder, and to the initiator.
    private static func handshake(
        _ ours: Configuration<Provider>, _ theirs: Configuration<Provider>
    ) throws -> (Int, Int) {
        var initiator = try Connection(.initiator, ours, at: .zero)
        var responder = try Connection(.responder, theirs, at: .zero)
        var bytes = (0, 0)
        while initiator.state != .established || responder.state != .established {
            let sent = try carry(from: &initiator, to: &responder)
            let answered = try carry(from: &responder, to: &initiator)
            guard sent + answered > 0 else { throw Failure(.internalError, "the handshake stands still") }
            bytes.0 += sent
            bytes.1 += answered
        }
        return bytes
    }

    private static func carry(
        from sender: inout Connection<Provider>, to receiver: inout Connection<Provider>
    ) throws -> Int {
        var frames = [UInt8](capacity: 8_192) { output in
            while sender.pollTransmit(into: &output, unwritten: 0, at: .zero) == .wrote {}
        }
        guard !frames.isEmpty else { return 0 }
        var span = frames.mutableSpan
        try receiver.receive(&span, at: .zero)
        return frames.count
    }

    func report(_ output: Output) throws(Failure) {
        let time = Progress.decimal(processorTime.inSeconds * 1e6)
        try output.result(
            """
            \(suite.protocolName)  handshake \(bytesToResponder) bytes to the responder, \(bytesToInitiator) back, \
            \(time) us of computing at both ends, of \(handshakes)
            """,
            JSONRecord(
                "handshakeCost",
                [
                    ("suite", .string(suite.protocolName)), ("bytesToResponder", .integer(bytesToResponder)),
                    ("bytesToInitiator", .integer(bytesToInitiator)), ("count", .integer(handshakes)),
                    ("processorNanoseconds", .integer(Int(processorTime.inSeconds * 1e9))),
                ]))
    }
}
