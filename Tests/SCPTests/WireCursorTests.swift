import SCPMisbehaviours
import Testing

@testable import SCP

@Suite struct WireCursorTests {
    private func readVarint(_ bytes: [UInt8]) throws(WireError) -> (value: UInt64, position: Int) {
        var reader = ByteReader(bytes.span)
        let value = try reader.readVarint()
        return (value, reader.position)
    }

    /// RFC 9000 appendix A.1.
    @Test(
        arguments: [
            ([0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c], 151_288_809_941_952_652),
            ([0x9d, 0x7f, 0x3e, 0x7d], 494_878_333), ([0x7b, 0xbd], 15_293), ([0x25], 37), ([0x40, 0x25], 37),
        ] as [([UInt8], UInt64)])
    func publishedVarints(_ bytes: [UInt8], _ value: UInt64) throws {
        let read = try readVarint(bytes)
        #expect(read.value == value)
        #expect(read.position == bytes.count)
    }

    // [SCP-FRAME-12]
    @Test func varintsRoundTripInEveryForm() throws {
        var random = WireRandom(seed: 1)
        var values: [UInt64] = [0, 0x3f, 0x40, 0x3fff, 0x4000, 0x3fff_ffff, 0x4000_0000, Varint.maximum]
        for _ in 0..<2_000 { values.append(random.varint()) }
        for value in values {
            let shortest = wireBytes(8) { $0.append(varint: value) }
            #expect(shortest.count == Varint.size(value))
            for size in [1, 2, 4, 8] where size >= shortest.count {
                let bytes = varintBytes(value, size: size)
                if size == shortest.count { #expect(bytes == shortest) }
                let read = try readVarint(bytes + [0xff])
                #expect(read.value == value)
                #expect(read.position == size)
            }
        }
    }

    @Test(arguments: [0x40, 0x80, 0xc0] as [UInt8])
    func shortVarints(_ first: UInt8) {
        let size = 1 << Int(first >> 6)
        for count in 1..<size {
            let bytes = [first] + [UInt8](repeating: 0, count: count - 1)
            #expect(throws: WireError(.truncated, at: count)) { _ = try readVarint(bytes) }
        }
        #expect(throws: WireError(.truncated, at: 0)) { _ = try readVarint([]) }
    }

    @Test func integersRoundTrip() throws {
        var random = WireRandom(seed: 2)
        for _ in 0..<500 {
            let value = random.next()
            let bytes = wireBytes(18) {
                $0.append(uint8: UInt8(truncatingIfNeeded: value))
                $0.append(uint16: UInt16(truncatingIfNeeded: value))
                $0.append(uint24: UInt32(truncatingIfNeeded: value))
                $0.append(uint32: UInt32(truncatingIfNeeded: value))
                $0.append(uint64: value)
            }
            let expected = [1, 2, 3, 4, 8].flatMap { wireInteger(value, $0) }
            #expect(bytes == expected)
            var reader = ByteReader(bytes.span)
            let first = try reader.readUInt8()
            #expect(first == UInt8(truncatingIfNeeded: value))
            let second = try reader.readUInt16()
            #expect(second == UInt16(truncatingIfNeeded: value))
            let third = try reader.readUInt24()
            #expect(third == UInt32(truncatingIfNeeded: value) & 0xff_ffff)
            let fourth = try reader.readUInt32()
            #expect(fourth == UInt32(truncatingIfNeeded: value))
            let fifth = try reader.readUInt64()
            #expect(fifth == value)
            try reader.expectEnd()
        }
    }

    @Test func lengthsBeyondTheEnd() throws {
        let bytes: [UInt8] = [1, 2, 3, 4]
        for count in [5, 1 << 31, 1 << 32, UInt64(Int.max), UInt64(Int.max) + 1, UInt64.max] {
            var reader = ByteReader(bytes.span, in: 1..<4)
            do throws(WireError) {
                _ = try reader.readRange(count)
                Issue.record("\(count) bytes read")
            } catch {
                #expect(error == WireError(.truncated, at: 4))
            }
            // A failed read takes nothing.
            #expect(reader.position == 1)
            let rest = try reader.readRange(3)
            #expect(rest == 1..<4)
        }
    }

    // [SCP-FRAME-13]
    @Test func bytesLeftOver() {
        let bytes: [UInt8] = [1, 2]
        let reader = ByteReader(bytes.span)
        do throws(WireError) {
            try reader.expectEnd()
            Issue.record("accepted")
        } catch {
            #expect(error == WireError(.trailingBytes, at: 0))
        }
    }

    @Test func nothingIsWrittenThatDoesNotFit() {
        let source = [UInt8](repeating: 7, count: 8)
        let bytes = wireBytes(3) { output in
            output.append(uint32: 1)
            output.append(uint64: 1)
            output.append(varint: 1 << 20)
            output.append(zeros: 4)
            output.append(source.span, in: 0..<4)
            output.append(source.span, in: 6..<9)
            output.append(uint16: 0x0102)
            output.append(uint8: 3)
            output.append(uint8: 4)
        }
        #expect(bytes == [1, 2, 3])
    }

    // [SCP-REC-1]
    @Test func channelsRoundTrip() throws {
        var random = WireRandom(seed: 3)
        for _ in 0..<1_000 {
            let channel = random.channel()
            #expect(Channel(encoded: channel.encoded) == channel)
            #expect(channel.encoded == UInt64(channel.number) * 4 + UInt64(channel.mode.rawValue))
        }
        #expect(Channel.default.encoded == 0)
        #expect(Channel(-1).encoded == (1 << 60 - 1) << 2)  // nobody's
        #expect(DeliveryMode.allCases.map(\.isReliable) == [true, true, false, false])
    }

    @Test func codesOfErrors() {
        #expect(WireError(.unsupportedVersion, at: 0).code == .unsupportedVersion)
        #expect(WireError(.frameTooLarge, at: 0).code == .frameTooLarge)
        #expect(WireError(.unsupportedSuite, at: 0).code == .unsupportedSuite)
        let unexpected: [WireError.Kind] = [.notOnStreams, .oddExtension]
        for kind in unexpected { #expect(WireError(kind, at: 0).code == .unexpectedMessage) }
        let malformed = WireError.Kind.allCases.filter { WireError($0, at: 0).code == .malformedFrame }
        #expect(malformed.count == WireError.Kind.allCases.count - 6)
        #expect("\(WireError(.truncated, at: 3))" == "MALFORMED_FRAME: ends early, at byte 3")
    }
}
