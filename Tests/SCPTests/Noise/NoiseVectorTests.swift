import Testing

@testable import SCP

/// The interpreter of patterns against all published vectors, in both roles, byte for byte.
@Suite(.enabled(if: NoiseVectors.all != nil, "no vectors: set SCP_VECTORS"))
struct NoiseVectorTests {
    typealias Vector = NoiseVectors.Vector

    let provider: ObservedProvider

    init() throws { provider = try ObservedProvider() }

    /// A file that went missing or lost cases fails, and so does a pattern without a vector.
    @Test func everyPatternHasItsVector() throws {
        let vectors = try #require(NoiseVectors.all)
        #expect(vectors.count == 59)
        #expect(Set(vectors.map(\.protocol_name)).count == 59)
        #expect(vectors.filter { $0.init_psks == nil }.count == HandshakePattern.published.count)
        for pattern in HandshakePattern.published {
            #expect(vectors.contains { $0.pattern == pattern.name }, "\(pattern.name)")
        }
        // What SCP/1 speaks, rotation included.
        for name in ["XX", "XXpsk3", "NNpsk0", "KKpsk0"] { #expect(vectors.contains { $0.pattern == name }) }
    }

    // [SCP-HS-1]
    @Test(arguments: NoiseVectors.all ?? [])
    func vector(_ vector: Vector) throws {
        let pattern = try #require(HandshakePattern.named(vector.pattern))
        #expect(pattern.name == vector.pattern)
        #expect(pattern.protocolName == vector.protocol_name)
        var initiator = try initiator(vector, pattern)
        var responder = try responder(vector, pattern)
        let handshake = vector.messages.prefix(pattern.messages.count)
        try #require(handshake.count == pattern.messages.count)
        for (index, message) in handshake.enumerated() {
            let payload = hexBytes(message.payload)
            let expected = hexBytes(message.ciphertext)
            let isInitiators = index % 2 == 0
            let overhead = isInitiators ? initiator.overhead : responder.overhead
            #expect(overhead == expected.count - payload.count)
            let written = try isInitiators ? initiator.write(payload) : responder.write(payload)
            #expect(written == expected, "message \(index)")
            let read = try isInitiators ? responder.read(expected) : initiator.read(expected)
            #expect(read == payload, "message \(index)")
        }
        #expect(initiator.isComplete && responder.isComplete)
        #expect(array(initiator.handshakeHash) == hexBytes(vector.handshake_hash))
        #expect(array(responder.handshakeHash) == hexBytes(vector.handshake_hash))
        try checkTransport(vector, pattern, initiator, responder)
    }

    private func initiator(_ vector: Vector, _ pattern: HandshakePattern) throws -> NoiseState {
        try state(
            pattern, .initiator, prologue: vector.init_prologue, staticKey: vector.init_static,
            remoteStatic: vector.init_remote_static, ephemeral: vector.init_ephemeral, psks: vector.init_psks)
    }

    private func responder(_ vector: Vector, _ pattern: HandshakePattern) throws -> NoiseState {
        try state(
            pattern, .responder, prologue: vector.resp_prologue, staticKey: vector.resp_static,
            remoteStatic: vector.resp_remote_static, ephemeral: vector.resp_ephemeral, psks: vector.resp_psks)
    }

    private func state(
        _ pattern: HandshakePattern, _ role: Role, prologue: String, staticKey: String?, remoteStatic: String?,
        ephemeral: String?, psks: [String]?
    ) throws -> NoiseState {
        let psks = psks ?? []
        try #require(psks.count == (pattern.usesPSK ? 1 : 0))
        return try NoiseState(
            pattern, role: role, prologue: hexBytes(prologue).span, provider: provider,
            staticKey: staticKey.map(privateKey), remoteStatic: remoteStatic.map { testKey(hexBytes($0)) },
            ephemeral: ephemeral.map(privateKey),
            presharedKeys: psks.first.map { .common(Secret(copying: hexBytes($0).span)) })
    }

    private func privateKey(_ text: String) throws -> ObservedProvider.PrivateKey {
        try provider.privateKey(Secret(copying: hexBytes(text).span))
    }

    /// The keys of `Split`, by the transport messages that they protect. In one-way patterns the initiator sends all.
    private func checkTransport(
        _ vector: Vector, _ pattern: HandshakePattern, _ initiator: NoiseState, _ responder: NoiseState
    ) throws {
        let messages = vector.messages[pattern.messages.count...]
        #expect(messages.count >= 2)
        let isOneWay = pattern.messages.count == 1
        let sending = try initiator.split()
        let receiving = try responder.split()
        for keys in [(sending.0, receiving.0), (sending.1, receiving.1)] {
            #expect(array(keys.0.bytes) == array(keys.1.bytes))
        }
        var toResponder = try Ends(sending.0, receiving.0, provider)
        var toInitiator = try Ends(sending.1, receiving.1, provider)
        for index in messages.indices {
            let payload = hexBytes(messages[index].payload)
            let expected = hexBytes(messages[index].ciphertext)
            if isOneWay || index % 2 == 0 {
                try toResponder.check(payload, expected, "transport message \(index)")
            } else {
                try toInitiator.check(payload, expected, "transport message \(index)")
            }
        }
    }

    /// The cipher states at the two ends of one direction.
    private struct Ends {
        private var sender, receiver: CipherState<ObservedProvider>

        init(_ sending: Secret, _ receiving: Secret, _ provider: ObservedProvider) throws {
            sender = try CipherState(sending, provider: provider)
            receiver = try CipherState(receiving, provider: provider)
        }

        mutating func check(_ payload: [UInt8], _ expected: [UInt8], _ comment: Comment) throws {
            let range = 0..<payload.count
            var bytes = payload + [UInt8](repeating: 0, count: 16)
            var span = bytes.mutableSpan
            try sender.encrypt(&span, range, associatedData: Span())
            #expect(bytes == expected, comment)
            span = bytes.mutableSpan
            try receiver.decrypt(&span, range, associatedData: Span())
            #expect(bytes.prefix(payload.count).elementsEqual(payload), comment)
        }
    }
}
