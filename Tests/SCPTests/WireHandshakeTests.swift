import Testing

@testable import SCP

/// Pieces, M1 and the CLOSE of epoch 0 (negative tests 25, 32, 47, 52).
@Suite struct WireHandshakeTests {
    private static let attempt = Attempt(rawValue: 0xa0a1_a2a3_a4a5_a6a7)

    /// A payload put together by hand, so that every field can be wrong.
    private struct Payload {
        var kind: UInt8 = 0
        var hello: UInt8 = 0
        var piece: UInt8 = 0
        var total: UInt16 = 40
        var have: UInt16 = 0
        var cookie: [UInt8]?
        var rest = [UInt8](repeating: 7, count: 40)

        static func initiation(_ total: UInt16 = 40, rest: Int = 40) -> Payload {
            Payload(
                total: total, cookie: [UInt8](repeating: 0, count: 32), rest: [UInt8](repeating: 7, count: rest))
        }

        var bytes: [UInt8] {
            wireInteger(WireHandshakeTests.attempt.rawValue, 8) + [kind, hello, piece] + wireInteger(UInt64(total), 2)
                + wireInteger(UInt64(have), 2) + (cookie ?? []) + rest
        }
    }

    private func parse(
        _ payload: Payload, _ type: FrameType, counter: UInt64 = 0, isStream: Bool = true
    ) throws(WireError) -> HandshakePiece {
        let bytes = payload.bytes
        return try HandshakePiece.parse(
            bytes.span, in: 0..<bytes.count, type: type, counter: counter, isStream: isStream)
    }

    // MARK: Pieces

    // [SCP-HS-4] [SCP-HS-9] [SCP-HS-10] [SCP-HS-11]
    @Test(arguments: [FrameType.handshakeInit, .handshakeResponse, .ack], [true, false])
    func messagesRoundTripInPieces(_ type: FrameType, _ isStream: Bool) throws {
        var random = WireRandom(seed: 8)
        let cookie = random.bytes(32)
        for total in [1, 40, 1_107, 1_108, 1_139, 1_140, 2_214, 2_215, 5_000, 16_319, 16_320] {
            let message = random.bytes(total)
            let count = HandshakePiece.count(total: total, in: type, isStream: isStream)
            var joined: [UInt8] = []
            for index in 0..<count {
                let bytes = wireBytes(17_000) { output in
                    HandshakePiece.write(
                        .piece(index: index, count: count, total: total), type: type, attempt: Self.attempt,
                        hello: type == .ack ? [] : .accessKey, have: 0x8001, message: message.span,
                        cookie: cookie.span, paddedTo: 1_154, to: &output)
                }
                #expect(bytes.count >= 1_154)
                if !isStream { #expect(bytes.count == 1_154) }  // 14 + 1,154 + 32 = 1,200
                let piece = try HandshakePiece.parse(
                    bytes.span, in: 0..<bytes.count, type: type, counter: UInt64(index), isStream: isStream)
                #expect(piece.kind == .piece(index: index, count: count, total: total))
                #expect(piece.attempt == Self.attempt && piece.have == 0x8001)
                #expect(piece.hello == (type == .ack ? [] : .accessKey))
                #expect(piece.cookie.map { Array(bytes[$0]) } == (type == .handshakeInit ? cookie : nil))
                joined += bytes[piece.bytes]
            }
            #expect(joined == message)
        }
    }

    @Test func pieceCounts() {
        let inDatagrams: [(Int, Int, Int)] = [
            (1, 1, 1), (1_107, 1, 1), (1_108, 2, 1), (1_139, 2, 1), (1_140, 2, 2), (16_320, 15, 15),
        ]
        for (total, initiation, others) in inDatagrams {
            #expect(HandshakePiece.count(total: total, in: .handshakeInit, isStream: false) == initiation)
            #expect(HandshakePiece.count(total: total, in: .handshakeResponse, isStream: false) == others)
            #expect(HandshakePiece.count(total: total, in: .ack, isStream: false) == others)
            #expect(HandshakePiece.count(total: total, in: .ack, isStream: true) == 1)
        }
    }

    @Test func piecesCoverTheMessage() {
        for count in 1...15 {
            for total in [(count - 1) * 1_107 + 1, count * 1_088, min(count * 1_107, 16_320)] {
                var end = 0
                for index in 0..<count {
                    let range = HandshakePiece.range(index: index, count: count, total: total)
                    #expect(range.lowerBound == end && !range.isEmpty)
                    end = range.upperBound
                }
                #expect(end == total)
            }
        }
        for (index, count, total) in [(1, 1, 40), (-1, 2, 40), (0, 0, 40), (0, 17, 40), (0, 1, -1), (0, 1, 16_321)] {
            #expect(HandshakePiece.range(index: index, count: count, total: total).isEmpty)
        }
    }

    // [SCP-HS-8] [SCP-HS-11]
    @Test func totals() throws {
        #expect(throws: WireError(.invalidTotal, at: 11)) { try parse(.initiation(0), .handshakeInit) }
        #expect(throws: WireError(.invalidTotal, at: 11)) { try parse(.initiation(16_321), .handshakeInit) }
        #expect(try parse(.initiation(16_320, rest: 16_320), .handshakeInit).bytes == 47..<16_367)
        // Fewer bytes than the total gives; more are padding.
        #expect(throws: WireError(.truncated, at: 86)) { try parse(.initiation(40, rest: 39), .handshakeInit) }
        #expect(try parse(.initiation(40, rest: 90), .handshakeInit).bytes == 47..<87)
        #expect(throws: WireError(.truncated, at: 15)) { try parse(Payload(rest: []), .ack) }
    }

    // [SCP-HS-7] [SCP-FRAME-8]
    @Test(arguments: [0x01, 0x10, 0x11, 0xf0, 0x0f, 0xff] as [UInt8])
    func piecesOnStreams(_ octet: UInt8) {
        var payload = Payload.initiation()
        payload.piece = octet
        for counter: UInt64 in [0, 1] {
            #expect(throws: WireError(.invalidPiece, at: 10)) {
                try parse(payload, .handshakeInit, counter: counter)
            }
        }
    }

