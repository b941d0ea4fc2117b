import Testing

@testable import SCP

/// An ``Outbox`` that feeds an ``Inbox`` frame by frame, under every kind of limits, schedule and reader: what one
/// sends
/// the other takes, credit is never exceeded, and everything arrives.
@Suite struct OutboxInboxTests {
    private struct Link {
        var outbox: Outbox
        var inbox: Inbox
        var random: WireRandom
        var counter: UInt64 = 0
        var sent: [Channel: [(id: UInt64, bytes: [UInt8])]] = [:]
        var cancelled: [Channel: Set<UInt64>] = [:]
        var received: [Channel: [(id: UInt64, bytes: [UInt8])]] = [:]
        var frameSizes: [Int] = []

        init(seed: UInt64, _ limits: Limits) {
            random = WireRandom(seed: seed)
            outbox = Outbox(limits: limits)
            inbox = Inbox(limits: limits, granted: UInt64(limits.connectionCredit))
            var parameters = TransportParameters()
            parameters.messageLimit = UInt64(limits.messageLimit)
            parameters.connectionCredit = UInt64(limits.connectionCredit)
            parameters.channelCredit = UInt64(limits.channelCredit)
            parameters.channels = UInt64(limits.channels)
            _ = outbox.apply(parameters)
        }
    }

    private static func limits(_ kind: UInt64) -> Limits {
        var limits = Limits()
        switch kind % 3 {
        case 0:
            limits.messageLimit = 3_000
            limits.connectionCredit = 3_032
            limits.channelCredit = 3_032
            limits.sendBuffer = 20_000
        case 1:
            limits.messageLimit = 10_000
            limits.connectionCredit = 25_000
            limits.channelCredit = 12_000
        default:
            limits.messageLimit = 20_000
            limits.connectionCredit = 30_000
            limits.channelCredit = 1 << 20
        }
        return limits
    }

    private static let channels = (0..<4).map { Channel($0) } + (0..<4).map { Channel($0, .reliableUnordered) }

    /// Scenario 36: eight channels, sizes up to the limit, a reader with a mind of its own. There is always something
    /// that moves, as long as the reader reads at all.
    @Test(arguments: 0..<15 as Range<UInt64>)
    func alwaysProgresses(seed: UInt64) throws {
        let limits = Self.limits(seed)
        var link = Link(seed: seed, limits)
        for _ in 0..<150 {
            switch Int.random(in: 0..<10, using: &link.random) {
            case 0..<4: send(&link, limits)
            case 4..<7: try transmit(&link)
            case 7: cancel(&link)
            default: try read(&link)
            }
            #expect(link.outbox.memory <= limits.sendBuffer / 8 * 9)
            #expect(link.inbox.memory <= limits.connectionCredit / 4 * 5 + 8 * 32)
        }
        var rounds = 0
        while !link.outbox.isEmpty || link.inbox.isReadable(nil) || !link.outbox.notices.isEmpty {
            try transmit(&link)
            try read(&link)
            rounds += 1
            try #require(rounds < 5_000, "nothing moves any more")
        }
        for channel in Self.channels {
            let gone = link.cancelled[channel] ?? []
            let wanted = (link.sent[channel] ?? []).filter { !gone.contains($0.id) }
            let seen = (link.received[channel] ?? []).filter { !gone.contains($0.id) }
            #expect(seen.map(\.id) == wanted.map(\.id))
            #expect(seen.map(\.bytes) == wanted.map(\.bytes))
        }
        // Scenario 32: both sides agree on the sum, and the reader has given everything back.
        #expect(link.outbox.connection.reserved == link.inbox.connection.charged)
        #expect(link.inbox.connection.consumed == link.inbox.connection.charged)
        link.outbox.finish()
        #expect(link.outbox.takeFinish() == link.inbox.connection.charged)
    }

