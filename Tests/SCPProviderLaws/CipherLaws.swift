import SCP

private let header = pattern(14, seed: 40)
private let sizes = [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1023, 1024, 1400, 4096]

extension ProviderLaws {
    private func cipher(seed: Int = 3) throws(CryptoError) -> Provider.Cipher {
        try provider.cipher(secret(pattern(32, seed: seed)))
    }

    func checkCipher(_ law: Law) throws {
        switch law {
        case .framesOpenAtEveryOffset: try checkOffsets(law)
        case .bytesAroundTheFrameStay: try checkSurroundings(law)
        case .everyBitIsAuthenticated: try checkEveryBit(law)
        case .failedOpenLeavesZeroes: try checkZeroing(law)
        case .cipherSurvivesFailure: try checkRecovery(law)
        case .rangesAreChecked: try checkRanges(law)
        case .tagIsNeverShortened: try checkTagLengths(law)
        case .cipherHasNoMemory: try checkStatelessness(law)
        case .cipherIsTheSameAfterARest:
            let cipher = try cipher()
            var expected = Frame(pattern(40))
            try expected.seal(with: cipher, nonce(1), header)
            for _ in 0..<2 {
                var frame = Frame(pattern(40))
                cipher.rest()
                try frame.seal(with: cipher, nonce(1), header)
                try require(frame == expected, law, "sealing differs after a rest")
                cipher.rest()
                try frame.open(with: cipher, nonce(1), header)
                try require(frame.text == pattern(40), law, "opening fails after a rest")
            }
        case .cipherKeyHas32Bytes:
            for count in [0, 1, 16, 24, 31, 33, 64] {
                let error = failure { () throws(CryptoError) in _ = try provider.cipher(Secret(count: count)) }
                try require(error == .invalidLength, law, "\(count) bytes")
            }
        case .cipherKeyIsACopy:
            let key = secret(pattern(32, seed: 3))
            let cipher = try provider.cipher(key)
            key.wipe()
            cipher.rest()
            var frame = Frame(pattern(40))
            var expected = frame
            try frame.seal(with: cipher, nonce(1), header)
            try expected.seal(with: self.cipher(), nonce(1), header)
            try require(frame == expected, law, "wiping the argument changed the key")
        case .longFramesAgreeWithOpenSSL: try checkLongFrames(law)
        default: return
        }
    }

    /// Alignment must not matter: what is sealed at one offset equals what is sealed at any other, and opens there.
    private func checkOffsets(_ law: Law) throws {
        let cipher = try cipher()
        for count in sizes {
            let plaintext = pattern(count)
            var reference = Frame(plaintext)
            try reference.seal(with: cipher, nonce(count), header)
            for offset in 0...17 {
                var frame = Frame(plaintext, offset: offset, margin: 3)
                try frame.seal(with: cipher, nonce(count), header)
                try require(frame.sealed == reference.sealed, law, "sealing \(count) bytes at \(offset)")
                try frame.open(with: cipher, nonce(count), header)
                try require(frame.text == plaintext, law, "opening \(count) bytes at \(offset)")
            }
        }
    }

    private func checkSurroundings(_ law: Law) throws {
        let cipher = try cipher()
        for count in sizes {
            var frame = Frame(pattern(count), offset: 19, margin: 21)
            try frame.seal(with: cipher, nonce(count), header)
            try require(frame.isFillerIntact, law, "sealing \(count)")
            let tag = frame.tag
            try frame.open(with: cipher, nonce(count), header)
            try require(frame.isFillerIntact && frame.tag == tag, law, "opening \(count)")
            _ = failure { () throws(CryptoError) in try frame.open(with: cipher, nonce(count), header) }
            try require(frame.isFillerIntact && frame.tag == tag, law, "failing to open \(count)")
        }
    }

    /// Ciphertext, tag, header and nonce: no bit of them may differ, nor the header's length, nor the key.
    private func checkEveryBit(_ law: Law) throws {
        let cipher = try cipher()
        for count in [0, 1, 40] {
            var frame = Frame(pattern(count))
            try frame.seal(with: cipher, nonce(7), header)

            func refuses(_ forged: Frame, _ nonce: Nonce, _ header: [UInt8], _ what: String) throws {
                var copy = forged
                let error = failure { () throws(CryptoError) in try copy.open(with: cipher, nonce, header) }
                try require(error == .authenticationFailed, law, "\(what) of a frame of \(count)")
            }
            for bit in 0..<8 * frame.buffer.count {
                var forged = frame
                forged.buffer[bit / 8] ^= 1 << (bit % 8)
                try refuses(forged, nonce(7), header, "bit \(bit)")
            }
            for bit in 0..<8 * header.count {
                var other = header
                other[bit / 8] ^= 1 << (bit % 8)
                try refuses(frame, nonce(7), other, "header bit \(bit)")
            }
            for bit in 0..<96 {
                var other = nonce(7)
                other[bit / 8] ^= 1 << (bit % 8)
                try refuses(frame, other, header, "nonce bit \(bit)")
            }
            try refuses(frame, nonce(7), header + [0], "longer header")
            try refuses(frame, nonce(7), header.dropLast(), "shorter header")
            try refuses(frame, nonce(7), [], "missing header")
            var copy = frame
            let stranger = try self.cipher(seed: 4)
            let error = failure { () throws(CryptoError) in try copy.open(with: stranger, nonce(7), header) }
            try require(error == .authenticationFailed, law, "another key")
        }
    }

