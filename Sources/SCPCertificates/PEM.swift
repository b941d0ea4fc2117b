#if Certificates
internal import SwiftASN1
public import X509

/// Certificates and keys as text (RFC 7468).
public enum PEM {
    /// Every certificate in the text, in order; what else stands there is passed over.
    public static func certificates(_ text: String) throws(CertificateError) -> [Certificate] {
        do {
            let found = try PEMDocument.parseMultiple(pemString: text)
                .filter { $0.discriminator == Certificate.defaultPEMDiscriminator }
                .map { try Certificate(pemDocument: $0) }
            guard !found.isEmpty else { throw CertificateError.unreadable("certificates") }
            return found
        } catch {
            throw .unreadable("certificates")
        }
    }

    /// The first private key in the text.
    public static func privateKey(_ text: String) throws(CertificateError) -> Certificate.PrivateKey {
        do {
            let documents = try PEMDocument.parseMultiple(pemString: text)
            guard let document = documents.first(where: { $0.discriminator.hasSuffix("PRIVATE KEY") }) else {
                throw CertificateError.unreadable("a private key")
            }
            return try Certificate.PrivateKey(pemDocument: document)
        } catch {
            throw .unreadable("a private key")
        }
    }

    public static func text(_ certificate: Certificate) throws(CertificateError) -> String {
        do { return try certificate.serializeAsPEM().pemString + "\n" } catch { throw .notIssued("\(error)") }
    }

    /// PKCS #8.
    public static func text(_ key: Certificate.PrivateKey) throws(CertificateError) -> String {
        do { return try key.serializeAsPEM().pemString + "\n" } catch { throw .notIssued("\(error)") }
    }

    static func der(_ certificate: Certificate) throws(CertificateError) -> [UInt8] {
        do {
            var serializer = DER.Serializer()
            try serializer.serialize(certificate)
            return serializer.serializedBytes
        } catch {
            throw .notIssued("\(error)")
        }
    }
}
#endif
