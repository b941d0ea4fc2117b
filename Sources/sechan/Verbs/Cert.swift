import ArgumentParser

#if Certificates
import Foundation
import SCP
import SCPCertificates
import X509

/// `sechan cert`: certificates for those who would rather trust one key than many.
struct Cert: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make and show certificates, which vouch for keys by name.",
        discussion: """
            One authority vouches for every peer, so that nobody need know the others' keys:

              sechan cert ca network.pem
              sechan cert issue server.pem --authority network.pem --name server.example
              sechan listen tcp://0.0.0.0:7000 --cert server.pem --ca network.pem
              sechan connect tcp://server.example:7000 --cert client.pem --ca network.pem

            Each certificate has its private key beside it, in the file that ends in .key.
            """,
        subcommands: [CertAuthority.self, CertIssue.self, CertShow.self]
    )
}

/// What is made.
struct CertificateMaking: ParsableArguments {
    @Option(
        name: .customLong("key-type"), help: ArgumentHelp("The key: ed25519, p256 or p384.", valueName: "type"),
        transform: CertificateKeyKind.init(argument:))
    var kind = CertificateKeyKind.p256

    @Option(help: "Days that it is valid; no longer than what vouches for it.")
    var days: Int?

    func validate() throws {
        if let days, !(1...36_500).contains(days) { throw ValidationError("--days is 1 to 36500.") }
    }

    func lifetime(_ standard: Int) -> TimeInterval { TimeInterval(days ?? standard) * 86_400 }
}

extension CertificateKeyKind {
    fileprivate init(argument: String) throws {
        guard let kind = CertificateKeyKind(rawValue: argument) else {
            throw ValidationError("'\(argument)' is not ed25519, p256 or p384.")
        }
        self = kind
    }
}

/// `sechan cert ca`: makes an authority.
struct CertAuthority: Verb {
    static let configuration = CommandConfiguration(
        commandName: "ca", abstract: "Make an authority: a certificate that vouches for others, and its key.")

    @Argument(help: "The file to create; the key comes beside it.", completion: .file())
    var file: String

    @Option(name: .customLong("common-name"), help: "What people call it.")
    var name = "sechan authority"

    @Option(help: "How many authorities may stand between it and a peer's certificate.")
    var pathLength = 0

    @OptionGroup var making: CertificateMaking
    @OptionGroup var shared: SharedOptions

    func validate() throws {
        if !(0...8).contains(pathLength) { throw ValidationError("--path-length is 0 to 8.") }
    }

    func execute(_ output: Output) async throws(Failure) {
        let authority: CertificateAuthority
        do throws(SCPCertificates.CertificateError) {
            authority = try CertificateAuthority(
                name: name, kind: making.kind, pathLength: pathLength, lifetime: making.lifetime(3_650))
        } catch {
            throw Failure(.internalError, "\(error)")
        }
        try CertificateFile.create(file, [authority.certificate], authority.key)
        output.note("Whoever has \(CertificateFile.key(beside: file)) can be anybody to those who trust \(file).")
        try output.result(file, .certificate(authority.certificate, path: file))
    }
}

/// `sechan cert issue`: makes a peer's certificate.
struct CertIssue: Verb {
    static let configuration = CommandConfiguration(
        commandName: "issue", abstract: "Make a peer's certificate, and its key.")

    @Argument(help: "The file to create; the key comes beside it.", completion: .file())
    var file: String

    @Option(help: ArgumentHelp("The authority's certificate; its key is beside it.", valueName: "file"))
    var authority: String

    @Option(
        help: ArgumentHelp("The authority's key, when it is not beside its certificate.", valueName: "file"),
        completion: .file())
    var authorityKey: String?

    @Option(
        help: """
            Whom it names: a host (also *.domain), an IP address, a URI or an e-mail address. May be repeated.
            """)
    var name: [String]

    @OptionGroup var making: CertificateMaking
    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        let issuer = try CertificateFile.authority(authority, key: authorityKey)
        let key = making.kind.makeKey()
        let leaf: Certificate
        do throws(SCPCertificates.CertificateError) {
            leaf = try issuer.issue(
                to: key.publicKey, name: name.first ?? "", names: name.map(PeerName.init),
                lifetime: making.lifetime(90))
        } catch {
            throw Failure(.configuration, "\(error)")
        }
        // What stands above the issuer goes with it, but for the root, which verifiers have.
        let isRoot = issuer.certificate.issuer == issuer.certificate.subject
        let others = isRoot ? [] : try CertificateFile.certificates(authority)
        try CertificateFile.create(file, [leaf] + others, key)
        try output.result(file, .certificate(leaf, path: file))
    }
}

/// `sechan cert show`: what a file of certificates says.
struct CertShow: Verb {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Show certificates.")

    @Argument(help: "A file of certificates in PEM.", completion: .file())
    var file: String

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        for certificate in try CertificateFile.certificates(file) {
            let facts = CertificateFacts(certificate)
            try output.result(facts.text, .certificate(certificate, path: file))
        }
    }
}

/// What there is to say of a certificate.
private struct CertificateFacts {
    let subject: String
    let issuer: String
    let names: [String]
    let begins: String
    let ends: String
    let key: String
    let isAuthority: Bool

    init(_ certificate: Certificate) {
        subject = certificate.subject.description
        issuer = certificate.issuer.description
        names = ((try? PeerName.names(of: certificate)) ?? []).map(\.description)
        begins = Timestamp.text(secondsSinceEpoch: Int64(certificate.notValidBefore.timeIntervalSince1970))
        ends = Timestamp.text(secondsSinceEpoch: Int64(certificate.notValidAfter.timeIntervalSince1970))
        // "P256.PublicKey" of the library.
        key = certificate.publicKey.description.replacing(".PublicKey", with: "")
        isAuthority = certificate.isAuthority
    }

    var text: String {
        """
        \(subject)\(isAuthority ? "  (authority)" : "")
          names:  \(names.isEmpty ? "none" : names.joined(separator: ", "))
          issuer: \(issuer)
          valid:  \(begins) to \(ends)
          key:    \(key)
        """
    }
}

extension JSONRecord {
    fileprivate static func certificate(_ certificate: Certificate, path: String) -> JSONRecord {
        let facts = CertificateFacts(certificate)
        return JSONRecord(
            "certificate",
            [
                "path": .string(path), "subject": .string(facts.subject), "issuer": .string(facts.issuer),
                "names": .array(facts.names.map { .string($0) }), "notBefore": .string(facts.begins),
                "notAfter": .string(facts.ends), "key": .string(facts.key), "isAuthority": .boolean(facts.isAuthority),
            ])
    }
}
#else
/// `sechan cert`, where it was left out.
struct Cert: Verb {
    static let configuration = CommandConfiguration(abstract: "Make and show certificates (not in this build).")

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var words: [String] = []

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        throw Failure(
            .unavailable, "this command was built without certificates",
            remedy: "swift build --traits Certificates --product sechan")
    }
}
#endif
