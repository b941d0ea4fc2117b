import SCP
import SCPGcrypt

/// One thing that `sechan doctor` looked at.
struct Check: Equatable {
    enum Verdict: Equatable {
        case good
        /// Works, and could be better.
        case warning
        /// Does not work; the exit status of a verb that needs it.
        case bad(ExitStatus)

        var word: String {
            switch self {
            case .good: "ok"
            case .warning: "warning"
            case .bad: "bad"
            }
        }
    }

    let name: String
    let verdict: Verdict
    /// What was found.
    let finding: String
    /// How to mend it.
    let remedy: String?

    init(_ name: String, _ verdict: Verdict, _ finding: String, remedy: String? = nil) {
        self.name = name
        self.verdict = verdict
        self.finding = finding
        self.remedy = remedy
    }

    /// A check that fails the way a verb would.
    init(_ name: String, _ failure: Failure) {
        self.init(name, .bad(failure.status), failure.message, remedy: failure.remedy)
    }
}

/// What `sechan doctor` looks at. Nothing is changed.
enum Checkup {
    /// libgcrypt and what the processor gives it. `agrees` is whether key agreement is libgcrypt's too.
    static func cryptography(
        _ found: GcryptProvider.Diagnostics, error: GcryptError?, agrees: Bool = true
    ) -> [Check] {
        var checks = [library(found, error)]
        let features = found.hardwareFeatures.joined(separator: " ")
        checks.append(
            Check(
                "hardware features", found.hardwareFeatures.isEmpty ? .warning : .good,
                features.isEmpty ? "libgcrypt uses none of this processor" : features))
        checks.append(randomness(found))
        if found.hasConstantTimeAES {
            checks.append(Check("constant-time AES", .good, "AES-256-GCM runs on processor instructions"))
        } else {
            checks.append(
                Check(
                    "constant-time AES", .bad(.configuration),
                    "AES-256-GCM would read tables at secret addresses, so channels are refused",
                    remedy: "Use a processor with AES and carry-less multiplication, or look whether "
                        + "/etc/gcrypt/hwf.deny switches them off."))
        }
        if agrees, !found.hasConstantTimeKeyAgreement {
            checks.append(
                Check(
                    "constant-time X25519", .warning,
                    "libgcrypt's X25519 is not: someone who measures this machine closely could learn a key",
                    remedy: "A command with another: swift build --traits SwiftCrypto --product sechan; "
                        + "then --backend mixed."))
        }
        return checks
    }

    private static func randomness(_ found: GcryptProvider.Diagnostics) -> Check {
        found.randomSource == "system"
            ? Check("randomness", .good, "from the kernel")
            : Check("randomness", .warning, "from libgcrypt's generator '\(found.randomSource)'")
    }

    private static func library(_ found: GcryptProvider.Diagnostics, _ error: GcryptError?) -> Check {
        let version = "libgcrypt \(found.version)"
        switch error {
        case nil, .noConstantTimeAES: return Check("crypto library", .good, "\(version), self-test passed")
        case .oldVersion(_, let required):
            return Check(
                "crypto library", .bad(.configuration), "\(version) is older than \(required)",
                remedy: "Install a newer one: apt-get install libgcrypt20, or brew upgrade libgcrypt.")
        case .fipsMode:
            return Check(
                "crypto library", .bad(.configuration),
                "\(version) is in FIPS mode, in which it has neither X25519 nor the AES-GCM that SCP/1 needs",
                remedy: "Unset LIBGCRYPT_FORCE_FIPS_MODE, or run where the kernel's fips_enabled is 0.")
        case .selfTestFailed(let primitive):
            return Check(
                "crypto library", .bad(.configuration), "\(version) fails the self-test of \(primitive.rawValue)",
                remedy: "Do not use it. Reinstall libgcrypt from a source that you trust.")
        }
    }

    /// Where keys and trust stores are.
    static func directory(_ paths: Paths) -> Check {
        let name = "configuration"
        do throws(SystemError) {
            let status = try SystemCalls.status(of: paths.directory)
            guard status.isDirectory else {
                return Check(name, .bad(.configuration), "\(paths.directory) is not a directory")
            }
            guard !status.isWritableByOthers else {
                return Check(
                    name, .bad(.configuration),
                    "\(paths.directory) can be written by others (mode \(status.octalPermissions))",
                    remedy: "chmod go-w '\(paths.directory)'")
            }
            return Check(name, .good, paths.directory)
        } catch {
            guard error.isMissing else { return Check(name, .bad(.noInput), error.text) }
            return Check(name, .good, "\(paths.directory) (not there yet; `sechan keygen` makes it)")
        }
    }

    /// The private key of this user. `provider` is nil when the library cannot be used.
    static func identity(_ paths: Paths, with provider: Provider?) -> Check {
        let name = "identity"
        guard let provider else {
            return Check(name, .warning, "\(paths.identity) was not examined: the crypto library is unusable")
        }
        do throws(Failure) {
            let key = try KeyFile.load(paths.identity, with: provider)
            return Check(name, .good, "\(paths.identity) \(try key.publicKey.fingerprint(provider))")
        } catch {
            return Check(name, error)
        }
    }

    /// A trust store: how many peers, and what in it cannot be understood.
    static func trustStore(_ kind: TrustFile.Kind, _ store: TrustStore) -> Check {
        let name = "\(kind.rawValue) peers"
        do throws(Failure) {
            let file = try store.load(kind)
            guard file.complaints.isEmpty else {
                return Check(
                    name, .bad(.configuration), file.complaints.joined(separator: "\n"),
                    remedy: "Mend or remove these lines; they trust nobody.")
            }
            let unknown = file.lines.count { $0.content == .unknown }
            let rest = unknown == 0 ? "" : ", \(unknown) of another version"
            return Check(name, .good, "\(file.path): \(file.entries.count)\(rest)")
        } catch {
            return Check(name, error)
        }
    }

    /// The worst of the verdicts as an exit status: an unfit machine before a missing key.
    static func status(of checks: [Check]) -> ExitStatus {
        let statuses: [ExitStatus] = checks.compactMap { check in
            if case .bad(let status) = check.verdict { status } else { nil }
        }
        return statuses.max { $0.rawValue < $1.rawValue } ?? .done
    }
}
