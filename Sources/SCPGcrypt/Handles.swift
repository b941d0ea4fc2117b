import CGcryptShims
import SCP

/// A `gcry_cipher` handle with one AES-256-GCM key, reused for every frame under it.
@safe
final class CipherHandle {
    private let handle: OpaquePointer

    init(_ key: Secret) throws(CryptoError) {
        guard key.count == Int(CGC_KEY_SIZE) else { throw .invalidLength }
        var opened: OpaquePointer?
        let code = unsafe key.bytes.withUnsafeBufferPointer { unsafe cgc_cipher_open(&opened, $0.baseAddress) }
        try Library.check(code)
        guard let opened = unsafe opened else { throw .backend(code) }
        unsafe handle = opened
    }

    deinit { unsafe cgc_cipher_close(handle) }

    enum Direction { case seal, unseal }

    /// Seals or opens `buffer[range]`; the tag's place is the 16 bytes that follow. Ranges outside are an error.
    func apply(
        _ direction: Direction, _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce,
        authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        guard range.lowerBound >= 0, range.upperBound <= buffer.count,
            buffer.count - range.upperBound >= Int(CGC_GCM_TAG_SIZE)
        else { throw .invalidLength }
        let code: cgc_code? = unsafe buffer.withUnsafeMutableBufferPointer { buffer in
            // Not nil: at least the tag is in there.
            guard let base = buffer.baseAddress else { return nil }
            let data = unsafe base + range.lowerBound
            let tag = unsafe base + range.upperBound
            return unsafe header.withUnsafeBufferPointer { header in
                unsafe nonce.span.withUnsafeBufferPointer { nonce in
                    switch direction {
                    case .seal:
                        unsafe cgc_cipher_seal(
                            handle, nonce.baseAddress, header.baseAddress, header.count, data, range.count, tag)
                    case .unseal:
                        unsafe cgc_cipher_unseal(
                            handle, nonce.baseAddress, header.baseAddress, header.count, data, range.count, tag)
                    }
                }
            }
        }
        guard let code else { throw .invalidLength }
        try Library.check(code)
    }
}

/// A `gcry_md` handle with one HMAC-SHA-256 key, reused for every message under it.
@safe
final class HMACHandle {
    private let handle: OpaquePointer

    init(_ key: Secret) throws(CryptoError) {
        var opened: OpaquePointer?
        let code = unsafe key.bytes.withUnsafeBufferPointer { unsafe cgc_hmac_open(&opened, $0.baseAddress, $0.count) }
        try Library.check(code)
        guard let opened = unsafe opened else { throw .backend(code) }
        unsafe handle = opened
    }

    deinit { unsafe cgc_hmac_close(handle) }

    func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest {
        var digest = Digest(repeating: 0)
        var output = digest.mutableSpan
        let code = unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe bytes.withUnsafeBufferPointer {
                unsafe cgc_hmac_compute(handle, output.baseAddress, $0.baseAddress, $0.count)
            }
        }
        try Library.check(code)
        return digest
    }

    func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool {
        // [SCP-PROT-4]
        // The length is no secret; the shim compares 32 bytes and nothing else.
        guard tag.count == Int(CGC_DIGEST_SIZE) else { return false }
        let code = unsafe tag.withUnsafeBufferPointer { tag in
            unsafe bytes.withUnsafeBufferPointer {
                unsafe cgc_hmac_verify(handle, tag.baseAddress, $0.baseAddress, $0.count)
            }
        }
        if code == CGC_AUTHENTICATION_FAILED { return false }
        try Library.check(code)
        return true
    }
}
