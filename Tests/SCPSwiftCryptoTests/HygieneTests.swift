#if SwiftCrypto
import SCP
import SCPProviderLaws
import SCPSwiftCrypto
import Testing

// [SCP-SEC-2]
/// What swift-crypto leaves in memory, and what it does not. Linux only.
@Suite(.serialized)  // the search of one test would find its finds in the buffer of another
struct HygieneTests {
    #if os(Linux)
    /// A cipher that encrypted nothing leaves nothing. One that did leaves the key schedule of its last call in freed
    /// memory: swift-crypto gives no way to wipe that, and the documentation says so.
    @Test func unusedCipherIsGone() throws {
        let provider = try SwiftCryptoProvider()
        var key: Secret? = try provider.randomSecret(count: 32)
        let trace = try Trace(#require(key))
        var cipher: SwiftCryptoCipher? = try provider.cipher(#require(key))
        #expect(trace.occurrences == 2)
        key = nil
        #expect(trace.occurrences == 1)
        withExtendedLifetime(cipher) {}
        cipher = nil
        #expect(trace.occurrences == 0)
    }

    /// The copy that swift-crypto hands out is wiped; the only plaintext is that in the caller's buffer.
    @Test(arguments: [32, 1_000])
    func openedCopyIsGone(count: Int) throws {
        let provider = try SwiftCryptoProvider()
        let cipher = try provider.cipher(provider.randomSecret(count: 32))
        let plaintext = try provider.randomSecret(count: 32)
        let trace = Trace(plaintext)
        let frame = Secret(count: count + 16)
        let header: [UInt8] = [1, 2, 3]
        try frame.withMutableBytes { bytes throws(CryptoError) in
            for index in 0..<32 { bytes[index] = plaintext.bytes[index] }
            try cipher.seal(&bytes, 0..<count, nonce: Nonce(repeating: 0), authenticating: header.span)
        }
        #expect(trace.occurrences == 1)
        try frame.withMutableBytes { bytes throws(CryptoError) in
            try cipher.open(&bytes, 0..<count, nonce: Nonce(repeating: 0), authenticating: header.span)
        }
        #expect(trace.occurrences == 2)
        frame.wipe()
        #expect(trace.occurrences == 1)
        withExtendedLifetime(plaintext) {}
    }

    @Test func releasedAuthenticatorIsGone() throws {
        let provider = try SwiftCryptoProvider()
        var key: Secret? = try provider.randomSecret(count: 32)
        let trace = try Trace(#require(key))
        var authenticator: SwiftCryptoAuthenticator? = try provider.authenticator(#require(key))
        key = nil
        let message = [UInt8](repeating: 1, count: 1000)
        _ = try authenticator?.authenticate(message.span)
        authenticator = nil
        #expect(trace.occurrences == 0)
    }

    /// Nothing is on the heap. BoringSSL leaves copies on the stack, as the documentation says, until other functions
    /// use it.
    @Test func releasedAgreementIsOnlyOnTheStack() throws {
        let provider = try SwiftCryptoProvider()
        let peer = try provider.publicKey(of: provider.privateKey(provider.randomSecret(count: 32)))

        func agreeAndRelease() throws -> [Trace] {
            let scalar = try provider.randomSecret(count: 32)
            let key = try provider.privateKey(scalar)
            let trace = Trace(scalar)
            scalar.wipe()
            #expect(trace.occurrences > 0)
            let shared = try provider.sharedSecret(key, with: peer)
            return [trace, Trace(shared)]
        }
        let traces = try agreeAndRelease()
        Trace.clearStack()
        for trace in traces { #expect(trace.occurrences == 0) }
    }

    /// Neither the key, nor the material, nor the output is on the heap.
    @Test func derivationIsOnlyOnTheStack() throws {
        let provider = try SwiftCryptoProvider()
        let info = [UInt8](repeating: 1, count: 20)

        func deriveAndRelease() throws -> [Trace] {
            let material = try provider.randomSecret(count: 32)
            let key = Secret(count: 32)
            let output = Secret(count: 64)
            try provider.extract(salt: info.span, inputKeyMaterial: material.bytes, into: key)
            try provider.expand(key.bytes, info: info.span, into: output)
            let traces = [Trace(material), Trace(key), Trace(output)]
            for trace in traces { #expect(trace.occurrences > 0) }
            return traces
        }
        let traces = try deriveAndRelease()
        Trace.clearStack()
        #expect(traces.map(\.occurrences) == [0, 0, 0])
    }
    #endif
}
#endif
