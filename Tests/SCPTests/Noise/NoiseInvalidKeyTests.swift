import Testing

@testable import SCP

/// Public keys of low order, and backends that answer with a secret that is none.
// [SCP-KEY-10] [SCP-KEY-11]
@Suite struct NoiseInvalidKeyTests {
    let provider: ObservedProvider
    let honest: NoiseKeys

    init() throws {
        provider = try ObservedProvider()
        honest = try NoiseKeys(provider)
    }

    /// Reads a message whose writer said that one of its keys is `key`: refused, no multiplication with it reached, at
    /// most `agreements` others, and the genuine message still read.
    private func refuse(
        _ key: PublicKey, in patternName: String, message index: Int, agreements: Int,
        claimedBy change: (inout NoiseKeys, Role) -> Void
    ) throws {
        let pattern = try #require(HandshakePattern.named(patternName))
        let writer = NoisePair.writer(of: index)
        // Messages before this one are the same in both runs, the writer's keys being in none of them.
        var lying = honest
        change(&lying, writer)
        var genuine = try honest.pair(pattern)
        try genuine.advance(to: index)
        var liar = try lying.pair(pattern)
        try liar.advance(to: index)
        let wrong = try liar[writer].write([])
        let right = try genuine[writer].write([])
        #expect(wrong != right)

        var reader = genuine[writer.peer]
        let before = reader.snapshot
        let calls = provider.log.during {
            #expect(noiseError { () throws(NoiseError) in try reader.read(wrong) } == .invalidPublicKey)
        }
        #expect(calls.count { $0 == .agreement } == agreements)
        #expect(!calls.contains(.publicKey) && !calls.contains(.privateKey))
        #expect(!provider.log.peers.contains(key))
        #expect(reader.snapshot == before)
        #expect(try reader.read(right) == [])
    }

    @Test(arguments: ["XX", "XXpsk3", "IK", "KKpsk0", "NNpsk0"], lowOrderKeys)
    func ephemeralOfInitiator(pattern: String, key: PublicKey) throws {
        try refuse(key, in: pattern, message: 0, agreements: 0) { keys, writer in
            keys.ephemerals[writer] = keys.ephemerals[writer]?.claiming(key)
        }
    }

    @Test(arguments: ["XX", "XXpsk3", "IK", "KKpsk0", "NNpsk0"], lowOrderKeys)
    func ephemeralOfResponder(pattern: String, key: PublicKey) throws {
        try refuse(key, in: pattern, message: 1, agreements: 0) { keys, writer in
            keys.ephemerals[writer] = keys.ephemerals[writer]?.claiming(key)
        }
    }

    /// The responder's static key comes after `ee`.
    @Test(arguments: ["XX", "XXpsk3"], lowOrderKeys)
    func staticKeyOfResponder(pattern: String, key: PublicKey) throws {
        try refuse(key, in: pattern, message: 1, agreements: 1) { keys, writer in
            keys.statics[writer] = keys.statics[writer]?.claiming(key)
        }
    }

    @Test(arguments: ["XX", "XXpsk3"], lowOrderKeys)
    func staticKeyOfInitiator(pattern: String, key: PublicKey) throws {
        try refuse(key, in: pattern, message: 2, agreements: 0) { keys, writer in
            keys.statics[writer] = keys.statics[writer]?.claiming(key)
        }
    }

    /// A static key in the first message comes after `es`.
    @Test(arguments: lowOrderKeys)
    func staticKeyInTheFirstMessage(key: PublicKey) throws {
        try refuse(key, in: "IK", message: 0, agreements: 1) { keys, writer in
            keys.statics[writer] = keys.statics[writer]?.claiming(key)
        }
    }

    @Test(arguments: [Role.initiator, .responder], lowOrderKeys)
    func staticKeyKnownBeforehand(role: Role, key: PublicKey) throws {
        var keys = honest
        keys.known[role] = key
        #expect(throws: NoiseError.invalidPublicKey) { try keys.state(.kk, role) }
        #expect(!provider.log.operations.contains(.agreement))
    }

    @Test(arguments: lowOrderKeys)
    func agreementRefusesBeforeTheBackend(key: PublicKey) throws {
        let own = try provider.privateKey(testSecret(1))
        #expect(throws: CryptoError.invalidPublicKey) { try DiffieHellman.agree(provider, own, key) }
        #expect(!provider.log.operations.contains(.agreement))
    }

    /// An agent, a token or a broken library may answer anything.
    @Test(arguments: [
        (0, CryptoError.invalidLength), (31, .invalidLength), (32, .invalidPublicKey), (33, .invalidLength),
        (64, .invalidLength),
    ])
    func backendAnswersWithZeroes(count: Int, expected: CryptoError) throws {
        try answer([UInt8](repeating: 0, count: count), expected)
    }

    @Test(arguments: [31, 33])
    func backendAnswersWithAnotherLength(count: Int) throws {
        try answer([UInt8](repeating: 7, count: count), .invalidLength)
    }

    private func answer(_ bytes: [UInt8], _ expected: CryptoError) throws {
        let own = try provider.privateKey(testSecret(1))
        let peer = try provider.publicKey(of: try provider.privateKey(testSecret(2)))
        provider.log.answer(bytes)
        #expect(throws: expected) { try DiffieHellman.agree(provider, own, peer) }
        provider.log.answer(nil)

        var pair = try honest.pair(.xx)
        try pair.advance(to: 1)
        try writeAndRead(&pair, with: bytes, expected)
        try writeAndRead(&pair, with: bytes, expected)
        #expect(pair.initiator.isComplete)
        #expect(array(pair.initiator.handshakeHash) == array(pair.responder.handshakeHash))
    }

    /// The next message, first with the wrong answers and then without.
    private func writeAndRead(_ pair: inout NoisePair, with bytes: [UInt8], _ expected: CryptoError) throws {
        let writer = NoisePair.writer(of: pair.initiator.index)
        let before = (pair[writer].snapshot, pair[writer.peer].snapshot)
        provider.log.answer(bytes)
        #expect(throws: NoiseError(expected)) { try pair[writer].write([]) }
        provider.log.answer(nil)
        let message = try pair[writer].write([])
        provider.log.answer(bytes)
        #expect(throws: NoiseError(expected)) { try pair[writer.peer].read(message) }
        provider.log.answer(nil)
        #expect(pair[writer.peer].snapshot == before.1)
        #expect(pair[writer].index == before.0.index + 1)
        _ = try pair[writer.peer].read(message)
    }

    /// Bit 255 is masked by the multiplication and kept by the transcript.
    // [SCP-KEY-12]
    @Test func topBitOfAnEphemeralIsKept() throws {
        var keys = honest
        let plain = try #require(try keys.ephemerals[.initiator].map { try provider.publicKey(of: $0) })
        var bytes = plain.bytes
        bytes[31] |= 0x80
        let spelled = PublicKey(bytes)
        keys.ephemerals[.initiator] = keys.ephemerals[.initiator]?.claiming(spelled)
        var pair = try keys.pair(.xx)
        try pair.advance(to: 3)
        #expect(pair.responder.remoteEphemeral == spelled)
        #expect(array(pair.initiator.handshakeHash) == array(pair.responder.handshakeHash))
        var usual = try honest.pair(.xx)
        try usual.advance(to: 3)
        #expect(array(usual.initiator.handshakeHash) != array(pair.initiator.handshakeHash))
    }
}
