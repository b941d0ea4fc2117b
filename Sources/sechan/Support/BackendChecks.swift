import SCP
import SCPGcrypt

#if SwiftCrypto
import SCPSwiftCrypto
#endif

extension Checkup {
    /// Which backend is used, and whether it and the processor are fit.
    static func backend(_ backend: Backend) -> [Check] {
        var checks = [Check("crypto backend", .good, description(of: backend))]
        switch backend {
        case .gcrypt:
            checks += cryptography(.current(), error: gcryptError())
        #if SwiftCrypto
        case .swiftCrypto:
            checks.append(swiftCrypto(swiftCryptoError()))
            checks.append(Check("randomness", .good, "from the system"))
            checks.append(
                Check("constant-time AES", .good, "BoringSSL's is, with this processor's instructions or without"))
            checks += [constantTimeAgreement, hybrid]
        case .mixed:
            checks.append(swiftCrypto(swiftCryptoError()))
            checks += cryptography(.current(), error: gcryptError(), agrees: false)
            checks += [constantTimeAgreement, hybrid]
        #endif
        }
        return checks
    }

    private static func description(of backend: Backend) -> String {
        switch backend {
        case .gcrypt: "libgcrypt"
        #if SwiftCrypto
        case .swiftCrypto: "swift-crypto"
        case .mixed: "key agreement from swift-crypto, record protection from libgcrypt"
        #endif
        }
    }

    /// Why channels on libgcrypt are refused on this machine; nil when they are not.
    private static func gcryptError() -> GcryptError? {
        do throws(GcryptError) {
            _ = try GcryptProvider()
            return nil
        } catch {
            return error
        }
    }

    #if SwiftCrypto
    private static let constantTimeAgreement = Check("constant-time X25519", .good, "swift-crypto's (BoringSSL) is")

    private static let hybrid = Check(
        "post-quantum", .good, "ML-KEM-768 joins X25519 where the peer has it too")

    private static func swiftCryptoError() -> SwiftCryptoError? {
        do throws(SwiftCryptoError) {
            _ = try SwiftCryptoProvider()
            return nil
        } catch {
            return error
        }
    }

    static func swiftCrypto(_ error: SwiftCryptoError?) -> Check {
        guard let error else { return Check("swift-crypto", .good, "self-test passed") }
        return Check(
            "swift-crypto", .bad(.configuration), error.description, remedy: "Do not use it: build it anew.")
    }
    #endif
}
