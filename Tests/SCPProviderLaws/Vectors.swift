import Foundation
import SCP

/// A file of Wycheproof: groups with parameters, each with its cases.
private struct Wycheproof<Group: Decodable>: Decodable {
    let testGroups: [Group]
}

private struct AgreementGroup: Decodable {
    struct Case: Decodable {
        let tcId: Int
        let `public`: String
        let `private`: String
        let shared: String
    }
    let tests: [Case]
}

private struct CipherGroup: Decodable {
    struct Case: Decodable {
        let tcId: Int
        let key, iv, aad, msg, ct, tag, result: String
    }
    let keySize, ivSize, tagSize: Int
    let tests: [Case]
}

private struct MACGroup: Decodable {
    struct Case: Decodable {
        let tcId: Int
        let key, msg, tag, result: String
    }
    let tagSize: Int
    let tests: [Case]
}

private struct DerivationGroup: Decodable {
    struct Case: Decodable {
        let tcId: Int
        let ikm, salt, info, result: String
        let size: Int
        let okm: String
    }
    let tests: [Case]
}

/// A case of NIST's CAVP files; `PT` is missing where decryption must fail.
private struct CAVPCase: Decodable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    let Key, IV, CT, AAD, Tag: String
    // swift-format-ignore: AlwaysUseLowerCamelCase
    let PT: String?
    // swift-format-ignore: AlwaysUseLowerCamelCase
    let FAIL: Bool?
}

extension ProviderLaws {
    private func cases<Group: Decodable>(_ name: String, _: Group.Type) throws -> [Group] {
        try JSONDecoder().decode(Wycheproof<Group>.self, from: VectorFiles.read(name)).testGroups
    }

    /// 518 cases: a shared secret of zeroes is refused, every other one is found, non-canonical points included.
    public func wycheproofX25519() throws -> VectorReport {
        var report = VectorReport()
        for test in try cases("wycheproof/x25519_test.json", AgreementGroup.self).flatMap(\.tests) {
            let expected = hex(test.shared)
            let isZero = expected.allSatisfy { $0 == 0 }
            report.record("case \(test.tcId)", refusal: isZero ? CryptoError.invalidPublicKey : nil) {
                let point = hex(test.public)
                guard expected.count == 32, let peer = PublicKey(point.span) else { return false }
                let key = try provider.privateKey(secret(hex(test.private)))
                let shared = try provider.sharedSecret(key, with: peer)
                return array(shared.bytes) == expected
            }
        }
        return report
    }

    /// RFC 7748 5.2: two multiplications and the first round of the iteration.
    public func rfc7748() throws -> VectorReport {
        var report = VectorReport()
        for block in try VectorFiles.blocks("nist_rfc/rfc7748.txt") {
            report.record(block["COUNT"] ?? "?") {
                let point = hex(block["INPUT_U"] ?? "")
                guard let peer = PublicKey(point.span) else { return false }
                let key = try provider.privateKey(secret(hex(block["INPUT_SCALAR"] ?? "")))
                let shared = try provider.sharedSecret(key, with: peer)
                return array(shared.bytes) == hex(block["OUTPUT_U"] ?? "")
            }
        }
        return report
    }

    /// RFC 7748 5.2's iteration: the scalar becomes the point, the result the scalar.
    public func rfc7748Iterated(_ rounds: Int) throws -> [UInt8] {
        var scalar: [UInt8] = [9] + [UInt8](repeating: 0, count: 31)
        var point = scalar
        for _ in 0..<rounds {
            let shared = try provider.sharedSecret(provider.privateKey(secret(scalar)), with: publicKey(point))
            point = scalar
            scalar = array(shared.bytes)
        }
        return scalar
    }

    /// 316 cases, of which the interface has those with a key of 32 bytes, an IV of 12 and a tag of 16.
    public func wycheproofGCM() throws -> VectorReport {
        var report = VectorReport()
        for group in try cases("wycheproof/aes_gcm_test.json", CipherGroup.self) {
            let reason: String? =
                if group.keySize != 256 {
                    "the interface has no other key than 256 bits"
                } else if group.ivSize != 96 {
                    "the interface has no other IV than 96 bits"
                } else if group.tagSize != 128 {
                    "the interface has no other tag than 128 bits"
                } else {
                    nil
                }
            if let reason {
                report.inapplicable[reason, default: 0] += group.tests.count
                continue
            }
            for test in group.tests {
                let isValid = test.result == "valid"
                report.record("case \(test.tcId)", refusal: isValid ? nil : CryptoError.authenticationFailed) {
                    try agrees(
                        key: test.key, iv: test.iv, header: test.aad, plaintext: isValid ? test.msg : nil,
                        ciphertext: test.ct, tag: test.tag)
                }
            }
        }
        return report
    }

