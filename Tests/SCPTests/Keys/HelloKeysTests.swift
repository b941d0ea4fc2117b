import SCPGcrypt
import Testing

@testable import SCP

@Suite struct HelloKeysTests {
    let reference: KeyReference
    private let responderKey: PublicKey
    private let accessKey = testSecret(20)
    private let attempt = Attempt(rawValue: 0x0102_0304_0506_0708)
    private static let message: [UInt8] = [1, 2, 3]

    init() throws {
        reference = try KeyReference()
        let provider = reference.provider
        responderKey = try provider.publicKey(of: provider.privateKey(testSecret(2)))
    }

    private func keys(
        _ hello: HelloKey, responderKey: PublicKey?, accessKey: Secret?, attempt: Attempt? = nil
    ) throws(CryptoError) -> HelloKeys<GcryptProvider> {
        try HelloKeys(
            provider: reference.provider, hello: hello, responderKey: responderKey, accessKey: accessKey,
            attempt: attempt ?? self.attempt)
    }

    private func mac(_ authenticator: GcryptAuthenticator) throws -> [UInt8] {
        array(try authenticator.authenticate(Self.message.span))
    }

    // [SCP-KEY-2]
    @Test(arguments: 0...3)
    func derivedAsSpecified(octet: Int) throws {
        let hello = HelloKey(rawValue: UInt8(octet))
        let keys = try keys(hello, responderKey: responderKey, accessKey: accessKey)
        #expect(keys.hello == hello)
        let input =
            [UInt8(octet)] + (octet & 1 == 0 ? [] : array(responderKey.bytes.span))
            + (octet & 2 == 0 ? [] : array(accessKey))
        let key = try reference.extract(input)
        let context = wireInteger(attempt.rawValue, 8)
        let there = try reference.label(key, "hello i2r", context, 32)
        let back = try reference.label(key, "hello r2i", context, 32)
        #expect(try mac(keys.initiatorToResponder) == reference.hmac(there, Self.message))
        #expect(try mac(keys.responderToInitiator) == reference.hmac(back, Self.message))
    }

    /// Every hello, direction, attempt and secret has keys of its own.
    // [SCP-HS-14]
    @Test func allDistinct() throws {
        var macs: Set<[UInt8]> = []
        var count = 0
        for octet in 0...3 as ClosedRange<UInt8> {
            let hello = HelloKey(rawValue: octet)
            let named = hello.contains(.staticKey) ? [responderKey, testKey([9])] : [responderKey]
            for responderKey in named {
                for access in hello.contains(.accessKey) ? [accessKey, testSecret(21)] : [accessKey] {
                    for attempt in [attempt, Attempt(rawValue: 0), Attempt(rawValue: attempt.rawValue ^ 1)] {
                        let keys = try keys(hello, responderKey: responderKey, accessKey: access, attempt: attempt)
                        macs.insert(try mac(keys.initiatorToResponder))
                        macs.insert(try mac(keys.responderToInitiator))
                        count += 2
                    }
                }
            }
        }
        #expect(count == 54)
        #expect(macs.count == count)
    }

    /// What the octet does not name is not used.
    @Test func onlyWhatIsNamedGoesIn() throws {
        let without = try keys([], responderKey: nil, accessKey: nil)
        let with = try keys([], responderKey: responderKey, accessKey: accessKey)
        #expect(try mac(without.initiatorToResponder) == mac(with.initiatorToResponder))
        let pinned = try keys(.staticKey, responderKey: responderKey, accessKey: nil)
        let both = try keys(.staticKey, responderKey: responderKey, accessKey: accessKey)
        #expect(try mac(pinned.initiatorToResponder) == mac(both.initiatorToResponder))
    }

    @Test func namedSecretsMustBeThere() {
        let other = [nil, testSecret(1, count: 0), testSecret(1, count: 31), testSecret(1, count: 33)]
        for access in other {
            for hello in [HelloKey.accessKey, .all] {
                let error = cryptoError { () throws(CryptoError) in
                    try keys(hello, responderKey: responderKey, accessKey: access)
                }
                #expect(error == .invalidLength)
            }
        }
        for hello in [HelloKey.staticKey, .all] {
            let error = cryptoError { () throws(CryptoError) in
                try keys(hello, responderKey: nil, accessKey: accessKey)
            }
            #expect(error == .invalidLength)
        }
    }

    // MARK: finished

    /// From `ck` and `h` after message 2: the same on both sides, and not the same before or after.
    // [SCP-KEY-3]
    @Test(arguments: [Suite.classic, .classicPSK])
    func finishedAfterMessageTwo(suite: Suite) throws {
        var pair = try NoiseKeys(ObservedProvider()).pair(suite.pattern)
        var macs: [[UInt8]] = []
        for index in 1...3 {
            try pair.advance(to: index)
            let left = try pair.initiator.finishedKey().authenticate(Self.message.span)
            let right = try pair.responder.finishedKey().authenticate(Self.message.span)
            #expect(array(left) == array(right))
            macs.append(array(left))
            let key = try reference.label(
                reference.extract(array(pair.initiator.chainingKey)), "finished",
                array(pair.initiator.handshakeHash), 32)
            #expect(try array(left) == reference.hmac(key, Self.message))
        }
        #expect(Set(macs).count == 3)
    }

    @Test func finishedCoversThePayloadOfMessageTwo() throws {
        var first = try NoiseKeys(ObservedProvider()).pair(.xx)
        try first.advance(to: 1)
        var second = first
        _ = try first.responder.write([1])
        _ = try second.responder.write([2])
        #expect(array(first.responder.chainingKey) == array(second.responder.chainingKey))
        let left = try first.responder.finishedKey().authenticate(Self.message.span)
        let right = try second.responder.finishedKey().authenticate(Self.message.span)
        #expect(array(left) != array(right))
    }
}