    @Test func countersAndCounts() throws {
        // 2,000 bytes of INIT are two pieces of 1,000 on datagrams, one on streams.
        var payload = Payload.initiation(2_000, rest: 2_000)
        let invalid = WireError(.invalidPiece, at: 10)
        #expect(throws: invalid) { try parse(payload, .handshakeInit, isStream: false) }
        #expect(throws: invalid) { try parse(payload, .handshakeInit, counter: 1) }
        payload.piece = 0x11
        #expect(try parse(payload, .handshakeInit, counter: 1, isStream: false).bytes == 47..<1_047)
        for counter: UInt64 in [0, 2, SequenceNumber.maximumCounter, .max] {
            #expect(throws: invalid) { try parse(payload, .handshakeInit, counter: counter, isStream: false) }
        }
        for octet: UInt8 in [0x12, 0x21, 0x10, 0x0f, 0x00] {
            payload.piece = octet
            let counter = UInt64(octet >> 4)
            #expect(throws: invalid) { try parse(payload, .handshakeInit, counter: counter, isStream: false) }
        }
    }

    // [SCP-HS-6]
    @Test(arguments: [0x04, 0x80, 0xff] as [UInt8])
    func hellos(_ hello: UInt8) {
        var payload = Payload.initiation()
        payload.hello = hello
        #expect(throws: WireError(.invalidHello, at: 9)) { try parse(payload, .handshakeInit) }
        payload.cookie = nil
        #expect(throws: WireError(.invalidHello, at: 9)) { try parse(payload, .handshakeResponse) }
    }

