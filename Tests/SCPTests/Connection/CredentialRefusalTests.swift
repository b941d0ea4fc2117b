import SCPGcrypt
import SCPMisbehaviours
import SCPSimulation
import Testing

@testable import SCP

/// Credentials that are missing, not wanted, malformed, rejected, or cannot be made.
@Suite struct CredentialRefusalTests {
    let signer: TestSigner
    var fixture: Fixture
    private let required = itemBytes(0x0c, [1]) + itemBytes(0x0d, [1])

    init() throws {
        fixture = try Fixture()
        signer = try TestSigner(fixture.provider)
    }

    /// The end of both sides, when one is to end by itself with a code: in epoch 0 from the initiator, which nobody can
    /// authenticate, and in epoch 1 from the responder.
    private func expectEnd(_ pipe: borrowing Pipe<GcryptProvider>, by role: Role, _ code: ErrorCode) {
        let (own, other): (Event?, Event?) =
            role == .initiator
            ? (pipe.events[.initiator]?.last, pipe.events[.responder]?.last)
            : (pipe.events[.responder]?.last, pipe.events[.initiator]?.last)
        #expect(own?.failure?.code == code && own?.failure?.origin == .local)
        if role == .initiator {
            #expect(other?.failure?.code == code && other?.failure?.origin == .peer(isAuthenticated: false))
        } else {
            #expect(other == .closed(.byPeer(code, reason: [])))
        }
    }

    /// [SCP-ID-11] One that must be there, and one that may not.
    @Test(arguments: [Role.initiator, .responder], [CredentialPolicy.required, .refused])
    func missingOrUnwanted(verifier: Role, policy: CredentialPolicy) throws {
        var fixture = fixture
        fixture.show(verifier.peer, policy == .refused ? signer.credential() : nil, policy)
        var pipe = try fixture.pipe()
        pipe.settle()
        expectEnd(pipe, by: verifier, .credentialInvalid)
    }

    /// [SCP-ID-11] [SCP-STATE-22] The embedder has found that it does not hold.
    @Test(arguments: [Role.initiator, .responder], [true, false])
    func rejected(verifier: Role, hasPolicy: Bool) throws {
        var fixture = fixture
        fixture.show(verifier.peer, signer.credential(), .optional)
        if !hasPolicy {
            fixture.initiator.identityPolicy = .ask
            fixture.responder.identityPolicy = .ask
        }
        var pipe = try fixture.pipe()
        pipe.settle()
        if verifier == .responder, !hasPolicy {
            pipe.initiator.resolveIdentity(.accept, at: pipe.now)
            pipe.settle()
        }
        if verifier == .initiator {
            pipe.initiator.resolveIdentity(.rejectCredential, at: pipe.now)
        } else {
            pipe.responder.resolveIdentity(.rejectCredential, at: pipe.now)
        }
        let isGone = pipe.initiator.pendingCredential == nil && pipe.responder.pendingCredential == nil
        #expect(isGone)
        pipe.settle()
        expectEnd(pipe, by: verifier, .credentialInvalid)
        // Later answers come too late.
        pipe.initiator.resolveIdentity(.accept, at: pipe.now)
        pipe.responder.resolveIdentity(.accept, at: pipe.now)
        pipe.settle()
        let accepted = verifier == .initiator ? pipe.initiator.peer : pipe.responder.peer
        #expect(accepted == nil)
    }

    /// [SCP-ID-4] A key that the policy rejects is rejected, whatever vouches for it: nobody is asked, and a credential
    /// that is malformed is not even read.
    @Test(arguments: [Role.initiator, .responder], [true, false])
    func policyComesFirst(verifier: Role, isGood: Bool) throws {
        var fixture = fixture
        let other = try fixture.provider.publicKey(
            of: fixture.provider.privateKey(fixture.provider.randomSecret(count: 32)))
        fixture.initiator.responderKey = nil
        if verifier == .initiator {
            fixture.initiator.identityPolicy = .pinned(other)
        } else {
            fixture.responder.identityPolicy = .allowed([other])
        }
        let policy: CredentialPolicy = isGood ? .required : .refused
        fixture.show(verifier.peer, signer.credential(), policy)
        var pipe = try fixture.pipe()
        pipe.settle()
        expectEnd(pipe, by: verifier, .identityRejected)
        #expect(pipe.events[verifier == .initiator ? .initiator : .responder]?.count == 1)
    }

