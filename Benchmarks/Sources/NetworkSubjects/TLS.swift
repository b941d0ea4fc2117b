import Crypto
import Foundation
import NIOCore
import NIOSSL
import SwiftASN1
import X509

/// TLS 1.3 between two ends that know each other's self-signed P-256 certificates, with X25519 for the key agreement:
/// what of TLS does the same work as SCP.
public struct TLSParties: Sendable {
    public let client: NIOSSLContext
    public let server: NIOSSLContext

    public init() throws {
        let (first, second) = (try Identity("client"), try Identity("server"))
        var client = TLSConfiguration.makeClientConfiguration()
        client.certificateVerification = .noHostnameVerification
        first.use(in: &client, trusting: second)
        var server = TLSConfiguration.makeServerConfiguration(
            certificateChain: [.certificate(second.certificate)], privateKey: .privateKey(second.key))
        // A client's certificate is asked for and verified; clients have no host names.
        server.certificateVerification = .noHostnameVerification
        second.use(in: &server, trusting: first)
        self.client = try NIOSSLContext(configuration: client)
        self.server = try NIOSSLContext(configuration: server)
    }

    public func clientHandler() throws -> NIOSSLClientHandler {
        try NIOSSLClientHandler(context: client, serverHostname: nil)
    }

    public func serverHandler() -> NIOSSLServerHandler { NIOSSLServerHandler(context: server) }
}

private struct Identity {
    let certificate: NIOSSLCertificate
    let key: NIOSSLPrivateKey

    init(_ name: String) throws {
        let key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName { CommonName(name) }
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(), publicKey: .init(key.publicKey),
            notValidBefore: Date() - 3_600, notValidAfter: Date() + 86_400, issuer: subject, subject: subject,
            signatureAlgorithm: .ecdsaWithSHA256,
            extensions: try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
            },
            issuerPrivateKey: .init(key))
        self.certificate = try NIOSSLCertificate(
            bytes: Array(certificate.serializeAsPEM().pemString.utf8), format: .pem)
        self.key = try NIOSSLPrivateKey(bytes: Array(key.pemRepresentation.utf8), format: .pem)
    }

    func use(in configuration: inout TLSConfiguration, trusting other: Identity) {
        configuration.minimumTLSVersion = .tlsv13
        configuration.trustRoots = .certificates([other.certificate])
        configuration.certificateChain = [.certificate(certificate)]
        configuration.privateKey = .privateKey(key)
        configuration.curves = [.x25519]
    }
}
