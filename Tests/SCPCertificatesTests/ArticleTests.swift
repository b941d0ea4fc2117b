#if Certificates && SwiftCrypto
import Foundation
import NIOCore
import SCP
import SCPCertificates
import SCPGcrypt
import SCPNIO
import SCPSwiftCrypto
import Synchronization
import Testing

/// The programs of the article on trust, word for word: they compile, they run, and the article still shows them.
@Suite("The article on trust", .timeLimit(.minutes(5)))
struct ArticleTests {
    private typealias Provider = CombinedProvider<SwiftCryptoProvider, GcryptProvider>

    /// Keys by address, for as long as the test runs.
    private final class Store: TrustStore {
        private let keys = Mutex<[Endpoint: PublicKey]>([:])

        func knownKey(for peer: Endpoint) async throws -> PublicKey? { keys.withLock { $0[peer] } }
        func remember(_ key: PublicKey, for peer: Endpoint) async throws { keys.withLock { $0[peer] = key } }
    }

    private let provider: Provider
    private let mine: SwiftCryptoPrivateKey
    private let theirs: SwiftCryptoPrivateKey
    private let myKey: PublicKey
    private let theirKey: PublicKey

    init() throws {
        provider = CombinedProvider(agreement: try SwiftCryptoProvider(), protection: try GcryptProvider())
        mine = try provider.privateKey(provider.randomSecret(count: 32))
        theirs = try provider.privateKey(provider.randomSecret(count: 32))
        myKey = try provider.publicKey(of: mine)
        theirKey = try provider.publicKey(of: theirs)
    }

    /// One message there and back; gives the client's channel as it was.
    private func talk(
        _ client: Configuration<Provider>, _ server: Configuration<Provider>,
        _ options: TransportOptions = TransportOptions()
    ) async throws -> (names: [String], suite: Suite?) {
        try await SecureServer.withServer(on: .tcp("127.0.0.1", 0), server) { peer in
            for try await message in peer.messages { try await peer.send(message.bytes) }
        } _: { listener in
            let channel = try await SecureChannel.connect(to: listener.address, client, options: options)
            try await channel.send("hello")
            #expect(try await channel.receive()?.text == "hello")
            let seen = (channel.peerNames, channel.suite)
            try await channel.close()
            return seen
        }
    }

    private func pinned() -> (client: Configuration<Provider>, server: Configuration<Provider>) {
        let client = Configuration(provider: provider, identity: mine, identityPolicy: .pinned(theirKey))
        let server = Configuration(provider: provider, identity: theirs, identityPolicy: .allowed([myKey]))
        return (client, server)
    }

    @Test("pinned keys, with a pre-shared key and the hybrid besides")
    func pinnedKeys() async throws {
        var (client, server) = pinned()
        _ = try await talk(client, server)
        let secret = try provider.randomSecret(count: 32)
        client.usePresharedKeys(.common(secret))
        server.usePresharedKeys(.common(secret))
        #expect(try await talk(client, server).suite == .hybridPSK)
        client.use(.require)
        server.use(.prefer)
        #expect(try await talk(client, server).suite == .hybridPSK)
    }

    @Test("trust on first use")
    func firstUse() async throws {
        var (client, server) = pinned()
        client.identityPolicy = .ask
        let store = Store()
        let knownByHeart = [theirKey]
        var options = TransportOptions()
        options.trustStore = store
        options.askPeer = { key in knownByHeart.contains(key) ? .accept : .reject }
        for _ in 0..<2 { _ = try await talk(client, server, options) }
    }

    @Test("certificates")
    func certificates() async throws {
        var (client, server) = pinned()
        client.responderKey = nil
        var options = TransportOptions()
        let authority = try CertificateAuthority(name: "Our network", lifetime: 3_650 * day)
        server.credential = try authority.identity(names: [PeerName("server.example")], lifetime: 90 * day).credential()
        server.identityPolicy = .anyone

        client.identityPolicy = .anyone
        client.credentialPolicy = .required
        let verifier = CertificateVerifier(
            roots: [authority.certificate], names: .anyOf([PeerName("server.example")]))
        options.verifyCredential = { credential in
            do throws(CertificateError) {
                let peer = try await verifier.verify(credential, from: .responder)
                return .accept(names: peer.names.map(\.description))
            } catch {
                return .reject(reason: "\(error)")
            }
        }
        #expect(try await talk(client, server, options).names == ["server.example"])
    }

    @Test("the article shows the programs that are tested here")
    func sameText() throws {
        let file = URL(filePath: #filePath)
        let root = file.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let article = try String(
            contentsOf: root.appending(path: "Sources/SCPNIO/Documentation.docc/Trust.md"), encoding: .utf8)
        func trimmed(_ text: some StringProtocol) -> String {
            text.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }.joined(separator: "\n")
        }
        let tested = trimmed(try String(contentsOf: file, encoding: .utf8))
        let blocks = article.components(separatedBy: "```swift\n").dropFirst()
            .compactMap { $0.components(separatedBy: "```").first }
        #expect(blocks.count == 6)
        for block in blocks { #expect(tested.contains(trimmed(block)), "\(block)") }
    }
}
#endif
