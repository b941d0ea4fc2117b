/// What a provider's start-up self-test covers.
public enum SelfTestPrimitive: String, CaseIterable, Sendable {
    case x25519 = "X25519"
    case aesGCM = "AES-256-GCM"
    case hmac = "HMAC-SHA-256"
    case hkdf = "HKDF-SHA-256"
}

/// One published answer for each primitive: a library that is miscompiled or replaced is found before the first key.
///
/// Half a millisecond, once in a process. All of it is public, so arrays may hold it.
package struct KnownAnswers: Sendable {
    package var x25519: [UInt8]
    /// Ciphertext and tag.
    package var aesGCM: [UInt8]
    package var hmac: [UInt8]
    package var hkdf: [UInt8]

    /// The first primitive that does not give these answers; nil when all do.
    package func firstFailure<Provider: CryptoProvider>(of provider: Provider) -> SelfTestPrimitive? {
        SelfTestPrimitive.allCases.first { primitive in
            do throws(CryptoError) {
                return try !isRight(primitive, provider)
            } catch {
                return true
            }
        }
    }

    private func isRight<Provider: CryptoProvider>(
        _ primitive: SelfTestPrimitive, _ provider: Provider
    ) throws(CryptoError) -> Bool {
        switch primitive {
        case .x25519: try isRightX25519(provider)
        case .aesGCM: try isRightGCM(provider)
        case .hmac: try isRightHMAC(provider)
        case .hkdf: try isRightHKDF(provider)
        }
    }

    private func isRightX25519<Provider: CryptoProvider>(_ provider: Provider) throws(CryptoError) -> Bool {
        guard let point = PublicKey(Input.point.span) else { return false }
        let key = try provider.privateKey(Secret(copying: Input.scalar.span))
        let secret = try provider.sharedSecret(key, with: point)
        return KnownAnswers.equal(secret.bytes, x25519.span)
    }

    /// Both ways, and a wrong tag must be noticed and leave no plaintext.
    private func isRightGCM<Provider: CryptoProvider>(_ provider: Provider) throws(CryptoError) -> Bool {
        let cipher = try provider.cipher(Secret(copying: Input.cipherKey.span))
        let range = 0..<Input.plaintext.count
        var frame = Input.plaintext + [UInt8](repeating: 0, count: 16)

        try seal(&frame, range, with: cipher)
        guard frame == aesGCM else { return false }
        var forged = frame
        forged[forged.count - 1] ^= 1
        guard !opens(&forged, range, with: cipher), forged[range].allSatisfy({ $0 == 0 }) else { return false }
        return opens(&frame, range, with: cipher) && frame[range].elementsEqual(Input.plaintext)
    }

    private func seal<Cipher: RecordCipher>(
        _ frame: inout [UInt8], _ range: Range<Int>, with cipher: Cipher
    ) throws(CryptoError) {
        var bytes = frame.mutableSpan
        let nonce = Nonce { Input.nonce[$0] }
        try cipher.seal(&bytes, range, nonce: nonce, authenticating: Input.header.span)
    }

    private func opens<Cipher: RecordCipher>(_ frame: inout [UInt8], _ range: Range<Int>, with cipher: Cipher) -> Bool {
        var bytes = frame.mutableSpan
        let nonce = Nonce { Input.nonce[$0] }
        do throws(CryptoError) {
            try cipher.open(&bytes, range, nonce: nonce, authenticating: Input.header.span)
            return true
        } catch {
            return false
        }
    }

    private func isRightHMAC<Provider: CryptoProvider>(_ provider: Provider) throws(CryptoError) -> Bool {
        let authenticator = try provider.authenticator(Secret(copying: Input.macKey.span))
        var forged = hmac
        guard !forged.isEmpty else { return false }
        forged[forged.count - 1] ^= 1
        let computed = try authenticator.authenticate(Input.message.span)
        let isAccepted = try authenticator.verify(hmac.span, of: Input.message.span)
        let isForgedAccepted = try authenticator.verify(forged.span, of: Input.message.span)
        return KnownAnswers.equal(computed.span, hmac.span) && isAccepted && !isForgedAccepted
    }

    private func isRightHKDF<Provider: CryptoProvider>(_ provider: Provider) throws(CryptoError) -> Bool {
        let pseudorandomKey = Secret(count: 32)
        let output = Secret(count: Input.outputCount)
        try provider.extract(
            salt: Input.salt.span, inputKeyMaterial: Input.keyMaterial.span, into: pseudorandomKey)
        try provider.expand(pseudorandomKey.bytes, info: Input.info.span, into: output)
        return KnownAnswers.equal(output.bytes, hkdf.span)
    }

    private static func equal(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        left.count == right.count && left.indices.allSatisfy { left[$0] == right[$0] }
    }
}

