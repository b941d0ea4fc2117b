import Testing

@testable import SCP

/// No bytes may make a parser trap, run away, or tell a range outside of what it was given.
@Suite struct WireRobustnessTests {
    /// Parses and checks what every result has to keep to: ranges and error positions inside the input.
    private func check(_ parser: WireParser, _ bytes: [UInt8], in range: Range<Int>) -> WireError? {
        do throws(WireError) {
            for found in try parser.parse(bytes, in: range) {
                let isInside = found.lowerBound >= range.lowerBound && found.upperBound <= range.upperBound
                if !isInside { Issue.record("\(parser): range \(found) outside of \(range) in \(bytes)") }
            }
            return nil
        } catch {
            let isInside = (range.lowerBound...range.upperBound).contains(error.position)
            if !isInside { Issue.record("\(parser): position of \(error) outside of \(range) in \(bytes)") }
            return error
        }
    }

    @Test(arguments: WireSample.all)
    func samplesParse(_ sample: WireSample) {
        #expect(check(sample.parser, sample.bytes, in: 0..<sample.bytes.count) == nil)
    }

    @Test(arguments: WireSample.all)
    func positionsCountFromTheSpan(_ sample: WireSample) {
        // The same bytes behind others: ranges and positions move along.
        let bytes = [UInt8](repeating: 0xff, count: 9) + sample.bytes + [0xff, 0xff]
        let range = 9..<(9 + sample.bytes.count)
        #expect(check(sample.parser, bytes, in: range) == nil)
        if sample.isRigid, sample.parser != .header, sample.bytes.count > 1 {
            let error = check(sample.parser, bytes, in: 9..<(range.upperBound - 1))
            #expect(error == WireError(.truncated, at: range.upperBound - 1))
        }
    }

    @Test(arguments: WireSample.all)
    func truncationsFail(_ sample: WireSample) {
        for count in 0..<sample.bytes.count {
            let error = check(sample.parser, Array(sample.bytes[..<count]), in: 0..<count)
            switch (sample.parser, error?.kind) {
            case (.records, .emptyData?) where count == 0: break
            case (.m3, nil), (.m2, .missingItem?), (.m1, .wrongNoiseSize?), (_, .truncated?):
                if sample.isRigid { #expect(error == WireError(.truncated, at: count)) }
            default: Issue.record("\(count) bytes: \(String(describing: error))")
            }
        }
    }

    @Test func truncatedItemsParseOnlyAtTheirBoundaries() {
        let items = WireSample.m3
        let boundaries = [0, 5, 12, 18]  // connection id 2+3, protocols 2+5, credential 2+4; then padding
        let bytes = wireBytes(items.encodedSize) { items.write(to: &$0) }
        for count in 0..<bytes.count {
            let error = check(.m3, bytes, in: 0..<count)
            #expect((error == nil) == boundaries.contains(count), "\(count) bytes")
        }
    }

    @Test(arguments: WireSample.all)
    func mutationsNeverTrap(_ sample: WireSample) {
        var seen = 0
        for index in sample.bytes.indices {
            var bytes = sample.bytes
            for value in UInt8.min...UInt8.max {
                bytes[index] = value
                if check(sample.parser, bytes, in: 0..<bytes.count) == nil { seen += 1 }
            }
        }
        // The sample itself is met once for each of its bytes.
        #expect(seen >= sample.bytes.count)
    }

    @Test(arguments: WireParser.allCases)
    func randomInputNeverTraps(_ parser: WireParser) {
        var random = WireRandom(seed: 0x5ca1_ab1e)
        // Inputs are cut from pools, since making each byte anew costs more than parsing it.
        let noise = random.bytes(65_536)
        let plausible = random.plausibleBytes(65_536)
        let samples = WireSample.all.filter { $0.parser == parser && $0.bytes.count < 200 }.map(\.bytes)
        var refused = 0
        for round in 0..<200_000 {
            let word = random.next()
            let start = Int(word & 0x7fff)
            let length = Int(word >> 16 & 0x3f)
            var bytes: [UInt8]
            switch round & 3 {
            case 0: bytes = Array(noise[start..<(start + length)])
            case 1: bytes = Array(plausible[start..<(start + length)])
            default:
                // A sample with a few bytes changed, and at times its end: reaches deeper than noise.
                bytes = samples.isEmpty ? [] : samples[Int(word >> 22 & 0xff) % samples.count]
                for change in 0..<Int(word >> 30 & 3) where !bytes.isEmpty {
                    bytes[Int(plausible[start + change]) % bytes.count] = plausible[start + change + 8]
                }
                if word >> 32 & 7 == 0 { bytes += plausible[start..<(start + 5)] }
                if word >> 35 & 7 == 0 { bytes.removeLast(min(bytes.count, length)) }
            }
            if check(parser, bytes, in: 0..<bytes.count) != nil { refused += 1 }
        }
        // Both happen, or the inputs are not worth their name.
        #expect(refused > 10_000 && refused < 200_000)
    }

    @Test func rangesOutsideOfTheSpanAreCutOff() {
        let bytes: [UInt8] = [1, 2, 3]
        for range in [-5..<2, 2..<10, 7..<9, -9 ..< -3, Int.min..<Int.max, 3..<3] {
            for parser in WireParser.allCases where parser != .initPiece && parser != .responsePiece {
                if parser == .initPieceStream || parser == .ackPiece { continue }
                _ = try? parser.parse(bytes, in: range)
            }
            let reader = ByteReader(bytes.span, in: range)
            #expect((0...3).contains(reader.position) && (reader.position...3).contains(reader.end))
        }
    }
}
