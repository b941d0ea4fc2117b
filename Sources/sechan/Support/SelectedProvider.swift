#if SwiftCrypto
import SCP
import SCPGcrypt
import SCPSwiftCrypto

/// The crypto provider of the command, chosen when it starts.
typealias Provider = CombinedProvider<SelectedAgreement, SelectedProtection>

/// X25519 from either backend.
enum SelectedAgreement: KeyAgreement {
    case gcrypt(GcryptProvider)
    case swiftCrypto(SwiftCryptoProvider)

    /// A key with the provider that made it.
    enum PrivateKey: Sendable {
        case gcrypt(GcryptProvider, GcryptPrivateKey)
        case swiftCrypto(SwiftCryptoProvider, SwiftCryptoPrivateKey)
    }

    func privateKey(_ scalar: Secret) throws(CryptoError) -> PrivateKey {
        switch self {
        case .gcrypt(let provider): .gcrypt(provider, try provider.privateKey(scalar))
        case .swiftCrypto(let provider): .swiftCrypto(provider, try provider.privateKey(scalar))
        }
    }

    func publicKey(of key: PrivateKey) throws(CryptoError) -> PublicKey {
        switch key {
        case .gcrypt(let provider, let key): try provider.publicKey(of: key)
        case .swiftCrypto(let provider, let key): try provider.publicKey(of: key)
        }
    }

    var encapsulation: SwiftCryptoEncapsulation? {
        switch self {
        case .gcrypt: nil
        case .swiftCrypto(let provider): provider.encapsulation
        }
    }

    func sharedSecret(_ key: PrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        switch key {
        case .gcrypt(let provider, let key): try provider.sharedSecret(key, with: peer)
        case .swiftCrypto(let provider, let key): try provider.sharedSecret(key, with: peer)
        }
    }
}

/// Record protection from either backend.
enum SelectedProtection: RecordProtection {
    case gcrypt(GcryptProvider)
    case swiftCrypto(SwiftCryptoProvider)

    func cipher(_ key: Secret) throws(CryptoError) -> SelectedCipher {
        switch self {
        case .gcrypt(let provider): SelectedCipher(.gcrypt(try provider.cipher(key)))
        case .swiftCrypto(let provider): SelectedCipher(.swiftCrypto(try provider.cipher(key)))
        }
    }

    func authenticator(_ key: Secret) throws(CryptoError) -> SelectedAuthenticator {
        switch self {
        case .gcrypt(let provider): SelectedAuthenticator(.gcrypt(try provider.authenticator(key)))
        case .swiftCrypto(let provider): SelectedAuthenticator(.swiftCrypto(try provider.authenticator(key)))
        }
    }

    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        switch self {
        case .gcrypt(let provider): try provider.hash(first, second)
        case .swiftCrypto(let provider): try provider.hash(first, second)
        }
    }

    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        switch self {
        case .gcrypt(let provider):
            try provider.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
        case .swiftCrypto(let provider):
            try provider.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
        }
    }

    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        switch self {
        case .gcrypt(let provider): try provider.expand(pseudorandomKey, info: info, into: output)
        case .swiftCrypto(let provider): try provider.expand(pseudorandomKey, info: info, into: output)
        }
    }

    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        switch self {
        case .gcrypt(let provider): try provider.fillRandom(&bytes)
        case .swiftCrypto(let provider): try provider.fillRandom(&bytes)
        }
    }
}

/// A cipher of either backend.
final class SelectedCipher: RecordCipher {
    enum Kind {
        case gcrypt(GcryptCipher)
        case swiftCrypto(SwiftCryptoCipher)
    }

    private let kind: Kind

    init(_ kind: Kind) { self.kind = kind }

    func rest() {
        switch kind {
        case .gcrypt(let cipher): cipher.rest()
        case .swiftCrypto(let cipher): cipher.rest()
        }
    }

    func seal(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        switch kind {
        case .gcrypt(let cipher): try cipher.seal(&buffer, range, nonce: nonce, authenticating: header)
        case .swiftCrypto(let cipher): try cipher.seal(&buffer, range, nonce: nonce, authenticating: header)
        }
    }

    func open(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        switch kind {
        case .gcrypt(let cipher): try cipher.open(&buffer, range, nonce: nonce, authenticating: header)
        case .swiftCrypto(let cipher): try cipher.open(&buffer, range, nonce: nonce, authenticating: header)
        }
    }
}

/// A MAC key of either backend.
final class SelectedAuthenticator: RecordAuthenticator {
    enum Kind {
        case gcrypt(GcryptAuthenticator)
        case swiftCrypto(SwiftCryptoAuthenticator)
    }

    private let kind: Kind

    init(_ kind: Kind) { self.kind = kind }

    func rest() {
        switch kind {
        case .gcrypt(let authenticator): authenticator.rest()
        case .swiftCrypto(let authenticator): authenticator.rest()
        }
    }

    func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest {
        switch kind {
        case .gcrypt(let authenticator): try authenticator.authenticate(bytes)
        case .swiftCrypto(let authenticator): try authenticator.authenticate(bytes)
        }
    }

    func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool {
        switch kind {
        case .gcrypt(let authenticator): try authenticator.verify(tag, of: bytes)
        case .swiftCrypto(let authenticator): try authenticator.verify(tag, of: bytes)
        }
    }
}
#endif
