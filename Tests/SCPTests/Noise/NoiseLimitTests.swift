import Testing

@testable import SCP

/// Bounds of the Noise layer: names, nonces, sizes, turns, and keys that are not there.
@Suite struct NoiseLimitTests {
    let provider: ObservedProvider
    let keys: NoiseKeys

    init() throws {
        provider = try ObservedProvider()
        keys = try NoiseKeys(provider)
    }

    // MARK: Protocol names

    @Test(arguments: [0, 1, 31, 32, 33, 64])
    func namesArePaddedUpTo32BytesAndHashedAbove(count: Int) throws {
        let name = (0..<count).map { UInt8(0x41 + $0 % 26) }
        let state = try SymmetricState(protocolName: name, provider: provider)
        let padded = name + [UInt8](repeating: 0, count: max(0, 32 - count))
        let expected = count <= 32 ? padded : array(try provider.hash(name.span, Span()))
        #expect(array(state.hash) == expected)
        #expect(array(state.chainingKey.bytes) == expected)
        #expect(!state.cipher.hasKey)
    }

    @Test func namesOfTheSuites() throws {
        let name = Suite.classicPSK.pattern.protocolName
        #expect(name == "Noise_XXpsk3_25519_AESGCM_SHA256")
        #expect(name.utf8.count == 32)
        #expect(Suite.classic.pattern.protocolName == "Noise_XX_25519_AESGCM_SHA256")
        let prologue: [UInt8] = []
        let state = try NoiseState(
            Suite.classicPSK.pattern, role: .responder, prologue: prologue.span, provider: provider,
            staticKey: keys.statics[.responder], presharedKeys: .common(testSecret(1)))
        let expected = try provider.hash(Array(name.utf8).span, prologue.span)
        #expect(array(state.handshakeHash) == array(expected))
    }

    // MARK: Nonces

    @Test func lastNonceIsNeverUsed() throws {
        var sender = try CipherState(testSecret(1), provider: provider)
        var receiver = try CipherState(testSecret(1), provider: provider)
        let plain: [UInt8] = [1, 2, 3]
        var bytes = plain + [UInt8](repeating: 0, count: 16)
        sender.setNonce(.max - 1)
        receiver.setNonce(.max - 1)
        var span = bytes.mutableSpan
        try sender.encrypt(&span, 0..<3, associatedData: Span())
        #expect(sender.nonce == .max)
        let sealed = bytes
        let calls = provider.log.during {
            var span = bytes.mutableSpan
            let error = noiseError { () throws(NoiseError) in
                try sender.encrypt(&span, 0..<3, associatedData: Span())
            }
            #expect(error == .nonceExhausted)
        }
        #expect(calls.isEmpty && bytes == sealed && sender.nonce == .max)

        span = bytes.mutableSpan
        try receiver.decrypt(&span, 0..<3, associatedData: Span())
        #expect(Array(bytes[..<3]) == plain && receiver.nonce == .max)
        bytes = sealed
        span = bytes.mutableSpan
        let error = noiseError { () throws(NoiseError) in
            try receiver.decrypt(&span, 0..<3, associatedData: Span())
        }
        #expect(error == .nonceExhausted)
        #expect(bytes == sealed && receiver.nonce == .max)
    }

    @Test func failedDecryptionKeepsTheNonce() throws {
        var sender = try CipherState(testSecret(1), provider: provider)
        var receiver = sender
        var bytes = [UInt8](repeating: 5, count: 20)
        var span = bytes.mutableSpan
        try sender.encrypt(&span, 0..<4, associatedData: Span())
        var forged = bytes
        forged[19] ^= 1
        span = forged.mutableSpan
        let error = noiseError { () throws(NoiseError) in
            try receiver.decrypt(&span, 0..<4, associatedData: Span())
        }
        #expect(error == .decryption && receiver.nonce == 0)
        #expect(forged[..<4].allSatisfy { $0 == 0 })
        span = bytes.mutableSpan
        try receiver.decrypt(&span, 0..<4, associatedData: Span())
        #expect(receiver.nonce == 1 && bytes[..<4].allSatisfy { $0 == 5 })
    }

    /// The nonce counts where there is a key and only there.
    @Test func withoutKeyEverythingIsClear() throws {
        var state = try CipherState(provider: provider)
        state.setNonce(.max)
        var bytes: [UInt8] = [1, 2, 3]
        var span = bytes.mutableSpan
        try state.encrypt(&span, 0..<3, associatedData: Span())
        span = bytes.mutableSpan
        try state.decrypt(&span, 0..<3, associatedData: Span())
        #expect(bytes == [1, 2, 3] && state.overhead == 0)
    }

    // MARK: Sizes