extension KnownAnswers {
    package static let published = KnownAnswers(
        x25519: [  // RFC 7748 5.2, first vector
            0xc3, 0xda, 0x55, 0x37, 0x9d, 0xe9, 0xc6, 0x90, 0x8e, 0x94, 0xea, 0x4d, 0xf2, 0x8d, 0x08, 0x4f,
            0x32, 0xec, 0xcf, 0x03, 0x49, 0x1c, 0x71, 0xf7, 0x54, 0xb4, 0x07, 0x55, 0x77, 0xa2, 0x85, 0x52,
        ],
        aesGCM: [  // NIST CAVP gcmEncryptExtIV256, 128 bits of plaintext and of AAD, count 0
            0x89, 0x95, 0xae, 0x2e, 0x6d, 0xf3, 0xdb, 0xf9, 0x6f, 0xac, 0x7b, 0x71, 0x37, 0xba, 0xe6, 0x7f,
            0xec, 0xa5, 0xaa, 0x77, 0xd5, 0x1d, 0x4a, 0x0a, 0x14, 0xd9, 0xc5, 0x1e, 0x1d, 0xa4, 0x74, 0xab,
        ],
        hmac: [  // RFC 4231 4.3
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7,
            0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43,
        ],
        hkdf: [  // RFC 5869 A.1
            0x3c, 0xb2, 0x5f, 0x25, 0xfa, 0xac, 0xd5, 0x7a, 0x90, 0x43, 0x4f, 0x64, 0xd0, 0x36, 0x2f, 0x2a,
            0x2d, 0x2d, 0x0a, 0x90, 0xcf, 0x1a, 0x5a, 0x4c, 0x5d, 0xb0, 0x2d, 0x56, 0xec, 0xc4, 0xc5, 0xbf,
            0x34, 0x00, 0x72, 0x08, 0xd5, 0xb8, 0x87, 0x18, 0x58, 0x65,
        ])

    private enum Input {
        static let scalar: [UInt8] = [
            0xa5, 0x46, 0xe3, 0x6b, 0xf0, 0x52, 0x7c, 0x9d, 0x3b, 0x16, 0x15, 0x4b, 0x82, 0x46, 0x5e, 0xdd,
            0x62, 0x14, 0x4c, 0x0a, 0xc1, 0xfc, 0x5a, 0x18, 0x50, 0x6a, 0x22, 0x44, 0xba, 0x44, 0x9a, 0xc4,
        ]
        static let point: [UInt8] = [
            0xe6, 0xdb, 0x68, 0x67, 0x58, 0x30, 0x30, 0xdb, 0x35, 0x94, 0xc1, 0xa4, 0x24, 0xb1, 0x5f, 0x7c,
            0x72, 0x66, 0x24, 0xec, 0x26, 0xb3, 0x35, 0x3b, 0x10, 0xa9, 0x03, 0xa6, 0xd0, 0xab, 0x1c, 0x4c,
        ]
        static let cipherKey: [UInt8] = [
            0x92, 0xe1, 0x1d, 0xcd, 0xaa, 0x86, 0x6f, 0x5c, 0xe7, 0x90, 0xfd, 0x24, 0x50, 0x1f, 0x92, 0x50,
            0x9a, 0xac, 0xf4, 0xcb, 0x8b, 0x13, 0x39, 0xd5, 0x0c, 0x9c, 0x12, 0x40, 0x93, 0x5d, 0xd0, 0x8b,
        ]
        static let nonce: [UInt8] = [0xac, 0x93, 0xa1, 0xa6, 0x14, 0x52, 0x99, 0xbd, 0xe9, 0x02, 0xf2, 0x1a]
        static let plaintext: [UInt8] = [
            0x2d, 0x71, 0xbc, 0xfa, 0x91, 0x4e, 0x4a, 0xc0, 0x45, 0xb2, 0xaa, 0x60, 0x95, 0x5f, 0xad, 0x24,
        ]
        static let header: [UInt8] = [
            0x1e, 0x08, 0x89, 0x01, 0x6f, 0x67, 0x60, 0x1c, 0x8e, 0xbe, 0xa4, 0x94, 0x3b, 0xc2, 0x3a, 0xd6,
        ]
        static let macKey = Array("Jefe".utf8)
        static let message = Array("what do ya want for nothing?".utf8)
        static let keyMaterial = [UInt8](repeating: 0x0b, count: 22)
        static let salt: [UInt8] = Array(0x00...0x0c)
        static let info: [UInt8] = Array(0xf0...0xf9)
        static let outputCount = 42
    }
}
