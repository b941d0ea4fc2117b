import SCPMisbehaviours
import Testing

@testable import SCP

/// Records of DATA (negative tests 20, 21, 22).
@Suite struct WireRecordTests {
    private func expect(_ kind: WireError.Kind, at position: Int, _ bytes: [UInt8], code: ErrorCode = .malformedFrame) {
        #expect(throws: WireError(kind, at: position), "\(bytes)") { try readRecords(bytes) }
        #expect(WireError(kind, at: position).code == code)
    }

    private static func random(_ random: inout WireRandom) -> Record {
        let start = Int(random.next() % 64)
        let range = start..<(start + 1 + Int(random.next() % 64))
        let code = ErrorCode(rawValue: random.varint())
        switch random.next() % 14 {
        case 0: return .padding(count: 1 + Int(random.next() % 50))
        case 1: return .ping
        case 2: return .credit(random.varint())
        case 3: return .channelCredit(random.channel(), random.varint())
        case 4: return .blocked(limit: random.varint())
        case 5: return .channelBlocked(random.channel(), limit: random.varint())
        case 6:
            return .cancel(
                random.channel(reliable: true), message: random.varint(), charge: random.varint(), code: code)
        case 7: return .refuse(random.channel(reliable: true), message: random.varint(), code: code)
        case 8: return .finish(charge: random.varint())
        case 9: return .pathChallenge(token: random.next())
        case 10: return .pathResponse(token: random.next())
        case 11: return .skippable(type: 0x40 | UInt8(random.next() % 32) << 1, body: range)
        case 12:
            return .unreliable(
                UnreliableMessage(channel: random.channel(reliable: false), number: random.varint(), bytes: range))
        default:
            return .piece(
                Piece(
                    channel: random.channel(reliable: true), message: random.varint(), offset: random.varint() >> 1,
                    bytes: range, isLast: Bool.random(using: &random)))
        }
    }

    /// The record with its range replaced by the bytes in it, so that records of different spans can be compared.
    private func content(_ record: Record, _ bytes: [UInt8]) -> ([UInt8], Record) {
        switch record {
        case .piece(let piece):
            let empty = Piece(
                channel: piece.channel, message: piece.message, offset: piece.offset, bytes: 0..<0,
                isLast: piece.isLast)
            return (Array(bytes[piece.bytes]), .piece(empty))
        case .unreliable(let message):
            let empty = UnreliableMessage(channel: message.channel, number: message.number, bytes: 0..<0)
            return (Array(bytes[message.bytes]), .unreliable(empty))
        case .skippable(let type, let body): return (Array(bytes[body]), .skippable(type: type, body: 0..<0))
        default: return ([], record)
        }
    }

    // [SCP-REC-7] [SCP-REC-21]
    @Test func listsRoundTrip() throws {
        var random = WireRandom(seed: 14)
        for _ in 0..<2_000 {
            var records: [Record] = []
            for _ in 0..<(1 + random.next() % 8) {
                let record = WireRecordTests.random(&random)
                // Two runs of padding are read as one.
                if case .padding = record, case .padding? = records.last { continue }
                records.append(record)
            }
            let size = records.reduce(0) { $0 + $1.encodedSize }
            let numbers = WireSample.numbers
            let bytes = wireBytes(size) { output in
                for record in records {
                    let wrote = record.write(to: &output, bytes: numbers.span)
                    #expect(wrote)
                }
            }
            #expect(bytes.count == size)
            let parsed = try readRecords(bytes)
            #expect(parsed.count == records.count)
            for (one, other) in zip(records, parsed) {
                let isEqual = content(one, WireSample.numbers) == content(other, bytes)
                #expect(isEqual, "\(one) \(other)")
            }
        }
    }

