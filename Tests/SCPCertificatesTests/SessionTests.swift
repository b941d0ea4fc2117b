#if Certificates
import SCP
import SCPGcrypt
import SCPSimulation
import Testing
import X509

@testable import SCPCertificates

/// Whole handshakes with certificates: what a stranger to the network meets.
// [SCP-ID-10] [SCP-ID-11] [SCP-ID-14]
@Suite("Sessions with certificates")
struct SessionTests {
    typealias End = Pipe<GcryptProvider>.End

    private let estate: Estate
    private let provider: GcryptProvider
    private var initiator: Configuration<GcryptProvider>
    private var responder: Configuration<GcryptProvider>

    init() throws {
        estate = try Estate()
        provider = try GcryptProvider()
        func configuration(_ provider: GcryptProvider) throws -> Configuration<GcryptProvider> {
            var made = Configuration(
                provider: provider, identity: try provider.privateKey(provider.randomSecret(count: 32)),
                identityPolicy: .anyone)
            made.credentialPolicy = .required
            return made
        }
        initiator = try configuration(provider)
        responder = try configuration(provider)
        initiator.credential = try estate.identity(["client.example"]).credential()
        responder.credential = try estate.identity(["server.example"]).credential()
    }

    /// Verifies what each end is shown, until nobody waits; gives who was met, and what was wrong.
    private func run(
        _ pipe: inout Pipe<GcryptProvider>, _ server: CertificateVerifier, _ client: CertificateVerifier
    ) async -> (met: [End: [PeerName]], wrong: [SCPCertificates.CertificateError]) {
        var met: [End: [PeerName]] = [:]
        var wrong: [SCPCertificates.CertificateError] = []
        for end in [End.initiator, .responder] {
            pipe.settle()
            let shown = end == .initiator ? pipe.initiator.pendingCredential : pipe.responder.pendingCredential
            guard let shown else { continue }
            var decision = IdentityDecision.accept
            do throws(SCPCertificates.CertificateError) {
                let verifier = end == .initiator ? server : client
                met[end] = try await verifier.verify(shown, from: end == .initiator ? .responder : .initiator).names
            } catch {
                wrong.append(error)
                decision = .rejectCredential
            }
            if end == .initiator {
                pipe.initiator.resolveIdentity(decision, at: pipe.now)
            } else {
                pipe.responder.resolveIdentity(decision, at: pipe.now)
            }
        }
        pipe.settle()
        return (met, wrong)
    }

    private func closure(_ pipe: borrowing Pipe<GcryptProvider>, of end: End) -> ErrorCode? {
        for event in pipe.events[end] ?? [] {
            switch event {
            case .closed(.failed(let error)): return error.code
            case .closed(.byPeer(let code, _)): return code
            default: continue
            }
        }
        return nil
    }

    @Test("both sides know each other's names", arguments: CertificateKeyKind.allCases, [false, true])
    func both(kind: CertificateKeyKind, hasPSK: Bool) async throws {
        var (initiator, responder) = (initiator, responder)
        initiator.credential = try estate.identity(["client.example"], kind: kind).credential()
        responder.credential = try estate.identity(["server.example"], kind: kind).credential()
        if hasPSK {
            let secret = try provider.randomSecret(count: 32)
            initiator.usePresharedKeys(.common(secret))
            responder.usePresharedKeys(.common(secret))
        }
        var pipe = try Pipe(initiator: initiator, responder: responder)
        let (met, wrong) = await run(&pipe, estate.verifier(["server.example"]), estate.verifier(["client.example"]))
        #expect(met == [.initiator: [.dns("server.example")], .responder: [.dns("client.example")]] && wrong == [])
        let states = (pipe.initiator.state, pipe.responder.state)
        #expect(states == (.established, .established))
    }

    @Test("what does not hold ends with CREDENTIAL_INVALID on both sides", arguments: [End.initiator, .responder])
    func refused(end: End) async throws {
        let other = try Estate()
        let cases: [(CertificateVerifier, SCPCertificates.CertificateError)] = [
            (estate.verifier(["another.example"]), .wrongName), (other.verifier(["server.example"]), .untrusted),
        ]
        for (verifier, expected) in cases {
            var pipe = try Pipe(initiator: initiator, responder: responder)
            let good = CertificateVerifier(roots: [estate.root.certificate], names: .any)
            var bad = verifier
            if expected == .untrusted { bad.names = .any }
            let (_, wrong) = await run(&pipe, end == .initiator ? bad : good, end == .responder ? bad : good)
            #expect(wrong == [expected])
            #expect(closure(pipe, of: .initiator) == .credentialInvalid)
            #expect(closure(pipe, of: .responder) == .credentialInvalid)
        }
    }

    /// A thief has the credential of another handshake, or of the other role, and no private key of its leaf.
    @Test("a credential of another handshake, another role or another static key does not hold")
    func stolen() async throws {
        var first = try Pipe(initiator: initiator, responder: responder)
        first.settle()
        let pending = first.initiator.pendingCredential
        let shown = try #require(pending)
        for role in [Role.initiator, .responder] {
            var (initiator, responder) = (initiator, responder)
            let replay = Credential(scheme: shown.scheme, chain: shown.chain) { _ throws(CryptoError) in
                shown.signature
            }
            if role == .initiator { initiator.credential = replay } else { responder.credential = replay }
            var pipe = try Pipe(initiator: initiator, responder: responder)
            let any = CertificateVerifier(roots: [estate.root.certificate], names: .any)
            #expect(await run(&pipe, any, any).wrong == [.badSignature])
        }
    }

    @Test("chains that fill a handshake message")
    func longChains() async throws {
        var authority = try CertificateAuthority(name: "0", pathLength: 8, lifetime: 100 * day)
        let root = authority
        var others: [Certificate] = []
        for number in 1...7 {
            authority = try authority.issueAuthority(
                name: String(repeating: "\(number)", count: 60), pathLength: 8 - number, lifetime: 90 * day)
            others.insert(authority.certificate, at: 0)
        }
        let names = (0..<300).map { "host\($0).server.example" }
        let identity = try estate.identity(names, by: authority, with: others)
        var responder = responder
        responder.credential = try identity.credential()
        let size = try identity.chain.map { try PEM.der($0).count }.reduce(0, +)
        #expect(size > 10_000)
        var pipe = try Pipe(initiator: initiator, responder: responder)
        let server = CertificateVerifier(
            roots: [root.certificate], names: .anyOf([PeerName("host299.server.example")]))
        let client = CertificateVerifier(roots: [estate.root.certificate], names: .any)
        let (met, wrong) = await run(&pipe, server, client)
        #expect(wrong == [] && met[.initiator]?.count == 300)
        let state = pipe.responder.state
        #expect(state == .established)
    }
}
#endif
