#if Certificates
import Foundation
import SCP
import Testing
import X509

@testable import SCPCertificates

/// Made by one, verified by the other.
// [SCP-ID-14]
@Suite(
    "Certificates and OpenSSL", .timeLimit(.minutes(5)),
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "no /usr/bin/openssl"))
struct OpenSSLTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("scp-openssl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

    /// What the command says, and whether it was content.
    @discardableResult
    private func openssl(_ arguments: String...) throws -> (text: String, isGood: Bool) { try openssl(arguments) }

    private func openssl(_ arguments: [String]) throws -> (text: String, isGood: Bool) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let text = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (text, process.terminationStatus == 0)
    }

    private func write(_ text: String, _ name: String) throws {
        try text.write(toFile: path(name), atomically: true, encoding: .utf8)
    }

    @Test("OpenSSL takes our chains and our signatures", arguments: CertificateKeyKind.allCases)
    func ours(kind: CertificateKeyKind) throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let estate = try Estate(kind)
        let below = try estate.root.issueAuthority(name: "Below", kind: kind, lifetime: 100 * day)
        let identity = try estate.identity(kind: kind, by: below, with: [below.certificate])
        try write(PEM.text(estate.root.certificate), "root.pem")
        try write(PEM.text(below.certificate), "below.pem")
        try write(PEM.text(identity.chain[0]), "leaf.pem")
        for purpose in ["sslserver", "sslclient"] {
            let verdict = try openssl(
                "verify", "-x509_strict", "-CAfile", path("root.pem"), "-untrusted", path("below.pem"), "-purpose",
                purpose, "-verify_hostname", "host.example", path("leaf.pem"))
            #expect(verdict.isGood, "\(verdict.text)")
        }
        let shown = try identity.shown()
        try Data(signedBytes).write(to: folder.appendingPathComponent("signed"))
        try Data(shown.signature).write(to: folder.appendingPathComponent("signature"))
        let key = try openssl("x509", "-in", path("leaf.pem"), "-noout", "-pubkey")
        try write(key.text, "leaf.pub")
        let verdict =
            switch kind {
            case .ed25519:
                try openssl(
                    "pkeyutl", "-verify", "-pubin", "-inkey", path("leaf.pub"), "-rawin", "-in", path("signed"),
                    "-sigfile", path("signature"))
            case .p256, .p384:
                try openssl(
                    "dgst", kind == .p256 ? "-sha256" : "-sha384", "-verify", path("leaf.pub"), "-signature",
                    path("signature"), path("signed"))
            }
        #expect(verdict.isGood, "\(verdict.text)")
    }

    @Test(
        "we take OpenSSL's chains and signatures",
        arguments: [
            (["-algorithm", "ed25519"], SignatureScheme.ed25519),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], .ecdsaP256),
            (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"], .ecdsaP384),
            (["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], .rsaPSS),
        ])
    func theirs(key: [String], scheme: SignatureScheme) async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        for name in ["root", "leaf"] {
            let made =
                key.count == 2
                ? try openssl("genpkey", key[0], key[1], "-out", path("\(name).key"))
                : try openssl("genpkey", key[0], key[1], key[2], key[3], "-out", path("\(name).key"))
            #expect(made.isGood, "\(made.text)")
        }
        try write("subjectAltName=DNS:host.example,IP:192.0.2.1\nkeyUsage=critical,digitalSignature\n", "leaf.ext")
        #expect(
            try openssl(
                "req", "-x509", "-new", "-key", path("root.key"), "-subj", "/CN=Root", "-days", "10", "-out",
                path("root.pem"), "-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext",
                "keyUsage=critical,keyCertSign"
            ).isGood)
        #expect(
            try openssl("req", "-new", "-key", path("leaf.key"), "-subj", "/CN=leaf", "-out", path("leaf.csr")).isGood)
        let issued = try openssl(
            "x509", "-req", "-in", path("leaf.csr"), "-CA", path("root.pem"), "-CAkey", path("root.key"),
            "-CAcreateserial", "-days", "5", "-extfile", path("leaf.ext"), "-out", path("leaf.pem"))
        #expect(issued.isGood, "\(issued.text)")
        try Data(signedBytes).write(to: folder.appendingPathComponent("signed"))
        let signed =
            switch scheme {
            case .ed25519:
                try openssl(
                    "pkeyutl", "-sign", "-inkey", path("leaf.key"), "-rawin", "-in", path("signed"), "-out",
                    path("signature"))
            case .rsaPSS:
                try openssl(
                    "dgst", "-sha256", "-sign", path("leaf.key"), "-sigopt", "rsa_padding_mode:pss", "-sigopt",
                    "rsa_pss_saltlen:-1", "-out", path("signature"), path("signed"))
            default:
                try openssl(
                    "dgst", scheme == .ecdsaP256 ? "-sha256" : "-sha384", "-sign", path("leaf.key"), "-out",
                    path("signature"), path("signed"))
            }
        #expect(signed.isGood, "\(signed.text)")
        let chain = try PEM.certificates(String(contentsOfFile: path("leaf.pem"), encoding: .utf8))
        let roots = try PEM.certificates(String(contentsOfFile: path("root.pem"), encoding: .utf8))
        let shown = PeerCredential(
            scheme: scheme, signature: Array(try Data(contentsOf: folder.appendingPathComponent("signature"))),
            chain: try chain.map { try PEM.der($0) }, signedBytes: signedBytes,
            publicKey: PublicKey([32 of UInt8](repeating: 9)))
        let verifier = CertificateVerifier(roots: roots, names: .anyOf([PeerName("192.0.2.1")]))
        let names = try await verifier.verify(shown, from: .responder).names
        #expect(names == [PeerName("192.0.2.1"), .dns("host.example")])
        var damaged = shown.signature
        damaged[damaged.count / 2] ^= 1
        #expect(await error(verifier, shown.with(signature: damaged)) == .badSignature)
        if scheme == .rsaPSS { try await otherRSA(shown, verifier) }
        // Our identities take their keys, but for RSA, with which we do not sign.
        let text = try String(contentsOfFile: path("leaf.key"), encoding: .utf8)
        if scheme == .rsaPSS {
            #expect(throws: SCPCertificates.CertificateError.unsupportedKey) {
                try CertificateIdentity(chain: chain, key: PEM.privateKey(text))
            }
        } else {
            let identity = try CertificateIdentity(chain: chain, key: PEM.privateKey(text))
            #expect(await error(verifier, try identity.shown()) == nil)
        }
    }

    /// The same key's signatures that are not those of 0x0804: other paddings, other salts, another digest.
    private func otherRSA(_ shown: PeerCredential, _ verifier: CertificateVerifier) async throws {
        for options in [
            ["-sha256", "rsa_padding_mode:pkcs1"], ["-sha256", "rsa_padding_mode:pss", "rsa_pss_saltlen:20"],
            ["-sha256", "rsa_padding_mode:pss", "rsa_pss_saltlen:0"],
            ["-sha384", "rsa_padding_mode:pss", "rsa_pss_saltlen:32"],
        ] {
            let signed = try openssl(
                ["dgst", options[0], "-sign", path("leaf.key")] + options.dropFirst().flatMap { ["-sigopt", $0] }
                    + ["-out", path("other"), path("signed")])
            #expect(signed.isGood, "\(signed.text)")
            let signature = Array(try Data(contentsOf: folder.appendingPathComponent("other")))
            #expect(await error(verifier, shown.with(signature: signature)) == .badSignature, "\(options)")
        }
    }

    @Test(
        "keys that no scheme is for",
        arguments: ["EC -pkeyopt ec_paramgen_curve:P-521", "EC -pkeyopt ec_paramgen_curve:secp256k1", "ed448"])
    func otherKeys(kind: String) async throws {
        defer { try? FileManager.default.removeItem(at: folder) }
        let words = kind.split(separator: " ").map(String.init)
        #expect(try openssl(["genpkey", "-algorithm"] + words + ["-out", path("leaf.key")]).isGood)
        let made = try openssl(
            "req", "-x509", "-new", "-key", path("leaf.key"), "-subj", "/CN=leaf", "-days", "10", "-outform", "DER",
            "-addext", "subjectAltName=DNS:host.example", "-out", path("leaf.der"))
        #expect(made.isGood, "\(made.text)")
        let certificate = Array(try Data(contentsOf: folder.appendingPathComponent("leaf.der")))
        let shown = try Estate().identity().shown().with(chain: [certificate])
        // The library has P-521, and neither of the others.
        let expected = kind.contains("P-521") ? SCPCertificates.CertificateError.schemeMismatch : .malformed(0)
        for scheme in [SignatureScheme.ed25519, .ecdsaP256, .ecdsaP384, .rsaPSS] {
            #expect(await error(try Estate().verifier(), shown.with(scheme: scheme)) == expected)
        }
    }
}
#endif
