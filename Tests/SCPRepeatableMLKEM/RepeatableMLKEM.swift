public import SCP

/// ML-KEM-768 (FIPS 203), correct and repeatable: what it draws comes from a closure. For test vectors, sessions that
/// repeat and comparison; never for secrets, since its time depends on them and nothing is wiped. That is why it is
/// here and not in the product, which leaves cryptography to libraries.
public struct RepeatableMLKEM: KeyEncapsulation {
    private let draw: @Sendable () -> [UInt8]

    /// - Parameter draw: gives the 32 bytes `m` that an encapsulation begins with.
    public init(_ draw: @escaping @Sendable () -> [UInt8]) { self.draw = draw }

    /// One key pair.
    public struct DecapsulationKey: Sendable {
        fileprivate let secret: [Polynomial]
        fileprivate let encapsulationKey: [UInt8]
        fileprivate let rejection: [UInt8]
    }

    /// Algorithm 16.
    public func decapsulationKey(_ seed: Secret) throws(CryptoError) -> DecapsulationKey {
        guard seed.count == EncapsulationKey.seedSize else { throw .invalidLength }
        let bytes = seed.bytes.indices.map { seed.bytes[$0] }
        let seeds = Keccak.sha3(64, bytes[..<32] + [3])
        let (rho, sigma) = (Array(seeds[..<32]), Array(seeds[32...]))
        let secret = (0..<3).map { Polynomial(small: sigma, $0).transformed }
        let key = (0..<3).flatMap { row in
            (0..<3).reduce(Polynomial(small: sigma, 3 + row).transformed) { sum, column in
                sum + Self.matrix(rho, row, column) * secret[column]
            }.encoded(12)
        }
        return DecapsulationKey(secret: secret, encapsulationKey: key + rho, rejection: Array(bytes[32...]))
    }

    public func encapsulationKey(of key: DecapsulationKey) throws(CryptoError) -> EncapsulationKey {
        guard let key = EncapsulationKey(key.encapsulationKey.span) else { throw .invalidLength }
        return key
    }

    /// Algorithm 17.
    public func encapsulate(to key: EncapsulationKey) throws(CryptoError) -> EncapsulatedSecret {
        let message = draw()
        guard message.count == 32 else { throw .randomFailed }
        let made = Keccak.sha3(64, message + Keccak.sha3(32, key.bytes))
        return EncapsulatedSecret(
            ciphertext: Self.encrypt(message, to: key.bytes, Array(made[32...])),
            secret: Secret(copying: made.span.extracting(0..<32)))
    }

    /// Algorithm 18.
    public func decapsulate(_ ciphertext: Span<UInt8>, with key: DecapsulationKey) throws(CryptoError) -> Secret {
        guard ciphertext.count == EncapsulatedSecret.ciphertextSize else { throw .invalidLength }
        let bytes = ciphertext.indices.map { ciphertext[$0] }
        let masked = (0..<3).reduce(Polynomial(decoding: Array(bytes[960...]), 4)) { rest, row in
            let part = Polynomial(decoding: Array(bytes[320 * row..<320 * (row + 1)]), 10)
            return rest - (key.secret[row] * part.transformed).restored
        }
        let message = masked.encoded(1)
        let made = Keccak.sha3(64, message + Keccak.sha3(32, key.encapsulationKey))
        guard Self.encrypt(message, to: key.encapsulationKey, Array(made[32...])) == bytes else {
            var stream = Keccak.shake(256, key.rejection + bytes)
            return Secret(copying: stream.squeeze(32).span)
        }
        return Secret(copying: made.span.extracting(0..<32))
    }

    private static func matrix(_ rho: [UInt8], _ row: Int, _ column: Int) -> Polynomial {
        Polynomial(uniform: rho + [UInt8(column), UInt8(row)])
    }

    /// Algorithm 14.
    private static func encrypt(_ message: [UInt8], to key: [UInt8], _ randomness: [UInt8]) -> [UInt8] {
        let rho = Array(key[1_152...])
        let mask = (0..<3).map { Polynomial(small: randomness, $0).transformed }
        let first = (0..<3).flatMap { column in
            let product = (1..<3).reduce(matrix(rho, 0, column) * mask[0]) { sum, row in
                sum + matrix(rho, row, column) * mask[row]
            }
            return (product.restored + Polynomial(small: randomness, 3 + column)).encoded(10)
        }
        let parts = (0..<3).map { Polynomial(decoding: Array(key[384 * $0..<384 * ($0 + 1)]), 12) * mask[$0] }
        let second =
            (parts[0] + parts[1] + parts[2]).restored + Polynomial(small: randomness, 6)
            + Polynomial(decoding: message, 1)
        return first + second.encoded(4)
    }
}
