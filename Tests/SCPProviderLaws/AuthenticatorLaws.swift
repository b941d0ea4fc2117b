import SCP

extension ProviderLaws {
    private func authenticator(_ key: [UInt8] = pattern(32, seed: 5)) throws(CryptoError) -> Provider.Authenticator {
        try provider.authenticator(secret(key))
    }

    func checkAuthenticator(_ law: Law) throws {
        switch law {
        case .shorterAndLongerMACsAreFalse: try checkMACLengths(law)
        case .everyBitOfMACAndMessageCounts: try checkMACBits(law)
        case .keysOfEveryLength: try checkKeyLengths(law)
        case .authenticatorHasNoMemory: try checkAuthenticatorStatelessness(law)
        case .authenticatorIsTheSameAfterARest:
            let authenticator = try authenticator()
            let message = pattern(10)
            let expected = try authenticator.authenticate(message.span)
            for _ in 0..<2 {
                authenticator.rest()
                let value = try authenticator.authenticate(message.span)
                try require(array(value.span) == array(expected.span), law, "the MAC differs after a rest")
                authenticator.rest()
                try require(authenticator.verify(expected.span, of: message.span), law, "not genuine after a rest")
            }
        case .authenticatorKeyIsACopy:
            let key = secret(pattern(32, seed: 5))
            let authenticator = try provider.authenticator(key)
            key.wipe()
            authenticator.rest()
            let message = pattern(10)
            let value = try authenticator.authenticate(message.span)
            let expected = try self.authenticator().authenticate(message.span)
            try require(array(value.span) == array(expected.span), law, "wiping the argument changed the key")
        case .longMessagesAgreeWithPython: try checkLongMessages(law)
        default: return
        }
    }

    // [SCP-PROT-4]
    /// False and no error: lengths come from nowhere but here, and 32 is the only right one.
    private func checkMACLengths(_ law: Law) throws {
        let authenticator = try authenticator()
        for message in [[], pattern(80)] {
            let value = try array(authenticator.authenticate(message.span).span)
            for length in 0..<32 {
                let tag = Array(value.prefix(length))
                try require(!authenticator.verify(tag.span, of: message.span), law, "\(length) bytes")
                let padded = tag + [UInt8](repeating: 0, count: 32 - length)
                try require(!authenticator.verify(padded.span, of: message.span), law, "\(length) and zeroes")
            }
            let longer = value + [0]
            let twice = value + value
            try require(!authenticator.verify(longer.span, of: message.span), law, "33 bytes")
            try require(!authenticator.verify(twice.span, of: message.span), law, "64 bytes")
            try require(authenticator.verify(value.span, of: message.span), law, "32 bytes")
        }
    }

    private func checkMACBits(_ law: Law) throws {
        let authenticator = try authenticator()
        let message = pattern(71)
        let value = try array(authenticator.authenticate(message.span).span)
        for bit in 0..<256 {
            var forged = value
            forged[bit / 8] ^= 1 << (bit % 8)
            try require(!authenticator.verify(forged.span, of: message.span), law, "bit \(bit) of the MAC")
        }
        for bit in 0..<8 * message.count {
            var other = message
            other[bit / 8] ^= 1 << (bit % 8)
            try require(!authenticator.verify(value.span, of: other.span), law, "bit \(bit) of the message")
        }
        let shorter = Array(message.dropLast())
        let longer = message + [0]
        try require(!authenticator.verify(value.span, of: shorter.span), law, "a shorter message")
        try require(!authenticator.verify(value.span, of: longer.span), law, "a longer message")
        try require(authenticator.verify(value.span, of: message.span), law, "the message itself")
    }

    /// RFC 2104: keys are filled up with zeroes to 64 bytes, and longer ones are hashed first.
    private func checkKeyLengths(_ law: Law) throws {
        let message = pattern(9)
        let none: [UInt8] = []
        for count in 0...140 {
            let key = pattern(count)
            var same = key + [UInt8](repeating: 0, count: max(0, 64 - count))
            if count > 64 { same = try array(provider.hash(key.span, none.span).span) }
            let value = try authenticator(key).authenticate(message.span)
            let expected = try authenticator(same).authenticate(message.span)
            try require(array(value.span) == array(expected.span), law, "a key of \(count)")
        }
    }

    /// The same answer whatever was authenticated or refused before, and at every offset.
    private func checkAuthenticatorStatelessness(_ law: Law) throws {
        let authenticator = try authenticator()
        let buffer = pattern(300)
        for count in [0, 1, 55, 56, 63, 64, 65, 119, 200] {
            for offset in 0...9 {
                let slice = buffer.span.extracting(offset..<offset + count)
                let fresh = try self.authenticator().authenticate(Array(buffer[offset..<offset + count]).span)
                let value = try authenticator.authenticate(slice)
                try require(array(value.span) == array(fresh.span), law, "\(count) bytes at \(offset)")
                let isOther = try authenticator.verify(value.span, of: buffer.span)
                let isSame = try authenticator.verify(value.span, of: slice)
                try require(!isOther && isSame, law, "verifying \(count) bytes at \(offset)")
            }
        }
    }

    /// Beyond the published vectors. The digest was made with Python's hashlib and hmac.
    private func checkLongMessages(_ law: Law) throws {
        let authenticator = try authenticator(Array(0..<32))
        var digest = Digest(repeating: 0)
        for count in Array(0...300) + [65_535] {
            let message = pattern(count, seed: count)
            let value = try authenticator.authenticate(message.span)
            digest = try provider.hash(digest.span, value.span)
        }
        let expected = hex("15d40061e95c530055f545d7ab73115dc8ab76fbcd92c23ec89dcced668dd38c")
        try require(array(digest.span) == expected, law, "digest differs")
    }
}
