/// An X25519 public key: the 32 bytes of a u-coordinate as they were received (RFC 7748 section 5).
/// [SCP-ID-1]
public struct PublicKey: Sendable {
    /// Bytes in an encoded public key.
    public static let size = 32

    /// The encoding, little-endian, as received.
    public let bytes: [32 of UInt8]

    public init(_ bytes: [32 of UInt8]) { self.bytes = bytes }

    /// A key from its encoding; nil when it is not exactly 32 bytes.
    public init?(_ bytes: Span<UInt8>) {
        guard bytes.count == PublicKey.size else { return nil }
        self.bytes = [32 of UInt8] { bytes[$0] }
    }

    /// The one encoding of the same u-coordinate that is below 2^255-19: bit 255 masked, reduced modulo p.
    ///
    /// RFC 7748 receivers accept every encoding; identities are compared in this form so that no authorised key has a
    /// second spelling. [SCP-ID-2]
    public var canonical: PublicKey {
        var result = bytes
        result[31] &= 0x7f
        guard PublicKey.isAtLeastPrime(result) else { return PublicKey(result) }
        // u in p...2^255-1, so u - p = u + 19 - 2^255 is 0...18 and fits the first byte.
        let low = result[0] &- 0xed
        return PublicKey([32 of UInt8] { $0 == 0 ? low : 0 })
    }

    /// Whether both name the same point of the curve, whatever their spelling.
    public func names(sameKeyAs other: PublicKey) -> Bool {
        let left = canonical.bytes
        let right = other.canonical.bytes
        var difference: UInt8 = 0
        for index in 0..<PublicKey.size { difference |= left[index] ^ right[index] }
        return difference == 0
    }

    /// Whether the point has low order, so that every multiplication gives zero: 14 encodings in all.
    ///
    /// Refused before the multiplication. [SCP-KEY-11]
    public var isLowOrder: Bool {
        let u = canonical.bytes
        return PublicKey.lowOrderPoints.contains { point in
            for index in 0..<PublicKey.size where point[index] != u[index] { return false }
            return true
        }
    }

    private static func isAtLeastPrime(_ u: [32 of UInt8]) -> Bool {
        guard u[31] == 0x7f, u[0] >= 0xed else { return false }
        for index in 1..<31 where u[index] != 0xff { return false }
        return true
    }

    /// Canonical u-coordinates of the points of order 1, 2, 4 and 8 of the curve and its twist (RFC 7748 section 6.1;
    /// cr.yp.to/ecdh.html, "validate").
    private static let lowOrderPoints: [[32 of UInt8]] = [
        [32 of UInt8](repeating: 0),
        [32 of UInt8] { $0 == 0 ? 1 : 0 },
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
            0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
            0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
        ],
        [32 of UInt8] { $0 == 0 ? 0xec : $0 == 31 ? 0x7f : 0xff },  // p - 1
    ]
}

extension PublicKey: Hashable {
    public static func == (left: PublicKey, right: PublicKey) -> Bool {
        for index in 0..<PublicKey.size where left.bytes[index] != right.bytes[index] { return false }
        return true
    }

    public func hash(into hasher: inout Hasher) {
        for index in 0..<PublicKey.size { hasher.combine(bytes[index]) }
    }
}
