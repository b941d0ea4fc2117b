import Foundation
public import SCP

/// What ``KeyEncapsulation`` promises, for any backend.
public struct EncapsulationLaws<Encapsulation: KeyEncapsulation>: Sendable {
    let encapsulation: Encapsulation

    public init(_ encapsulation: Encapsulation) { self.encapsulation = encapsulation }

    private func seed(_ number: Int) -> Secret { secret(pattern(EncapsulationKey.seedSize, seed: number)) }

    private func decapsulated(
        _ ciphertext: [UInt8], _ key: Encapsulation.DecapsulationKey
    ) throws(CryptoError) -> [UInt8] {
        let held = try encapsulation.decapsulate(ciphertext.span, with: key)
        return array(held.bytes)
    }

    /// The first promise that is not kept; nil when all are.
    public func firstBroken() throws(CryptoError) -> String? {
        let key = try encapsulation.decapsulationKey(seed(1))
        let publicKey = try encapsulation.encapsulationKey(of: key)
        let other = try encapsulation.decapsulationKey(seed(2))
        let again = try encapsulation.decapsulationKey(seed(1))
        guard try encapsulation.encapsulationKey(of: again) == publicKey else { return "a seed gives one key pair" }
        guard try encapsulation.encapsulationKey(of: other) != publicKey else { return "other seeds, other keys" }

        let made = try encapsulation.encapsulate(to: publicKey)
        let held = array(made.secret.bytes)
        guard made.ciphertext.count == EncapsulatedSecret.ciphertextSize, held.count == 32
        else { return "1,088 and 32 bytes" }
        guard try decapsulated(made.ciphertext, key) == held else { return "both sides have the same secret" }
        guard try encapsulation.encapsulate(to: publicKey).ciphertext != made.ciphertext
        else { return "every encapsulation is fresh" }

        let foreign = try decapsulated(made.ciphertext, other)
        guard foreign != held else { return "another key gives another secret" }
        for place in [0, 500, 959, 960, 1_087] {
            var changed = made.ciphertext
            changed[place] ^= 1
            let rejected = try decapsulated(changed, key)
            guard rejected != held, try decapsulated(changed, key) == rejected
            else { return "a changed ciphertext always gives the same other secret" }
        }
        return try firstUncheckedSize(key)
    }

    private func firstUncheckedSize(_ key: Encapsulation.DecapsulationKey) throws(CryptoError) -> String? {
        for size in [0, 1_087, 1_089] {
            do throws(CryptoError) {
                _ = try decapsulated([UInt8](repeating: 1, count: size), key)
                return "a ciphertext of \(size) bytes is refused"
            } catch { guard error == .invalidLength else { return "invalidLength for \(size) bytes" } }
        }
        for size in [0, 32, 63, 65] {
            do throws(CryptoError) {
                _ = try encapsulation.decapsulationKey(Secret(count: size))
                return "a seed of \(size) bytes is refused"
            } catch { guard error == .invalidLength else { return "invalidLength for a seed of \(size) bytes" } }
        }
        return nil
    }
}

private struct EncapsulationGroup: Decodable {
    struct Case: Decodable {
        let tcId: Int
        let result: String
        // swift-format-ignore: AlwaysUseLowerCamelCase
        let seed, m, ek, c, K: String?
    }
    let tests: [Case]
}

private struct EncapsulationFile: Decodable {
    let testGroups: [EncapsulationGroup]

    static func cases(_ name: String) throws -> [EncapsulationGroup.Case] {
        let data = try VectorFiles.read("wycheproof/" + name)
        return try JSONDecoder().decode(EncapsulationFile.self, from: data).testGroups.flatMap(\.tests)
    }
}

extension EncapsulationLaws {
    /// A seed and a ciphertext: the public key and the secret. Cases are refused for the size of seed or ciphertext.
    public func wycheproofDecapsulation() throws -> VectorReport {
        var report = VectorReport()
        for test in try EncapsulationFile.cases("mlkem_768_test.json") {
            let refusal: CryptoError? = test.result == "invalid" ? .invalidLength : nil
            report.record("mlkem \(test.tcId)", refusal: refusal) {
                let key = try encapsulation.decapsulationKey(secret(hex(test.seed ?? "")))
                let opened = try decapsulated(hex(test.c ?? ""), key)
                return try encapsulation.encapsulationKey(of: key).bytes == hex(test.ek ?? "")
                    && opened == hex(test.K ?? "")
            }
        }
        return report
    }

    /// Public keys and the 32 bytes that encapsulation draws: ciphertext and secret. Cases are refused for the size of
    /// the key, and for a coefficient that is not below 3,329.
    ///
    /// - Parameter make: a backend that draws these bytes; nil for one that cannot be told, of which then only the
    ///   refusals are looked at.
    public static func wycheproofEncapsulation(_ make: (([UInt8]) -> Encapsulation)?) throws -> VectorReport {
        var report = VectorReport()
        for test in try EncapsulationFile.cases("mlkem_768_encaps_test.json") {
            let refusal: CryptoError? = test.result == "invalid" ? .invalidPublicKey : nil
            report.record("mlkem encaps \(test.tcId)", refusal: refusal) {
                guard let key = EncapsulationKey(hex(test.ek ?? "").span) else { throw CryptoError.invalidPublicKey }
                guard let make else { return test.result == "valid" }
                let made = try make(hex(test.m ?? "")).encapsulate(to: key)
                return made.ciphertext == hex(test.c ?? "") && array(made.secret.bytes) == hex(test.K ?? "")
            }
        }
        return report
    }
}
