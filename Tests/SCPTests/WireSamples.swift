@testable import SCP

/// One valid encoding and the parser it is for.
struct WireSample: CustomStringConvertible, Sendable {
    let description: String
    let parser: WireParser
    let bytes: [UInt8]
    /// Whether every shorter prefix must fail with `truncated`.
    var isRigid = true
}

extension WireSample {
    static let attempt = Attempt(rawValue: 0x0102_0304_0506_0708)

    static let all: [WireSample] = frames + handshakes + records

    private static let frames: [WireSample] = [
        WireSample(
            description: "header", parser: .header,
            bytes: wireBytes(14) {
                FrameHeader(type: .data, sequence: SequenceNumber(rawValue: 1 << 48 | 7), length: 65_536).write(to: &$0)
            }),
        WireSample(
            description: "ACK, ranges and ECN", parser: .ack,
            bytes: wireBytes(200) {
                Acknowledgement(
                    largest: 70_000, delay: 300, first: 2, ranges: [60_000...69_990, 5...5, 0...2], credit: 1 << 40,
                    ecn: .init(ect0: 1, ect1: 100, ce: 20_000))?.write(to: &$0)
            }),
        WireSample(
            description: "ACK on a stream", parser: .streamAck,
            bytes: wireBytes(40) { Acknowledgement(upTo: 1_000, credit: 262_144).write(to: &$0) }),
        WireSample(
            description: "CLOSE", parser: .close,
            bytes: wireBytes(40) { output in
                let reason = Array("fertig \u{2713}".utf8)
                CloseFrame.write(code: ErrorCode(rawValue: 0x1234), reason: reason.span, to: &output)
            }),
        WireSample(
            description: "CLOSE of epoch 0", parser: .handshakeClose,
            bytes: wireBytes(40) { output in
                let list: [UInt8] = [1, 2, 0x81]
                HandshakeClose.write(
                    attempt: attempt, key: .hello(.staticKey), code: .unsupportedSuite, list: list.span, to: &output)
            }),
    ]

    private static func piece(
        _ kind: HandshakePiece.Kind, _ type: FrameType, message: [UInt8], cookie: [UInt8] = []
    ) -> [UInt8] {
        wireBytes(2_000) { output in
            HandshakePiece.write(
                kind, type: type, attempt: attempt, hello: type == .ack ? [] : .all, have: 5, message: message.span,
                cookie: cookie.span, to: &output)
        }
    }

    /// The parameters and items that take every path of the readers.
    static var parameters: TransportParameters {
        var parameters = TransportParameters()
        parameters.frameLimit = 16_384
        parameters.messageLimit = 1_000_000
        parameters.connectionCredit = 0
        parameters.channelCredit = 1_000_032
        parameters.channels = 1
        parameters.idleTimeout = 0
        parameters.datagramSize = 1_200
        parameters.acceptsParts = true
        return parameters
    }

    static var m2: HandshakeItems {
        var items = m3
        items.credential = nil
        items.parameters = parameters
        items.applicationProtocols = [Array("h2".utf8), Array("mqtt".utf8)]
        items.versions = [1, 2]
        items.suites = [2, 1]
        return items
    }

    static var m3: HandshakeItems {
        var items = HandshakeItems()
        items.connectionID = [9, 8, 7]
        items.applicationProtocols = [Array("mqtt".utf8)]
        items.credential = [8, 7, 0, 0]
        return items
    }

    static func m1(_ suite: UInt8) -> [UInt8] {
        InitMessage.opening(suite: suite, parameters: parameters)
            + [UInt8](repeating: 0xaa, count: InitMessage.noiseSize(suite: suite) ?? 0)
    }

    private static let handshakes: [WireSample] = [
        WireSample(
            description: "INIT piece 1 of 2", parser: .initPiece,
            bytes: piece(
                .piece(index: 1, count: 2, total: 1_219), .handshakeInit, message: m1(0x02),
                cookie: [UInt8](repeating: 0xcc, count: 32))),
        WireSample(
            description: "INIT on a stream", parser: .initPieceStream,
            bytes: piece(.piece(index: 0, count: 1, total: m1(1).count), .handshakeInit, message: m1(1))),
        WireSample(
            description: "progress of M2", parser: .initPiece,
            bytes: piece(.progress(of: .m2), .handshakeInit, message: [])),
        WireSample(
            description: "RESPONSE piece", parser: .responsePiece,
            bytes: piece(
                .piece(index: 0, count: 1, total: 96), .handshakeResponse, message: [UInt8](repeating: 1, count: 96))),
        WireSample(
            description: "retry", parser: .responsePiece,
            bytes: piece(.retry, .handshakeResponse, message: [], cookie: [UInt8](repeating: 0xcc, count: 32))),
        WireSample(
            description: "ACK piece", parser: .ackPiece,
            bytes: piece(.piece(index: 0, count: 1, total: 64), .ack, message: [UInt8](repeating: 1, count: 64))),
        WireSample(description: "M1 suite 0x01", parser: .m1, bytes: m1(0x01), isRigid: false),
        WireSample(description: "M1 suite 0x82", parser: .m1, bytes: m1(0x82), isRigid: false),
        WireSample(description: "M2", parser: .m2, bytes: wireBytes(512) { m2.write(to: &$0) }, isRigid: false),
        WireSample(description: "M3", parser: .m3, bytes: wireBytes(512) { m3.write(to: &$0) }, isRigid: false),
    ]

    /// One record each, in its form with a length, from a buffer in which byte i is i.
    static let recordValues: [Record] = [
        .ping, .credit(300_000), .channelCredit(Channel(200, .reliableUnordered), 300_000), .blocked(limit: 70),
        .channelBlocked(Channel(3), limit: 1 << 33),
        .cancel(Channel(5), message: 9, charge: 2_000, code: ErrorCode(rawValue: 0x1001)),
        .refuse(Channel(5, .reliableUnordered), message: 90, code: .limitExceeded), .finish(charge: 123_456),
        .pathChallenge(token: .max), .pathResponse(token: 0x0123_4567_89ab_cdef),
        .piece(Piece(channel: Channel(1), message: 2, offset: 70_000, bytes: 3..<103, isLast: false)),
        .piece(Piece(channel: .default, message: 1 << 40, offset: 0, bytes: 0..<5, isLast: true)),
        .piece(Piece(channel: .default, message: 0, offset: 0, bytes: 7..<7, isLast: true)),
        .unreliable(UnreliableMessage(channel: Channel(7, .unreliable), number: 66, bytes: 1..<9)),
        .unreliable(UnreliableMessage(channel: Channel(7, .unreliableSequenced), number: 0, bytes: 0..<0)),
        .skippable(type: 0x40, body: 5..<80),
    ]

    static let numbers: [UInt8] = (0..<128).map { UInt8($0) }

    private static let records: [WireSample] = recordValues.map { record in
        WireSample(
            description: "record \(record)", parser: .records,
            bytes: wireBytes(record.encodedSize) { output in record.write(to: &output, bytes: numbers.span) })
    }
}
