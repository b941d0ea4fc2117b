import SCPGcrypt
import SCPMisbehaviours
import SCPSimulation
import Testing

@testable import SCP

/// Messages from one engine to the other, through real frames.
@Suite struct DeliveryTests {
    private func pipe(
        _ change: (inout Configuration<GcryptProvider>) -> Void = { _ in }
    ) throws -> Pipe<GcryptProvider> {
        var fixture = try Fixture()
        change(&fixture.initiator)
        change(&fixture.responder)
        return try fixture.established()
    }

    private static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ count) }
    }

    /// Every size around the ends of frames, on every mode of channel that cuts messages, with the smallest frames and
    /// others.
    @Test(arguments: [2_048, 4_096, 65_536], [DeliveryMode.reliableOrdered, .reliableUnordered])
    func sizesAroundFrames(frameLimit: Int, mode: DeliveryMode) throws {
        var pipe = try pipe { $0.limits.frameLimit = frameLimit }
        let room = frameLimit - 16
        var sizes = Array(0...3) + [62, 63, 64, 65, 16_382, 16_383, 16_384, 16_385]
        for count in 1...3 where count * room < 131_072 {
            sizes += Array(count * room - 40...count * room + 8)
        }
        sizes += [131_071, 131_072]
        if frameLimit > 60_000 { sizes = sizes.filter { $0 % 3 == 0 } }
        for size in sizes {
            let bytes = Self.bytes(size)
            _ = try pipe.initiator.send(bytes.span, on: Channel(3, mode), at: pipe.now)
            pipe.settle()
            let read = pipe.responder.readBytes(from: Channel(3, mode), at: pipe.now)
            #expect(read == bytes, "\(size) bytes")
        }
        #expect(pipe.responder.state == .established)
    }

    /// [SCP-REC-34] [SCP-REC-38] Unreliable messages on a stream all arrive, up to the largest that fits the smallest
    /// frame; larger ones are refused.
    @Test(arguments: [2_048, 4_096, 65_536], [DeliveryMode.unreliable, .unreliableSequenced])
    func unreliableOnStreams(frameLimit: Int, mode: DeliveryMode) throws {
        var fixture = try Fixture()
        fixture.responder.limits.frameLimit = frameLimit
        var pipe = try fixture.established()
        let largest = min(frameLimit - 16, 16_384) - PieceLayout.maximumHeader
        let channel = Channel(2, mode)
        for size in [0, 1, 1_000, largest - 1, largest] {
            let bytes = Self.bytes(size)
            _ = try pipe.initiator.send(bytes.span, on: channel, at: pipe.now)
            _ = try pipe.initiator.send("beside", on: .default, at: pipe.now)
            pipe.settle()
            let read = pipe.responder.readBytes(from: channel, at: pipe.now)
            #expect(read == bytes)
        }
        let tooLarge = Self.bytes(largest + 1)
        #expect(throws: SendError.tooLarge(limit: largest)) {
            try send(tooLarge, on: channel, &pipe)
        }
        #expect(pipe.initiator.statistics.messagesSent == 10)
        let isReported = pipe.events[.initiator]?.contains {
            if case .delivered(channel, _) = $0 { true } else { false }
        }
        #expect(isReported == false)
    }

    private func send(_ bytes: [UInt8], on channel: Channel, _ pipe: inout Pipe<GcryptProvider>) throws {
        _ = try pipe.initiator.send(bytes.span, on: channel, at: pipe.now)
    }

    /// [SCP-REC-35] Small messages share frames: a thousand need one.
    @Test func smallMessagesShareFrames() throws {
        var pipe = try pipe()
        let before = pipe.initiator.statistics.framesSent
        for number in 0..<1_000 { _ = try pipe.initiator.send(Self.bytes(number % 20).span, at: pipe.now) }
        pipe.collect(from: .initiator)
        let frames = pipe.initiator.statistics.framesSent - before
        #expect(frames == 1)
        pipe.settle()
        for number in 0..<1_000 {
            let read = pipe.responder.readBytes(at: pipe.now)
            #expect(read == Self.bytes(number % 20))
        }
    }

    /// [SCP-REC-35] Large messages of several channels take turns, in frames of at most 16 KiB; a channel alone fills
    /// its frames.
    @Test func largeMessagesTakeTurns() throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        let large = Self.bytes(60_000)
        for channel in 0..<3 { _ = try duel.engine.send(large.span, on: Channel(channel), at: duel.now) }
        duel.poll()
        let frames = duel.takeFrames().filter { $0.type == .data }
        #expect(frames.count >= 11)
        #expect(frames.allSatisfy { $0.content.count <= 16_384 })
        let order = frames.prefix(9).flatMap(\.records).compactMap { record -> Int? in
            if case .piece(let piece) = record { piece.channel.number } else { nil }
        }
        // Nobody waits for more than the other two.
        for start in 0..<6 { #expect(Set(order[start..<start + 3]) == [0, 1, 2]) }
        _ = try duel.engine.send(large.span, on: Channel(7), at: duel.now)
        duel.poll()
        let alone = duel.takeFrames().filter { $0.type == .data }
        #expect(alone.count == 1)
    }

    /// [SCP-ACK-11] Delivery is reported when the ACK that covers the last byte comes, as a watermark for each channel.
    @Test func watermarksAreExact() throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        var counters: [UInt64] = []
        for number in 0..<4 {
            _ = try duel.engine.send(Self.bytes(10).span, on: Channel(number % 2), at: duel.now)
            duel.poll()
            counters.append(try #require(duel.takeFrames().last).counter)
        }
        let before = duel.events.count
        func delivered() -> [Event] { Array(duel.events[before...]) }
        try duel.feed(.ack, Plain.acknowledgement(counters[0] - 1))
        duel.poll()
        #expect(delivered() == [])
        try duel.feed(.ack, Plain.acknowledgement(counters[1]))
        duel.poll()
        #expect(Set(delivered().map { "\($0)" }).count == 2)
        #expect(delivered().contains(.delivered(Channel(0), through: MessageID(rawValue: 0))))
        #expect(delivered().contains(.delivered(Channel(1), through: MessageID(rawValue: 0))))
        // Late and repeated ACKs say nothing.
        try duel.feed(.ack, Plain.acknowledgement(counters[0]))
        try duel.feed(.ack, Plain.acknowledgement(counters[1]))
        duel.poll()
        #expect(delivered().count == 2)
        try duel.feed(.ack, Plain.acknowledgement(counters[3]))
        duel.poll()
        #expect(delivered().contains(.delivered(Channel(0), through: MessageID(rawValue: 1))))
        #expect(delivered().contains(.delivered(Channel(1), through: MessageID(rawValue: 1))))
        #expect(delivered().count == 4)
    }

    /// A message that is cut is delivered with its last piece, not before.
    @Test func watermarkOfACutMessage() throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        _ = try duel.engine.send(Self.bytes(100_000).span, at: duel.now)
        duel.poll()
        let frames = duel.takeFrames().filter { $0.type == .data }
        #expect(frames.count == 2)
        try duel.feed(.ack, Plain.acknowledgement(frames[0].counter))
        duel.poll()
        #expect(!duel.events.contains { TableStage.name($0) == "delivered" })
        try duel.feed(.ack, Plain.acknowledgement(frames[1].counter))
        duel.poll()
        #expect(duel.events.last == .delivered(.default, through: MessageID(rawValue: 0)))
    }

    /// `writable` is said once, when a quarter of the send buffer is free, and only after `full`.
    @Test func writable() throws {
        var duel = try Duel.at(.established, .initiator, Fixture()) { peer in
            peer.items += itemBytes(0x03, [0])
            peer.grant = 0
        }
        let message = Self.bytes(10_000)
        var accepted = 0
        while (try? duel.engine.send(message.span, at: duel.now)) != nil { accepted += 1 }
        #expect(accepted == 262_144 / 10_032)
        #expect(throws: SendError.full) { try send(message, &duel) }
        duel.poll()
        #expect(!duel.events.contains(.writable))
        // Six messages: less than a quarter. Seven: more.
        for (count, isWritable) in [(6, false), (7, true)] {
            try duel.feed(.data, Plain.credit(UInt64(count * 10_032)))
            duel.poll()
            #expect(duel.events.contains(.writable) == isWritable)
        }
        try duel.feed(.data, Plain.credit(262_144))
        duel.poll()
        #expect(duel.events.filter { $0 == .writable }.count == 1)
    }

    private func send(_ bytes: [UInt8], _ duel: inout Duel) throws {
        _ = try duel.engine.send(bytes.span, at: duel.now)
    }

    /// Room that cancelling makes is told too, also while nothing may leave.
    @Test(arguments: [ConnectionState.waiting, .established])
    func writableAfterCancel(state: ConnectionState) throws {
        var duel = try Duel.at(state, .initiator, Fixture()) { peer in
            peer.items += itemBytes(0x03, [0])
            peer.grant = 0
        }
        let message = Self.bytes(10_000)
        for channel in [Channel(0), Channel(1, .reliableUnordered)] {
            var ids: [MessageID] = []
            while let id = try? duel.engine.send(message.span, on: channel, at: duel.now) { ids.append(id) }
            duel.poll()
            for id in ids {
                let isCancelled = duel.engine.cancel(id, on: channel, at: duel.now)
                #expect(isCancelled)
            }
            duel.poll()
        }
        #expect(duel.events.filter { $0 == .writable }.count == 2)
    }

    /// `readable` comes with the first message, and again when more come; never when there is nothing to read.
    @Test func readable() throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        let before = duel.events.count
        try duel.feed(.data, Plain.piece(1, [1]) + Plain.piece(on: Channel(5), 0, [1, 2], isLast: false))
        duel.poll()
        #expect(duel.events.count == before)
        try duel.feed(.data, Plain.piece(0, [0]) + Plain.piece(on: Channel(5), 0, offset: 2, [3]))
        duel.poll()
        #expect(Set(duel.events[before...].map { "\($0)" }).count == 2)
        let (first, second) = (duel.engine.readBytes(at: duel.now), duel.engine.readBytes(at: duel.now))
        let (third, fourth) = (duel.engine.readBytes(at: duel.now), duel.engine.readBytes(at: duel.now))
        #expect(first == [0] && second == [1] && third == [1, 2, 3] && fourth == nil)
        #expect(duel.engine.statistics.messagesReceived == 3)
    }

    /// A cancelled message frees those behind it.
    @Test func cancelFreesTheNext() throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        try duel.feed(.data, Plain.piece(2, [2]) + Plain.piece(1, [1]) + Plain.piece(0, [9], isLast: false))
        duel.poll()
        let before = duel.events.count
        try duel.feed(.data, Plain.cancel(0, charge: 40, code: 0x1005))
        duel.poll()
        #expect(duel.events[before...].contains(.readable(.default)))
        #expect(
            duel.events[before...].contains(.cancelled(.default, MessageID(rawValue: 0), ErrorCode(rawValue: 0x1005))))
        let read = [duel.engine.readBytes(at: duel.now), duel.engine.readBytes(at: duel.now)]
        #expect(read == [[1], [2]])
        #expect(duel.engine.statistics.messagesReceived == 2)
    }
}
