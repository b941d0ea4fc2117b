import SCP

/// The 14 encodings of points of low order, written out: the 7 below 2^255 and the same with the top bit set
/// (cr.yp.to/ecdh.html; RFC 7748 section 6.1).
public let lowOrderEncodings: [[UInt8]] = {
    let zero = [UInt8](repeating: 0, count: 32)
    let one: [UInt8] = [1] + [UInt8](repeating: 0, count: 31)
    let orderEight: [UInt8] = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
        0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00,
    ]
    let otherOrderEight: [UInt8] = [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
        0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57,
    ]
    // p - 1, p and p + 1 differ in the first byte alone.
    let nearPrime = [0xec, 0xed, 0xee].map { [UInt8($0)] + [UInt8](repeating: 0xff, count: 30) + [0x7f] }
    let low = [zero, one, orderEight, otherOrderEight] + nearPrime
    return low + low.map { $0.dropLast() + [$0[31] | 0x80] }
}()

func publicKey(_ bytes: [UInt8]) -> PublicKey { PublicKey([32 of UInt8] { bytes[$0] }) }

extension ProviderLaws {
    func checkKeyAgreement(_ law: Law) throws {
        switch law {
        case .publicKeyIsMultipleOfBasePoint:
            let base = publicKey([9] + [UInt8](repeating: 0, count: 31))
            let key = try provider.privateKey(secret(pattern(32)))
            let shared = try provider.sharedSecret(key, with: base)
            let own = try provider.publicKey(of: key)
            try require(array(shared.bytes) == array(own.bytes.span), law, "public key is not 9 times the scalar")
        case .agreementIsSymmetric: try checkSymmetry(law)
        case .scalarIsClamped: try checkClamping(law)
        case .lowOrderPointsAreRefused: try checkLowOrder(law)
        case .everySpellingOfAPointIsAccepted: try checkSpellings(law)
        case .privateKeyHas32Bytes:
            for count in [0, 1, 31, 33, 64] {
                let error = failure { () throws(CryptoError) in _ = try provider.privateKey(Secret(count: count)) }
                try require(error == .invalidLength, law, "\(count) bytes")
            }
        case .privateKeyIsACopy:
            let scalar = secret(pattern(32))
            let key = try provider.privateKey(scalar)
            let peer = try provider.publicKey(of: provider.privateKey(secret(pattern(32, seed: 9))))
            let before = try provider.sharedSecret(key, with: peer)
            scalar.wipe()
            let after = try provider.sharedSecret(key, with: peer)
            try require(array(before.bytes) == array(after.bytes), law, "wiping the argument changed the key")
        default: return
        }
    }

    private func checkSymmetry(_ law: Law) throws {
        for seed in 0..<16 {
            let left = try provider.privateKey(secret(pattern(32, seed: seed)))
            let right = try provider.privateKey(secret(pattern(32, seed: 100 + seed)))
            let one = try provider.sharedSecret(left, with: provider.publicKey(of: right))
            let other = try provider.sharedSecret(right, with: provider.publicKey(of: left))
            try require(one.count == 32 && array(one.bytes) == array(other.bytes), law, "seed \(seed)")
        }
    }

    /// Bits 0, 1, 2 and 255 of the scalar are ignored and bit 254 is set.
    private func checkClamping(_ law: Law) throws {
        let scalar = pattern(32)
        let plain = try provider.publicKey(of: provider.privateKey(secret(scalar)))
        for (index, bit) in [(0, 1), (0, 2), (0, 4), (31, 0x80), (31, 0x40)] as [(Int, UInt8)] {
            var changed = scalar
            changed[index] ^= bit
            let key = try provider.publicKey(of: provider.privateKey(secret(changed)))
            try require(key == plain, law, "bit \(bit) of byte \(index) counts")
        }
        var changed = scalar
        changed[0] ^= 8
        let other = try provider.publicKey(of: provider.privateKey(secret(changed)))
        try require(other != plain, law, "bit 3 does not count")
    }

    // [SCP-KEY-11]
    private func checkLowOrder(_ law: Law) throws {
        try require(Set(lowOrderEncodings).count == 14, law, "the list itself is wrong")
        for scalar in [pattern(32), pattern(32, seed: 77), [UInt8](repeating: 0xff, count: 32)] {
            let key = try provider.privateKey(secret(scalar))
            for encoding in lowOrderEncodings {
                let error = failure { () throws(CryptoError) in
                    _ = try provider.sharedSecret(key, with: publicKey(encoding))
                }
                try require(error == .invalidPublicKey, law, "\(encoding)")
            }
        }
    }

    /// u + p for u in 2...18 fits 255 bits (0 and 1 have low order), and bit 255 is ignored.
    private func checkSpellings(_ law: Law) throws {
        let key = try provider.privateKey(secret(pattern(32)))
        for u in UInt8(2)...18 {
            let canonical: [UInt8] = [u] + [UInt8](repeating: 0, count: 31)
            let above: [UInt8] = [0xed + u] + [UInt8](repeating: 0xff, count: 30) + [0x7f]
            let expected = try provider.sharedSecret(key, with: publicKey(canonical))
            for spelling in [above, above.dropLast() + [0xff], canonical.dropLast() + [0x80]] {
                let shared = try provider.sharedSecret(key, with: publicKey(spelling))
                try require(array(shared.bytes) == array(expected.bytes), law, "u = \(u) as \(spelling)")
            }
        }
    }
}
