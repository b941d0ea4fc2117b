/// Key derivation of SCP/1: HKDF-SHA-256 with labels in the form of RFC 8446 section 7.1.
/// [SCP-KEY-1]
enum KeyDerivation {
    /// `SCP/1 X25519 AES-256-GCM HMAC-SHA-256`, the protocol-specific constant.
    static let salt: [37 of UInt8] = [
        0x53, 0x43, 0x50, 0x2f, 0x31, 0x20, 0x58, 0x32, 0x35, 0x35, 0x31, 0x39, 0x20, 0x41, 0x45, 0x53, 0x2d, 0x32,
        0x35, 0x36, 0x2d, 0x47, 0x43, 0x4d, 0x20, 0x48, 0x4d, 0x41, 0x43, 0x2d, 0x53, 0x48, 0x41, 0x2d, 0x32, 0x35,
        0x36,
    ]

    /// `scp1 `, in front of every label.
    private static let prefix: [UInt8] = [0x73, 0x63, 0x70, 0x31, 0x20]

    /// The longest label: with the prefix its length is one byte.
    static let maximumLabel = 250

    /// How many bytes can be derived at a time: up to 255 times what the hash gives (RFC 5869 section 2.3).
    static let outputCounts = 1...8_160

    /// `Extract(SALT, input)`.
    static func extract<Provider: CryptoProvider>(
        _ provider: Provider, _ input: Span<UInt8>
    ) throws(CryptoError) -> Secret {
        let output = Secret(count: 32)
        try provider.extract(salt: salt.span, inputKeyMaterial: input, into: output)
        return output
    }

    /// `Expand-Label(secret, label, context, count)`.
    static func expandLabel<Provider: CryptoProvider>(
        _ provider: Provider, _ secret: Secret, _ label: [UInt8], context: Span<UInt8>, count: Int
    ) throws(CryptoError) -> Secret {
        guard label.count <= maximumLabel, context.count <= 255, outputCounts.contains(count)
        else { throw .invalidLength }
        let info = [UInt8](capacity: 4 + prefix.count + label.count + context.count) { output in
            output.append(uint16: UInt16(clamping: count))
            output.append(uint8: UInt8(clamping: prefix.count + label.count))
            output.append(prefix)
            output.append(label)
            output.append(uint8: UInt8(clamping: context.count))
            output.append(context, in: 0..<context.count)
        }
        let result = Secret(count: count)
        try provider.expand(secret.bytes, info: info.span, into: result)
        return result
    }

    static func expandLabel<Provider: CryptoProvider>(
        _ provider: Provider, _ secret: Secret, _ label: String, context: Span<UInt8>, count: Int
    ) throws(CryptoError) -> Secret {
        try expandLabel(provider, secret, Array(label.utf8), context: context, count: count)
    }
}
