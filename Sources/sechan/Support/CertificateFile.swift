#if Certificates
import SCP
import SCPCertificates
import X509

/// Certificates and their keys in PEM files.
enum CertificateFile {
    /// Longer files are no certificates.
    private static let sizeLimit = 262_144

    static func certificates(_ path: String) throws(Failure) -> [Certificate] {
        let text = try read(path).text
        return try of(path) { () throws(SCPCertificates.CertificateError) in try PEM.certificates(text) }
    }

    /// A chain with the private key of its leaf.
    ///
    /// - Parameter key: nil for the file beside the certificate that ends in `.key`.
    static func identity(_ path: String, key: String?) throws(Failure) -> CertificateIdentity {
        let keyPath = key ?? self.key(beside: path)
        let chain = try certificates(path)
        let privateKey = try privateKey(keyPath)
        return try of(path) { () throws(SCPCertificates.CertificateError) in
            try CertificateIdentity(chain: chain, key: privateKey)
        }
    }

    static func authority(_ path: String, key: String?) throws(Failure) -> CertificateAuthority {
        let certificate = try certificates(path)[0]
        let privateKey = try privateKey(key ?? self.key(beside: path))
        return try of(path) { () throws(SCPCertificates.CertificateError) in
            try CertificateAuthority(certificate: certificate, key: privateKey)
        }
    }

    private static func privateKey(_ path: String) throws(Failure) -> Certificate.PrivateKey {
        let file = try read(path)
        guard !file.isOpenToOthers else {
            throw Failure(
                .configuration, "\(path) is a private key that others may read or write: not used",
                remedy: "If nobody has read it: chmod 600 '\(path)'. Else make a new one.")
        }
        return try of(path) { () throws(SCPCertificates.CertificateError) in try PEM.privateKey(file.text) }
    }

    /// `server.pem` has its key in `server.key`.
    static func key(beside path: String) -> String {
        (path.hasSuffix(".pem") ? String(path.dropLast(4)) : path) + ".key"
    }

    /// Writes a new certificate, with its chain, and the private key beside it, which only its owner may read.
    static func create(_ path: String, _ chain: [Certificate], _ key: Certificate.PrivateKey) throws(Failure) {
        let texts = try of(path) { () throws(SCPCertificates.CertificateError) in
            (
                try PEM.text(key),
                try chain.map { certificate throws(SCPCertificates.CertificateError) in
                    try PEM.text(certificate)
                }.joined()
            )
        }
        let keyPath = self.key(beside: path)
        try create(keyPath, texts.0, mode: 0o600)
        do throws(Failure) {
            try create(path, texts.1, mode: 0o644)
        } catch {
            // Of no use alone.
            try? SystemCalls.remove(keyPath)
            throw error
        }
    }

    private static func create(_ path: String, _ text: String, mode: UInt32) throws(Failure) {
        do throws(SystemError) {
            let file = try File.create(path, mode: mode)
            try file.write(Array(text.utf8).span)
            try file.synchronize()
        } catch {
            guard error.alreadyExists else { throw Failure(.cannotCreate, error) }
            throw Failure(.cannotCreate, "\(path) exists already, and is never replaced")
        }
    }

    private static func read(_ path: String) throws(Failure) -> (text: String, isOpenToOthers: Bool) {
        do {
            let file = try File.open(path)
            let status = try file.status()
            guard status.isRegular, let (bytes, count) = try file.readSecret(limit: sizeLimit) else {
                throw Failure(.configuration, "\(path) is no file of certificates or keys")
            }
            let text = String(decoding: (0..<count).map { bytes.bytes[$0] }, as: UTF8.self)
            return (text, status.isOpenToOthers)
        } catch let error as SystemError {
            throw Failure(.noInput, error)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.internalError, "\(error)")
        }
    }

    private static func of<Value>(
        _ path: String, _ body: () throws(SCPCertificates.CertificateError) -> Value
    ) throws(Failure) -> Value {
        do throws(SCPCertificates.CertificateError) {
            return try body()
        } catch {
            throw Failure(.configuration, "\(path): \(error)")
        }
    }
}
#endif
