/// A Noise protocol that SCP/1 can speak. The raw value is the octet in INIT.
/// [SCP-HS-1]
public enum Suite: UInt8, Hashable, Sendable, CaseIterable {
    /// `Noise_XX_25519_AESGCM_SHA256`, mandatory.
    case classic = 0x01
    /// `Noise_XXpsk3_25519_AESGCM_SHA256`.
    case classicPSK = 0x81
    /// `Noise_XXhfs_25519+MLKEM768_AESGCM_SHA256`.
    case hybrid = 0x02
    /// `Noise_XXhfs+psk3_25519+MLKEM768_AESGCM_SHA256`.
    case hybridPSK = 0x82

    /// Whether a 32-byte pre-shared key is mixed in.
    public var usesPSK: Bool { rawValue & 0x80 != 0 }

    /// Whether this engine speaks it.
    public var isSupported: Bool { self == .classic || self == .classicPSK }
}
