import Testing

@testable import SCP

/// Pre-shared keys: whoever lacks the right one learns nothing about why.
// [SCP-PSK-2] [SCP-PSK-3]
@Suite struct NoisePSKTests {
    let provider: ObservedProvider
    let keys: NoiseKeys
    let initiatorKey: PublicKey

    init() throws {
        provider = try ObservedProvider()
        keys = try NoiseKeys(provider)
        initiatorKey = try #require(try keys.publicKey(.initiator))
    }

    private static let right = testSecret(42)
    private static let wrong = testSecret(43)

    /// What a responder with these keys asks of the provider, and how message 3 of the right initiator ends.
    private func outcome(_ presharedKeys: PresharedKeys) throws -> (calls: [Operation], error: NoiseError?) {
        var responding = keys
        responding.presharedKeys[.responder] = presharedKeys
        var error: NoiseError?
        let pattern = Suite.classicPSK.pattern
        var initiator = try keys.state(pattern, .initiator)
        let calls = try provider.log.during {
            var responder = try responding.state(pattern, .responder)
            _ = try responder.read(initiator.write([]))
            _ = try initiator.read(responder.write([]))
            let message = try initiator.write([])
            let before = responder.snapshot
            error = noiseError { () throws(NoiseError) in try responder.read(message) }
            if error != nil { #expect(responder.snapshot == before) }
        }
        return (calls, error)
    }

    /// The same error after the same calls, whatever is wrong.
    @Test func wrongMissingAndUnknownAreOne() throws {
        let other = testKey([9])
        let failing: [PresharedKeys] = [
            .common(Self.wrong),
            .perPeer([(initiatorKey, Self.wrong)]),
            .perPeer([]),
            .perPeer([(other, Self.right)]),
            .perPeer([(other, Self.right), (initiatorKey, Self.wrong)]),
        ]
        let accepted = try outcome(.common(Self.right))
        #expect(accepted.error == nil)
        #expect(accepted.calls.contains(.agreement) && accepted.calls.last == .open)
        for presharedKeys in failing {
            let (calls, error) = try outcome(presharedKeys)
            #expect(error == .decryption)
            #expect(calls == accepted.calls)
        }
    }

    @Test func eachPeerHasItsOwn() throws {
        #expect(try outcome(.perPeer([(testKey([9]), Self.wrong), (initiatorKey, Self.right)])).error == nil)
        // Another spelling of the initiator's key names the same initiator.
        var bytes = initiatorKey.bytes
        bytes[31] |= 0x80
        #expect(try outcome(.perPeer([(PublicKey(bytes), Self.right)])).error == nil)
    }

    /// With psk0 a responder of IK needs the key before it knows whose it is; with psk1, and in KK, it knows.
    @Test func lookUpNeedsAKnownPeer() throws {
        var responding = keys
        responding.presharedKeys[.responder] = .perPeer([(initiatorKey, Self.right)])
        for (name, expected) in [("IKpsk0", NoiseError.decryption), ("IKpsk1", nil), ("KKpsk0", nil)] {
            let pattern = try #require(HandshakePattern.named(name))
            var initiator = try keys.state(pattern, .initiator)
            var responder = try responding.state(pattern, .responder)
            let message = try initiator.write([])
            #expect(noiseError { () throws(NoiseError) in try responder.read(message) } == expected, "\(name)")
        }
    }

    /// Two states with no key for each other do not meet in a common one.
    @Test func unknownPeersHaveNothingInCommon() throws {
        var strangers = keys
        strangers.presharedKeys = [.initiator: .perPeer([]), .responder: .perPeer([])]
        var pair = try strangers.pair(Suite.classicPSK.pattern)
        try pair.advance(to: 2)
        let message = try pair.initiator.write([])
        #expect(noiseError { () throws(NoiseError) in try pair.responder.read(message) } == .decryption)
    }

    // [SCP-PSK-1]
    @Test(arguments: [0, 16, 31, 33, 64])
    func anyOtherLengthIsRefused(count: Int) throws {
        let secret = testSecret(42, count: count)
        let entries = [(key: testKey([9]), secret: Self.right), (key: initiatorKey, secret: secret)]
        for presharedKeys in [PresharedKeys.common(secret), .perPeer(entries)] {
            #expect(!presharedKeys.isValid)
            var wrong = keys
            wrong.presharedKeys[.responder] = presharedKeys
            #expect(throws: NoiseError.backend(.invalidLength)) {
                try wrong.state(Suite.classicPSK.pattern, .responder)
            }
        }
        #expect(PresharedKeys.common(Self.right).isValid && PresharedKeys.perPeer([]).isValid)
    }
}
