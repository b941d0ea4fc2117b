#if SwiftCrypto
// One by one: `Crypto` has a `Digest` and a `CryptoError` of its own.
import enum Crypto.AES
import enum Crypto.Curve25519
import struct Crypto.SymmetricKey
public import SCP

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// An X25519 private key with its public key. swift-crypto's copy of the scalar is wiped with the last reference.
///
/// Immutable, so any number of threads may use one.
public final class SwiftCryptoPrivateKey: Sendable {
    private let key: Curve25519.KeyAgreement.PrivateKey
    let publicKey: PublicKey

    /// Multiplies once for the public key.
    init(_ scalar: Secret) throws(CryptoError) {
        guard scalar.count == PublicKey.size else { throw .invalidLength }
        let made = unsafe scalar.bytes.withUnsafeBytes {
            unsafe try? Curve25519.KeyAgreement.PrivateKey(rawRepresentation: $0)
        }
        guard let made, let publicKey = PublicKey(Array(made.publicKey.rawRepresentation).span) else {
            throw .invalidLength
        }
        key = made
        self.publicKey = publicKey
    }

    /// 32 bytes, never all zero: swift-crypto itself gives zeroes for points of low order, as CryptoKit does.
    package func agree(with peer: PublicKey) throws(CryptoError) -> Secret {
        let point = unsafe peer.bytes.span.withUnsafeBytes {
            unsafe try? Curve25519.KeyAgreement.PublicKey(rawRepresentation: $0)
        }
        // CryptoKit may refuse such a point by itself.
        guard let point, let shared = try? key.sharedSecretFromKeyAgreement(with: point) else {
            throw .invalidPublicKey
        }
        let secret = Secret(count: PublicKey.size)
        secret.withMutableBytes { secret in
            unsafe shared.withUnsafeBytes { shared in
                for index in 0..<min(secret.count, shared.count) { unsafe secret[index] = shared[index] }
            }
        }
        // [SCP-KEY-10]
        guard !secret.isZero else { throw .invalidPublicKey }
        return secret
    }
}

extension SwiftCryptoPrivateKey: CustomStringConvertible {
    /// Never the bytes.
    public var description: String { "SwiftCryptoPrivateKey(redacted)" }
}

/// One AES-256-GCM key. Every call makes its key schedule anew and copies the frame: swift-crypto's public interface
/// has nothing else. The copy of a plaintext is wiped; the schedule cannot be.
public final class SwiftCryptoCipher: RecordCipher {
    private static let tagSize = 16

    private let key: SymmetricKey

    init(_ key: Secret) throws(CryptoError) {
        guard key.count == 32 else { throw .invalidLength }
        self.key = unsafe key.bytes.withUnsafeBytes { unsafe SymmetricKey(data: $0) }
    }

    public func seal(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        try SwiftCryptoCipher.check(range, in: buffer.count)
        let isSealed = unsafe buffer.withUnsafeMutableBytes { buffer in
            unsafe header.withUnsafeBytes { header in
                unsafe nonce.span.withUnsafeBytes { nonce in
                    let text = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[range])
                    guard let nonce = unsafe try? AES.GCM.Nonce(data: nonce),
                        let box = unsafe try? AES.GCM.seal(
                            UnsafeRawBufferPointer(text), using: key, nonce: nonce, authenticating: header)
                    else { return false }
                    let tag = unsafe UnsafeMutableRawBufferPointer(
                        rebasing: buffer[range.upperBound..<range.upperBound + SwiftCryptoCipher.tagSize])
                    unsafe box.ciphertext.copyBytes(to: text)
                    unsafe box.tag.copyBytes(to: tag)
                    return true
                }
            }
        }
        // Only memory can be short: every length is right.
        guard isSealed else { throw .backend(0) }
    }

    public func open(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        try SwiftCryptoCipher.check(range, in: buffer.count)
        let isOpen = unsafe buffer.withUnsafeMutableBytes { buffer in
            unsafe header.withUnsafeBytes { header in
                unsafe nonce.span.withUnsafeBytes { nonce in
                    let text = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[range])
                    let tag = unsafe UnsafeRawBufferPointer(
                        rebasing: buffer[range.upperBound..<range.upperBound + SwiftCryptoCipher.tagSize])
                    guard let nonce = unsafe try? AES.GCM.Nonce(data: nonce),
                        let box = unsafe try? AES.GCM.SealedBox(
                            nonce: nonce, ciphertext: UnsafeRawBufferPointer(text), tag: tag),
                        var plaintext = unsafe try? AES.GCM.open(box, using: key, authenticating: header)
                    else {
                        // [SCP-PROT-8]
                        unsafe wipe(text)
                        return false
                    }
                    unsafe plaintext.withUnsafeMutableBytes { plaintext in
                        unsafe text.copyMemory(from: UnsafeRawBufferPointer(plaintext))
                        unsafe wipe(plaintext)
                    }
                    return true
                }
            }
        }
        guard isOpen else { throw .authenticationFailed }
    }

    /// The tag's place is the 16 bytes that follow the range. Ranges outside are an error.
    private static func check(_ range: Range<Int>, in count: Int) throws(CryptoError) {
        guard range.lowerBound >= 0, range.upperBound <= count, count - range.upperBound >= tagSize else {
            throw .invalidLength
        }
    }
}

/// One HMAC-SHA-256 key, whose two hash states are wiped with the last reference.
public final class SwiftCryptoAuthenticator: RecordAuthenticator {
    private let code: AuthenticationCode

    init(_ key: Secret) { code = AuthenticationCode(key: key.bytes) }

    public func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest {
        var digest = Digest(repeating: 0)
        var output = digest.mutableSpan
        code.authenticate(bytes, into: &output)
        return digest
    }

    public func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool {
        // [SCP-PROT-4]
        // The length is no secret; then every byte is looked at, whatever the others were.
        guard tag.count == HashState.digestSize else { return false }
        let expected = try authenticate(bytes)
        var difference: UInt8 = 0
        for index in tag.indices { difference |= tag[index] ^ expected[index] }
        return difference == 0
    }
}
#endif
