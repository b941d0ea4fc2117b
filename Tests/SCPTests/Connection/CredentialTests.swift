import SCPGcrypt
import SCPMisbehaviours
import SCPRepeatableMLKEM
import SCPSimulation
import Testing

@testable import SCP

/// Certificates in the handshake: shown, asked about, accepted and refused.
@Suite struct CredentialTests {
    typealias End = Pipe<GcryptProvider>.End

    let signer: TestSigner
    var fixture: Fixture

    init() throws {
        fixture = try Fixture()
        signer = try TestSigner(fixture.provider)
    }

    /// Answers the questions of both ends, after a look at what was shown; gives what was.
    private func verify(
        _ pipe: inout Pipe<GcryptProvider>, _ decision: IdentityDecision = .accept
    ) throws -> [End: PeerCredential] {
        var shown: [End: PeerCredential] = [:]
        for _ in 0..<2 {
            pipe.settle()
            for end in End.allCases {
                let pending = end == .initiator ? pipe.initiator.pendingCredential : pipe.responder.pendingCredential
                guard let pending else { continue }
                #expect(try signer.verifies(pending))
                shown[end] = pending
                if end == .initiator {
                    pipe.initiator.resolveIdentity(decision, at: pipe.now)
                } else {
                    pipe.responder.resolveIdentity(decision, at: pipe.now)
                }
            }
        }
        pipe.settle()
        return shown
    }

    private func expectSession(_ pipe: inout Pipe<GcryptProvider>) throws {
        #expect(pipe.initiator.state == .established && pipe.responder.state == .established)
        let isGone = pipe.initiator.pendingCredential == nil && pipe.responder.pendingCredential == nil
        #expect(isGone)
        _ = try pipe.initiator.send("there", at: pipe.now)
        _ = try pipe.responder.send("back", at: pipe.now)
        pipe.settle()
        let (there, back) = (pipe.responder.readText(at: pipe.now), pipe.initiator.readText(at: pipe.now))
        #expect(there == "there" && back == "back")
    }

    // MARK: Accepted

    /// [SCP-ID-10] [SCP-ID-11] Each side shows, or both do, with and without a psk; whoever has verified it goes on to
    /// an ordinary session, and nothing of the chain is kept.
    @Test(
        arguments: [[Role.initiator], [.responder], [.initiator, .responder]], [false, true])
    func accepted(shows: [Role], hasPSK: Bool) throws {
        var fixture = fixture
        for role in shows { fixture.show(role, signer.credential()) }
        if hasPSK {
            let secret = try fixture.provider.randomSecret(count: 32)
            fixture.initiator.usePresharedKeys(.common(secret))
            fixture.responder.usePresharedKeys(.common(secret))
        }
        var pipe = try fixture.pipe()
        let shown = try verify(&pipe)
        #expect(Set(shown.keys) == Set(shows.map { $0 == .initiator ? End.responder : .initiator }))
        for (end, credential) in shown {
            #expect(credential.chain == [[1, 2, 3], [4, 5]] && credential.scheme == .ed25519)
            let key = end == .initiator ? fixture.responderPublic : fixture.initiatorPublic
            #expect(credential.publicKey == key)
            #expect(pipe.events[end]?.first == .identityPending(key))
        }
        try expectSession(&pipe)
    }

    /// What the policy said of the key is still known when the credential has been verified.
    @Test(arguments: [Role.initiator, .responder], [IdentityPolicy.trustOnFirstUse(known: nil), .anyone, .ask])
    func firstUseIsRemembered(verifier: Role, policy: IdentityPolicy) throws {
        var fixture = fixture
        fixture.show(verifier.peer, signer.credential(), .optional)
        if verifier == .initiator {
            fixture.initiator.identityPolicy = policy
        } else {
            fixture.responder.identityPolicy = policy
        }
        var pipe = try fixture.pipe()
        #expect(try verify(&pipe).count == 1)
        let peer = verifier == .initiator ? pipe.initiator.peer : pipe.responder.peer
        let isNew = if case .trustOnFirstUse = policy { true } else { false }
        #expect(peer?.isFirstUse == isNew)
        try expectSession(&pipe)
    }

    /// [SCP-FLOW-12] A peer that may show one and does not is accepted at once, and may send.
    @Test func optionalAndNotShown() throws {
        var fixture = fixture
        fixture.initiator.credentialPolicy = .optional
        fixture.responder.credentialPolicy = .optional
        var pipe = try fixture.pipe()
        pipe.settle()
        #expect(pipe.events[.initiator]?.count == 1 && pipe.events[.responder]?.count == 1)
        try expectSession(&pipe)
    }

    /// Static keys that are elsewhere: the signer is asked once, when the agreement has been made.
    @Test func externalKeys() throws {
        var fixture = fixture
        fixture.initiator.identity = .external(fixture.initiatorPublic)
        fixture.responder.identity = .external(fixture.responderPublic)
        for role in [Role.initiator, .responder] { fixture.show(role, signer.credential()) }
        var holder = AgreementTests.Holder(fixture)
        var pipe = try fixture.pipe()
        try holder.serve(&pipe)
        #expect(pipe.initiator.state == .deciding)
        let first = try verify(&pipe)
        try holder.serve(&pipe)
        let second = try verify(&pipe)
        #expect(first.count == 1 && second.count == 1)
        try expectSession(&pipe)
    }