    // [SCP-PROT-8]
    private func checkZeroing(_ law: Law) throws {
        let cipher = try cipher()
        for count in sizes where count > 0 {
            for offset in [0, 1, 13] {
                var frame = Frame(pattern(count), offset: offset)
                try frame.seal(with: cipher, nonce(count), header)
                frame.buffer[frame.buffer.count - 1] ^= 0x80
                let error = failure { () throws(CryptoError) in try frame.open(with: cipher, nonce(count), header) }
                try require(error == .authenticationFailed, law, "not refused")
                try require(frame.text.allSatisfy { $0 == 0 }, law, "\(count) bytes at \(offset)")
            }
        }
    }

    private func checkRecovery(_ law: Law) throws {
        let cipher = try cipher()
        var sealed = Frame(pattern(100))
        try sealed.seal(with: cipher, nonce(1), header)
        var forged = sealed
        forged.buffer[0] ^= 1
        _ = failure { () throws(CryptoError) in try forged.open(with: cipher, nonce(1), header) }
        _ = failure { () throws(CryptoError) in try forged.open(with: cipher, nonce(1), header, range: 90..<101) }
        var again = Frame(pattern(100))
        try again.seal(with: cipher, nonce(1), header)
        try require(again == sealed, law, "sealing differs after a failure")
        try again.open(with: cipher, nonce(1), header)
        try require(again.text == pattern(100), law, "opening fails after a failure")
    }

    /// Errors, not traps, and no byte touched.
    private func checkRanges(_ law: Law) throws {
        let cipher = try cipher()
        let frame = Frame(pattern(48))
        let count = frame.buffer.count
        let outside = [
            -1..<3, -1 ..< -1, Int.min..<0, Int.min..<Int.max, 0..<Int.max, Int.max..<Int.max,
            0..<count, 0..<count - 15, count..<count, count - 15..<count - 15, count + 1..<count + 1,
            count - 1..<count + 1,
        ]
        for range in outside {
            var copy = frame
            let sealing = failure { () throws(CryptoError) in
                try copy.seal(with: cipher, nonce(1), header, range: range)
            }
            try require(sealing == .invalidLength && copy == frame, law, "sealing \(range)")
            let opening = failure { () throws(CryptoError) in
                try copy.open(with: cipher, nonce(1), header, range: range)
            }
            try require(opening == .invalidLength && copy == frame, law, "opening \(range)")
        }
        var empty: [UInt8] = []
        var span = empty.mutableSpan
        let error = failure { () throws(CryptoError) in
            try cipher.open(&span, 0..<0, nonce: nonce(1), authenticating: header.span)
        }
        try require(error == .invalidLength, law, "an empty buffer")
        // The last range that fits.
        var copy = frame
        try copy.seal(with: cipher, nonce(1), header, range: count - 16..<count - 16)
        try copy.open(with: cipher, nonce(1), header, range: count - 16..<count - 16)
    }

    // [SCP-PROT-4]
    /// A tag of 0...15 bytes: neither cut off by the end of the buffer nor filled up with zeroes.
    private func checkTagLengths(_ law: Law) throws {
        let cipher = try cipher()
        var sealed = Frame(pattern(33))
        try sealed.seal(with: cipher, nonce(5), header)
        for length in 0..<Frame.tagSize {
            var short = sealed
            short.buffer.removeLast(Frame.tagSize - length)
            let kept = short
            let cut = failure { () throws(CryptoError) in try short.open(with: cipher, nonce(5), header) }
            try require(cut == .invalidLength && short == kept, law, "\(length) bytes of tag")

            short.buffer += [UInt8](repeating: 0, count: Frame.tagSize - length)
            let padded = failure { () throws(CryptoError) in try short.open(with: cipher, nonce(5), header) }
            try require(padded == .authenticationFailed, law, "\(length) bytes of tag, and zeroes")
        }
        try sealed.open(with: cipher, nonce(5), header)
    }

    /// The engine owns the nonces: a cipher seals and opens any of them in any order, and so does its twin.
    private func checkStatelessness(_ law: Law) throws {
        let first = try cipher()
        let second = try cipher()
        var frames: [Frame] = []
        for number in 0..<20 {
            var frame = Frame(pattern(number * 5))
            try frame.seal(with: number % 2 == 0 ? first : second, nonce(number), header)
            frames.append(frame)
        }
        for number in [19, 0, 7, 7, 3, 18, 1] {
            var frame = frames[number]
            try frame.open(with: number % 2 == 0 ? second : first, nonce(number), header)
            try require(frame.text == pattern(number * 5), law, "frame \(number)")
            try frame.seal(with: first, nonce(number), header)
            try require(frame == frames[number], law, "frame \(number) again")
        }
    }

    /// Published vectors end at a few blocks, where wide vector code does not begin. The digest is OpenSSL 4's.
    private func checkLongFrames(_ law: Law) throws {
        let cipher = try provider.cipher(secret(Array(0..<32)))
        var digest = Digest(repeating: 0)
        for count in Array(0...1100) + [16_384, 65_535] {
            var frame = Frame(pattern(count, seed: count))
            let header = (0..<count % 40).map { UInt8(truncatingIfNeeded: 3 &* $0 &+ count) }
            try frame.seal(with: cipher, nonce(count), header)
            digest = try provider.hash(digest.span, frame.buffer.span)
            try frame.open(with: cipher, nonce(count), header)
            try require(frame.text == pattern(count, seed: count), law, "\(count) bytes do not open")
        }
        let expected = hex("5d7aa7f0390f94077940c255febcbd125fd1badc2c0fd7061bbe33564d3408b0")
        try require(array(digest.span) == expected, law, "digest differs")
    }
}
