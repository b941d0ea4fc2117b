import ArgumentParser
import SCP

/// A time on the command line: seconds, with a fraction if need be.
struct Seconds: ExpressibleByArgument, Equatable {
    /// Over eleven days: nobody waits longer, and every sum of times fits.
    static let limit = 1_000_000.0

    let duration: Duration

    init(_ duration: Duration) { self.duration = duration }

    init?(argument: String) {
        guard let value = Double(argument), value >= 0, value <= Seconds.limit else { return nil }
        duration = .seconds(value)
    }

    var defaultValueDescription: String { Progress.decimal(duration.inSeconds) }
}

extension HybridPolicy {
    init(argument: String) throws {
        guard let policy = HybridPolicy(rawValue: argument) else {
            throw ValidationError("'\(argument)' is not classic, prefer or require.")
        }
        self = policy
    }
}

/// What a channel needs at either end.
struct ChannelOptions: ParsableArguments {
    @Option(
        name: .shortAndLong, help: "The private key that says who we are, instead of this user's identity.",
        completion: .file())
    var identity: String?

    @Option(
        help: ArgumentHelp(
            "The socket of a `sechan agent` that holds the private key, instead of a file with it.", valueName: "path"),
        completion: .file())
    var agent: String?

    @Option(
        help: ArgumentHelp(
            """
            A file of `sechan psk` with what both sides share besides: one key for every peer, or keys for some; \
            files with keys for some may be several.
            """, valueName: "file"),
        completion: .file())
    var psk: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Whether X25519 is joined by ML-KEM-768, against who records today and has a quantum computer later: \
            classic (no), prefer (where both sides can, the default), require. The backends with swift-crypto can.
            """, valueName: "policy"),
        transform: HybridPolicy.init(argument:))
    var hybrid = HybridPolicy.prefer

    @Option(help: "Seconds that connecting, the handshake, and the peer's answer to the close may each take.")
    var timeout = Seconds(.seconds(10))

    @Option(help: "Seconds without a sign of life after which the peer is given up; 0 for none.")
    var idleTimeout = Seconds(.seconds(30))

    @Option(help: "Replace the keys after this many bytes in one direction.")
    var rotateBytes: UInt64?

    @Option(help: "Replace the keys after this many seconds.")
    var rotateSeconds: Seconds?

    @Option(
        help: ArgumentHelp(
            "Write the session down in this new file, secrets included, for `sechan replay`; further ones in FILE.2...",
            valueName: "file"),
        completion: .file())
    var record: String?

    #if Certificates
    @OptionGroup(title: "Certificates") var certificates: CertificateOptions
    #endif

    func validate() throws {
        if identity != nil, agent != nil { throw ValidationError("--identity and --agent exclude each other.") }
        if timeout.duration == .zero { throw ValidationError("--timeout must be more than 0.") }
        if rotateBytes == 0 { throw ValidationError("--rotate-bytes must be more than 0.") }
        if rotateSeconds?.duration == .zero { throw ValidationError("--rotate-seconds must be more than 0.") }
    }

    /// Reads the keys, and says how channels are to be made.
    func party(_ output: Output) throws(Failure) -> Party {
        let provider = try Provider.forChannels()
        let key: StaticKey<Provider>
        let publicKey: PublicKeyText
        var keyAgent: SocketAgent?
        if let path = agent ?? (identity == nil ? SystemCalls.environment("SECHAN_AGENT") : nil) {
            let holder = SocketAgent(at: path, timeout: timeout.duration)
            publicKey = try holder.publicKey()
            key = .external(publicKey.key)
            keyAgent = holder
        } else {
            let path: String
            if let identity { path = identity } else { path = try Paths().identity }
            let file = try KeyFile.load(path, with: provider)
            publicKey = file.publicKey
            key = .held(file.privateKey)
        }
        var configuration = Configuration(provider: provider, identity: key, identityPolicy: .ask)
        if hybrid == .require, provider.encapsulation == nil {
            throw Failure(
                .configuration, "--hybrid require needs ML-KEM-768, which this backend does not have",
                remedy: "swift build --traits SwiftCrypto --product sechan; then --backend mixed.")
        }
        configuration.use(hybrid)
        if let keys = try PresharedKeyFile.read(psk) { configuration.usePresharedKeys(keys) }
        configuration.timers.handshake = timeout.duration
        configuration.timers.closeWait = max(configuration.timers.closeWait, timeout.duration)
        configuration.timers.idle = idleTimeout.duration
        // Somebody who thinks before he types is no reason to end.
        configuration.timers.keepAlive = true
        if let rotateBytes { configuration.rotation.bytes = rotateBytes }
        if let rotateSeconds { configuration.rotation.age = rotateSeconds.duration }
        var party = Party(
            provider: provider, configuration: configuration, publicKey: publicKey,
            fingerprint: try publicKey.fingerprint(provider), keyAgent: keyAgent)
        #if Certificates
        party.certificates = try certificates.rules()
        party.configuration.credential = party.certificates?.credential
        #endif
        party.recordings = try recordings(output)
        return party
    }
}

extension ChannelOptions {
    private func recordings(_ output: Output) throws(Failure) -> Recordings? {
        guard let record else { return nil }
        return try Recordings(record, output)
    }
}

/// Who we are, and how we make channels.
struct Party: Sendable {
    let provider: Provider
    var configuration: Configuration<Provider>
    let publicKey: PublicKeyText
    let fingerprint: String
    /// Who holds the private key, when that is not us.
    var keyAgent: SocketAgent?
    /// Where sessions are written down, if they are.
    var recordings: Recordings?
    #if Certificates
    var certificates: CertificateRules?
    #endif
}

extension PublicKey {
    /// The fingerprint for messages to people.
    func fingerprint(_ provider: Provider) throws(Failure) -> String {
        try text().fingerprint(provider)
    }

    /// The key as text, without a comment.
    func text() throws(Failure) -> PublicKeyText {
        do throws(PublicKeyText.ParseError) {
            return try PublicKeyText(canonical, comment: "")
        } catch {
            throw Failure(.protocolError, "the peer's key is unfit: \(error)")
        }
    }
}
