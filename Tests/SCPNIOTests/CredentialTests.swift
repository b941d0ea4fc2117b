import Foundation
import Logging
import NIOCore
import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// Signs with one secret for all; what real signatures and certificates are is not for these tests.
private struct Signer: Sendable {
    let provider: GcryptProvider
    let secret: Secret

    init(_ provider: GcryptProvider) throws {
        self.provider = provider
        secret = try provider.randomSecret(count: 32)
    }

    func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        let tag = try provider.authenticator(secret).authenticate(message.span)
        return tag.indices.map { tag[$0] }
    }

    /// A leaf that is a name, and bytes that make the chain as long.
    func credential(_ name: String, size: Int) -> Credential {
        let rest = pattern(size)
        return Credential(scheme: .ed25519, chain: [Array(name.utf8), rest]) { message throws(CryptoError) in
            try sign(message)
        }
    }

    @Sendable func verify(_ shown: PeerCredential) async -> CredentialVerdict {
        guard (try? sign(shown.signedBytes)) == shown.signature else { return .reject(reason: "signed otherwise") }
        return .accept(names: [String(decoding: shown.chain[0], as: UTF8.self)])
    }
}

@Suite("Credentials", .timeLimit(.minutes(5)))
struct CredentialTests {
    private var ends: Ends
    private let signer: Signer

    init() throws {
        ends = try Ends()
        signer = try Signer(ends.provider)
        ends.client.credential = signer.credential("client.example", size: 12_000)
        ends.server.credential = signer.credential("server.example", size: 12_000)
        ends.client.credentialPolicy = .required
        ends.server.credentialPolicy = .required
        ends.options.verifyCredential = signer.verify
        ends.serverOptions.transport.verifyCredential = signer.verify
    }

    private func expectNames(_ ends: Ends, on endpoint: Endpoint) async throws {
        let seen = Shared<[[String]]>([])
        try await ends.withServer(
            on: endpoint,
            handler: { client in
                seen.change { $0.append(client.peerNames) }
                try await echo(client)
            },
            { address in
                let channel = try await ends.connect(to: address)
                #expect(channel.peerNames == ["server.example"])
                try await channel.send("hello")
                let reply = try await channel.receive()
                #expect(reply.map { String(buffer: $0.bytes) } == "hello")
                try await channel.close()
                #expect(seen.value == [["client.example"]])
            })
    }

    enum Transport: CaseIterable, Sendable { case tcp, unix, udp, unixDatagram }

    @Test("chains of 12 KB both ways, and the names that they vouch for", arguments: Transport.allCases)
    func names(transport: Transport) async throws {
        switch transport {
        case .tcp: try await expectNames(ends, on: loopback)
        case .udp: try await expectNames(ends, on: .udp("127.0.0.1", 0))
        case .unix:
            try await withTemporaryDirectory { try await expectNames(ends, on: .unix($0 + "/s")) }
        case .unixDatagram:
            try await withTemporaryDirectory { try await expectNames(ends, on: .unixDatagram($0 + "/s")) }
        }
    }

    @Test("a verifier that takes its time, on both sides", arguments: [loopback, .udp("127.0.0.1", 0)])
    func slow(endpoint: Endpoint) async throws {
        var ends = ends
        let signer = signer
        let slow: CredentialVerifier = { shown in
            try? await Task.sleep(for: .milliseconds(300))
            return await signer.verify(shown)
        }
        ends.options.verifyCredential = slow
        ends.serverOptions.transport.verifyCredential = slow
        try await expectNames(ends, on: endpoint)
    }