    // [SCP-HS-6]
    @Test func helloOfACK() throws {
        var payload = Payload()
        #expect(try parse(payload, .ack).hello == [])
        payload.hello = 1
        #expect(throws: WireError(.invalidHello, at: 9)) { try parse(payload, .ack) }
    }

    // MARK: Retry and progress

    private func short(_ kind: UInt8, piece: UInt8 = 0, cookie: Bool) -> Payload {
        Payload(
            kind: kind, piece: piece, total: 0, have: 3, cookie: cookie ? [UInt8](repeating: 9, count: 32) : nil,
            rest: [])
    }

    @Test func retryAndProgress() throws {
        let retry = try parse(short(1, cookie: true), .handshakeResponse, isStream: false)
        #expect(retry.kind == .retry && retry.cookie == 15..<47 && retry.bytes.isEmpty)
        let progress = try parse(short(2, piece: 3, cookie: false), .handshakeResponse, isStream: false)
        #expect(progress.kind == .progress(of: .m3) && progress.cookie == nil && progress.have == 3)
        let ofM2 = try parse(short(2, piece: 2, cookie: true), .handshakeInit, isStream: false)
        #expect(ofM2.kind == .progress(of: .m2) && ofM2.cookie == 15..<47)
    }

    // [SCP-HS-5]
    @Test func retryAndProgressOnStreams() {
        let refused = WireError(.notOnStreams, at: 8)
        #expect(refused.code == .unexpectedMessage)
        #expect(throws: refused) { try parse(short(1, cookie: true), .handshakeResponse) }
        #expect(throws: refused) { try parse(short(2, piece: 1, cookie: false), .handshakeResponse) }
        #expect(throws: refused) { try parse(short(2, piece: 2, cookie: true), .handshakeInit) }
    }

