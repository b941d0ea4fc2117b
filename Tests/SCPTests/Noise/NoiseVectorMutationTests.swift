import Testing

@testable import SCP

/// Every message of every published vector with each of its bytes changed: refused without a trace, or, where the
/// pattern protects nothing yet, no longer the same transcript. Then the genuine message is read.
// [SCP-HS-29]
@Suite(.enabled(if: NoiseVectors.all != nil, "no vectors: set SCP_VECTORS"))
struct NoiseVectorMutationTests {
    typealias Vector = NoiseVectors.Vector

    let provider: ObservedProvider

    init() throws { provider = try ObservedProvider() }

    @Test(arguments: NoiseVectors.all ?? [])
    func everyByteOfEveryMessage(_ vector: Vector) throws {
        let pattern = try #require(HandshakePattern.named(vector.pattern))
        var pair = NoisePair(
            initiator: try vector.state(pattern, .initiator, provider),
            responder: try vector.state(pattern, .responder, provider))
        var refused = 0
        for (index, message) in vector.messages.prefix(pattern.messages.count).enumerated() {
            let writer = NoisePair.writer(of: index)
            let payload = hexBytes(message.payload)
            let genuine = hexBytes(message.ciphertext)
            // As published, not as our interpreter sees it: a payload in the clear ends its message.
            let isProtected = Array(genuine.suffix(payload.count)) != payload
            try #require(!payload.isEmpty && genuine.count > payload.count)
            _ = try pair[writer].write(payload)
            for position in genuine.indices {
                let changed = Self.change(genuine, at: position)
                if isProtected {
                    try refuse(changed, by: &pair[writer.peer], "byte \(position) of message \(index)")
                    refused += 1
                } else {
                    var misled = pair[writer.peer]
                    _ = try misled.read(changed)
                    #expect(array(misled.handshakeHash) != array(pair[writer].handshakeHash))
                }
            }
            #expect(try pair[writer.peer].read(genuine) == payload)
        }
        #expect(refused > 0)
        #expect(array(pair.initiator.handshakeHash) == hexBytes(vector.handshake_hash))
        #expect(array(pair.responder.handshakeHash) == hexBytes(vector.handshake_hash))
        try checkTransport(vector, pattern, pair.responder.split())
    }

    /// Each bit has its turn as the position moves on.
    private static func change(_ message: [UInt8], at position: Int) -> [UInt8] {
        var changed = message
        changed[position] ^= 1 << (position % 8)
        return changed
    }

    private func refuse(_ message: [UInt8], by reader: inout NoiseState, _ comment: Comment) throws {
        let before = reader.snapshot
        #expect(noiseError { () throws(NoiseError) in try reader.read(message) } == .decryption, comment)
        #expect(reader.snapshot == before, comment)
    }

    /// Transport messages are opened in turn, in one-way patterns all by the responder.
    private func checkTransport(
        _ vector: Vector, _ pattern: HandshakePattern, _ keys: (Secret, Secret)
    ) throws {
        var toResponder = try CipherState(keys.0, provider: provider)
        var toInitiator = try CipherState(keys.1, provider: provider)
        let isOneWay = pattern.messages.count == 1
        for (index, message) in vector.messages.enumerated().dropFirst(pattern.messages.count) {
            let payload = hexBytes(message.payload)
            let genuine = hexBytes(message.ciphertext)
            if isOneWay || index % 2 == 0 {
                try checkTransport(genuine, payload, &toResponder)
            } else {
                try checkTransport(genuine, payload, &toInitiator)
            }
        }
    }

    private func checkTransport(
        _ genuine: [UInt8], _ payload: [UInt8], _ receiver: inout CipherState<ObservedProvider>
    ) throws {
        let nonce = receiver.nonce
        let range = 0..<payload.count
        for position in genuine.indices {
            var changed = Self.change(genuine, at: position)
            var span = changed.mutableSpan
            let error = noiseError { () throws(NoiseError) in
                try receiver.decrypt(&span, range, associatedData: Span())
            }
            #expect(error == .decryption && receiver.nonce == nonce)
            #expect(changed[range].allSatisfy { $0 == 0 })
        }
        var bytes = genuine
        var span = bytes.mutableSpan
        try receiver.decrypt(&span, range, associatedData: Span())
        #expect(Array(bytes[range]) == payload && receiver.nonce == nonce + 1)
    }
}

extension NoiseVectors.Vector {
    /// One side as the vector has it.
    fileprivate func state(
        _ pattern: HandshakePattern, _ role: Role, _ provider: ObservedProvider
    ) throws -> NoiseState {
        func privateKey(_ text: String) throws -> ObservedProvider.PrivateKey {
            try provider.privateKey(Secret(copying: hexBytes(text).span))
        }
        let isInitiator = role == .initiator
        let prologue = hexBytes(isInitiator ? init_prologue : resp_prologue)
        let psk = (isInitiator ? init_psks : resp_psks)?.first
        return try NoiseState(
            pattern, role: role, prologue: prologue.span, provider: provider,
            staticKey: (isInitiator ? init_static : resp_static).map(privateKey),
            remoteStatic: (isInitiator ? init_remote_static : resp_remote_static).map { testKey(hexBytes($0)) },
            ephemeral: (isInitiator ? init_ephemeral : resp_ephemeral).map(privateKey),
            presharedKeys: psk.map { .common(Secret(copying: hexBytes($0).span)) })
    }
}