    /// What an engine that may be shown one says to a message with these items, and in which epoch.
    private func refusal(_ role: Role, _ items: [UInt8]) throws -> (code: ErrorCode?, kinds: [String]) {
        var fixture = fixture
        fixture.initiator.credentialPolicy = .optional
        fixture.responder.credentialPolicy = .optional
        var duel = try Duel.at(role == .initiator ? .waiting : .halfOpen, role, fixture) { $0.items = items }
        let frame: [UInt8]
        if role == .initiator {
            try duel.peer.readInit(Frames.split(duel.written).frames[0])
            frame = try duel.peer.responseFrame()
        } else {
            frame = try duel.peer.ackFrame()
        }
        let error = duel.feed(frame)
        duel.poll()
        let frames = duel.takeFrames()
        if error != nil { #expect(frames.last?.closeCode == error?.code) }
        return (error?.code, frames.map(\.kind))
    }

    /// Scenario 81. [SCP-ID-13] [SCP-ITEM-7] What is no credential, and two of them.
    @Test func malformed() throws {
        let good: [UInt8] = [8, 7, 0, 1, 5, 0, 0, 1, 6]
        let bad: [[UInt8]] = [
            [], [8], [8, 7, 0], [8, 7, 0, 0, 0, 0, 1, 6], [8, 7, 0, 1, 5], [8, 7, 0, 1, 5, 0, 0],
            [8, 7, 0, 9, 5, 0, 0, 1, 6], [8, 7, 0, 1, 5, 0, 0, 0], [8, 7, 0, 1, 5, 0, 0, 2, 6], good + [0, 0, 0],
            good + [1],
            [8, 7, 0, 1, 5, 0xff, 0xff, 0xff, 6], good + [UInt8](repeating: 1, count: 14_336),
        ]
        for (role, base) in [(Role.initiator, required), (.responder, [])] {
            for value in bad {
                let found = try refusal(role, base + itemBytes(0x0b, value))
                #expect(found.code == .credentialInvalid, "\(value.prefix(20))")
                #expect(found.kinds == [role == .initiator ? "close/0" : "close/1"])
            }
            let twice = try refusal(role, base + itemBytes(0x0b, good) + itemBytes(0x0b, good))
            #expect(twice.code == .malformedFrame && twice.kinds == ["close/0"])
            let once = try refusal(role, base + itemBytes(0x0b, good))
            #expect(once.code == nil)
        }
    }

    /// A signer that fails, or makes nothing of use, is our own failure.
    /// [SCP-ERR-5]
    @Test(arguments: [Role.initiator, .responder], 0..<3)
    func signerFails(shower: Role, way: Int) throws {
        var fixture = fixture
        let credential = Credential(scheme: .ed25519, chain: TestSigner.chain(14_000)) { _ throws(CryptoError) in
            switch way {
            case 0: throw .backend(7)
            case 1: []
            default: [UInt8](repeating: 1, count: 400)
            }
        }
        fixture.show(shower, credential)
        var pipe = try fixture.pipe()
        pipe.settle()
        if shower == .initiator {
            expectEnd(pipe, by: .initiator, .internalError)
        } else {
            let (own, other) = (pipe.events[.responder]?.last?.failure, pipe.events[.initiator]?.last?.failure)
            #expect(own?.code == .internalError && own?.origin == .local)
            #expect(other?.code == .internalError && other?.origin == .peer(isAuthenticated: false))
        }
    }

    /// [SCP-ID-13] A credential that could not be sent makes a configuration that nobody takes.
    @Test func configuration() throws {
        func error(
            _ chain: [[UInt8]], _ scheme: SignatureScheme = .ed25519, protocols: Int = 0
        ) -> ConfigurationError? {
            var end = fixture.initiator
            end.credential = Credential(scheme: scheme, chain: chain) { $0 }
            end.applicationProtocols = (0..<protocols).map { number in
                ApplicationProtocol([UInt8](repeating: UInt8(number), count: 100))
            }
            do throws(ConfigurationError) { try end.validate() } catch { return error }
            return nil
        }
        #expect(error([[1]]) == nil)
        #expect(error([]) == .credential && error([[]]) == .credential && error([[1], []]) == .credential)
        #expect(error([[UInt8]](repeating: [1], count: 10)) == nil)
        #expect(error([[UInt8]](repeating: [1], count: 11)) == .credential)
        #expect(error(TestSigner.chain(14_336 - 4 - 64)) == nil)
        #expect(error(TestSigner.chain(14_336 - 4 - 63)) == .credential)
        #expect(error(TestSigner.chain(14_336 - 4 - 72), .ecdsaP256) == nil)
        #expect(error(TestSigner.chain(14_336 - 4 - 71), .ecdsaP256) == .credential)
        #expect(error(TestSigner.chain(14_336 - 4 - 1_024), .rsaPSS) == nil)
        #expect(error(TestSigner.chain(14_336 - 4 - 1_023), .rsaPSS) == .credential)
        // Other items share message 2.
        #expect(error(TestSigner.chain(14_000), protocols: 3) == nil)
        #expect(error(TestSigner.chain(14_000), protocols: 12) == .credential)
        #expect(error(TestSigner.chain(2_000), protocols: 12) == nil)
    }

    /// [SCP-TIME-3] Nobody answers.
    @Test(arguments: [Role.initiator, .responder])
    func decisionTakesTooLong(verifier: Role) throws {
        var fixture = fixture
        fixture.show(verifier.peer, signer.credential())
        var pipe = try fixture.pipe()
        pipe.settle()
        pipe.advance(by: .seconds(61))
        let end = pipe.events[verifier == .initiator ? .initiator : .responder]?.last?.failure
        #expect(end?.code == .decisionTimeout)
        let isGone = pipe.initiator.pendingCredential == nil && pipe.responder.pendingCredential == nil
        #expect(isGone)
    }
}
