internal import SCP

/// A ``SCP/Configuration`` in a recording: everything but the provider and the private keys.
enum Settings {
    static func entry<Provider>(
        _ role: Role, _ configuration: Configuration<Provider>, path: StartPath? = nil, at now: Instant
    ) -> Entry {
        var body = BodyEncoder()
        body.append(now.nanoseconds)
        body.append(role == .responder)
        body.append(optional: path) {
            $0.append($1.remote)
            $0.append($1.connectionID)
        }
        body.append(configuration.provider.encapsulation != nil)
        let external: PublicKey? = if case .external(let key) = configuration.identity { key } else { nil }
        body.append(optional: external) { $0.append(raw: $1.bytes.span) }
        append(configuration.identityPolicy, to: &body)
        body.append(optional: configuration.presharedKeys) { append($1, to: &$0) }
        body.append(optional: configuration.responderKey) { $0.append(raw: $1.bytes.span) }
        body.append(optional: configuration.accessKey) { $0.append([UInt8](copying: $1.bytes)) }
        body.append(configuration.requiresHello.rawValue)
        body.append(UInt32(clamping: configuration.applicationProtocols.count))
        for name in configuration.applicationProtocols { body.append(name.bytes) }
        body.append(configuration.suites.map(\.rawValue))
        body.append(optional: configuration.offeredSuite) { $0.append($1.rawValue) }
        let limits = configuration.limits
        for limit in [
            limits.frameLimit, limits.messageLimit, limits.connectionCredit, limits.channelCredit, limits.channels,
            limits.sendBuffer, limits.writeHighWater, limits.datagramSize,
        ] { body.append(limit) }
        let timers = configuration.timers
        for time in [timers.handshake, timers.decision, timers.idle, timers.flush, timers.closeWait] {
            body.append(time)
        }
        body.append(timers.keepAlive)
        body.append(configuration.rotation.bytes)
        body.append(configuration.rotation.frames)
        body.append(configuration.rotation.age)
        body.append(configuration.rotation.mode.rawValue)
        body.append(configuration.acknowledgesEveryMessage)
        body.append(configuration.isSilent)
        body.append(configuration.allowsSelfConnection)
        body.append(configuration.isSymmetric)
        body.append(optional: configuration.credential) { append($1, to: &$0) }
        append(configuration.credentialPolicy, to: &body)
        return Entry(kind: .start, body: body.bytes)
    }

    private static func append(_ policy: IdentityPolicy, to body: inout BodyEncoder) {
        switch policy {
        case .pinned(let key):
            body.append(UInt8(0))
            body.append(raw: key.bytes.span)
        case .allowed(let keys):
            body.append(UInt8(1))
            body.append(UInt32(clamping: keys.count))
            for key in keys { body.append(raw: key.bytes.span) }
        case .trustOnFirstUse(let known):
            body.append(UInt8(2))
            body.append(optional: known) { $0.append(raw: $1.bytes.span) }
        case .ask: body.append(UInt8(3))
        case .anyone: body.append(UInt8(4))
        }
    }

    private static func append(_ credential: Credential, to body: inout BodyEncoder) {
        body.append(credential.scheme.rawValue)
        body.append(UInt32(clamping: credential.chain.count))
        for certificate in credential.chain { body.append(certificate) }
    }

    private static func append(_ policy: CredentialPolicy, to body: inout BodyEncoder) {
        switch policy {
        case .refused: body.append(UInt8(0))
        case .optional: body.append(UInt8(1))
        case .required: body.append(UInt8(2))
        }
    }

    private static func append(_ keys: PresharedKeys, to body: inout BodyEncoder) {
        switch keys {
        case .common(let secret):
            body.append(false)
            body.append([UInt8](copying: secret.bytes))
        case .perPeer(let entries):
            body.append(true)
            body.append(UInt32(clamping: entries.count))
            for entry in entries {
                body.append(raw: entry.key.bytes.span)
                body.append([UInt8](copying: entry.secret.bytes))
            }
        }
    }
}

/// What a connection on datagrams is told besides.
struct StartPath: Equatable {
    let remote: Address
    let connectionID: [UInt8]
}

/// What a recording starts with.
struct Start<Provider: CryptoProvider> {
    typealias Signer = @Sendable (_ message: [UInt8]) throws(CryptoError) -> [UInt8]

    let now: Instant
    let role: Role
    /// Nil on a stream.
    let path: StartPath?
    let configuration: Configuration<Provider>