    private func send(_ link: inout Link, _ limits: Limits) {
        guard let channel = Self.channels.randomElement(using: &link.random) else { return }
        let limit = limits.messageLimit
        let size = [0, 1, 100, limit / 3, limit - 1, limit].randomElement(using: &link.random) ?? 0
        let bytes = link.random.bytes(size)
        guard let id = try? link.outbox.send(bytes.span, on: channel) else { return }
        #expect(id.rawValue == UInt64(link.sent[channel]?.count ?? 0))
        link.sent[channel, default: []].append((id.rawValue, bytes))
    }

    private func cancel(_ link: inout Link) {
        guard let channel = Self.channels.randomElement(using: &link.random),
            let message = link.sent[channel]?.randomElement(using: &link.random),
            link.outbox.cancel(message.id, on: channel, code: .noError)
        else { return }
        link.cancelled[channel, default: []].insert(message.id)
    }

    /// One frame of any size: notices first, then pieces.
    private func transmit(_ link: inout Link) throws {
        let room = [31, 64, 300, 2_000, 16_384, 65_000].randomElement(using: &link.random) ?? 64
        var outbox = link.outbox
        let counter = link.counter
        let plaintext = [UInt8](capacity: room) { output in
            outbox.writeNotices(&output, upTo: room)
            let before = output.count
            switch outbox.fill(&output, upTo: room, counter: counter) {
            case .wrote: #expect(output.count > before)
            case .nothing, .needs: #expect(output.count == before)
            }
        }
        link.outbox = outbox
        guard !plaintext.isEmpty else { return }
        link.counter += 1
        link.frameSizes.append(plaintext.count)
        var reader = RecordReader(plaintext.span)
        while let record = try reader.nextRecord() {
            switch record {
            case .piece(let piece): _ = try link.inbox.receive(piece, in: plaintext.span)
            case .cancel(let channel, let message, let charge, _):
                _ = try link.inbox.cancel(channel, message: message, charge: charge)
            default: Issue.record("\(record)")
            }
        }
    }

    private func read(_ link: inout Link) throws {
        let channel = Self.channels.randomElement(using: &link.random)
        for wanted in [channel, nil] {
            let seen = link.inbox.read(wanted) { message, bytes in (message, bytes.indices.map { bytes[$0] }) }
            guard let (message, bytes) = seen else { continue }
            link.received[message.channel, default: []].append((message.id.rawValue, bytes))
        }
        // [SCP-FLOW-8] Credit is told when the inbox says that it is worth it, and only then.
        if link.inbox.owesConnectionCredit {
            _ = link.outbox.raiseCredit(to: link.inbox.announceConnectionCredit())
        }
        while link.inbox.owedChannelCredits > 0, let next = link.inbox.nextChannelCredit() {
            _ = link.outbox.raiseCredit(of: next.channel, to: next.credit)
        }
    }

    /// Scenario 35: the reader of channel 1 never reads; channel 2 goes on.
    @Test func oneUnreadChannelDoesNotStopAnother() throws {
        var limits = Self.limits(2)
        limits.channelCredit = 20_032
        var link = Link(seed: 1, limits)
        let (unread, other) = (Channel(1), Channel(2))
        let large = [UInt8](repeating: 1, count: 5_000)
        for _ in 0..<6 { _ = try link.outbox.send(large.span, on: unread) }
        var count = 0
        for _ in 0..<200 {
            if (try? link.outbox.send(large.span, on: other)) != nil { count += 1 }
            try transmit(&link)
            while link.inbox.read(other, { _, _ in }) != nil { link.received[other, default: []].append((0, [])) }
            if link.inbox.owesConnectionCredit {
                _ = link.outbox.raiseCredit(to: link.inbox.announceConnectionCredit())
            }
            while let next = link.inbox.nextChannelCredit() {
                _ = link.outbox.raiseCredit(of: next.channel, to: next.credit)
            }
        }
        #expect(count > 50)
        #expect((link.received[other]?.count ?? 0) > 40)
    }
}