    @Test func nothingIsWrittenThatDoesNotFit() {
        let numbers = WireSample.numbers
        for record in WireSample.recordValues {
            let bytes = wireBytes(record.encodedSize - 1) { output in
                let wrote = record.write(to: &output, bytes: numbers.span)
                #expect(!wrote)
            }
            #expect(bytes.isEmpty, "\(record)")
        }
    }

    // MARK: Pieces

    // [SCP-REC-25]
    @Test func allFormsOfAPiece() throws {
        for flags: UInt8 in 0..<8 {
            let offset: [UInt8] = flags & 2 != 0 ? [0x0a] : []
            let length: [UInt8] = flags & 4 != 0 ? [0x02] : []
            let head = [0x20 | flags, 0x05, 0x03] + offset + length
            let bytes = head + [0xaa, 0xbb] + (flags & 4 != 0 ? [0x01] : [])
            let records = try readRecords(bytes)
            let piece = Piece(
                channel: Channel(1, .reliableUnordered), message: 3, offset: flags & 2 != 0 ? 10 : 0,
                bytes: head.count..<(head.count + 2), isLast: flags & 1 != 0)
            #expect(records == (flags & 4 != 0 ? [.piece(piece), .ping] : [.piece(piece)]))
        }
    }

    @Test func headersOfPieces() throws {
        let forms: [(UInt64, UInt64?, Bool)] = [(0, 3, true), (70, nil, false), (1 << 40, 3, false)]
        for (offset, length, isLast) in forms {
            let size = Piece.headerSize(channel: Channel(2), message: 9, offset: offset, length: length)
            let head = wireBytes(size) { output in
                let wrote = Piece.appendHeader(
                    channel: Channel(2), message: 9, offset: offset, length: length, isLast: isLast, to: &output)
                #expect(wrote)
            }
            #expect(head.count == size)
            let expected = Piece(
                channel: Channel(2), message: 9, offset: offset, bytes: size..<(size + 3), isLast: isLast)
            #expect(try readRecords(head + [1, 2, 3]) == [.piece(expected)])
            let none = wireBytes(size - 1) { output in
                let wrote = Piece.appendHeader(
                    channel: Channel(2), message: 9, offset: offset, length: length, isLast: isLast, to: &output)
                #expect(!wrote)
            }
            #expect(none.isEmpty)
        }
    }

