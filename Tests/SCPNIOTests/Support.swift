import Logging
import NIOCore
import NIOPosix
import SCP
import SCPGcrypt
import SCPNIO

/// Two ends with real keys that know each other.
struct Ends {
    let provider: GcryptProvider
    let clientKey: PublicKey
    let serverKey: PublicKey
    var client: Configuration<GcryptProvider>
    var server: Configuration<GcryptProvider>

    init() throws {
        provider = try GcryptProvider()
        let first = try provider.privateKey(provider.randomSecret(count: 32))
        let second = try provider.privateKey(provider.randomSecret(count: 32))
        clientKey = try provider.publicKey(of: first)
        serverKey = try provider.publicKey(of: second)
        client = Configuration(provider: provider, identity: first, identityPolicy: .pinned(serverKey))
        server = Configuration(provider: provider, identity: second, identityPolicy: .allowed([clientKey]))
    }
}

/// Loopback with a port that the system chooses.
let loopback = Endpoint.tcp("127.0.0.1", 0)

/// What most handlers of these tests do.
@Sendable func echo(_ client: SecureChannel) async throws {
    for try await message in client.messages { try await client.send(message.bytes, on: message.channel) }
}

extension Message {
    var array: [UInt8] { Array(buffer: bytes) }
}
