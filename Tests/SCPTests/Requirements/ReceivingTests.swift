import SCPSimulation
import Testing

@testable import SCP

/// What records of a peer do, the legal ones and the others.
@Suite struct ReceivingTests {
    private let unordered = Channel(1, .reliableUnordered)
    private let unreliable = Channel(1, .unreliable)
    private let sequenced = Channel(1, .unreliableSequenced)

    /// The code that one frame with these records ends a fresh session with.
    private func code(
        of records: [Record], after before: [Record] = [], bytes: [UInt8] = [],
        _ configure: (inout ForgingPeer.Settings) -> Void = { _ in },
        peer change: (inout ForgingPeer.Settings) -> Void = { _ in }
    ) throws -> ErrorCode? {
        var peer = try ForgingPeer(.responder, configure, peer: change)
        for record in before { try peer.say(record, bytes: bytes) }
        return codeThrown { () throws(ConnectionError) in
            for record in records { try peer.say(record, bytes: bytes) }
        }
    }

    private func piece(
        _ message: UInt64, at offset: UInt64 = 0, count: Int, isLast: Bool = false, on channel: Channel = .default
    ) -> Record {
        .piece(Piece(channel: channel, message: message, offset: offset, bytes: 0..<count, isLast: isLast))
    }

    // [SCP-REC-2]
    @Test func channelsOutOfRange() throws {
        let far = Channel(4)
        let ours: [Record] = [
            piece(0, count: 1, isLast: true, on: far), .cancel(far, message: 0, charge: 0, code: .noError),
            .channelBlocked(far, limit: 0),
            .unreliable(UnreliableMessage(channel: Channel(4, .unreliable), number: 0, bytes: 0..<1)),
        ]
        for record in ours {
            #expect(try code(of: [record], bytes: [1]) { $0.limits.channels = 4 } == .limitExceeded)
            #expect(try code(of: [record], bytes: [1]) { $0.limits.channels = 5 } == nil)
        }
        let theirs: [Record] = [.channelCredit(far, 1), .refuse(far, message: 0, code: .noError)]
        for record in theirs {
            #expect(try code(of: [record], peer: { $0.limits.channels = 4 }) == .limitExceeded)
            #expect(
                try code(of: [record], { $0.limits.channels = 1 }, peer: { $0.limits.channels = 5 }) == nil)
        }
    }

    // [SCP-REC-4] [SCP-REC-19]
    @Test func orderedMessagesWaitForTheirTurn() throws {
        var peer = try ForgingPeer()
        try peer.sayPiece("two", message: 2)
        try peer.sayPiece("one", message: 1)
        #expect(peer.engine.readText(at: peer.now) == nil)
        try peer.sayPiece("zero", message: 0)
        let texts = (0..<3).map { _ in peer.engine.readText(at: peer.now) }
        #expect(texts == ["zero", "one", "two"])
        try peer.say(.cancel(.default, message: 3, charge: 0, code: .noError))
        try peer.sayPiece("four", message: 4)
        #expect(peer.engine.readText(at: peer.now) == "four")
        // [SCP-REC-29] What was delivered is not delivered again.
        try peer.sayPiece("zero", message: 0)
        #expect(peer.engine.readText(at: peer.now) == nil)
    }

    // [SCP-REC-5]
    @Test func unorderedMessagesDoNotWait() throws {
        var peer = try ForgingPeer()
        try peer.sayPiece("two", message: 2, on: unordered)
        #expect(peer.engine.readText(at: peer.now) == "two")
        try peer.sayPiece("two", message: 2, on: unordered)
        #expect(peer.engine.readText(at: peer.now) == nil)
        try peer.sayPiece("zero", message: 0, on: unordered)
        #expect(peer.engine.readText(at: peer.now) == "zero")
    }

    // [SCP-REC-6] [SCP-REC-20]
    /// Scenario 47.
    @Test func unreliableMessagesAreDeliveredOnce() throws {
        for (channel, expected) in [(unreliable, [5, 3, 7] as [UInt8]), (sequenced, [5, 7])] {
            var peer = try ForgingPeer()
            for number in [5, 3, 5, 3, 7] as [UInt8] {
                try peer.say(
                    .unreliable(UnreliableMessage(channel: channel, number: UInt64(number), bytes: 0..<1)),
                    bytes: [number])
            }
            var read: [UInt8] = []
            while let message = peer.engine.readBytes(at: peer.now) { read += message }
            #expect(read == expected)
            #expect(peer.engine.statistics.messagesDropped == UInt64(5 - expected.count))
        }
    }

    // [SCP-REC-6] "it takes everything below the end of the lowest of these ranges as met, until 16 are left"
    @Test func numbersFarApartAreNotRememberedForEver() throws {
        var peer = try ForgingPeer()
        func say(_ number: UInt64) throws -> Bool {
            try peer.say(.unreliable(UnreliableMessage(channel: unreliable, number: number, bytes: 0..<0)))
            return peer.engine.readBytes(at: peer.now) != nil
        }
        for number: UInt64 in 0..<200 { #expect(try say(2 * number)) }
        // 16 ranges are left: 368, 370 and so on to 398. The range before them ended with 366.
        for number: UInt64 in [1, 101, 365, 366, 368] { #expect(try !say(number), "\(number)") }
        #expect(try say(367))
        #expect(try !say(367))
        #expect(try say(397))
        #expect(peer.engine.statistics.messagesDropped == 6)
    }

    // [SCP-REC-37] [SCP-REC-38]
    @Test func unreadUnreliableMessagesAreBounded() throws {
        var peer = try ForgingPeer(.responder) { $0.limits.connectionCredit = 131_104 }
        let bytes = [UInt8](repeating: 1, count: 8_192)
        for number in 0..<100 {
            try peer.say(
                .unreliable(UnreliableMessage(channel: unreliable, number: UInt64(number), bytes: 0..<8_192)),
                bytes: bytes)
        }
        var numbers: [UInt64] = []
        while let number = peer.engine.read(at: peer.now, { message, _ in message.id.rawValue }) {
            numbers.append(number)
        }
        #expect(numbers == Array(92..<100))
        #expect(peer.engine.statistics.messagesDropped == 92)
        for number in 100..<200 {
            try peer.say(
                .unreliable(UnreliableMessage(channel: unreliable, number: UInt64(number), bytes: 0..<1)), bytes: [1])
        }
        var count = 0
        while peer.engine.readBytes(at: peer.now) != nil { count += 1 }
        #expect(count == 64)
    }

    // [SCP-REC-9] [SCP-REC-12] [SCP-REC-13] [SCP-REC-17] [SCP-ACK-9]
    @Test func recordsThatAskForAnAcknowledgement() throws {
        let records: [Record] = [
            .ping, .blocked(limit: 5), .channelBlocked(.default, limit: 5), .pathChallenge(token: 9),
        ]
        for record in records {
            var peer = try ForgingPeer()
            _ = peer.listen()
            try peer.say(record)
            let heard = peer.listen()
            #expect(heard.first?.acknowledgement?.largest == peer.counter - 1)
        }
        var peer = try ForgingPeer()
        try peer.say(.pathChallenge(token: 1), .pathChallenge(token: 2))
        #expect(peer.listen().flatMap(\.records) == [.pathResponse(token: 2)])
        // [SCP-REC-18]
        try peer.say(.pathResponse(token: 77))
        #expect(peer.engine.state == .established)
    }

    // [SCP-REC-15]
    @Test func refusalsAreTold() throws {
        var peer = try ForgingPeer()
        try peer.say(.refuse(.default, message: 99, code: ErrorCode(rawValue: 0x1000)))
        #expect(peer.events().contains(.refused(.default, MessageID(rawValue: 99), ErrorCode(rawValue: 0x1000))))
        #expect(peer.engine.state == .established)
    }

    // [SCP-REC-28]
    @Test func sizesThatDisagree() throws {
        let begun = piece(0, at: 4, count: 4, isLast: true)
        let bytes = [UInt8](repeating: 0, count: 9)
        let shorter = [piece(0, at: 2, count: 3, isLast: true)]
        #expect(try code(of: shorter, after: [begun], bytes: bytes) == .malformedFrame)
        #expect(try code(of: [piece(0, at: 7, count: 2)], after: [begun], bytes: bytes) == .malformedFrame)
        let early = [piece(0, at: 0, count: 3, isLast: true)]
        #expect(try code(of: early, after: [piece(0, at: 4, count: 4)], bytes: bytes) == .malformedFrame)
        #expect(try code(of: [begun], after: [begun], bytes: bytes) == nil)
    }

    // [SCP-REC-29]
    @Test func firstCopyOfAByteWins() throws {
        var peer = try ForgingPeer()
        try peer.sayPiece("CDE", message: 0, at: 2, isLast: false)
        try peer.sayPiece("xxxxxxxx", message: 0, at: 0, isLast: true)
        #expect(peer.engine.readText(at: peer.now) == "xxCDExxx")
    }

    // [SCP-REC-30] [SCP-REC-31] [SCP-REC-14]
    @Test func cancelsAreCharged() throws {
        func cancel(_ charge: UInt64, message: UInt64 = 0) -> Record {
            .cancel(.default, message: message, charge: charge, code: .noError)
        }
        let begun = [piece(0, count: 10)]
        let bytes = [UInt8](repeating: 0, count: 10)
        #expect(try code(of: [cancel(41)], after: begun, bytes: bytes) == .malformedFrame)
        #expect(try code(of: [cancel(0)], after: begun, bytes: bytes) == .malformedFrame)
        #expect(try code(of: [cancel(1)]) == .malformedFrame)
        #expect(try code(of: [cancel(31)]) == .malformedFrame)
        #expect(try code(of: [cancel(131_072 + 33)]) == .malformedFrame)
        #expect(try code(of: [cancel(131_072 + 32)]) == nil)
        // Cancelled charges count as consumed, and as sent: finish has the sum.
        #expect(try code(of: [cancel(50), .finish(charge: 50)], after: begun, bytes: bytes) == nil)
        #expect(try code(of: [cancel(50), .finish(charge: 42)], after: begun, bytes: bytes) == .malformedFrame)
        // A second cancel, and one of a delivered message, are ignored.
        #expect(try code(of: [cancel(50), cancel(1), .finish(charge: 50)], after: begun, bytes: bytes) == nil)
        var peer = try ForgingPeer()
        try peer.sayPiece("begun", message: 0, isLast: false)
        try peer.sayPiece("next", message: 1)
        try peer.say(cancel(37))
        #expect(peer.engine.readText(at: peer.now) == "next")
        #expect(peer.events().contains(.cancelled(.default, MessageID(rawValue: 0), .noError)))
    }

    // [SCP-REC-32] [SCP-LIMIT-3]
    @Test func gapsAndRangesAreCounted() throws {
        let bytes = [UInt8](repeating: 0, count: 4)
        let gaps = (1...1_024).map { piece($0, at: 1, count: 1, on: unordered) }
        #expect(try code(of: gaps, bytes: bytes) == nil)
        #expect(try code(of: gaps + [piece(2_000, at: 1, count: 1, on: unordered)], bytes: bytes) == .limitExceeded)
        let holes = (0...1_024).map { piece(0, at: UInt64($0) * 2, count: 1) }
        #expect(try code(of: Array(holes.dropLast()), bytes: bytes) == nil)
        #expect(try code(of: holes, bytes: bytes) == .limitExceeded)
        let finished = (0...256).map { piece(UInt64($0) * 2 + 1, count: 1, isLast: true, on: unordered) }
        #expect(try code(of: Array(finished.dropLast()), bytes: bytes) == nil)
        #expect(try code(of: finished, bytes: bytes) == .limitExceeded)
    }

    // [SCP-REC-16] [SCP-CLOSE-16] [SCP-CLOSE-17]
    @Test func finishHasTheSumAndTheLastWord() throws {
        let bytes = [UInt8](repeating: 0, count: 8)
        let message = piece(0, count: 8, isLast: true)
        #expect(try code(of: [.finish(charge: 40)], after: [message], bytes: bytes) == nil)
        #expect(try code(of: [.finish(charge: 39)], after: [message], bytes: bytes) == .malformedFrame)
        let finished = [message, .finish(charge: 40)]
        let another = [piece(1, count: 1, isLast: true)]
        #expect(try code(of: another, after: finished, bytes: bytes) == .unexpectedMessage)
        // Repetitions, pings and credit go on.
        #expect(try code(of: [message, .ping, .credit(1 << 30)], after: finished, bytes: bytes) == nil)
        var peer = try ForgingPeer()
        try peer.say(.finish(charge: 0))
        #expect(peer.events().contains(.peerFinished))
        _ = try peer.engine.send("still", at: peer.now)
        #expect(peer.listen().contains { $0.type == .data })
    }

    // [SCP-FLOW-3] [SCP-FLOW-1] [SCP-FLOW-4]
    @Test func chargesAboveTheCreditAreRefused() throws {
        func small(_ settings: inout ForgingPeer.Settings) {
            settings.limits.messageLimit = 1_000
            settings.limits.connectionCredit = 2_064
            settings.limits.channelCredit = 1_500
        }
        let bytes = [UInt8](repeating: 0, count: 1_000)
        let first = piece(0, count: 1_000, isLast: true)
        #expect(try code(of: [first, piece(0, count: 1_000, on: unordered)], bytes: bytes, small) == nil)
        // The sum over the connection, and that of a channel.
        let both = [first, piece(0, count: 1_000, on: unordered)]
        #expect(
            try code(of: both + [piece(0, count: 1, on: Channel(2))], bytes: bytes, small) == .flowControlViolation)
        #expect(try code(of: [first, piece(1, count: 436)], bytes: bytes, small) == nil)
        #expect(try code(of: [first, piece(1, count: 437)], bytes: bytes, small) == .flowControlViolation)
        // Repetitions are free, and so is everything but reliable messages.
        let repeated = [Record](repeating: piece(1, count: 436), count: 5)
        #expect(try code(of: [first] + repeated + [.ping, .padding(count: 50)], bytes: bytes, small) == nil)
        #expect(try code(of: [piece(0, at: 900, count: 101)], bytes: bytes, small) == .messageTooLarge)
    }

    // [SCP-FLOW-7] [SCP-FLOW-8] [SCP-FLOW-9]
    @Test func readingReturnsCredit() throws {
        var peer = try ForgingPeer(.responder) { settings in
            settings.limits.messageLimit = 1_000
            settings.limits.connectionCredit = 10_000
            settings.limits.channelCredit = 10_000
        }
        let text = String(repeating: "x", count: 968)
        for message in 0..<6 { try peer.sayPiece(text, message: UInt64(message)) }
        _ = peer.listen()
        for _ in 0..<4 { _ = peer.engine.readText(at: peer.now) }
        #expect(peer.listen() == [])  // 4,000 of 10,000, and a message still fits
        _ = peer.engine.readText(at: peer.now)
        #expect(peer.listen().flatMap(\.records) == [.credit(15_000), .channelCredit(.default, 15_000)])
        _ = peer.engine.readText(at: peer.now)
        try peer.say(.ping)
        #expect(peer.listen().first?.acknowledgement?.credit == 16_000)
    }

    // [SCP-FLOW-8] What a charge leaves below one message makes an opening worth telling, for a channel too.
    @Test func littleCreditIsRefreshedAtOnce() throws {
        var peer = try ForgingPeer(.responder) { settings in
            settings.limits.messageLimit = 1_000
            settings.limits.connectionCredit = 100_000
            settings.limits.channelCredit = 4_000
        }
        try peer.sayPiece("small", message: 0)
        _ = peer.engine.readText(at: peer.now)
        #expect(!peer.listen().flatMap(\.records).contains(.channelCredit(.default, 4_037)))
        let text = String(repeating: "x", count: 968)
        for message in 1..<4 { try peer.sayPiece(text, message: UInt64(message)) }
        #expect(peer.listen().flatMap(\.records).contains(.channelCredit(.default, 4_037)))
    }

    // [SCP-ACK-3] [SCP-ACK-4] [SCP-ACK-11] [SCP-PROT-10]
    @Test func acknowledgementsAreWatermarks() throws {
        var peer = try ForgingPeer()
        let messages = try (0..<3).map { try peer.engine.send("m\($0)", at: peer.now) }
        let sent = peer.listen()
        let last = try #require(sent.last).counter
        try peer.acknowledge(last)
        #expect(peer.events().contains(.delivered(.default, through: try #require(messages.last))))
        try peer.acknowledge(last)
        try peer.acknowledge(0)
        #expect(peer.events() == [])
        let code = codeThrown { () throws(ConnectionError) in try peer.acknowledge(last + 1) }
        #expect(code == .sequenceViolation)
        #expect(peer.listen().map(\.type) == [.close])
    }

    // [SCP-ACK-6] [SCP-ACK-8] [SCP-ACK-10] [SCP-TIME-4]
    @Test func acknowledgementsInTime() throws {
        var peer = try ForgingPeer()
        _ = peer.listen()
        try peer.say(.padding(count: 3))
        try peer.acknowledge(0)
        peer.wait(.seconds(1))
        #expect(peer.listen() == [])  // nothing that asks for it
        try peer.say(.credit(1))
        #expect(peer.listen() == [])
        peer.wait(.milliseconds(24))
        #expect(peer.listen() == [])
        peer.wait(.milliseconds(1))
        // [SCP-ACK-12]
        #expect(peer.listen().first?.acknowledgement?.largest == peer.counter - 1)
        try peer.say(.credit(2))
        try peer.say(.credit(3))
        #expect(peer.listen().map(\.type) == [.ack])
    }
}
