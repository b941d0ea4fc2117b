#if Certificates
import ArgumentParser
import SCP
import SCPCertificates
import SCPNIO
import X509

/// Certificates at either end of a channel.
struct CertificateOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Show this certificate, and those that follow it in the file; the key is beside it, in the file .key.",
            valueName: "file"),
        completion: .file())
    var cert: String?

    @Option(
        help: ArgumentHelp("The key of --cert, when it is not beside it.", valueName: "file"), completion: .file())
    var certKey: String?

    @Option(
        help: ArgumentHelp(
            """
            Take peers for whom one of the certificates in this file vouches, and nobody else; keys are then not \
            compared, unless --peer names one.
            """, valueName: "file"),
        completion: .file())
    var ca: String?

    @Option(
        help: ArgumentHelp(
            """
            The name that the peer's certificate must have: a host, an IP address, a URI or an e-mail address; may be \
            repeated. For connecting over TCP or UDP it is the address's host unless it is said here; a listener takes \
            every name.
            """, valueName: "name"))
    var peerName: [String] = []

    func validate() throws {
        if certKey != nil, cert == nil { throw ValidationError("--cert-key goes with --cert.") }
        if !peerName.isEmpty, ca == nil { throw ValidationError("--peer-name goes with --ca.") }
    }

    func rules() throws(Failure) -> CertificateRules? {
        guard cert != nil || ca != nil else { return nil }
        var rules = CertificateRules(roots: nil, names: peerName.map(PeerName.init), credential: nil)
        if let ca { rules.roots = try CertificateFile.certificates(ca) }
        if let cert {
            let identity = try CertificateFile.identity(cert, key: certKey)
            do throws(SCPCertificates.CertificateError) {
                rules.credential = try identity.credential()
            } catch {
                throw Failure(.configuration, "\(cert): \(error)")
            }
        }
        return rules
    }
}

/// What we show, and whom we believe.
struct CertificateRules: Sendable {
    /// Nil where keys are compared, and peers' certificates not wanted.
    var roots: [Certificate]?
    var names: [PeerName]
    var credential: Credential?

    /// Puts what is believed into what a channel is made with.
    ///
    /// - Parameter address: whose host is expected when no name was said; nil for a listener.
    func apply(
        to configuration: inout Configuration<Provider>, _ options: inout TransportOptions, at address: Address?,
        _ output: Output
    ) throws(Failure) {
        guard let roots else { return }
        var names = CertificateVerifier.Names.anyOf(self.names)
        if self.names.isEmpty {
            if let address {
                guard let host = address.host else {
                    throw Failure(.usage, "whom does the peer's certificate name? Say it with --peer-name")
                }
                names = .anyOf([PeerName(host)])
            } else {
                names = .any
            }
        }
        let verifier = CertificateVerifier(roots: roots, names: names)
        let role: Role = address == nil ? .initiator : .responder
        configuration.credentialPolicy = .required
        options.verifyCredential = { credential in
            do throws(SCPCertificates.CertificateError) {
                let peer = try await verifier.verify(credential, from: role)
                return .accept(names: peer.names.map(\.description))
            } catch {
                // Who connects says so at its end.
                if role == .initiator { output.note("refused: \(error)") }
                return .reject(reason: "\(error)")
            }
        }
    }
}
#endif