    @Test("a peer that shows none where it may has no names")
    func notShown() async throws {
        var ends = ends
        ends.client.credential = nil
        ends.server.credential = nil
        ends.client.credentialPolicy = .optional
        ends.server.credentialPolicy = .optional
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            #expect(channel.peerNames == [])
            try await channel.send("hello")
            _ = try await channel.receive()
            try await channel.close()
        }
    }

    @Test(
        "rejected by the client: the reason is in its log and error, the server learns the code",
        arguments: [loopback, .udp("127.0.0.1", 0)])
    func rejectedByClient(endpoint: Endpoint) async throws {
        var ends = ends
        let (here, there) = (LogRecorder(), LogRecorder())
        ends.options.logger = here.logger
        ends.serverOptions.transport.logger = there.logger
        ends.options.verifyCredential = { _ in .reject(reason: "it expired") }
        try await ends.withServer(on: endpoint) { address in
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.code == .credentialInvalid && error.origin == .local)
            #expect(error.detail == "it expired")
            #expect(here.lines.contains { $0.metadata["reason"] == "it expired" })
            // On datagrams nobody has seen the server's half of a handshake that the client gave up.
            guard case .tcp = endpoint else { return }
            try await eventually {
                there.lines.contains {
                    $0.message == "handshake failed" && $0.metadata["code"] == "CREDENTIAL_INVALID"
                }
            }
            #expect(!there.lines.contains { "\($0.metadata)".contains("expired") })
        }
    }

    @Test(
        "rejected by the server: the client learns the code and no reason",
        arguments: [loopback, .udp("127.0.0.1", 0)])
    func rejectedByServer(endpoint: Endpoint) async throws {
        var ends = ends
        let log = LogRecorder()
        ends.serverOptions.transport.logger = log.logger
        ends.serverOptions.transport.verifyCredential = { _ in .reject(reason: "who is that") }
        try await ends.withServer(on: endpoint) { address in
            let error = try await channelFailure {
                let channel = try await ends.connect(to: address)
                _ = try await channel.receive()
            }
            #expect(error.code == .credentialInvalid)
            #expect(error.origin == .peer(isAuthenticated: true))
            #expect(!"\(error)".contains("who is that"))
            try await eventually { log.lines.contains { $0.metadata["reason"] == "who is that" } }
        }
    }

    @Test("a verifier that never answers: the connection's time ends it, and its task")
    func neverAnswers() async throws {
        var ends = ends
        let isCancelled = Shared(false)
        ends.client.timers.handshake = .milliseconds(300)
        ends.options.verifyCredential = { _ in
            do { try await Task.sleep(for: .seconds(200)) } catch { isCancelled.value = true }
            return .accept(names: [])
        }
        try await ends.withServer { address in
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.code == .decisionTimeout)
            try await eventually { isCancelled.value }
        }
    }

    @Test("who gives up connecting cancels the verifier")
    func cancelled() async throws {
        var ends = ends
        let (isAsked, isCancelled) = (Shared(false), Shared(false))
        ends.options.verifyCredential = { _ in
            isAsked.value = true
            do { try await Task.sleep(for: .seconds(200)) } catch { isCancelled.value = true }
            return .accept(names: [])
        }
        let settled = ends
        try await ends.withServer { address in
            let task = Task { try await settled.connect(to: address) }
            try await eventually { isAsked.value }
            task.cancel()
            await #expect(throws: CancellationError.self) { _ = try await task.value }
            try await eventually { isCancelled.value }
        }
    }

    @Test("nobody verifies what may be shown: no connection, and no listener")
    func missingVerifier() async throws {
        var ends = ends
        ends.options.verifyCredential = nil
        ends.serverOptions.transport.verifyCredential = nil
        let error = try await channelFailure { _ = try await ends.connect(to: .tcp("127.0.0.1", 1)) }
        #expect(error.kind == .configuration(.credential))
        let settled = ends
        let other = try await channelFailure { try await settled.withServer { _ in } }
        #expect(other.kind == .configuration(.credential))
    }

    @Test("a stranger is asked about once its credential holds, and not when it does not", arguments: [true, false])
    func trustStore(holds: Bool) async throws {
        var ends = ends
        let store = MemoryStore()
        let order = Shared<[String]>([])
        let signer = signer
        ends.options.trustStore = store
        ends.options.verifyCredential = { shown in
            order.change { $0.append("verify") }
            return holds ? await signer.verify(shown) : .reject(reason: "no")
        }
        ends.options.askPeer = { _ in
            order.change { $0.append("ask") }
            return .accept
        }
        try await ends.withServer { address in
            if holds {
                let channel = try await ends.connect(to: address)
                #expect(channel.isFirstUse && channel.peerNames == ["server.example"])
                try await channel.close()
                #expect(order.value == ["verify", "ask"])
                // Known by now: it is verified all the same, and nobody is asked.
                let second = try await ends.connect(to: address)
                #expect(!second.isFirstUse && second.peerNames == ["server.example"])
                try await second.close()
                #expect(order.value == ["verify", "ask", "verify"])
            } else {
                let error = try await channelFailure { _ = try await ends.connect(to: address) }
                #expect(error.code == .credentialInvalid)
                #expect(order.value == ["verify"])
                let known = try await store.knownKey(for: address)
                #expect(known == nil)
            }
        }
    }

    @Test("a key that has changed is rejected, whatever vouches for it")
    func changedKey() async throws {
        var ends = ends
        let known = try ends.provider.publicKey(of: ends.stranger())
        let isVerified = Shared(false)
        ends.options.verifyCredential = { _ in
            isVerified.value = true
            return .accept(names: [])
        }
        try await ends.withServer { address in
            ends.options.trustStore = MemoryStore([address: known])
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.kind == .keyChanged(known: known, presented: ends.serverKey))
            #expect(!isVerified.value)
        }
    }
}
