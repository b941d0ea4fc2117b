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

    /// Whether ML-KEM-768 takes part, which needs a provider that has it.
    public var isHybrid: Bool { rawValue & 0x7f == 0x02 }

    /// The same with a pre-shared key.
    var withPresharedKey: Suite { isHybrid ? .hybridPSK : .classicPSK }
}

/// Whether key agreement also withstands a quantum computer of the future, which could open what is recorded today.
public enum HybridPolicy: String, CaseIterable, Sendable {
    /// X25519 alone.
    case classic
    /// X25519 with ML-KEM-768 where both ends have it.
    case prefer
    /// X25519 with ML-KEM-768 or no channel.
    case require
}
