import ArgumentParser
import SCP
import SCPGcrypt
import Synchronization

#if SwiftCrypto
import SCPSwiftCrypto
#else
/// The crypto provider of the command.
typealias Provider = GcryptProvider
#endif

/// Whose cryptography the command uses. Peers cannot tell.
enum Backend: String, CaseIterable, ExpressibleByArgument, Sendable {
    case gcrypt
    #if SwiftCrypto
    case swiftCrypto = "swift-crypto"
    /// Key agreement from swift-crypto, where it is fast and constant-time; record protection from libgcrypt, which
    /// encrypts in place.
    case mixed
    #endif

    static let variable = "SECHAN_BACKEND"
    /// What the command line chose, for the whole process.
    private static let option = Mutex<Backend?>(nil)

    static func choose(_ backend: Backend?) { option.withLock { $0 = backend } }

    /// The option `--backend`, else `SECHAN_BACKEND`, else libgcrypt.
    static func current(environment: (String) -> String? = SystemCalls.environment) throws(Failure) -> Backend {
        if let chosen = option.withLock({ $0 }) { return chosen }
        guard let name = environment(variable) else { return .gcrypt }
        guard let backend = Backend(rawValue: name) else {
            let names = Backend.allCases.map(\.rawValue).joined(separator: ", ")
            throw Failure(
                .configuration, "\(variable) is '\(name)', and this command has the backends: \(names)",
                remedy: "More are in a command built with: swift build --traits SwiftCrypto --product sechan")
        }
        return backend
    }
}

extension Failure {
    /// libgcrypt cannot be used on this machine.
    init(_ error: GcryptError) {
        self.init(.configuration, error.description, remedy: "`sechan doctor` says what this machine has.")
    }
}

extension Provider {
    /// A provider for verbs that make keys and fingerprints: they encrypt nothing, so they also run where AES would
    /// read tables.
    static func forKeys() throws(Failure) -> Provider {
        try make(Backend.current(), allowingTableAES: true)
    }

    /// A provider for verbs that make channels.
    static func forChannels() throws(Failure) -> Provider {
        try make(Backend.current(), allowingTableAES: false)
    }

    #if SwiftCrypto
    static func make(_ backend: Backend, allowingTableAES: Bool) throws(Failure) -> Provider {
        switch backend {
        case .gcrypt:
            let gcrypt = try makeGcrypt(allowingTableAES)
            return Provider(agreement: .gcrypt(gcrypt), protection: .gcrypt(gcrypt))
        case .swiftCrypto:
            let swiftCrypto = try makeSwiftCrypto()
            return Provider(agreement: .swiftCrypto(swiftCrypto), protection: .swiftCrypto(swiftCrypto))
        case .mixed:
            return Provider(
                agreement: .swiftCrypto(try makeSwiftCrypto()), protection: .gcrypt(try makeGcrypt(allowingTableAES)))
        }
    }

    private static func makeSwiftCrypto() throws(Failure) -> SwiftCryptoProvider {
        do throws(SwiftCryptoError) {
            return try SwiftCryptoProvider()
        } catch {
            throw Failure(.configuration, error.description, remedy: "Do not use it: build it anew.")
        }
    }
    #else
    static func make(_ backend: Backend, allowingTableAES: Bool) throws(Failure) -> Provider {
        switch backend {
        case .gcrypt: try makeGcrypt(allowingTableAES)
        }
    }
    #endif

    private static func makeGcrypt(_ allowingTableAES: Bool) throws(Failure) -> GcryptProvider {
        do throws(GcryptError) {
            return try GcryptProvider(allowingTableAES: allowingTableAES)
        } catch {
            throw Failure(error)
        }
    }
}
