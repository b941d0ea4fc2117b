import CGcryptShims
import SCP

/// The process's one libgcrypt: set-up, facts, and the calls that need no handle.
///
/// This file and Handles.swift are the only ones of the module that touch memory through pointers.
enum Library {
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
        return GcryptProvider.Diagnostics(
            version: unsafe String(cString: cgc_version()), hardwareFeatures: hardwareFeatures(),
            isFIPSMode: cgc_fips_mode(), isInitializedByHost: cgc_host_initialised())
    }

    /// From "hwflist:intel-cpu:intel-aesni:" and a newline.
    private static func hardwareFeatures() -> [String] {
        guard let text = unsafe cgc_hardware_features() else { return [] }
        defer { unsafe cgc_free(text) }
        let fields = unsafe String(cString: text).split(whereSeparator: { $0 == ":" || $0.isNewline })
        return fields.dropFirst().map(String.init)
    }

    /// X25519 of a 32-byte scalar with a peer's point, or with the base point.
    static func x25519(_ scalar: Secret, _ point: PublicKey?, into output: inout MutableSpan<UInt8>) throws(CryptoError) {
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
