import NIOCore
import SCP
import SCPGcrypt
import SCPNIO
import Testing

/// Private keys that something else holds.
@Suite("Key agents", .timeLimit(.minutes(5))) struct KeyAgentTests {
    /// Holds a key; can be slow, refuse, or answer nonsense.
    struct Holder: KeyAgent {
        enum Mood { case willing, refusing, short, silent }

        struct Refusal: Error, CustomStringConvertible {
            var description: String { "not today" }
        }

        let provider: GcryptProvider
        let key: GcryptProvider.PrivateKey
        var mood = Mood.willing

        func agree(_ request: AgreementRequest) async throws -> Secret {
            switch mood {
            case .willing: return try provider.sharedSecret(key, with: request.peer)
            case .refusing: throw Refusal()
            case .short: return Secret(count: 31)
            case .silent:
                try await Task.sleep(for: .seconds(100))
                throw Refusal()
            }
        }
    }

    struct Party {
        let holder: Holder
        let publicKey: PublicKey

        init() throws {
            let provider = try GcryptProvider()
            let key = try provider.privateKey(provider.randomSecret(count: 32))
            holder = Holder(provider: provider, key: key)
            publicKey = try provider.publicKey(of: key)
        }

        func configuration(_ peer: PublicKey) -> Configuration<GcryptProvider> {
            var configuration = Configuration(
                provider: holder.provider, identity: .external(publicKey), identityPolicy: .pinned(peer))
            configuration.timers.handshake = .seconds(60)
            return configuration
        }
    }

    /// Connects two parties whose keys are elsewhere, and sends a message.
    private func echo(
        _ client: Party, _ server: Party, _ mood: Holder.Mood = .willing, timeout: Duration = .seconds(200)
    ) async throws -> String {
        var serverOptions = ServerOptions()
        serverOptions.transport.keyAgent = server.holder
        // A sanitizer on a busy machine is slow: the listener's timer is not the subject.
        var serverConfiguration = server.configuration(client.publicKey)
        serverConfiguration.timers.handshake = .seconds(200)
        return try await SecureServer.withServer(
            on: .tcp("127.0.0.1", 0), serverConfiguration, options: serverOptions,
            handler: { peer in for try await message in peer.messages { try await peer.send(message.bytes) } },
            { listener in
                var options = TransportOptions()
                var holder = client.holder
                holder.mood = mood
                options.keyAgent = holder
                var configuration = client.configuration(server.publicKey)
                configuration.timers.handshake = timeout
                let channel = try await SecureChannel.connect(to: listener.address, configuration, options: options)
                try await channel.send("elsewhere")
                let message = try await channel.receive()
                try await channel.close()
                return message.map { String(buffer: $0.bytes) } ?? ""
            })
    }

    @Test func bothKeysAreElsewhere() async throws {
        #expect(try await echo(try Party(), try Party()) == "elsewhere")
    }

    @Test(arguments: [Holder.Mood.refusing, .short])
    func anAgentThatDoesNot(_ mood: Holder.Mood) async throws {
        let error = await #expect(throws: SecureChannelError.self) {
            _ = try await echo(try Party(), try Party(), mood)
        }
        #expect(error?.code == .keyUnavailable)
        let expected = mood == .refusing ? "not today" : "31 bytes"
        #expect(error?.detail?.contains(expected) == true, "\(String(describing: error?.detail))")
    }

    @Test func aSilentAgent() async throws {
        var timeout = Duration.milliseconds(500)
        var error: SecureChannelError?
        // On a slow machine the time can be over before the agent was asked at all.
        repeat {
            timeout *= 2
            error = await #expect(throws: SecureChannelError.self) {
                _ = try await echo(try Party(), try Party(), .silent, timeout: timeout)
            }
        } while error?.code == .handshakeTimeout
        #expect(error?.code == .keyUnavailable)
    }

    @Test func noAgentAtAll() async throws {
        let (client, server) = (try Party(), try Party())
        let error = await #expect(throws: SecureChannelError.self) {
            try await SecureServer.withServer(
                on: .tcp("127.0.0.1", 0), server.configuration(client.publicKey), handler: { _ in },
                { listener in
                    _ = try await SecureChannel.connect(
                        to: listener.address, client.configuration(server.publicKey))
                })
        }
        // The server's own failure is its log's business; the client learns no more than that it is not to blame.
        #expect(error?.code == .internalError)
    }
}
