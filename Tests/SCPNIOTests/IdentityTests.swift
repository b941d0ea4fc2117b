import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// Known keys in memory.
final class MemoryStore: TrustStore {
    struct Conflict: Error {}

    private let keys: Shared<[Endpoint: PublicKey]>

    init(_ keys: [Endpoint: PublicKey] = [:]) { self.keys = Shared(keys) }

    func knownKey(for peer: Endpoint) async throws -> PublicKey? { keys.value[peer] }

    func remember(_ key: PublicKey, for peer: Endpoint) async throws {
        try keys.change { keys in
            if let known = keys[peer], !known.names(sameKeyAs: key) {
                return Result<Void, any Error>.failure(Conflict())
            }
            keys[peer] = key
            return .success(())
        }.get()
    }
}

@Suite("Identity", .timeLimit(.minutes(5)))
struct IdentityTests {
    private var ends: Ends

    init() throws { ends = try Ends() }

    /// How a server's connections ended that never got to a handler, by the log.
    private func failures(_ recorder: LogRecorder) -> [String] {
        recorder.lines.filter { $0.message == "handshake failed" }.compactMap { $0.metadata["code"] }
    }

    @Test("a client that is not allowed is told so")
    func strangerRefused() async throws {
        var ends = ends
        let recorder = LogRecorder()
        ends.serverOptions.transport.logger = recorder.logger
        ends.server.identityPolicy = .allowed([])
        try await ends.withServer { address in
            let error = try await channelFailure {
                let channel = try await ends.connect(to: address)
                _ = try await channel.receive()
            }
            #expect(error.code == .identityRejected)
            #expect(error.origin == .peer(isAuthenticated: true))
            try await eventually { failures(recorder) == ["IDENTITY_REJECTED"] }
        }
    }

    @Test("a server with another key than the pinned one is not spoken to")
    func wrongServer() async throws {
        var ends = ends
        let other = try ends.provider.publicKey(of: ends.stranger())
        let recorder = LogRecorder()
        ends.serverOptions.transport.logger = recorder.logger
        ends.client.identityPolicy = .pinned(other)
        ends.client.responderKey = nil
        try await ends.withServer { address in
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.code == .identityRejected)
            #expect(error.origin == .local)
            try await eventually { failures(recorder) == ["IDENTITY_REJECTED"] }
        }
    }

    @Test("with the pinned key proved in INIT, another server cannot even answer")
    func pinnedInHello() async throws {
        var ends = ends
        let other = try ends.provider.publicKey(of: ends.stranger())
        ends.client.identityPolicy = .pinned(other)
        ends.client.responderKey = other
        try await ends.withServer { address in
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.code == .transportFailed)
            #expect(error.description.contains("another key"))
        }
    }

    @Test("trust on first use: remembered, then required")
    func firstUse() async throws {
        var ends = ends
        let store = MemoryStore()
        ends.options.trustStore = store
        try await ends.withServer { address in
            let first = try await ends.connect(to: address)
            #expect(first.isFirstUse)
            let remembered = try await store.knownKey(for: address)
            #expect(remembered == ends.serverKey)
            try await first.close()
            let second = try await ends.connect(to: address)
            #expect(!second.isFirstUse)
            try await second.close()
        }
    }

    @Test("trust on first use: a changed key is refused, with both keys named, and the known one stays")
    func changedKey() async throws {
        var ends = ends
        let known = try ends.provider.publicKey(of: ends.stranger())
        try await ends.withServer { address in
            let store = MemoryStore([address: known])
            ends.options.trustStore = store
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.kind == .keyChanged(known: known, presented: ends.serverKey))
            #expect(error.code == .identityRejected)
            let still = try await store.knownKey(for: address)
            #expect(still == known)
        }
    }

    @Test("a store that cannot remember ends the connection")
    func forgetfulStore() async throws {
        struct Full: Error {}
        struct Forgetful: TrustStore {
            func knownKey(for peer: Endpoint) async throws -> PublicKey? { nil }
            func remember(_ key: PublicKey, for peer: Endpoint) async throws { throw Full() }
        }
        var ends = ends
        ends.options.trustStore = Forgetful()
        let closed = Shared(0)
        try await ends.withServer(
            handler: { client in
                _ = try? await client.waitUntilClosed()
                closed.change { $0 += 1 }
            },
            { address in
                await #expect(throws: Full.self) { _ = try await ends.connect(to: address) }
                try await eventually { closed.value == 1 }
            })
    }

    @Test("a stranger is asked about, and remembered only when accepted", arguments: [true, false])
    func askAboutStranger(accepts: Bool) async throws {
        var ends = ends
        let store = MemoryStore()
        let asked = Shared<[PublicKey]>([])
        ends.options.trustStore = store
        ends.options.askPeer = { key in
            asked.change { $0.append(key) }
            return accepts ? .accept : .reject
        }
        try await ends.withServer { address in
            if accepts {
                let channel = try await ends.connect(to: address)
                try await channel.close()
            } else {
                let error = try await channelFailure { _ = try await ends.connect(to: address) }
                #expect(error.code == .identityRejected)
            }
            #expect(asked.value == [ends.serverKey])
            let known = try await store.knownKey(for: address)
            #expect(known == (accepts ? ends.serverKey : nil))
        }
    }

    @Test("a server asks about each client, and takes its time", arguments: [true, false])
    func serverAsks(accepts: Bool) async throws {
        var ends = ends
        ends.server.identityPolicy = .ask
        let clientKey = ends.clientKey
        ends.serverOptions.transport.askPeer = { key in
            try? await Task.sleep(for: .milliseconds(50))
            return accepts && key.names(sameKeyAs: clientKey) ? .accept : .reject
        }
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            if accepts {
                try await channel.send("may I?")
                let reply = try await channel.receive()
                #expect(reply?.text == "may I?")
                try await channel.close()
            } else {
                let error = try await channelFailure { _ = try await channel.receive() }
                #expect(error.code == .identityRejected)
            }
        }
    }

    @Test("who asks nobody accepts nobody")
    func nobodyToAsk() async throws {
        var ends = ends
        ends.client.identityPolicy = .ask
        try await ends.withServer { address in
            let error = try await channelFailure { _ = try await ends.connect(to: address) }
            #expect(error.code == .identityRejected)
        }
    }

    @Test("a decision that does not come ends by the timer, and is cancelled", arguments: [true, false])
    func undecided(isServer: Bool) async throws {
        var ends = ends
        let wasCancelled = Shared(false)
        let never: PeerDecision = { _ in
            try? await Task.sleep(for: .seconds(600))
            wasCancelled.value = Task.isCancelled
            return .accept
        }
        if isServer {
            ends.server.identityPolicy = .ask
            ends.server.timers.decision = .milliseconds(200)
            ends.serverOptions.transport.askPeer = never
        } else {
            ends.client.identityPolicy = .ask
            ends.client.timers.handshake = .seconds(4)
            ends.options.askPeer = never
        }
        try await ends.withServer { address in
            let error = try await channelFailure { _ = try await ends.connect(to: address).receive() }
            #expect(error.code == .decisionTimeout)
            try await eventually { wasCancelled.value }
        }
    }
}