    /// Two initiators that meet, both with credentials.
    @Test func symmetricOpen() throws {
        var fixture = fixture
        fixture.responder.identityPolicy = .pinned(fixture.initiatorPublic)
        fixture.responder.responderKey = fixture.initiatorPublic
        fixture.initiator.isSymmetric = true
        fixture.responder.isSymmetric = true
        for role in [Role.initiator, .responder] { fixture.show(role, signer.credential()) }
        var roles: Set<Role> = []
        for _ in 0..<8 {
            var pipe = try Pipe(meeting: fixture.initiator, fixture.responder)
            #expect(try verify(&pipe).count == 2)
            try expectSession(&pipe)
            roles.insert(pipe.initiator.role)
        }
        #expect(!roles.isEmpty)
    }

    /// [SCP-ID-12] [SCP-ID-13] The largest that there may be, in the suite with the largest messages, in small parts.
    @Test func largest() throws {
        let ends = try HybridFixture.ends(7)
        let chain = TestSigner.chain(14_336 - 4 - 64)
        let secret = try fixture.provider.randomSecret(count: 32)
        let configurations = ends.map { end in
            var end = end
            end.usePresharedKeys(.common(secret))
            end.credential = signer.credential(chain: chain)
            end.credentialPolicy = .required
            return end
        }
        var pipe = try Pipe(initiator: configurations[0], responder: configurations[1])
        pipe.settle(segment: 100)
        #expect(pipe.initiator.pendingCredential?.chain == chain)
        pipe.initiator.resolveIdentity(.accept, at: pipe.now)
        pipe.settle(segment: 100)
        #expect(pipe.responder.pendingCredential?.chain == chain)
        pipe.responder.resolveIdentity(.accept, at: pipe.now)
        pipe.settle(segment: 100)
        #expect(pipe.initiator.negotiatedSuite == .hybridPSK && pipe.responder.state == .established)
        let isGone = pipe.responder.pendingCredential == nil
        #expect(isGone)
    }

    // MARK: What is signed

    /// [SCP-ID-10] h_c and the rest, computed from the bytes on the wire alone: h is a chain of hashes over what was
    /// sent. "Signature over h of message 2 used in message 3, and the reverse role string": both differ.
    @Test func signedBytesAreTheTranscripts() throws {
        var fixture = fixture
        for role in [Role.initiator, .responder] { fixture.show(role, signer.credential()) }
        var pipe = try fixture.pipe()
        pipe.collect(from: .initiator)
        let first = pipe.inFlight(from: .initiator)
        try pipe.deliver(to: .responder)
        pipe.collect(from: .responder)
        let second = pipe.inFlight(from: .responder)
        try pipe.deliver(to: .initiator)
        let shownFirst = pipe.initiator.pendingCredential
        let ofResponder = try #require(shownFirst)
        pipe.initiator.resolveIdentity(.accept, at: pipe.now)
        pipe.collect(from: .initiator)
        let third = pipe.inFlight(from: .initiator)
        try pipe.deliver(to: .responder)
        let shownLast = pipe.responder.pendingCredential
        let ofInitiator = try #require(shownLast)

        let provider = fixture.provider
        func hash(_ left: [UInt8], _ right: ArraySlice<UInt8>) throws -> [UInt8] {
            let digest = try provider.hash(left.span, Array(right).span)
            return digest.indices.map { digest[$0] }
        }
        // Header 14, fields 15, cookie 32 in INIT; suite and two empty parameters' length before Noise message 1.
        let message1 = first[61...].dropLast(32)
        let message2 = second[29...].dropLast(32)
        let message3 = third[29...].dropLast(32)
        let opening = message1.dropLast(32)
        var h = Array("Noise_XX_25519_AESGCM_SHA256".utf8) + [0, 0, 0, 0]
        h = try hash(h, (Array("SCP/1".utf8) + [1] + first[14..<22] + opening)[...])
        h = try hash(h, message1.suffix(32))
        h = try hash(h, [])
        h = try hash(h, message2.prefix(32))
        h = try hash(h, message2.dropFirst(32).prefix(48))
        let chain = try hash([], [0, 0, 3, 1, 2, 3, 0, 0, 2, 4, 5])
        func signed(_ name: String, _ key: PublicKey) -> [UInt8] {
            [UInt8](repeating: 0x20, count: 64) + Array("SCP/1 \(name) credential".utf8) + [0] + h
                + (0..<32).map { key.bytes[$0] } + chain
        }
        #expect(ofResponder.signedBytes == signed("responder", fixture.responderPublic))
        h = try hash(h, message2.dropFirst(80))
        h = try hash(h, message3.prefix(48))
        #expect(ofInitiator.signedBytes == signed("initiator", fixture.initiatorPublic))
        // [SCP-ID-12] Items, padded, and a tag.
        #expect((message2.count - 80 - 16) % 256 == 0 && (message3.count - 48 - 16) % 256 == 0)
    }

    /// Scenarios 75, 76 and 78. [SCP-ID-10] A responder's credential that comes back as the initiator's, one of another
    /// handshake, and one with another chain: the signature is over something else.
    @Test(arguments: ["reflected", "replayed", "swapped"])
    func foreign(how: String) throws {
        var fixture = fixture
        fixture.responder.credential = signer.credential()
        fixture.responder.credentialPolicy = .required
        var stolen: [UInt8] = []
        for _ in 0..<(how == "replayed" ? 2 : 1) {
            var duel = try Duel.at(.halfOpen, .responder, fixture)
            let items = duel.peer.receivedItems
            let read = try HandshakeItems.parse(items.span, in: 0..<items.count, of: .m2, suite: 1)
            if stolen.isEmpty || how != "replayed" { stolen = try #require(read.credential) }
            if how == "swapped" { stolen[stolen.count - 1] ^= 1 }
            duel.peer.items = itemBytes(0x0b, stolen)
            duel.feed(try duel.peer.ackFrame())
            let shown = duel.engine.pendingCredential
            let pending = try #require(shown)
            #expect(try !signer.verifies(pending))
        }
    }
}
