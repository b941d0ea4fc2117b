import CMemcheck
import SCP
import SCPGcrypt

/// libgcrypt, with every secret marked when it comes into being and every public result unmarked: what our own code
/// does with a secret in between, valgrind sees.
struct MarkingProvider: CryptoProvider {
    let base: GcryptProvider

    func privateKey(_ scalar: Secret) throws(CryptoError) -> GcryptPrivateKey {
        Marks.makeSecret(scalar.bytes)
        return try base.privateKey(scalar)
    }

    func publicKey(of key: GcryptPrivateKey) throws(CryptoError) -> PublicKey {
        let key = try base.publicKey(of: key)
        var bytes = key.bytes
        Marks.makePublic(&bytes)
        return PublicKey(bytes)
    }

    func sharedSecret(_ key: GcryptPrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        let secret = try base.sharedSecret(key, with: peer)
        Marks.makeSecret(secret.bytes)
        return secret
    }

    func cipher(_ key: Secret) throws(CryptoError) -> MarkingCipher {
        Marks.makeSecret(key.bytes)
        return MarkingCipher(base: try base.cipher(key))
    }

    func authenticator(_ key: Secret) throws(CryptoError) -> MarkingAuthenticator {
        Marks.makeSecret(key.bytes)
        return MarkingAuthenticator(base: try base.authenticator(key))
    }

    func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        try base.hash(first, second)
    }

    func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.extract(salt: salt, inputKeyMaterial: inputKeyMaterial, into: output)
        Marks.makeSecret(output.bytes)
    }

    func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        try base.expand(pseudorandomKey, info: info, into: output)
        Marks.makeSecret(output.bytes)
    }

    func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        try base.fillRandom(&bytes)
        // 32 bytes are a private key; the 8 of an attempt or a nonce are public.
        if bytes.count == 32 { Marks.makeSecret(bytes.span) }
    }
}

final class MarkingCipher: RecordCipher {
    private let base: GcryptCipher

    init(base: GcryptCipher) { self.base = base }

    func seal(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        try base.seal(&buffer, range, nonce: nonce, authenticating: header)
        Marks.makePublic(buffer.span.extracting(range.lowerBound..<range.upperBound + 16))
    }

    func open(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        try base.open(&buffer, range, nonce: nonce, authenticating: header)
        // The plaintext is the application's; what the protocol says in it steers the engine by design.
        Marks.makePublic(buffer.span.extracting(range))
    }
}

final class MarkingAuthenticator: RecordAuthenticator {
    private let base: GcryptAuthenticator

    init(base: GcryptAuthenticator) { self.base = base }

    func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest {
        var mac = try base.authenticate(bytes)
        Marks.makePublic(&mac)
        return mac
    }

    func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool {
        var verdict: [1 of UInt8] = [try base.verify(tag, of: bytes) ? 1 : 0]
        Marks.makePublic(&verdict)
        return verdict[0] == 1
    }
}

enum Marks {
    static func makeSecret(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe marks_make_secret($0.baseAddress, $0.count) }
    }

    static func makePublic(_ bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe marks_make_public($0.baseAddress, $0.count) }
    }

    static func makePublic<let count: Int>(_ bytes: inout [count of UInt8]) {
        unsafe withUnsafeBytes(of: &bytes) { unsafe marks_make_public($0.baseAddress, $0.count) }
    }
}
