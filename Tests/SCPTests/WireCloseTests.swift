import SCPMisbehaviours
import Testing

@testable import SCP

/// CLOSE of both kinds (negative test 86).
@Suite struct WireCloseTests {
    private func close(_ bytes: [UInt8]) throws(WireError) -> CloseFrame {
        try CloseFrame.parse(bytes.span, in: 0..<bytes.count)
    }

    private func handshakeClose(_ bytes: [UInt8]) throws(WireError) -> HandshakeClose {
        try HandshakeClose.parse(bytes.span, in: 0..<bytes.count)
    }

    // [SCP-CLOSE-1]
    @Test func roundTrip() throws {
        var random = WireRandom(seed: 10)
        for _ in 0..<1_000 {
            let code = ErrorCode(rawValue: random.varint())
            var text = ""
            while text.utf8.count < Int(random.next() % 250) {
                text.unicodeScalars.append(Unicode.Scalar(UInt32(random.next() % 0x10_ffff)) ?? "\u{10ffff}")
            }
            let reason = Array(text.utf8)
            let bytes = wireBytes(400) { output in
                let wrote = CloseFrame.write(code: code, reason: reason.span, to: &output)
                #expect(wrote)
            }
            #expect(bytes.count == CloseFrame.encodedSize(code: code, reasonSize: reason.count))
            let parsed = try close(bytes)
            #expect(parsed.code == code)
            #expect(Array(bytes[parsed.reason]) == reason)
        }
    }

    // [SCP-CLOSE-2]
    @Test func reasonsAreBounded() throws {
        let longest = [0] + varintBytes(256) + [UInt8](repeating: 0x61, count: 256)
        #expect(try close(longest).reason.count == 256)
        let longer = [0] + varintBytes(257) + [UInt8](repeating: 0x61, count: 257)
        #expect(throws: WireError(.reasonTooLong, at: 1)) { try close(longer) }
        #expect(throws: WireError(.reasonTooLong, at: 1)) { try close([0] + varintBytes(Varint.maximum)) }
        #expect(throws: WireError(.trailingBytes, at: 2)) { try close([0, 0, 0]) }
        #expect(throws: WireError(.truncated, at: 3)) { try close([0, 2, 0x61]) }
    }

    @Test func unknownCodesAreKept() throws {
        #expect(try close(varintBytes(0x3fff_0000) + [0]).code == ErrorCode(rawValue: 0x3fff_0000))
        #expect(try close(varintBytes(7, size: 8) + varintBytes(0, size: 4)).code == .authenticationFailed)
    }

    /// The standard library's validator is the reference.
    // [SCP-CLOSE-2]
    @Test func textIsUTF8() throws {
        var random = WireRandom(seed: 11)
        var refused = 0
        var cases: [[UInt8]] = [
            [0xc0, 0x80], [0xc1, 0xbf], [0xe0, 0x9f, 0xbf], [0xe0, 0xa0, 0x80], [0xed, 0x9f, 0xbf], [0xed, 0xa0, 0x80],
            [0xf0, 0x8f, 0xbf, 0xbf], [0xf0, 0x90, 0x80, 0x80], [0xf4, 0x8f, 0xbf, 0xbf], [0xf4, 0x90, 0x80, 0x80],
            [0xf5, 0x80, 0x80, 0x80], [0x80], [0xff], [0xe2, 0x82], [0xe2, 0x82, 0xac], [0x00], [0xef, 0xbb, 0xbf],
        ]
        for first in UInt8.min...UInt8.max {
            for second in UInt8.min...UInt8.max { cases.append([first, second, 0x80, 0xbf]) }
        }
        for _ in 0..<20_000 { cases.append(random.bytes(Int(random.next() % 6)).map { $0 | 0x80 }) }
        for text in cases {
            let isValid = String(validating: text, as: UTF8.self) != nil
            let isAccepted = (try? close([0, UInt8(text.count)] + text)) != nil
            if isValid != isAccepted { Issue.record("\(text): \(isValid), we say \(isAccepted)") }
            if !isAccepted { refused += 1 }
        }
        #expect(refused > 1_000 && refused < cases.count)
        #expect(throws: WireError(.invalidText, at: 4)) { try close([0, 4, 0x61, 0x62, 0xe2, 0x82]) }
    }

    @Test func onlyGoodReasonsAreWritten() {
        let bytes = wireBytes(300) { output in
            let long = [UInt8](repeating: 0x61, count: 257)
            let bad: [UInt8] = [0xff]
            let a = CloseFrame.write(code: .noError, reason: long.span, to: &output)
            let b = CloseFrame.write(code: .noError, reason: bad.span, to: &output)
            #expect(!a && !b)
        }
        #expect(bytes.isEmpty)
    }

    // MARK: Epoch 0

    // [SCP-CLOSE-3]
    @Test func handshakeRoundTrip() throws {
        let keys: [HandshakeClose.Key] = [.hello([]), .hello(.staticKey), .hello(.accessKey), .hello(.all), .finished]
        let codes: [ErrorCode] = [.noError, .unsupportedVersion, .unsupportedSuite, .init(rawValue: 5_000)]
        for key in keys {
            for code in codes {
                for list in [[], [1, 2, 3], [UInt8](repeating: 9, count: 255)] as [[UInt8]] {
                    let hasList = code == .unsupportedVersion || code == .unsupportedSuite
                    let bytes = wireBytes(300) { output in
                        let wrote = HandshakeClose.write(
                            attempt: WireSample.attempt, key: key, code: code, list: list.span, to: &output)
                        #expect(wrote == (list.isEmpty || hasList))
                    }
                    guard !bytes.isEmpty else { continue }
                    #expect(bytes.count == HandshakeClose.encodedSize(code: code, listSize: list.count))
                    let parsed = try handshakeClose(bytes)
                    #expect(parsed.attempt == WireSample.attempt && parsed.key == key && parsed.code == code)
                    #expect(Array(bytes[parsed.list]) == list)
                    #expect(throws: WireError(.trailingBytes, at: bytes.count)) { try handshakeClose(bytes + [0]) }
                }
            }
        }
    }

    // [SCP-CLOSE-5]
    @Test(arguments: [0x04, 0x7f, 0x81, 0xff] as [UInt8])
    func handshakeKeys(_ key: UInt8) {
        let bytes = [UInt8](repeating: 0, count: 8) + [key, 0, 0]
        #expect(throws: WireError(.invalidCloseKey, at: 8)) { try handshakeClose(bytes) }
    }

    // [SCP-CLOSE-9]
    @Test func handshakeLists() {
        let start = [UInt8](repeating: 0, count: 9)
        #expect(throws: WireError(.unexpectedList, at: 10)) { try handshakeClose(start + [0x07, 1, 1]) }
        #expect(throws: WireError(.truncated, at: 12)) { try handshakeClose(start + [0x02, 2, 1]) }
    }
}