    // [SCP-HS-5]
    @Test(arguments: [true, false])
    func kindsOfTheWrongFrame(_ isStream: Bool) {
        let wrong: [(UInt8, FrameType)] = [
            (1, .handshakeInit), (1, .ack), (2, .ack), (3, .handshakeInit), (3, .handshakeResponse), (0xff, .ack),
        ]
        for (kind, type) in wrong {
            #expect(throws: WireError(.invalidKind, at: 8)) {
                try parse(short(kind, piece: 1, cookie: true), type, isStream: isStream)
            }
        }
        for type: FrameType in [.data, .close] {
            #expect(throws: WireError(.unknownType, at: 0)) { try parse(Payload(), type, isStream: isStream) }
        }
    }

    @Test func fieldsOfRetryAndProgress() {
        var payload = short(1, piece: 1, cookie: true)
        #expect(throws: WireError(.invalidPiece, at: 10)) { try parse(payload, .handshakeResponse, isStream: false) }
        payload.piece = 0
        #expect(throws: WireError(.invalidPiece, at: 10)) {
            try parse(payload, .handshakeResponse, counter: 1, isStream: false)
        }
        payload.total = 1
        #expect(throws: WireError(.invalidTotal, at: 11)) { try parse(payload, .handshakeResponse, isStream: false) }
        for piece: UInt8 in [0, 4, 0xff] {
            #expect(throws: WireError(.invalidPiece, at: 10)) {
                try parse(short(2, piece: piece, cookie: true), .handshakeInit, isStream: false)
            }
        }
        payload = short(1, cookie: false)
        #expect(throws: WireError(.truncated, at: 15)) { try parse(payload, .handshakeResponse, isStream: false) }
    }

    @Test func writingWhatDoesNotFit() {
        let message = [UInt8](repeating: 1, count: 100)
        let bytes = wireBytes(160) { output in
            let kind = HandshakePiece.Kind.piece(index: 0, count: 1, total: 100)
            let short = message.span.extracting(0..<99)
            let a = HandshakePiece.write(
                kind, type: .ack, attempt: Self.attempt, hello: [], message: short, to: &output)
            let b = HandshakePiece.write(
                kind, type: .ack, attempt: Self.attempt, hello: [], message: message.span, paddedTo: 161, to: &output)
            #expect(!a && !b)
            let c = HandshakePiece.write(
                kind, type: .ack, attempt: Self.attempt, hello: [], message: message.span, to: &output)
            let d = HandshakePiece.write(
                .retry, type: .handshakeResponse, attempt: Self.attempt, hello: [], to: &output)
            #expect(c && !d)
        }
        #expect(bytes.count == 115)
    }

    // MARK: M1

    private func m1(_ bytes: [UInt8]) throws(WireError) -> InitMessage {
        try InitMessage.parse(bytes.span, in: 0..<bytes.count)
    }

    // [SCP-ITEM-1] [SCP-ITEM-3]
    @Test(arguments: [(0x01, 32), (0x02, 1_216), (0x81, 48), (0x82, 1_248)] as [(UInt8, Int)])
    func m1RoundTrip(_ suite: UInt8, _ size: Int) throws {
        var random = WireRandom(seed: 9)
        for _ in 0..<100 {
            let parameters = WireItemTests.randomParameters(&random)
            let noise = random.bytes(size)
            let opening = InitMessage.opening(suite: suite, parameters: parameters)
            let parsed = try m1(opening + noise)
            #expect(parsed.suite == suite && parsed.parameters == parameters)
            #expect(parsed.opening == 0..<opening.count)
            #expect(parsed.noise == opening.count..<(opening.count + size))
        }
        for wrong in [0, size - 1, size + 1, size == 32 ? 48 : 32] {
            #expect(throws: WireError(.wrongNoiseSize, at: 3)) {
                try m1([suite, 0, 0] + [UInt8](repeating: 0, count: wrong))
            }
        }
    }

    // [SCP-ITEM-4]
    @Test(arguments: [0x00, 0x03, 0x7f, 0x80, 0x83, 0xff] as [UInt8])
    func unknownSuites(_ suite: UInt8) {
        let error = WireError(.unsupportedSuite, at: 0)
        #expect(error.code == .unsupportedSuite)
        #expect(throws: error) { try m1([suite]) }
    }

    // [SCP-ITEM-4] The suite is looked at before the rest.
    @Test func unsupportedSuitesComeFirst() throws {
        let bytes: [UInt8] = [0x02, 0xff, 0xff]
        #expect(throws: WireError(.unsupportedSuite, at: 0)) {
            try InitMessage.parse(bytes.span, in: 0..<3, supporting: [0x01, 0x81])
        }
        #expect(throws: WireError(.truncated, at: 3)) {
            try InitMessage.parse(bytes.span, in: 0..<3, supporting: [0x02])
        }
    }

    @Test func parametersOfM1() {
        #expect(throws: WireError(.truncated, at: 4)) { try m1([1, 0, 2, 8]) }
        // A list that is cut inside an item, with enough bytes behind it.
        #expect(throws: WireError(.truncated, at: 5)) { try m1([1, 0, 2, 5, 1] + [UInt8](repeating: 1, count: 32)) }
        #expect(throws: WireError(.misplacedItem, at: 3)) {
            try m1([1, 0, 2, 9, 0] + [UInt8](repeating: 1, count: 32))
        }
    }

    // [SCP-ITEM-2]
    @Test func prologue() {
        let opening = InitMessage.opening(suite: 0x81, parameters: WireSample.parameters)
        let bytes = [0xff] + opening + [0xee]
        let prologue = InitMessage.prologue(attempt: Self.attempt, opening: bytes.span, in: 1..<(1 + opening.count))
        #expect(prologue == Array("SCP/1".utf8) + [1, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7] + opening)
        #expect(opening.prefix(3) == [0x81, 0, UInt8(opening.count - 3)])
        let attempt = Self.attempt.bytes
        #expect((0..<8).allSatisfy { attempt[$0] == 0xa0 + UInt8($0) })
    }
}