    /// NIST CAVP; `name` is one of the two files.
    public func cavpGCM(_ name: String) throws -> VectorReport {
        var report = VectorReport()
        let cases = try JSONDecoder().decode([CAVPCase].self, from: VectorFiles.read("nist_rfc/\(name)"))
        for (index, test) in cases.enumerated() {
            let mustFail = test.FAIL == true
            report.record("case \(index)", refusal: mustFail ? CryptoError.authenticationFailed : nil) {
                guard mustFail || test.PT != nil else { return false }
                return try agrees(
                    key: test.Key, iv: test.IV, header: test.AAD, plaintext: mustFail ? nil : test.PT,
                    ciphertext: test.CT, tag: test.Tag)
            }
        }
        return report
    }

    /// Opens, and seals too when the plaintext is published. A failed opening must leave zeroes and then throws.
    private func agrees(
        key: String, iv: String, header: String, plaintext: String?, ciphertext: String, tag: String
    ) throws -> Bool {
        let cipher = try provider.cipher(secret(hex(key)))
        let iv = hex(iv)
        guard iv.count == 12, hex(tag).count == 16 else { return false }
        let nonce = Nonce { iv[$0] }
        var frame = Frame(hex(ciphertext), offset: 1)
        frame.buffer.removeLast(Frame.tagSize)
        frame.buffer += hex(tag)
        let sealed = frame
        do {
            try frame.open(with: cipher, nonce, hex(header))
        } catch {
            guard frame.text.allSatisfy({ $0 == 0 }) else { return false }
            throw error
        }
        guard let plaintext, frame.text == hex(plaintext) else { return false }
        try frame.seal(with: cipher, nonce, hex(header))
        return frame == sealed
    }

    /// 174 cases. Those with a tag of 16 bytes must all be false, and because of the length alone: where the case is
    /// valid, the whole MAC begins with the published tag and is accepted.
    public func wycheproofHMAC() throws -> (whole: VectorReport, truncated: VectorReport) {
        var whole = VectorReport()
        var truncated = VectorReport()
        for group in try cases("wycheproof/hmac_sha256_test.json", MACGroup.self) {
            for test in group.tests {
                let isValid = test.result == "valid"
                let message = hex(test.msg)
                let tag = hex(test.tag)
                let authenticator = try provider.authenticator(secret(hex(test.key)))
                let value = try array(authenticator.authenticate(message.span).span)
                let isAccepted = try authenticator.verify(tag.span, of: message.span)
                if group.tagSize == 256 {
                    whole.record("case \(test.tcId)") { isAccepted == isValid && (value == tag) == isValid }
                } else {
                    let isPrefix = try value.starts(with: tag) && authenticator.verify(value.span, of: message.span)
                    truncated.record("case \(test.tcId)") { tag.count == 16 && !isAccepted && isPrefix == isValid }
                }
            }
        }
        return (whole, truncated)
    }

    /// RFC 4231: the six cases with a whole MAC.
    public func rfc4231() throws -> VectorReport {
        var report = VectorReport()
        for (index, block) in try VectorFiles.blocks("nist_rfc/rfc-4231-sha256.txt").enumerated() {
            report.record("case \(index)") {
                let message = hex(block["Msg"] ?? "")
                let expected = hex(block["MD"] ?? "")
                let authenticator = try provider.authenticator(secret(hex(block["Key"] ?? "")))
                let value = try authenticator.authenticate(message.span)
                return try array(value.span) == expected && authenticator.verify(expected.span, of: message.span)
            }
        }
        return report
    }

    /// 86 cases; three ask for more output than HKDF has.
    public func wycheproofHKDF() throws -> VectorReport {
        var report = VectorReport()
        for test in try cases("wycheproof/hkdf_sha256_test.json", DerivationGroup.self).flatMap(\.tests) {
            let isValid = test.result == "valid"
            report.record("case \(test.tcId)", refusal: isValid ? nil : CryptoError.invalidLength) {
                let (_, output) = try derive(test.ikm, test.salt, test.info, test.size)
                return array(output.bytes) == hex(test.okm)
            }
        }
        return report
    }

    /// RFC 5869 A.1 to A.3, with the pseudorandom key in between.
    public func rfc5869() throws -> VectorReport {
        var report = VectorReport()
        for block in try VectorFiles.blocks("nist_rfc/rfc-5869-HKDF-SHA256.txt") {
            report.record(block["COUNT"] ?? "?") {
                let count = Int(block["L"] ?? "") ?? 0
                let (key, output) = try derive(
                    block["IKM"] ?? "", block["salt"] ?? "", block["info"] ?? "", count)
                return array(key.bytes) == hex(block["PRK"] ?? "") && array(output.bytes) == hex(block["OKM"] ?? "")
            }
        }
        return report
    }

    private func derive(
        _ material: String, _ salt: String, _ info: String, _ count: Int
    ) throws(CryptoError) -> (key: Secret, output: Secret) {
        let key = Secret(count: 32)
        let output = Secret(count: count)
        try provider.extract(salt: hex(salt).span, inputKeyMaterial: hex(material).span, into: key)
        try provider.expand(key.bytes, info: hex(info).span, into: output)
        return (key, output)
    }
}
