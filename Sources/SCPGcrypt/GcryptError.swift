public import SCP

/// Why a ``GcryptProvider`` cannot be had in this process. Nothing that happens on a connection can cause one.
public enum GcryptError: Error, Equatable, Sendable {
    /// The libgcrypt found at run time is too old.
    case oldVersion(found: String, required: String)
    /// libgcrypt runs in FIPS mode, in which it has neither X25519 nor AES-GCM with a caller's nonce.
    case fipsMode
    /// The processor has no AES and carry-less multiplication instructions that libgcrypt uses, so that AES-GCM would
    /// read tables at secret addresses. ``GcryptProvider/init(allowingTableAES:)`` accepts that when told to.
    case noConstantTimeAES
    /// A primitive gave a wrong known answer at start-up.
    case selfTestFailed(SelfTestPrimitive)
}

extension GcryptError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .oldVersion(let found, let required): "libgcrypt \(found) is older than the required \(required)"
        case .fipsMode: "libgcrypt is in FIPS mode, where it refuses X25519 and AES-GCM; SCP cannot run on it"
        case .noConstantTimeAES: "no AES and carry-less multiplication instructions: libgcrypt's AES would use tables"
        case .selfTestFailed(let primitive): "self-test of \(primitive.rawValue) failed: the library cannot be trusted"
        }
    }
}
