#if Certificates
import struct Foundation.Date
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

    /// What somebody shows, and what the other side finds wrong with it; nothing is found where nothing is shown.
    private func faults(_ names: [String]) throws -> [(shown: Credential?, wrong: SCPCertificates.CertificateError?)] {
        let good = try estate.identity(names).credential()
        let other = try estate.identity(names).credential()
        let ed25519 = try estate.identity(names, kind: .ed25519).credential()
        let past = Date().addingTimeInterval(-9 * day)
        func credential(
            _ chain: [[UInt8]], _ scheme: SignatureScheme = .ecdsaP256,
            sign: @escaping @Sendable ([UInt8]) throws(CryptoError) -> [UInt8]
        ) -> Credential { Credential(scheme: scheme, chain: chain, sign: sign) }
        return [
            (nil, nil),
            (try estate.identity(names, lifetime: day, now: past).credential(), .expired),
            (
                try CertificateIdentity(chain: [estate.root.certificate], key: estate.root.key).credential(),
                .notForSignatures
            ),
            // Of another leaf with the same names; of another kind of key; without the hash of the chain.
            (credential(good.chain, sign: other.sign), .badSignature),
            (credential(good.chain, sign: ed25519.sign), .badSignature),
            (credential(good.chain, .ed25519, sign: ed25519.sign), .schemeMismatch),
            (credential(good.chain, SignatureScheme(rawValue: 0x0401), sign: good.sign), .unknownScheme(0x0401)),
            (
                credential(good.chain + other.chain) { message throws(CryptoError) in
                    try good.sign(message.dropLast(32) + [UInt8](repeating: 0, count: 32))
                }, .badSignature
            ),
            // In the form of TLS (RFC 8446 4.4.3), over the same hash.
            (
                credential(good.chain) { message throws(CryptoError) in
                    let context = Array("TLS 1.3, server CertificateVerify".utf8) + [0]
                    return try good.sign([UInt8](repeating: 0x20, count: 64) + context + message.suffix(96).prefix(32))
                }, .badSignature
            ),
            (credential(good.chain.map { Array($0.dropLast()) }, sign: good.sign), .malformed(0)),
        ]
    }

    @Test("each kind of fault ends with CREDENTIAL_INVALID on both sides", arguments: [Role.initiator, .responder])
    func faulty(role: Role) async throws {
        let name = role == .initiator ? "client.example" : "server.example"
        for (number, (shown, expected)) in try faults([name]).enumerated() {
            var (initiator, responder) = (initiator, responder)
            if role == .initiator { initiator.credential = shown } else { responder.credential = shown }
            var pipe = try Pipe(initiator: initiator, responder: responder)
            let (_, wrong) = await run(
                &pipe, estate.verifier(["server.example"]), estate.verifier(["client.example"]))
            #expect(wrong == (expected.map { [$0] } ?? []), "case \(number)")
            #expect(closure(pipe, of: .initiator) == .credentialInvalid, "case \(number)")
            #expect(closure(pipe, of: .responder) == .credentialInvalid, "case \(number)")
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
