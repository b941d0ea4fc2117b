public import SCP

/// An X25519 private key with its public key. The scalar is a copy of its own and is wiped with the last reference.
///
/// Immutable, so any number of threads may use one.
public final class GcryptPrivateKey: Sendable {
    let scalar: Secret
    let publicKey: PublicKey

    /// Multiplies once for the public key: whoever has a private key needs it, and most ask more than once.
    init(_ scalar: Secret) throws(CryptoError) {
        guard scalar.count == PublicKey.size else { throw .invalidLength }
        // A copy: if the caller wiped a shared one, this key would silently become the key of all zeros.
        self.scalar = Secret(copying: scalar.bytes)
        var point = [32 of UInt8](repeating: 0)
        var span = point.mutableSpan
        try Library.x25519(self.scalar, nil, into: &span)
        publicKey = PublicKey(point)
    }
}

extension GcryptPrivateKey: CustomStringConvertible {
    /// Never the bytes.
    public var description: String { "GcryptPrivateKey(redacted)" }
}

/// One AES-256-GCM key in one libgcrypt handle of 2 KB, which is wiped and closed at rest and with the last reference.
public final class GcryptCipher: RecordCipher {
    private let key: Secret
    private var handle: CipherHandle?

    init(_ key: Secret) throws(CryptoError) {
        handle = try CipherHandle(key)
        self.key = Secret(copying: key.bytes)
    }

    public func rest() { handle = nil }

    private func opened() throws(CryptoError) -> CipherHandle {
        if let handle { return handle }
        let opened = try CipherHandle(key)
        handle = opened
        return opened
    }

    public func seal(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        try opened().apply(.seal, &buffer, range, nonce: nonce, authenticating: header)
    }

    public func open(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        try opened().apply(.unseal, &buffer, range, nonce: nonce, authenticating: header)
    }
}

/// One HMAC-SHA-256 key in one libgcrypt handle of 2 KB, which is wiped and closed at rest and with the last reference.
public final class GcryptAuthenticator: RecordAuthenticator {
    private let key: Secret
    private var handle: HMACHandle?

    init(_ key: Secret) throws(CryptoError) {
        handle = try HMACHandle(key)
        self.key = Secret(copying: key.bytes)
    }

    public func rest() { handle = nil }

    private func opened() throws(CryptoError) -> HMACHandle {
        if let handle { return handle }
        let opened = try HMACHandle(key)
        handle = opened
        return opened
    }

    public func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest { try opened().authenticate(bytes) }

    public func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool {
        try opened().verify(tag, of: bytes)
    }
}
