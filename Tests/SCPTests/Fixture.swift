import SCP
import SCPGcrypt
import SCPSimulation

/// What most tests of the engine begin with: real keys, the real provider, and two configurations that pin each other.
struct Fixture {
    let provider: GcryptProvider
    let initiatorKey: GcryptProvider.PrivateKey
    let responderKey: GcryptProvider.PrivateKey
    let initiatorPublic: PublicKey
    let responderPublic: PublicKey
    var initiator: Configuration<GcryptProvider>
    var responder: Configuration<GcryptProvider>

    init() throws {
        provider = try GcryptProvider()
        initiatorKey = try provider.privateKey(provider.randomSecret(count: 32))
        responderKey = try provider.privateKey(provider.randomSecret(count: 32))
        initiatorPublic = try provider.publicKey(of: initiatorKey)
        responderPublic = try provider.publicKey(of: responderKey)
        initiator = Configuration(
            provider: provider, identity: initiatorKey, identityPolicy: .pinned(responderPublic))
        responder = Configuration(
            provider: provider, identity: responderKey, identityPolicy: .allowed([initiatorPublic]))
    }

    func pipe() throws -> Pipe<GcryptProvider> { try Pipe(initiator: initiator, responder: responder) }

    /// A pipe whose handshake is over.
    func established() throws -> Pipe<GcryptProvider> {
        var pipe = try pipe()
        pipe.settle()
        return pipe
    }
}

extension Connection {
    mutating func send(_ text: String, on channel: Channel = .default, at now: Instant) throws(SendError) -> MessageID {
        let bytes = Array(text.utf8)
        return try send(bytes.span, on: channel, at: now)
    }

    mutating func readText(from channel: Channel? = nil, at now: Instant) -> String? {
        read(from: channel, at: now) { _, bytes in
            String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
        }
    }

    mutating func readBytes(from channel: Channel? = nil, at now: Instant) -> [UInt8]? {
        read(from: channel, at: now) { _, bytes in bytes.indices.map { bytes[$0] } }
    }
}
