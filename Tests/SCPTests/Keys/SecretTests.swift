import Testing

@testable import SCP

// [SCP-SEC-2]
@Suite struct SecretTests {
    @Test func beginsWithZeroes() {
        for count in [0, 1, 32, 1_000] {
            let secret = Secret(count: count)
            #expect(secret.count == count && secret.isZero)
            #expect(array(secret) == [UInt8](repeating: 0, count: count))
        }
        #expect(Secret(count: -1).count == 0)
    }

    /// What was copied is the secret's own.
    @Test func copies() {
        var bytes: [UInt8] = [1, 2, 3]
        let secret = Secret(copying: bytes.span)
        bytes[0] = 9
        #expect(array(secret) == [1, 2, 3])
        let copy = Secret(copying: secret.bytes)
        secret.wipe()
        #expect(array(copy) == [1, 2, 3])
    }

    @Test(arguments: [1, 7, 32, 96, 8_160])
    func wiping(count: Int) {
        let secret = Secret(copying: [UInt8](repeating: 0xff, count: count).span)
        #expect(!secret.isZero)
        secret.wipe()
        #expect(secret.isZero && secret.count == count)
        #expect(array(secret).allSatisfy { $0 == 0 })
    }

    /// One bit anywhere.
    @Test func isZeroLooksAtEveryByte() {
        for index in 0..<33 {
            let secret = Secret(count: 33)
            secret.withMutableBytes { $0[index] = UInt8(1) << UInt8(index % 8) }
            #expect(!secret.isZero)
        }
    }

    @Test func writesThrough() throws {
        let secret = Secret(count: 4)
        let count = secret.withMutableBytes { bytes in
            bytes[3] = 7
            return bytes.count
        }
        #expect(count == 4 && array(secret) == [0, 0, 0, 7])
        let error = cryptoError { () throws(CryptoError) in
            try secret.withMutableBytes { (bytes: inout MutableSpan<UInt8>) throws(CryptoError) in
                bytes[0] = 1
                throw .randomFailed
            }
        }
        #expect(error == .randomFailed && array(secret) == [1, 0, 0, 7])
    }

    /// Whatever is printed, dumped or interpolated, and whatever holds the secret.
    @Test func neverPrinted() throws {
        struct Holder {
            let name = "holder"
            let secret: Secret
        }
        let secret = Secret(copying: [UInt8](repeating: 0xab, count: 32).span)
        var texts = ["\(secret)", String(describing: secret), String(reflecting: secret), "\(Optional(secret) as Any)"]
        texts += ["\(Holder(secret: secret))", "\(PresharedKeys.common(secret))", "\([secret])"]
        let provider = try ObservedProvider()
        let schedule = try KeySchedule((secret, secret), hash: Digest(repeating: 1), provider: provider)
        texts += ["\(schedule)", "\(try schedule.exporter())"]
        #expect(texts.allSatisfy { $0.contains("redacted") })
        // An object, of which only the type is printed.
        texts.append("\(try schedule.trafficKeys(sentBy: .initiator))")
        for text in texts { #expect(!text.contains("171, 171") && !text.lowercased().contains("abab")) }
        var dumped = ""
        dump(secret, to: &dumped)
        dump(Holder(secret: secret), to: &dumped)
        // Where the secret is may be told, what it is may not.
        #expect(!dumped.isEmpty)
        #expect(!dumped.split(separator: "\n").contains { $0.hasSuffix("- 171") })
    }
}
