import ArgumentParser
import NIOCore
import SCP
import SCPNIO

/// What to make of a stranger, or of nobody in particular.
enum TrustMode: String, ExpressibleByArgument, CaseIterable {
    case ask
    case acceptNew = "accept-new"
    case yes
    case no
}

/// Who is expected at the address that we connect to.
struct PeerOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The key that must answer: scp1-x25519 BASE64, or a file that holds it. known_peers is then left alone.",
            valueName: "key"),
        completion: .file())
    var peer: String?

    @Option(
        help: ArgumentHelp("The file to look the peer up in, instead of this user's known_peers.", valueName: "file"),
        completion: .file())
    var knownPeers: String?

    @Option(
        help: """
            What to do at an address whose key is not known: ask (on a terminal; refuse elsewhere), accept-new (take \
            the key and remember it), yes (refuse), no (take any key at any address and remember nothing: whoever \
            answers may be anybody). Another key than the known one is refused, except with no.
            """)
    var trust: TrustMode?

    var isUnused: Bool { peer == nil && knownPeers == nil && trust == nil }

    func validate() throws {
        guard peer != nil else { return }
        if knownPeers != nil { throw ValidationError("--peer and --known-peers exclude each other.") }
        if trust != nil { throw ValidationError("--peer and --trust exclude each other: exactly that key is taken.") }
        if peer == "-" { throw ValidationError("--peer - is not possible: standard input is for the peer.") }
    }
}

/// Connects to a peer whose key is known, or becomes known here.
struct Dialer: Sendable {
    let address: Address
    let party: Party
    let output: Output
    private let endpoint: Endpoint
    private let expected: PublicKey?
    private let mode: TrustMode
    private let store: TrustStore

    init(to address: Address, _ options: PeerOptions, _ party: Party, _ output: Output) throws(Failure) {
        self.address = address
        self.party = party
        self.output = output
        endpoint = try address.endpoint()
        mode = options.trust ?? .ask
        store = TrustStore(paths: try Paths(), otherPath: options.knownPeers)
        #if Certificates
        if party.certificates?.roots != nil, options.knownPeers != nil || options.trust != nil {
            throw Failure(.usage, "--ca says whom to take: it goes without --known-peers and --trust")
        }
        #endif
        guard let peer = options.peer else {
            expected = nil
            return
        }
        let provider = party.provider
        let keys = try KeyArgument.resolve([peer], with: { provider })
        guard let key = keys.first, keys.count == 1 else {
            throw Failure(.usage, "--peer names \(keys.count) keys; one peer has one key")
        }
        expected = key.key
    }

    /// An authenticated channel.
    func connect() async throws(Failure) -> SecureChannel {
        #if Certificates
        if let rules = party.certificates, rules.roots != nil { return try await connect(by: rules) }
        #endif
        if let expected { return try await connect(PeerBook(.pinned(expected)), takesStrangers: false) }
        if mode == .no {
            output.warning("--trust no: whoever answers at \(address) is taken, and may be anybody")
            var configuration = party.configuration
            configuration.identityPolicy = .anyone
            return try await connect(configuration, transportOptions())
        }
        let book = PeerBook(.store(store, address))
        do {
            return try await connect(book, takesStrangers: mode == .acceptNew)
        } catch {
            guard let stranger = await book.stranger else { throw error }
            guard mode == .ask, SystemCalls.isTerminal(0), SystemCalls.isTerminal(2) else {
                throw try unknown(stranger)
            }
            // The peer would not wait for somebody to compare fingerprints; so this is another connection.
            guard try await ask(about: stranger) else { throw try unknown(stranger) }
            return try await connect(PeerBook(.confirmed(stranger, store, address)), takesStrangers: true)
        }
    }