    // [SCP-REC-25]
    @Test func unreliableForms() throws {
        let channel = Channel(1, .unreliableSequenced)
        #expect(
            try readRecords([0x30, 7, 5, 1, 2])
                == [.unreliable(UnreliableMessage(channel: channel, number: 5, bytes: 3..<5))])
        #expect(
            try readRecords([0x34, 7, 5, 1, 2, 1])
                == [.unreliable(UnreliableMessage(channel: channel, number: 5, bytes: 4..<5)), .ping])
        #expect(
            try readRecords([0x30, 7, 5])
                == [.unreliable(UnreliableMessage(channel: channel, number: 5, bytes: 3..<3))])
        let head = wireBytes(3) { output in
            UnreliableMessage.appendHeader(channel: channel, number: 5, length: nil, to: &output)
        }
        #expect(head == [0x30, 7, 5])
    }

    /// Negative tests 21 and 22: a piece without bytes is the whole of an empty message, or the end of one.
    // [SCP-REC-26]
    @Test func emptyPieces() throws {
        for bytes: [UInt8] in [[0x20, 0, 0], [0x22, 0, 0, 5], [0x24, 0, 0, 0], [0x26, 0, 0, 5, 0]] {
            expect(.emptyPiece, at: 0, bytes)
            expect(.emptyPiece, at: 1, [1] + bytes)
        }
        for bytes: [UInt8] in [[0x21, 0, 0], [0x23, 0, 0, 5], [0x25, 0, 0, 0], [0x27, 0, 0, 5, 0]] {
            #expect(try readRecords(bytes).count == 1)
        }
    }

    // [SCP-REC-27]
    @Test func offsetsThatOverflow() throws {
        let maximum = varintBytes(Varint.maximum)
        expect(.offsetOverflow, at: 0, [0x26, 0, 0] + maximum + [1, 0xaa])
        expect(.offsetOverflow, at: 0, [0x22, 0, 0] + maximum + [0xaa])
        expect(.offsetOverflow, at: 0, [0x26, 0, 0] + maximum + maximum)
        #expect(try readRecords([0x22, 0, 0] + varintBytes(Varint.maximum - 1) + [0xaa]).count == 1)
        #expect(try readRecords([0x23, 0, 0] + maximum).count == 1)
    }

    // MARK: Refusals

    // [SCP-REC-7] [SCP-REC-8] [SCP-REC-24]
    @Test func dataWithoutRecords() throws {
        expect(.emptyData, at: 0, [])
        #expect(try readRecords([0]) == [.padding(count: 1)])
        let padding = Record.padding(count: 1_000)
        #expect(try readRecords([UInt8](repeating: 0, count: 1_000) + [1]) == [padding, .ping])
        #expect(!padding.isEliciting)
        for record in WireSample.recordValues { #expect(record.isEliciting) }
    }

    // [SCP-REC-7]
    @Test func unknownTypes() {
        let known = Set<UInt8>(Array(0x00...0x0a) + Array(0x20...0x27) + [0x30, 0x34] + Array(0x40...0x7f))
        for type in UInt8.min...UInt8.max where !known.contains(type) {
            expect(.unknownRecord, at: 0, [type, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            expect(.unknownRecord, at: 2, [1, 1, type])
        }
    }

    // [SCP-REC-21]
    @Test func extensions() throws {
        for type in UInt8(0x40)...0x7f {
            let bytes = [type, 3, 0xff, 0xff, 0xff, 1]
            if type & 1 == 0 {
                #expect(try readRecords(bytes) == [.skippable(type: type, body: 2..<5), .ping])
                expect(.truncated, at: 4, [type, 3, 0, 0])
            } else {
                expect(.oddExtension, at: 0, bytes, code: .unexpectedMessage)
            }
        }
    }

    // [SCP-REC-23]
    @Test func modes() throws {
        for mode: UInt8 in 0..<4 {
            var reliable: [[UInt8]] = [[0x06, mode, 0, 0, 0], [0x07, mode, 0, 0]]
            for type: UInt8 in 0x20...0x27 {
                let offset: [UInt8] = type & 2 != 0 ? [0] : []
                let length: [UInt8] = type & 4 != 0 ? [1] : []
                reliable.append([type, mode, 0] + offset + length + [0xaa])
            }
            let unreliable: [[UInt8]] = [[0x30, mode, 0], [0x34, mode, 0, 0]]
            for bytes in mode < 2 ? reliable : unreliable { #expect(try readRecords(bytes).count == 1) }
            for bytes in mode < 2 ? unreliable : reliable { expect(.modeMismatch, at: 1, bytes) }
            // Credit of a channel may name any.
            #expect(try readRecords([0x03, mode, 0, 0x05, mode, 0]).count == 2)
        }
    }

    // [SCP-FRAME-13]
    @Test func lengthsBeyondTheFrame() {
        for length in [2, 64, 1 << 31, Varint.maximum] as [UInt64] {
            let size = varintBytes(length)
            expect(.truncated, at: 4 + size.count, [0x25, 0, 0] + size + [0xaa])
            expect(.truncated, at: 4 + size.count, [0x34, 2, 0] + size + [0xaa])
            expect(.truncated, at: 2 + size.count, [0x40] + size + [0xaa])
        }
    }

    @Test func longerVarintsAreAccepted() throws {
        let bytes = [0x02] + varintBytes(5, size: 8) + [0x03] + varintBytes(4, size: 2) + varintBytes(9, size: 4)
        #expect(try readRecords(bytes) == [.credit(5), .channelCredit(Channel(1), 9)])
    }
}
