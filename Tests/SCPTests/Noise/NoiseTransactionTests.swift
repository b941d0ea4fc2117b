import Testing

@testable import SCP

/// A message that cannot be read, or cannot be written, leaves the state as it was.
// [SCP-HS-29]
@Suite struct NoiseTransactionTests {
    static let patterns = ["XX", "XXpsk3", "IK", "KKpsk0", "NNpsk0"]
    private static let payload = Array("a payload".utf8)

    let provider: ObservedProvider
    let keys: NoiseKeys

    init() throws {
        provider = try ObservedProvider()
        keys = try NoiseKeys(provider)
    }

    /// Before any key exists Noise protects nothing: `-> e` of XX, its clear payload included. With a psk in the
    /// pattern `e` makes a key, and with a static key known beforehand `es` does.
    private static func isProtected(_ pattern: String, _ index: Int) -> Bool { pattern != "XX" || index > 0 }

    /// Runs the handshake, and shows every message to `body` before it is read: the reader must be left as it was.
    private func forEveryMessage(
        of name: String, _ body: (_ index: Int, _ message: [UInt8], _ reader: inout NoiseState) throws -> Void
    ) throws {
        let pattern = try #require(HandshakePattern.named(name))
        var pair = try keys.pair(pattern)
        for index in pattern.messages.indices {
            let writer = NoisePair.writer(of: index)
            let message = try pair[writer].write(Self.payload)
            let before = pair[writer.peer].snapshot
            try body(index, message, &pair[writer.peer])
            #expect(pair[writer.peer].snapshot == before, "message \(index)")
            #expect(try pair[writer.peer].read(message) == Self.payload)
            #expect(array(pair.initiator.handshakeHash) == array(pair.responder.handshakeHash))
        }
        #expect(pair.initiator.isComplete && pair.responder.isComplete)
        let (left, right) = (try pair.initiator.split(), try pair.responder.split())
        #expect(array(left.0.bytes) == array(right.0.bytes) && array(left.1.bytes) == array(right.1.bytes))
    }

    /// Bit 255 of a public key, which X25519 masks, is protected like any other: the transcript has the bytes.
    @Test(arguments: patterns)
    func anyByteChanged(pattern: String) throws {
        try forEveryMessage(of: pattern) { index, message, reader in
            guard Self.isProtected(pattern, index) else { return }
            for position in message.indices {
                for mask in [0x01, 0x80] as [UInt8] {
                    var changed = message
                    changed[position] ^= mask
                    let before = reader.snapshot
                    #expect(
                        noiseError { () throws(NoiseError) in try reader.read(changed) } == .decryption,
                        "byte \(position) of message \(index)")
                    #expect(reader.snapshot == before, "byte \(position) of message \(index)")
                }
            }
        }
    }

    @Test(arguments: patterns)
    func truncatedAnywhereOrExtended(pattern: String) throws {
        try forEveryMessage(of: pattern) { index, message, reader in
            let isProtected = Self.isProtected(pattern, index)
            // Keys and tags that are cut off are missed; a payload that is cut off fails its tag.
            let overhead = message.count - Self.payload.count
            for count in message.indices where isProtected || count < overhead {
                let error = noiseError { () throws(NoiseError) in try reader.read(Array(message[..<count])) }
                #expect(error == (count < overhead ? .truncated : .decryption), "\(count) bytes")
            }
            guard isProtected else { return }
            for extra in [1, 15, 16, 17, 32, 1_000] {
                let longer = message + [UInt8](repeating: 0, count: extra)
                #expect(noiseError { () throws(NoiseError) in try reader.read(longer) } == .decryption)
            }
        }
    }

    /// What XX does not protect in its first message it notices with the second: the transcripts differ. SCP/1 puts an
    /// empty payload there and the parameters into the prologue.
    @Test func unprotectedFirstMessageIsNoticedInTheSecond() throws {
        let genuine = try keys.pair(.xx)
        var initiator = genuine.initiator
        let message = try initiator.write(Self.payload)
        var honest = genuine.responder
        _ = try honest.read(message)
        let answer = try honest.write([])
        let changes = (0..<message.count).flatMap { position in
            [0x01, 0x80].map { mask in
                message.enumerated().map { $0.offset == position ? $0.element ^ UInt8(mask) : $0.element }
            }
        }
        for changed in changes + [Array(message.dropLast()), message + [0]] {
            var responder = genuine.responder
            let payload = try responder.read(changed)
            #expect(payload == Array(changed[32...]))
            #expect(array(responder.handshakeHash) != array(initiator.handshakeHash))
            let wrong = try responder.write([])
            let before = initiator.snapshot
            #expect(noiseError { () throws(NoiseError) in try initiator.read(wrong) } == .decryption)
            #expect(initiator.snapshot == before)
        }
        #expect(try initiator.read(answer) == [])
        #expect(array(initiator.handshakeHash) == array(honest.handshakeHash))
    }

    /// One bit of the prologue: the first protected message fails.
    @Test(arguments: patterns)
    func anotherPrologue(pattern: String) throws {
        let pattern = try #require(HandshakePattern.named(pattern))
        var initiator = try keys.state(pattern, .initiator, prologue: [1, 2, 3])
        var responder = try keys.state(pattern, .responder, prologue: [1, 2, 2])
        let first = try initiator.write([])
        if pattern.name == "XX" {
            _ = try responder.read(first)
            let second = try responder.write([])
            #expect(noiseError { () throws(NoiseError) in try initiator.read(second) } == .decryption)
        } else {
            #expect(noiseError { () throws(NoiseError) in try responder.read(first) } == .decryption)
        }
    }

    /// The backend fails at each of its calls in turn, while the message is written and while it is read.
    @Test(arguments: patterns)
    func backendFailsAnywhere(pattern: String) throws {
        let parsed = try #require(HandshakePattern.named(pattern))
        var drawing = keys
        drawing.ephemerals = [:]
        var pair = try drawing.pair(parsed)
        for index in parsed.messages.indices {
            let writer = NoisePair.writer(of: index)
            try failEveryCall(of: pair[writer], "writing \(index)") { state throws(NoiseError) in
                _ = try state.write(Self.payload)
            }
            let message = try pair[writer].write(Self.payload)
            try failEveryCall(of: pair[writer.peer], "reading \(index)") { state throws(NoiseError) in
                _ = try state.read(message)
            }
            #expect(try pair[writer.peer].read(message) == Self.payload)
        }
        #expect(array(pair.initiator.handshakeHash) == array(pair.responder.handshakeHash))
    }

    private func failEveryCall(
        of genuine: NoiseState, _ comment: Comment, _ body: (inout NoiseState) throws(NoiseError) -> Void
    ) throws {
        var probe = genuine
        let calls = try provider.log.during { try body(&probe) }
        try #require(calls.count > 1)
        var state = genuine
        let before = state.snapshot
        for (position, call) in calls.enumerated() {
            provider.log.fail(after: position)
            let error = noiseError { () throws(NoiseError) in try body(&state) }
            #expect(error == .backend(call == .random ? .randomFailed : .backend(99)), comment)
            #expect(provider.log.pendingFailure == nil, comment)
            #expect(state.snapshot == before, comment)
        }
        try body(&state)
        #expect(state.index == before.index + 1, comment)
    }
}
