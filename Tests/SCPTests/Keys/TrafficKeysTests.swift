import SCPGcrypt
import Testing

@testable import SCP

@Suite struct TrafficKeysTests {
    private let provider: GcryptProvider
    private let key = testSecret(1)
    private let mac = testSecret(2)
    private let iv = testSecret(3, count: 12)
    private let keys: TrafficKeys<GcryptProvider>
    private static let sequence = SequenceNumber(rawValue: 0x0001_0000_0000_0007)

    init() throws {
        provider = try GcryptProvider()
        keys = TrafficKeys(cipher: try provider.cipher(key), authenticator: try provider.authenticator(mac), iv: iv)
    }

    private func plaintext(_ count: Int) -> [UInt8] {
        var random = WireRandom(seed: UInt64(count))
        return random.bytes(count)
    }

    /// The HMAC once more, over a frame that a test has changed.
    private func authenticateAgain(_ frame: inout [UInt8]) throws {
        let end = frame.count - FrameHeader.macSize
        let digest = try provider.authenticator(mac).authenticate(frame.span.extracting(0..<end))
        frame.replaceSubrange(end..., with: array(digest))
    }

    // MARK: What is sealed opens

    @Test(arguments: [0, 1, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 1_000, 16_368, 65_520, 1_048_560])
    func roundTrip(count: Int) throws {
        let plaintext = plaintext(count)
        var frame = try sealedFrame(keys, plaintext, sequence: Self.sequence)
        #expect(frame.count == count + FrameHeader.overhead)
        let sealed = Array(frame[FrameHeader.size..<FrameHeader.size + count])
        // Sixteen bytes that stay what they were by chance do not happen.
        if count >= 16 { #expect(sealed != plaintext) }
        let opened = openFrame(keys, &frame)
        #expect(opened.plaintext == plaintext && opened.error == nil)
    }

    /// A frame may lie anywhere in a buffer, and nothing around it is touched.
    @Test func anywhereInABuffer() throws {
        let plaintext = plaintext(40)
        let alone = try sealedFrame(keys, plaintext, sequence: Self.sequence)
        let header = FrameHeader(type: .data, sequence: Self.sequence, length: 56)
        for (before, after) in [(0, 0), (1, 0), (0, 1), (13, 7), (100, 100)] {
            let head = [UInt8](repeating: 0xaa, count: before)
            let tail = [UInt8](repeating: 0xbb, count: after)
            var buffer = head + [UInt8](repeating: 0, count: 14) + plaintext + [UInt8](repeating: 0, count: 48) + tail
            var span = buffer.mutableSpan
            try keys.seal(&span, at: before, header: header)
            #expect(buffer == head + alone + tail)
            span = buffer.mutableSpan
            let range = try keys.open(&span, at: before, header: header)
            #expect(range == before + 14..<before + 54)
            #expect(Array(buffer[range]) == plaintext)
            #expect(Array(buffer[..<before]) == head && Array(buffer[(before + alone.count)...]) == tail)
        }
    }

    /// Payload and tag by the cipher itself, the HMAC by itself, the nonce written out.
    // [SCP-PROT-1] [SCP-PROT-2] [SCP-PROT-3]
    @Test(
        arguments: [
            0x0001_0000_0000_0000, 0x0001_0000_0000_0001, 0x0001_0000_0000_00ff, 0x0102_0304_0506_0708,
            0x0001_ffff_ffff_ffff, 0xffff_ffff_ffff_ffff,
        ] as [UInt64])
    func protectedAsSpecified(sequence: UInt64) throws {
        let plaintext = plaintext(100)
        let frame = try sealedFrame(keys, plaintext, sequence: SequenceNumber(rawValue: sequence))
        let header = Array(frame[..<14])
        #expect(header == [1, 3] + wireInteger(sequence, 8) + wireInteger(116, 4))
        let padded = [0, 0, 0, 0] + wireInteger(sequence, 8)
        let nonce = zip(array(iv), padded).map { $0 ^ $1 }
        var expected = plaintext + [UInt8](repeating: 0, count: 16)
        var span = expected.mutableSpan
        try provider.cipher(key).seal(&span, 0..<100, nonce: Nonce { nonce[$0] }, authenticating: header.span)
        #expect(Array(frame[14..<130]) == expected)
        let digest = try provider.authenticator(mac).authenticate((header + expected).span)
        #expect(Array(frame[130...]) == array(digest))
    }

    /// The same plaintext under every sequence: no two ciphertexts agree.
    // [SCP-PROT-11]
    @Test func everySequenceHasItsNonce() throws {
        let sequences = (0..<48).flatMap { bit in [1, 2, 3].map { UInt64($0) << 48 | UInt64(1) << UInt64(bit) } }
        let frames = try sequences.map { sequence in
            let frame = try sealedFrame(
                keys, [UInt8](repeating: 0, count: 32), sequence: SequenceNumber(rawValue: sequence))
            return Array(frame[14..<46])
        }
        #expect(Set(frames).count == sequences.count)
    }

    // MARK: What was changed does not open

    /// Header, ciphertext, tag and HMAC: nothing is decrypted, nothing is changed.
    // [SCP-PROT-5] [SCP-PROT-6]
    @Test(arguments: [0, 1, 50])
    func everyByteCounts(count: Int) throws {
        let genuine = try sealedFrame(keys, plaintext(count), sequence: Self.sequence)
        let header = FrameHeader(type: .data, sequence: Self.sequence, length: count + 16)
        for position in genuine.indices {
            for bit in 0..<8 {
                var changed = genuine
                changed[position] ^= 1 << bit
                let before = changed
                #expect(openFrame(keys, &changed, header: header).error == .authentication)
                #expect(changed == before)
            }
        }
        // Where the changed header still is one of a frame of this size, it is not authentic either.
        for position in 1..<10 {
            for bit in 0..<8 {
                var changed = genuine
                changed[position] ^= 1 << bit
                let opened = openFrame(keys, &changed)
                #expect(opened.plaintext == nil && (opened.error == .authentication || opened.error == nil))
            }
        }
        var frame = genuine
        #expect(openFrame(keys, &frame, header: header).error == nil)
    }

    // [SCP-PROT-4]
    @Test func shortenedMACs() throws {
        let genuine = try sealedFrame(keys, plaintext(20), sequence: Self.sequence)
        let start = genuine.count - 32
        for count in 0..<32 {
            var padded = Array(genuine[..<(start + count)]) + [UInt8](repeating: 0, count: 32 - count)
            if padded == genuine { padded[start + count] = 1 }
            #expect(openFrame(keys, &padded).error == .authentication)
            var short = Array(genuine[..<(start + count)])
            #expect(openFrame(keys, &short).error == .backend)
        }
    }

    /// With a good HMAC and a bad tag the peer is broken; nobody sees a byte of the plaintext.
    // [SCP-PROT-8]
    @Test func goodMACOverBadCiphertext() throws {
        let genuine = try sealedFrame(keys, plaintext(40), sequence: Self.sequence)
        for position in 14..<genuine.count - 32 {
            var changed = genuine
            changed[position] ^= 0x10
            try authenticateAgain(&changed)
            let before = changed
            #expect(openFrame(keys, &changed).error == .decryption)
            #expect(changed[14..<54].allSatisfy { $0 == 0 })
            #expect(changed[..<14] == before[..<14] && changed[54...] == before[54...])
        }
    }

    /// The header is associated data of the encryption too: an HMAC made again does not help.
    @Test func goodMACOverAnotherHeader() throws {
        let genuine = try sealedFrame(keys, plaintext(40), sequence: Self.sequence)
        let headers = [
            FrameHeader(type: .ack, sequence: Self.sequence, length: 56),
            FrameHeader(type: .close, sequence: Self.sequence, length: 56),
            FrameHeader(type: .data, sequence: SequenceNumber(rawValue: Self.sequence.rawValue + 1), length: 56),
            FrameHeader(type: .data, sequence: SequenceNumber(rawValue: 0x0002_0000_0000_0007), length: 56),
        ]
        for header in headers {
            var changed = genuine
            changed.replaceSubrange(..<14, with: array(header.bytes.span))
            try authenticateAgain(&changed)
            #expect(openFrame(keys, &changed).error == .decryption)
            #expect(changed[14..<54].allSatisfy { $0 == 0 })
        }
    }

    /// Another key, HMAC key or iv.
    @Test func otherKeys() throws {
        let genuine = try sealedFrame(keys, plaintext(40), sequence: Self.sequence)
        let cases: [(key: Secret, mac: Secret, iv: Secret, error: FrameProtectionError)] = [
            (testSecret(9), mac, iv, .decryption), (key, testSecret(9), iv, .authentication),
            (key, mac, testSecret(9, count: 12), .decryption),
        ]
        for (key, mac, iv, error) in cases {
            let others = TrafficKeys<GcryptProvider>(
                cipher: try provider.cipher(key), authenticator: try provider.authenticator(mac), iv: iv)
            var frame = genuine
            #expect(openFrame(others, &frame).error == error)
        }
    }

    // MARK: Ranges

    /// A place where no frame fits is an error, and the buffer is left alone.
    @Test func placesThatAreNone() {
        let header = FrameHeader(type: .data, sequence: Self.sequence, length: 56)
        let short = FrameHeader(type: .data, sequence: Self.sequence, length: 15)
        let long = FrameHeader(type: .data, sequence: Self.sequence, length: .max)
        let cases: [(start: Int, size: Int, header: FrameHeader)] = [
            (0, 101, header), (1, 102, header), (-1, 102, header), (.min, 102, header), (.max, 102, header),
            (102, 102, header), (103, 102, header), (0, 0, header), (0, 102, short), (0, 102, long),
        ]
        for (start, size, header) in cases {
            var buffer = [UInt8](repeating: 5, count: size)
            var span = buffer.mutableSpan
            #expect(throws: FrameProtectionError.backend) { try keys.seal(&span, at: start, header: header) }
            #expect(throws: FrameProtectionError.backend) { try keys.open(&span, at: start, header: header) }
            #expect(buffer.allSatisfy { $0 == 5 })
        }
    }

    /// A failing backend is no forgery.
    @Test func failingBackend() throws {
        let provider = try ObservedProvider()
        let keys = TrafficKeys<ObservedProvider>(
            cipher: try provider.cipher(key), authenticator: try provider.authenticator(mac), iv: iv)
        let genuine = try sealedFrame(keys, plaintext(40), sequence: Self.sequence)
        for operation in [Operation.seal, .authenticate] {
            provider.log.fail(after: 0, among: operation)
            #expect(throws: FrameProtectionError.backend) {
                try sealedFrame(keys, plaintext(40), sequence: Self.sequence)
            }
        }
        for operation in [Operation.verify, .open] {
            provider.log.fail(after: 0, among: operation)
            var frame = genuine
            #expect(openFrame(keys, &frame).error == .backend)
        }
        var frame = genuine
        let calls = provider.log.during { _ = openFrame(keys, &frame) }
        #expect(calls == [.verify, .open])
    }
}
