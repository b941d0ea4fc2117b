import CGcryptTestSupport
import SCP
import SCPGcrypt
import SCPProviderLaws
import Testing

// [SCP-SEC-2]
/// Looks for keys in this process's whole writable memory, freed memory included, through the kernel. Linux only.
@Suite(.serialized)  // the search of one test would find its finds in the buffer of another
struct HygieneTests {
    #if os(Linux)
    /// The search finds what is there, so that finding nothing means something.
    @Test func searchFindsALiveSecret() throws {
        let secret = try GcryptProvider().randomSecret(count: 32)
        let trace = Trace(secret)
        #expect(trace.occurrences == 1)
        let copy = Secret(copying: secret.bytes)
        #expect(trace.occurrences == 2)
        withExtendedLifetime((secret, copy)) {}
    }

    @Test func releasedSecretIsGone() throws {
        var secret: Secret? = try GcryptProvider().randomSecret(count: 32)
        let trace = try Trace(#require(secret))
        #expect(trace.occurrences == 1)
        secret = nil
        #expect(trace.occurrences == 0)
    }

    @Test func wipedSecretIsGone() throws {
        let secret = try GcryptProvider().randomSecret(count: 32)
        let trace = Trace(secret)
        secret.wipe()
        #expect(secret.isZero)
        #expect(trace.occurrences == 0)
    }

    /// libgcrypt frees blocks with the scalar and with half of the product; they are wiped on the way.
    @Test func releasedAgreementIsGone() throws {
        let provider = try GcryptProvider()
        let peer = try provider.publicKey(of: provider.privateKey(provider.randomSecret(count: 32)))

        func agreeAndRelease() throws -> [Trace] {
            let scalar = try provider.randomSecret(count: 32)
            let key = try provider.privateKey(scalar)
            let trace = Trace(scalar)
            #expect(trace.occurrences == 2)
            scalar.wipe()
            let shared = try provider.sharedSecret(key, with: peer)
            let traces = [trace, Trace(shared)]
            for trace in traces { #expect(trace.occurrences == 1) }
            return traces
        }
        for trace in try agreeAndRelease() { #expect(trace.occurrences == 0) }
    }

    /// AES-256's key schedule begins with the key, so an unwiped handle would show it.
    @Test func releasedCipherIsGone() throws {
        let provider = try GcryptProvider()
        var key: Secret? = try provider.randomSecret(count: 32)
        let trace = try Trace(#require(key))
        var cipher: GcryptCipher? = try provider.cipher(#require(key))
        key = nil
        #expect(trace.occurrences > 0)
        var frame = [UInt8](repeating: 1, count: 1016)
        var bytes = frame.mutableSpan
        let header: [UInt8] = [1, 2, 3]
        try cipher?.seal(&bytes, 0..<1000, nonce: Nonce(repeating: 0), authenticating: header.span)
        try cipher?.open(&bytes, 0..<1000, nonce: Nonce(repeating: 0), authenticating: header.span)
        cipher = nil
        #expect(trace.occurrences == 0)
    }

    @Test func releasedAuthenticatorIsGone() throws {
        let provider = try GcryptProvider()
        var key: Secret? = try provider.randomSecret(count: 32)
        let trace = try Trace(#require(key))
        var authenticator: GcryptAuthenticator? = try provider.authenticator(#require(key))
        key = nil
        let message = [UInt8](repeating: 1, count: 1000)
        _ = try authenticator?.authenticate(message.span)
        authenticator = nil
        #expect(trace.occurrences == 0)
    }

    /// Neither the key, nor the material, nor the output: the handles are closed.
    @Test func derivationLeavesNothing() throws {
        let provider = try GcryptProvider()
        let info = [UInt8](repeating: 1, count: 20)

        func deriveAndRelease() throws -> [Trace] {
            let material = try provider.randomSecret(count: 32)
            let key = Secret(count: 32)
            let output = Secret(count: 64)
            try provider.extract(salt: info.span, inputKeyMaterial: material.bytes, into: key)
            try provider.expand(key.bytes, info: info.span, into: output)
            let traces = [Trace(material), Trace(key), Trace(output)]
            for trace in traces { #expect(trace.occurrences == 1) }
            return traces
        }
        for trace in try deriveAndRelease() { #expect(trace.occurrences == 0) }
        withExtendedLifetime(provider) {}
    }

    /// A host's generator keeps the latest output in its pool, now and then: 40 draws meet it.
    @Test func drawnBytesLeaveAHostsGenerator() async {
        await #expect(processExitsWith: .success) {
            cgt_initialise_as_host()
            let provider = try GcryptProvider()
            for _ in 0..<40 {
                let secret = try provider.randomSecret(count: 32)
                let trace = Trace(secret)
                #expect(trace.occurrences == 1)
                withExtendedLifetime(secret) {}
            }
        }
    }
    #endif

    @Test func refusedDerivationLeavesZeroes() throws {
        let provider = try GcryptProvider()
        let output = try provider.randomSecret(count: 8161)
        let key = [UInt8](repeating: 1, count: 32)
        #expect(throws: CryptoError.invalidLength) { try provider.expand(key.span, info: key.span, into: output) }
        #expect(output.isZero)
    }

    // [SCP-KEY-10]
    /// Even without the list of low-order encodings no zero secret comes out of the multiplication.
    @Test(arguments: lowOrderEncodings)
    func secondBarrierAgainstLowOrder(_ encoding: [UInt8]) throws {
        let point = PublicKey([32 of UInt8] { encoding[$0] })
        let output = Secret(count: 32)
        let scalar = try GcryptProvider().randomSecret(count: 32)
        #expect(throws: CryptoError.invalidPublicKey) {
            try output.withMutableBytes { bytes throws(CryptoError) in
                try Library.x25519(scalar, point, into: &bytes)
            }
        }
        #expect(output.isZero)
    }

    @Test func descriptionsHideKeys() throws {
        let provider = try GcryptProvider()
        let key = try provider.privateKey(provider.randomSecret(count: 32))
        #expect("\(key)" == "GcryptPrivateKey(redacted)")
        #expect("\(Secret(count: 3))" == "Secret(redacted)")
    }
}
