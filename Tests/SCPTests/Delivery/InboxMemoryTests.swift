import Testing

@testable import SCP

/// What a peer that does its worst can make a receiver hold. The ceiling is five quarters of the window for reliable
/// messages, as ``Limits`` says, and 64 KiB for unreliable ones.
@Suite struct InboxMemoryTests {
    private static let window = 262_144
    private static let ceiling = window / 4 * 5

    private func receive(
        _ inbox: inout Inbox, _ channel: Channel, _ message: UInt64, offset: Int = 0, _ size: Int, isLast: Bool
    ) throws {
        let bytes = [UInt8](repeating: 7, count: size)
        _ = try inbox.receive(
            Piece(channel: channel, message: message, offset: UInt64(offset), bytes: 0..<size, isLast: isLast),
            in: bytes.span)
        announce(&inbox)
    }

    /// What credit there is, is announced at once, so that the peer may always use the whole window.
    private func announce(_ inbox: inout Inbox) {
        _ = inbox.announceConnectionCredit()
        while inbox.nextChannelCredit() != nil {}
    }

    private func code(_ body: () throws -> Void) -> ErrorCode? {
        do { try body() } catch { return (error as? Violation)?.code }
        return nil
    }

    private func readAll(_ inbox: inout Inbox) {
        while inbox.read(nil, { _, _ in }) != nil {}
        announce(&inbox)
    }

    private func inbox() -> Inbox { Inbox(limits: Limits(), granted: UInt64(Self.window)) }

    /// Buffers of large messages that were read must not be kept by tiny messages that never end.
    @Test func tinyMessagesDoNotKeepLargeBuffers() throws {
        var inbox = inbox()
        let channel = Channel(0, .reliableUnordered)
        var next: UInt64 = 0
        for round in 0..<40 {
            for _ in 0..<2 {
                try receive(&inbox, channel, next, 64_000, isLast: false)
                try receive(&inbox, channel, next, offset: 64_000, 56_000, isLast: true)
                next += 1
            }
            #expect(inbox.memory <= Self.ceiling, "round \(round)")
            readAll(&inbox)
            // Two messages of which only a byte comes.
            for _ in 0..<2 {
                try receive(&inbox, Channel(1, .reliableUnordered), UInt64(round) * 2 + next % 2, 1, isLast: false)
                next += 1
            }
            #expect(inbox.memory <= Self.ceiling, "round \(round)")
        }
    }

    /// A message that was reassembled in a large buffer and turned out small.
    @Test func smallMessagesInLargeBuffers() throws {
        var inbox = inbox()
        let channel = Channel(0, .reliableUnordered)
        var next: UInt64 = 0
        for round in 0..<60 {
            try receive(&inbox, channel, next, 64_000, isLast: false)
            try receive(&inbox, channel, next, offset: 64_000, 60_000, isLast: true)
            next += 1
            _ = inbox.read(channel) { _, _ in }
            announce(&inbox)
            // 1,024 bytes in two pieces: they stay unread.
            try receive(&inbox, Channel(1), UInt64(round), 1_000, isLast: false)
            try receive(&inbox, Channel(1), UInt64(round), offset: 1_000, 24, isLast: true)
            #expect(inbox.memory <= Self.ceiling, "round \(round)")
        }
    }