    #if Certificates
    /// To whom a certificate names, and who has the key that was named, if one was.
    private func connect(by rules: CertificateRules) async throws(Failure) -> SecureChannel {
        var (configuration, options) = (party.configuration, transportOptions())
        configuration.identityPolicy = expected.map { .pinned($0) } ?? .anyone
        configuration.responderKey = expected
        try rules.apply(to: &configuration, &options, at: address, output)
        return try await connect(configuration, options)
    }
    #endif

    private func connect(_ book: PeerBook, takesStrangers: Bool) async throws(Failure) -> SecureChannel {
        var options = transportOptions()
        options.trustStore = book
        if !takesStrangers {
            options.askPeer = { key in
                await book.refuse(key)
                return .reject
            }
        }
        let channel: SecureChannel
        do {
            channel = try await connect(party.configuration, options)
        } catch {
            // A store may be unfit, or have learned another key meanwhile.
            throw await book.failure ?? error
        }
        try await book.rememberConfirmed()
        if await book.hasRemembered {
            output.note(
                "\(address) is trusted from now on: \(try channel.peer.publicKey.fingerprint(party.provider))")
        }
        return channel
    }

    private func connect(
        _ configuration: Configuration<Provider>, _ options: TransportOptions
    ) async throws(Failure) -> SecureChannel {
        do {
            return try await SecureChannel.connect(to: endpoint, configuration, options: options)
        } catch let error as SecureChannelError {
            guard case .keyChanged(let known, let presented) = error.kind else { throw Failure(channel: error) }
            throw try mismatch(known: known, presented: presented)
        } catch let error as IOError {
            throw ended(error)
        } catch let error as ChannelError {
            throw ended(error)
        } catch {
            throw Failure(channel: error)
        }
    }

    /// The stream was gone before the channel began.
    private func ended(_ error: any Error) -> Failure {
        Failure(.unavailable, "\(address): the connection ended before the peer answered (\(error))")
    }

    private func transportOptions() -> TransportOptions {
        var options = TransportOptions()
        options.logger = LogLines.logger(output)
        options.keyAgent = party.keyAgent
        if let recordings = party.recordings { options.recorder = { recordings.next() } }
        return options
    }

    private func mismatch(known: PublicKey, presented: PublicKey) throws(Failure) -> Failure {
        let answers = try presented.fingerprint(party.provider)
        let expects = try known.fingerprint(party.provider)
        guard expected == nil else {
            return Failure(
                .identityRejected,
                """
                the peer at \(address) has another key than the one given with --peer.
                  expected: \(expects)
                  answered: \(answers)
                Nothing was sent.
                """,
                remedy: "Ask the peer's owner which key is right.")
        }
        let file = store.path(of: .knownPeers)
        let line = try store.load(.knownPeers).knownKey(of: address).map { ":\($0.line)" } ?? ""
        return Failure(
            .identityChanged,
            """
            the key of \(address) has changed.
              known:    \(expects)  (\(file)\(line))
              answered: \(answers)
            Somebody else may be answering there, or the peer has a new key. Nothing was sent.
            """,
            remedy: """
                If the peer's owner confirms the new key: sechan trust add --replace --address \(address) \
                "\(PublicKeyText.pasteable(presented))"
                """)
    }

    private func unknown(_ key: PublicKey) throws(Failure) -> Failure {
        Failure(
            .identityRejected,
            """
            the key of \(address) is not known.
              answered: \(try key.fingerprint(party.provider))
            Nothing was sent.
            """,
            remedy: """
                If the peer's owner confirms it: sechan trust add --address \(address) \
                "\(PublicKeyText.pasteable(key))"
                """)
    }

    private func ask(about key: PublicKey) async throws(Failure) -> Bool {
        output.ask(
            """
            The key of \(address) is not known.
              answered: \(try key.fingerprint(party.provider))
            Is it the peer's? Type yes to trust it from now on:
            """)
        let answer = String(decoding: try await InputReader().read(upTo: 4096), as: UTF8.self)
        return answer.split(whereSeparator: \.isWhitespace).first?.lowercased() == "yes"
    }
}
