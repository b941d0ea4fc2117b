import CGcryptShims
package import SCP

/// The process's one libgcrypt: set-up, facts, and the calls that need no handle.
///
/// This file and Handles.swift are the only ones of the module that touch memory through pointers.
package enum Library {
    /// Initialises libgcrypt on the first call, from whatever thread.
    static func setUp() throws(GcryptError) {
        guard cgc_setup() == CGC_SETUP_OK else {
            throw .oldVersion(
                found: unsafe String(cString: cgc_version()), required: unsafe String(cString: cgc_required_version()))
        }
        if cgc_fips_mode() { throw .fipsMode }
    }

    static func diagnostics() -> GcryptProvider.Diagnostics {
        _ = cgc_setup()
        let features = unsafe fields(cgc_hardware_features())
        let source = unsafe fields(cgc_random_source())
        return GcryptProvider.Diagnostics(
            version: unsafe String(cString: cgc_version()), hardwareFeatures: features,
            randomSource: source.first ?? "unknown", isFIPSMode: cgc_fips_mode(),
            isInitializedByHost: cgc_host_initialised())
    }

    /// The values of "hwflist:intel-cpu:intel-aesni:" and a newline; releases the text.
    private static func fields(_ text: UnsafeMutablePointer<CChar>?) -> [String] {
        guard let text = unsafe text else { return [] }
        defer { unsafe cgc_free(text) }
        let fields = unsafe String(cString: text).split(whereSeparator: { $0 == ":" || $0.isNewline })
        return fields.dropFirst().map(String.init)
    }

    /// X25519 of a 32-byte scalar with a peer's point, or with the base point.
    package static func x25519(
        _ scalar: Secret, _ point: PublicKey?, into output: inout MutableSpan<UInt8>
    ) throws(CryptoError) {
        guard scalar.count == PublicKey.size, output.count == PublicKey.size else { throw .invalidLength }
        let code = unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe scalar.bytes.withUnsafeBufferPointer { scalar in
                guard let point else { return unsafe cgc_x25519(output.baseAddress, scalar.baseAddress, nil) }
                return unsafe point.bytes.span.withUnsafeBufferPointer { point in
                    unsafe cgc_x25519(output.baseAddress, scalar.baseAddress, point.baseAddress)
                }
            }
        }
        try check(code)
    }

    static func sha256(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        var digest = Digest(repeating: 0)
        var output = digest.mutableSpan
        let code = unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe first.withUnsafeBufferPointer { first in
                unsafe second.withUnsafeBufferPointer { second in
                    unsafe cgc_sha256(
                        output.baseAddress, first.baseAddress, first.count, second.baseAddress, second.count)
                }
            }
        }
        try check(code)
        return digest
    }

    /// HKDF-Extract; `output` has 32 bytes and is zero on failure.
    static func extract(
        salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: inout MutableSpan<UInt8>
    ) throws(CryptoError) {
        guard output.count == Int(CGC_DIGEST_SIZE) else { throw .invalidLength }
        let code = unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe salt.withUnsafeBufferPointer { salt in
                unsafe inputKeyMaterial.withUnsafeBufferPointer {
                    unsafe cgc_hkdf_extract(output.baseAddress, salt.baseAddress, salt.count, $0.baseAddress, $0.count)
                }
            }
        }
        try check(code)
    }

    /// HKDF-Expand; `output` is zero on failure.
    static func expand(
        _ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: inout MutableSpan<UInt8>
    ) throws(CryptoError) {
        let code = unsafe output.withUnsafeMutableBufferPointer { output in
            unsafe pseudorandomKey.withUnsafeBufferPointer { key in
                unsafe info.withUnsafeBufferPointer {
                    unsafe cgc_hkdf_expand(
                        output.baseAddress, output.count, key.baseAddress, key.count, $0.baseAddress, $0.count)
                }
            }
        }
        try check(code)
    }

    static func fillRandom(_ bytes: inout MutableSpan<UInt8>) {
        unsafe bytes.withUnsafeMutableBufferPointer { unsafe cgc_random($0.baseAddress, $0.count) }
    }

    /// Turns libgcrypt's number into the engine's error.
    static func check(_ code: cgc_code) throws(CryptoError) {
        switch code {
        case 0: return
        case CGC_AUTHENTICATION_FAILED: throw .authenticationFailed
        case CGC_ALL_ZERO: throw .invalidPublicKey
        case CGC_INVALID_LENGTH: throw .invalidLength
        default: throw .backend(code)
        }
    }
}