    /// Scenario 38: empty messages cost their sender 32 bytes of credit each, and no more than that here.
    @Test(arguments: [0, 1])
    func floodOfSmallMessages(size: Int) throws {
        var inbox = inbox()
        let fitting = Self.window / (32 + size)
        for id in 0..<100_000 {
            let code = code { try receive(&inbox, .default, UInt64(id), size, isLast: true) }
            #expect(code == (id < fitting ? nil : .flowControlViolation))
            if id % 64 == 0 || code != nil { #expect(inbox.memory <= Self.ceiling) }
            if code != nil { break }
        }
        var count = 0
        while inbox.read(nil, { message, bytes in message.id.rawValue == count && bytes.count == size }) == true {
            count += 1
        }
        #expect(count == fitting)
    }

    /// What a flood left behind does not come on top of what follows.
    @Test(arguments: [true, false])
    func floodThenLargeMessages(isWhole: Bool) throws {
        var inbox = inbox()
        let flooded = Channel(1)
        for id in 0..<4_000 { try receive(&inbox, flooded, UInt64(id), 30, isLast: true) }
        // All but the newest are read, so the bookkeeping stays as large as it was.
        for _ in 0..<3_999 { _ = inbox.read(flooded) { _, _ in } }
        announce(&inbox)
        for id in 0..<20 as Range<UInt64> {
            try receive(&inbox, .default, id, isWhole ? 60_000 : 40_000, isLast: isWhole)
            if !isWhole { try receive(&inbox, .default, id, offset: 40_000, 20_000, isLast: true) }
            #expect(inbox.memory <= Self.ceiling)
            if id >= 3 {
                let size = inbox.read(.default) { _, bytes in bytes.count }
                #expect(size == 60_000)
                announce(&inbox)
            }
        }
        #expect(inbox.read(flooded) { message, bytes in message.id.rawValue == 3_999 && bytes[29] == 7 } == true)
    }

    /// [SCP-REC-32] Scenario 42: single bytes with gaps between them. 1,024 are taken, in any number of messages.
    @Test(arguments: [1, 2, 7, 1_024])
    func gaps(messages: Int) throws {
        var inbox = inbox()
        var taken = 0
        let failed = code {
            for number in 0..<2_000 {
                let message = UInt64(number % messages)
                let offset = 1 + number / messages * 2
                try receive(&inbox, Channel(0, .reliableUnordered), message, offset: offset, 1, isLast: false)
                taken += 1
            }
        }
        #expect(taken == 1_024)
        #expect(failed == .limitExceeded)
        #expect(inbox.memory <= Self.ceiling)
    }

    /// A gap that is filled is none any more.
    @Test func filledGapsAreForgotten() throws {
        var inbox = inbox()
        for message in 0..<40 as Range<UInt64> {
            for offset in 1...1_000 { try receive(&inbox, .default, message, offset: offset * 2, 1, isLast: false) }
            for offset in 1...1_000 { try receive(&inbox, .default, message, offset: offset * 2 - 1, 1, isLast: false) }
            try receive(&inbox, .default, message, 1, isLast: false)
            try receive(&inbox, .default, message, offset: 2_001, 1, isLast: true)
            #expect(inbox.read(nil) { _, bytes in bytes.count } == 2_002)
            announce(&inbox)
        }
    }

    /// [SCP-REC-32] Finished ids in ranges: every second message of a channel, delivered or cancelled.
    @Test(arguments: [true, false], [Channel(0), Channel(0, .reliableUnordered)])
    func finishedRanges(isCancelled: Bool, channel: Channel) throws {
        var inbox = inbox()
        var finished = 0
        let failed = code {
            for number in 1...2_000 as ClosedRange<UInt64> {
                if isCancelled {
                    _ = try inbox.cancel(channel, message: number * 2, charge: 0)
                } else {
                    try receive(&inbox, channel, number * 2, 0, isLast: true)
                    readAll(&inbox)
                }
                finished += 1
            }
        }
        #expect(failed == .limitExceeded)
        // A whole message of an ordered channel that waits for an earlier one is unfinished: it counts as a gap.
        #expect(finished == (isCancelled || channel.mode == .reliableUnordered ? 256 : 1_024))
    }

    /// [SCP-REC-38] Unread unreliable messages: the oldest make room, and are counted.
    @Test(arguments: [(0, 64), (1_000, 64), (1_024, 64), (1_025, 63), (30_000, 2), (65_536, 1), (65_537, 0)])
    func unreliableFlood(size: Int, kept: Int) throws {
        var inbox = inbox()
        let bytes = [UInt8](repeating: 5, count: size)
        let channel = Channel(0, .unreliable)
        for number in 0..<500 as Range<UInt64> {
            _ = try inbox.receive(UnreliableMessage(channel: channel, number: number, bytes: 0..<size), in: bytes.span)
            #expect(inbox.memory <= 65_536 + 64 * 32 + 512)
        }
        #expect(inbox.drops.total == UInt64(500 - kept))
        var next = UInt64(500 - kept)
        while let number = inbox.read(nil, { message, _ in message.id.rawValue }) {
            #expect(number == next)
            next += 1
        }
        #expect(next == 500)
    }
}
