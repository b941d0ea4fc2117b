import ArgumentParser
import SCP
import SCPNIO

/// Who may connect to a listener.
struct AdmissionOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the keys that may connect, one a line, instead of this user's authorized_peers. It is read "
                + "again for each connection.", valueName: "file"),
        completion: .file())
    var authorized: String?

    @Option(
        help: ArgumentHelp(
            "A key that may connect: scp1-x25519 BASE64, or a file of keys. May be repeated; authorized_peers is then "
                + "not asked.", valueName: "key"),
        completion: .file())
    var allow: [String] = []

    @Flag(help: "Take every stranger, and add the key to the authorized ones.")
    var acceptNew = false

    @Flag(help: "Take everybody and remember nobody.")
    var anyone = false

    var isUnused: Bool { authorized == nil && allow.isEmpty && !acceptNew && !anyone }

    func validate() throws {
        let count = (authorized == nil ? 0 : 1) + (allow.isEmpty ? 0 : 1) + (anyone ? 1 : 0)
        if count > 1 { throw ValidationError("--authorized, --allow and --anyone exclude each other.") }
        if acceptNew, anyone || !allow.isEmpty {
            throw ValidationError("--accept-new goes with authorized_peers or --authorized.")
        }
        if allow.contains("-") { throw ValidationError("--allow - is not possible: name a key or a file.") }
    }
}

/// Decides who may connect, and says so.
struct Gatekeeper: Sendable {
    private enum Rule: Sendable {
        case keys([PublicKeyText])
        case store(TrustStore, acceptsNew: Bool)
        case anyone
    }

    private let rule: Rule
    private let provider: Provider
    private let output: Output

    init(_ options: AdmissionOptions, _ party: Party, _ output: Output) throws(Failure) {
        provider = party.provider
        self.output = output
        #if Certificates
        if party.certificates?.roots != nil {
            guard options.isUnused else {
                throw Failure(
                    .usage, "--ca says whom to take: it goes without --authorized, --allow, --accept-new and --anyone")
            }
            rule = .anyone
            return
        }
        #endif
        if options.anyone {
            rule = .anyone
            output.warning("--anyone: everybody who can reach the address is taken")
            return
        }
        if !options.allow.isEmpty {
            let provider = party.provider
            var keys: [PublicKeyText] = []
            for word in options.allow { keys += try KeyArgument.resolve([word], with: { provider }) }
            rule = .keys(keys)
            return
        }
        let store = TrustStore(paths: try Paths(), otherPath: options.authorized)
        let file = try store.load(.authorizedPeers)
        for complaint in file.complaints { output.warning("\(complaint) (trusts nobody)") }
        if file.entries.isEmpty, !options.acceptNew {
            output.warning(
                "nobody is authorized in \(file.path) yet; while this runs: sechan trust add \"scp1-x25519 ...\"")
        }
        rule = .store(store, acceptsNew: options.acceptNew)
    }

    /// Puts the rule into what a server is given.
    func apply(to configuration: inout Configuration<Provider>, _ options: inout TransportOptions) {
        if case .anyone = rule {
            configuration.identityPolicy = .anyone
        } else {
            configuration.identityPolicy = .ask
            options.askPeer = { key in decide(on: key) }
        }
    }

    private func decide(on key: PublicKey) -> IdentityDecision {
        do throws(Failure) {
            if try entry(of: key) != nil { return .accept }
            if case .store(let store, acceptsNew: true) = rule { return try add(key, to: store) }
            output.note(
                """
                refused, not authorized: \(try key.fingerprint(provider))
                To let it in: sechan trust add "\(PublicKeyText.pasteable(key.canonical))"
                """)
        } catch {
            output.warning("refused, since the authorized keys cannot be read: \(error.message)")
        }
        return .reject
    }

    private func add(_ key: PublicKey, to store: TrustStore) throws(Failure) -> IdentityDecision {
        try store.update(.authorizedPeers) { file throws(Failure) in
            guard !file.entries.contains(where: { $0.key.key == key.canonical }) else { return false }
            file.add(TrustFile.Entry(address: nil, key: try key.text()))
            return true
        }
        output.note("authorized from now on: \(try key.fingerprint(provider))")
        return .accept
    }

    private func entry(of key: PublicKey) throws(Failure) -> PublicKeyText? {
        let keys =
            switch rule {
            case .keys(let keys): keys
            case .store(let store, _): try store.load(.authorizedPeers).entries.map(\.key)
            case .anyone: [PublicKeyText]()
            }
        return keys.first { $0.key.names(sameKeyAs: key) }
    }

    /// The comment that stands beside the key.
    func name(of key: PublicKey) -> String? {
        guard let comment = (try? entry(of: key))??.comment, !comment.isEmpty else { return nil }
        return comment
    }
}
