import Testing

@testable import SCP

@Suite struct WireFrameHeaderTests {
    private func header(
        version: UInt8 = 1, type: UInt8 = 3, sequence: UInt64 = 1 << 48, length: UInt64
    ) -> [UInt8] {
        [version, type] + wireInteger(sequence, 8) + wireInteger(length, 4)
    }

    private func parse(_ bytes: [UInt8], limit: Int = 65_536) throws(WireError) -> FrameHeader {
        try FrameHeader.parse(bytes.span, limit: limit)
    }

    // [SCP-FRAME-1] [SCP-FRAME-7]
    @Test func roundTrip() throws {
        var random = WireRandom(seed: 4)
        for _ in 0..<2_000 {
            let sequence = SequenceNumber(rawValue: random.next() & random.next())
            let limit = sequence.epoch == 0 ? 16_384 : 1_048_576
            let header = FrameHeader(
                type: FrameType.allCases.randomElement(using: &random) ?? .data, sequence: sequence,
                length: Int.random(in: 16...limit, using: &random))
            let bytes = wireBytes(14) { header.write(to: &$0) }
            #expect(
                bytes == [1, header.type.rawValue] + wireInteger(sequence.rawValue, 8)
                    + wireInteger(UInt64(header.length), 4))
            let parsed = try parse(bytes, limit: limit)
            #expect(parsed == header)
            #expect((0..<14).allSatisfy { header.bytes[$0] == bytes[$0] })
            #expect(header.frameSize == header.length + 46)
        }
    }

    @Test func writesOverASpan() {
        let header = FrameHeader(type: .close, sequence: SequenceNumber(rawValue: 0x0102_0304_0506_0708), length: 99)
        var buffer = [UInt8](repeating: 0xee, count: 20)
        var span = buffer.mutableSpan
        for offset in [-1, 7, 20, Int.max] {
            let wrote = header.write(to: &span, at: offset)
            #expect(!wrote)
        }
        let wrote = header.write(to: &span, at: 6)
        #expect(wrote)
        #expect(buffer == [UInt8](repeating: 0xee, count: 6) + wireBytes(14) { header.write(to: &$0) })
    }

    /// The 14 bytes alone are enough.
    // [SCP-FRAME-4] [SCP-FRAME-6]
    @Test(
        arguments: [
            (65_537, .frameTooLarge), (0xffff_ffff, .frameTooLarge), (0x8000_0000, .frameTooLarge),
            (0x7fff_ffff, .frameTooLarge), (15, .frameTooShort), (0, .frameTooShort),
        ] as [(UInt64, WireError.Kind)])
    func lengthsRefused(_ length: UInt64, _ kind: WireError.Kind) {
        #expect(throws: WireError(kind, at: 10)) { try parse(header(length: length)) }
    }

    @Test(arguments: [(0, 0), (0, 16_384), (1, 16), (1, 65_536), (65_535, 65_536)] as [(UInt64, UInt64)])
    func lengthsAccepted(_ epoch: UInt64, _ length: UInt64) throws {
        #expect(try parse(header(sequence: epoch << 48, length: length)).length == Int(length))
    }

    // [SCP-FRAME-5]
    @Test(arguments: [16_385, 65_536, 0xffff_ffff] as [UInt64])
    func handshakeLengthsRefused(_ length: UInt64) {
        #expect(throws: WireError(.frameTooLarge, at: 10)) { try parse(header(sequence: 0, length: length)) }
        #expect(throws: WireError(.frameTooLarge, at: 10)) {
            try parse(header(sequence: 0, length: length), limit: .max)
        }
    }

    // [SCP-FRAME-5]
    @Test func limitOfTheStateIsNotThatOfEpochZero() throws {
        #expect(try parse(header(sequence: 0, length: 16_384), limit: 100).length == 16_384)
        #expect(throws: WireError(.frameTooLarge, at: 10)) { try parse(header(length: 101), limit: 100) }
        #expect(throws: WireError(.frameTooLarge, at: 10)) { try parse(header(length: 16), limit: -1) }
    }

    /// Negative test 5.
    // [SCP-FRAME-3]
    @Test(arguments: [0, 6, 255] as [UInt8])
    func typesRefused(_ type: UInt8) {
        #expect(throws: WireError(.unknownType, at: 1)) { try parse(header(type: type, length: 0xffff_ffff)) }
    }

    /// Negative test 4: the version is looked at before anything else.
    // [SCP-FRAME-2]
    @Test(arguments: [0, 2, 255] as [UInt8])
    func versionsRefused(_ version: UInt8) {
        #expect(throws: WireError(.unsupportedVersion, at: 0)) {
            try parse(header(version: version, type: 0, length: 0xffff_ffff))
        }
    }

    @Test func positionsCountFromTheSpan() {
        let bytes = [9, 9] + header(length: 15)
        #expect(throws: WireError(.frameTooShort, at: 12)) {
            try FrameHeader.parse(bytes.span, at: 2, limit: 65_536)
        }
        for offset in [-1, 3, 16, 17, Int.max] {
            #expect(throws: WireError.self) { try FrameHeader.parse(bytes.span, at: offset, limit: 65_536) }
        }
    }

    // [SCP-FRAME-7]
    @Test func sequenceNumbers() {
        #expect(SequenceNumber(epoch: 1, counter: 1 << 48) == nil)
        let last = SequenceNumber(epoch: 7, counter: SequenceNumber.maximumCounter)
        #expect(last?.rawValue == 0x0007_ffff_ffff_ffff)
        #expect(last?.epoch == 7)
        #expect(last?.counter == 0xffff_ffff_ffff)
        #expect(SequenceNumber(rawValue: 0x0007_ffff_ffff_ffff) < SequenceNumber(rawValue: 0x0008_0000_0000_0000))
    }

    @Test func localLengthsAreClamped() {
        #expect(FrameHeader(type: .data, sequence: .zero, length: -5).length == 0)
        #expect(FrameHeader(type: .data, sequence: .zero, length: .max).length == Int(UInt32.max))
        #expect(FrameHeader.overhead == 62)
    }
}
