import SCP

private let none: [UInt8] = []

extension ProviderLaws {
    func checkDerivation(_ law: Law) throws {
        switch law {
        case .hashJoinsItsPieces: try checkHash(law)
        case .extractIsHMAC: try checkExtract(law)
        case .expandIsAChainOfHMACs: try checkExpand(law)
        case .derivationLengthsAreChecked: try checkLengths(law)
        case .randomFillsEverything: try checkRandom(law)
        default: return
        }
    }

    /// FIPS 180-4's "abc", and every way to cut a message in two.
    private func checkHash(_ law: Law) throws {
        let abc = Array("abc".utf8)
        let expected = hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        try require(array(provider.hash(abc.span, none.span).span) == expected, law, "abc")
        let message = pattern(130)
        let whole = try array(provider.hash(message.span, none.span).span)
        for cut in 0...message.count {
            let pieces = try provider.hash(
                message.span.extracting(0..<cut), message.span.extracting(cut..<message.count))
            try require(array(pieces.span) == whole, law, "cut at \(cut)")
        }
    }

    private func checkExtract(_ law: Law) throws {
        for saltCount in [0, 1, 13, 32, 37, 64, 65, 200] {
            for materialCount in [0, 1, 32, 64, 97, 1000] {
                let salt = pattern(saltCount)
                let material = pattern(materialCount, seed: 60)
                let output = Secret(count: 32)
                try provider.extract(salt: salt.span, inputKeyMaterial: material.span, into: output)
                let expected = try provider.authenticator(secret(salt)).authenticate(material.span)
                try require(
                    array(output.bytes) == array(expected.span), law, "salt \(saltCount), material \(materialCount)")
            }
        }
    }

    /// RFC 5869 2.3 written out with an authenticator; the longest output is checked to its end.
    private func checkExpand(_ law: Law) throws {
        for (keyCount, infoCount) in [(32, 0), (32, 10), (33, 255), (64, 64), (100, 1)] {
            let key = pattern(keyCount, seed: 8)
            let info = pattern(infoCount, seed: 30)
            let authenticator = try provider.authenticator(secret(key))
            var expected: [UInt8] = []
            var block: [UInt8] = []
            for counter in UInt8(1)...255 {
                let input = block + info + [counter]
                block = try array(authenticator.authenticate(input.span).span)
                expected += block
            }
            for count in [1, 12, 31, 32, 33, 63, 64, 65, 96, 1000, 8159, 8160] {
                let output = Secret(count: count)
                try provider.expand(key.span, info: info.span, into: output)
                try require(
                    array(output.bytes) == Array(expected.prefix(count)), law, "\(count) bytes, info \(infoCount)")
            }
        }
    }

    private func checkLengths(_ law: Law) throws {
        let key = pattern(32)
        for count in [0, 8161, 10_000] {
            let error = failure { () throws(CryptoError) in
                try provider.expand(key.span, info: none.span, into: Secret(count: count))
            }
            try require(error == .invalidLength, law, "expanding to \(count)")
        }
        for count in [0, 1, 16, 31] {
            let error = failure { () throws(CryptoError) in
                try provider.expand(pattern(count).span, info: none.span, into: Secret(count: 32))
            }
            try require(error == .invalidLength, law, "expanding a key of \(count)")
        }
        for count in [0, 1, 31, 33, 64] {
            let error = failure { () throws(CryptoError) in
                try provider.extract(salt: none.span, inputKeyMaterial: key.span, into: Secret(count: count))
            }
            try require(error == .invalidLength, law, "extracting \(count)")
        }
    }

    /// Among 40 draws no two are the same and no position keeps one value: by chance in fewer than 2^-250 runs.
    private func checkRandom(_ law: Law) throws {
        for count in [1, 32, 33, 1000] {
            var draws: [[UInt8]] = []
            for _ in 0..<40 {
                let drawn = try provider.randomSecret(count: count)
                draws.append(array(drawn.bytes))
            }
            for index in 0..<count {
                let isConstant = draws.allSatisfy { $0[index] == draws[0][index] }
                try require(!isConstant, law, "byte \(index) of \(count) never changes")
            }
            if count >= 32 { try require(Set(draws).count == draws.count, law, "\(count) bytes drawn twice") }
        }
        _ = try provider.randomSecret(count: 0)
    }
}