    /// - Parameters:
    ///   - key: stands for the private key, where that was here.
    ///   - sign: stands for the credential's signer.
    ///   - provider: is told whether the recorded one had ML-KEM.
    /// - Returns: nil when the entry is no start.
    init?(
        _ entry: Entry, key: Provider.PrivateKey, sign: @escaping Signer,
        provider: (_ isHybrid: Bool) -> Provider
    ) {
        guard entry.kind == .start else { return nil }
        var body = BodyDecoder(entry.body)
        do throws(BodyDecoder.Malformed) {
            now = Instant(nanoseconds: try body.number())
            role = try body.flag() ? .responder : .initiator
            path =
                try body.flag()
                ? StartPath(remote: try body.address(), connectionID: try body.content()) : nil
            let provider = provider(try body.flag())
            let external = try body.flag() ? try body.publicKey() : nil
            var configuration = Configuration(
                provider: provider, identity: external.map { .external($0) } ?? .held(key),
                identityPolicy: try Self.policy(&body))
            try Self.parseKeys(&body, &configuration)
            try Self.parseNumbers(&body, &configuration)
            if try body.flag() { configuration.credential = try Self.credential(&body, sign) }
            configuration.credentialPolicy = try Self.credentialPolicy(&body)
            try body.end()
            self.configuration = configuration
        } catch {
            return nil
        }
    }

    private static func policy(_ body: inout BodyDecoder) throws(BodyDecoder.Malformed) -> IdentityPolicy {
        switch try body.number(UInt8.self) {
        case 0: return .pinned(try body.publicKey())
        case 1:
            var keys: [PublicKey] = []
            for _ in 0..<(try body.number(UInt32.self)) { keys.append(try body.publicKey()) }
            return .allowed(keys)
        case 2: return .trustOnFirstUse(known: try body.flag() ? try body.publicKey() : nil)
        case 3: return .ask
        case 4: return .anyone
        default: throw BodyDecoder.Malformed()
        }
    }

    private static func credential(
        _ body: inout BodyDecoder, _ sign: @escaping Signer
    ) throws(BodyDecoder.Malformed) -> Credential {
        let scheme = SignatureScheme(rawValue: try body.number())
        var chain: [[UInt8]] = []
        for _ in 0..<(try body.number(UInt32.self)) { chain.append(try body.content()) }
        return Credential(scheme: scheme, chain: chain, sign: sign)
    }

    private static func credentialPolicy(
        _ body: inout BodyDecoder
    ) throws(BodyDecoder.Malformed) -> CredentialPolicy {
        switch try body.number(UInt8.self) {
        case 0: return .refused
        case 1: return .optional
        case 2: return .required
        default: throw BodyDecoder.Malformed()
        }
    }

    private static func presharedKeys(
        _ body: inout BodyDecoder
    ) throws(BodyDecoder.Malformed) -> PresharedKeys {
        guard try body.flag() else { return .common(try body.secret()) }
        var entries: [(key: PublicKey, secret: Secret)] = []
        for _ in 0..<(try body.number(UInt32.self)) { entries.append((try body.publicKey(), try body.secret())) }
        return .perPeer(entries)
    }

    private static func parseKeys(
        _ body: inout BodyDecoder, _ configuration: inout Configuration<Provider>
    ) throws(BodyDecoder.Malformed) {
        if try body.flag() { configuration.presharedKeys = try presharedKeys(&body) }
        configuration.responderKey = try body.flag() ? try body.publicKey() : nil
        configuration.accessKey = try body.flag() ? try body.secret() : nil
        configuration.requiresHello = HelloKey(rawValue: try body.number())
        for _ in 0..<(try body.number(UInt32.self)) {
            configuration.applicationProtocols.append(ApplicationProtocol(try body.content()))
        }
        configuration.suites = []
        for octet in try body.content() {
            configuration.suites.append(try suite(octet))
        }
        configuration.offeredSuite = try body.flag() ? try suite(try body.number()) : nil
    }

    private static func suite(_ octet: UInt8) throws(BodyDecoder.Malformed) -> Suite {
        guard let suite = Suite(rawValue: octet) else { throw BodyDecoder.Malformed() }
        return suite
    }

    private static func parseNumbers(
        _ body: inout BodyDecoder, _ configuration: inout Configuration<Provider>
    ) throws(BodyDecoder.Malformed) {
        configuration.limits.frameLimit = try body.integer()
        configuration.limits.messageLimit = try body.integer()
        configuration.limits.connectionCredit = try body.integer()
        configuration.limits.channelCredit = try body.integer()
        configuration.limits.channels = try body.integer()
        configuration.limits.sendBuffer = try body.integer()
        configuration.limits.writeHighWater = try body.integer()
        configuration.limits.datagramSize = try body.integer()
        configuration.timers.handshake = try body.duration()
        configuration.timers.decision = try body.duration()
        configuration.timers.idle = try body.duration()
        configuration.timers.flush = try body.duration()
        configuration.timers.closeWait = try body.duration()
        configuration.timers.keepAlive = try body.flag()
        configuration.rotation.bytes = try body.number()
        configuration.rotation.frames = try body.number()
        configuration.rotation.age = try body.duration()
        guard let mode = RotationMode(rawValue: try body.number()) else { throw BodyDecoder.Malformed() }
        configuration.rotation.mode = mode
        configuration.acknowledgesEveryMessage = try body.flag()
        configuration.isSilent = try body.flag()
        configuration.allowsSelfConnection = try body.flag()
        configuration.isSymmetric = try body.flag()
    }
}