    @Test(arguments: NoiseTransactionTests.patterns)
    func messagesHaveAtMost65535Bytes(pattern: String) throws {
        var pair = try keys.pair(try #require(HandshakePattern.named(pattern)))
        let room = 65_535 - pair.initiator.overhead
        let before = (pair.initiator.snapshot, pair.responder.snapshot)
        for excess in [1, 2, 100_000] {
            let payload = [UInt8](repeating: 0, count: room + excess)
            #expect(noiseError { () throws(NoiseError) in try pair.initiator.write(payload) } == .tooLong)
        }
        let tooLong = [UInt8](repeating: 1, count: 65_536)
        #expect(noiseError { () throws(NoiseError) in try pair.responder.read(tooLong) } == .tooLong)
        #expect(pair.initiator.snapshot == before.0 && pair.responder.snapshot == before.1)
        let largest = [UInt8](repeating: 3, count: room)
        let message = try pair.initiator.write(largest)
        #expect(message.count == 65_535)
        #expect(try pair.responder.read(message) == largest)
    }

    // MARK: Turns

    @Test(arguments: NoiseTransactionTests.patterns)
    func onlyInTurn(pattern: String) throws {
        let pattern = try #require(HandshakePattern.named(pattern))
        var pair = try keys.pair(pattern)
        for index in 0...pattern.messages.count {
            for role in [Role.initiator, .responder] {
                let before = pair[role].snapshot
                if index == pattern.messages.count || role != NoisePair.writer(of: index) {
                    #expect(noiseError { () throws(NoiseError) in try pair[role].write([]) } == .outOfTurn)
                }
                if index == pattern.messages.count || role == NoisePair.writer(of: index) {
                    let bytes = [UInt8](repeating: 9, count: 96)
                    #expect(noiseError { () throws(NoiseError) in try pair[role].read(bytes) } == .outOfTurn)
                }
                let error = noiseError { () throws(NoiseError) in try pair[role].split() }
                #expect(error == (index == pattern.messages.count ? nil : .outOfTurn))
                #expect(pair[role].snapshot == before)
            }
            if index < pattern.messages.count { try pair.advance(to: index + 1) }
        }
        #expect(pair.initiator.overhead == 0)
    }

    // MARK: Missing keys

    @Test func patternsWithPreMessagesNeedTheirKeys() throws {
        let own = try #require(keys.statics[.initiator])
        let other = try keys.publicKey(.responder)
        let cases: [(String, Role, ObservedProvider.PrivateKey?, PublicKey?)] = [
            ("KK", .initiator, nil, other), ("KK", .initiator, own, nil), ("KK", .responder, nil, other),
            ("KK", .responder, own, nil), ("IK", .initiator, own, nil), ("IK", .responder, nil, nil),
            ("KN", .initiator, nil, nil), ("KN", .responder, nil, nil),
        ]
        for (name, role, staticKey, remote) in cases {
            let pattern = try #require(HandshakePattern.named(name))
            let error = noiseError { () throws(NoiseError) in
                try NoiseState(
                    pattern, role: role, prologue: Span(), provider: provider, staticKey: staticKey,
                    remoteStatic: remote)
            }
            #expect(error == .missingKey, "\(name) \(role)")
        }
    }

    /// The message fails where the key is needed, and the state is as it was.
    @Test func messagesNeedTheirKeys() throws {
        var lacking = keys
        lacking.statics[.initiator] = nil
        var pair = NoisePair(
            initiator: try lacking.state(.xx, .initiator), responder: try keys.state(.xx, .responder))
        try pair.advance(to: 2)
        let before = pair.initiator.snapshot
        #expect(noiseError { () throws(NoiseError) in try pair.initiator.write([]) } == .missingKey)
        #expect(pair.initiator.snapshot == before)

        var psks = keys
        psks.presharedKeys[.responder] = nil
        pair = try psks.pair(Suite.classicPSK.pattern)
        try pair.advance(to: 2)
        let message = try pair.initiator.write([])
        let reading = pair.responder.snapshot
        #expect(noiseError { () throws(NoiseError) in try pair.responder.read(message) } == .missingKey)
        #expect(pair.responder.snapshot == reading)
    }

    // MARK: Patterns as data

    @Test func pskModifiers() throws {
        #expect(HandshakePattern.xx.psk(0)?.messages.first == [.psk, .e])
        #expect(HandshakePattern.xx.psk(3)?.messages.last == [.s, .se, .psk])
        #expect(HandshakePattern.xx.psk(0)?.psk(3)?.name == "XXpsk0+psk3")
        #expect(HandshakePattern.xx.psk(-1) == nil && HandshakePattern.xx.psk(4) == nil)
        #expect(HandshakePattern("", []).psk(0) == nil)
        #expect(!HandshakePattern.xx.usesPSK && HandshakePattern.named("XXpsk3")?.usesPSK == true)
        #expect(Set(HandshakePattern.published.map(\.name)).count == 38)
    }
}
