import SCPSimulation
import Testing

@testable import SCP

/// What an engine sends, and when it does not.
@Suite struct SendingTests {
    private func message(_ size: Int) -> [UInt8] { [UInt8](repeating: 1, count: size) }

    private func pieces(_ heard: [ForgingPeer.Heard]) -> [Piece] {
        heard.flatMap(\.records).compactMap { if case .piece(let piece) = $0 { piece } else { nil } }
    }

    // [SCP-REC-3] [SCP-FRAME-9] [SCP-STREAM-1]
    @Test func numbersHaveNoGaps() throws {
        var peer = try ForgingPeer(.initiator)
        let first = peer.engine.phase.keys?.nextSendCounter ?? 0
        var counters: [UInt64] = []
        var ids: [UInt64] = []
        for round in 0..<5 {
            _ = try peer.engine.send("\(round)", at: peer.now)
            try peer.say(.ping)
            let heard = peer.listen()
            counters += heard.map(\.counter)
            ids += pieces(heard).map(\.message)
        }
        #expect(ids == [0, 1, 2, 3, 4])
        #expect(counters == (0..<UInt64(counters.count)).map { first + $0 })
        #expect(counters.count == 10)  // an ACK and a DATA frame each
    }

    // [SCP-FLOW-2] [SCP-FLOW-5] [SCP-FLOW-6] [SCP-REC-10] [SCP-REC-11]
    @Test func creditHoldsMessagesBack() throws {
        var peer = try ForgingPeer(.initiator) { _ in
        } peer: { settings in
            settings.limits.messageLimit = 1_000
            settings.limits.connectionCredit = 2_064
            settings.limits.channelCredit = 1_032
        }
        let bytes = message(1_000)
        for number in 0..<3 { _ = try peer.engine.send(bytes.span, on: Channel(number), at: peer.now) }
        _ = try peer.engine.send(bytes.span, on: Channel(0), at: peer.now)
        #expect(pieces(peer.listen()).map(\.channel.number).sorted() == [0, 1])
        try peer.say(.credit(2_000), .channelCredit(Channel(0), 1_000))  // late: below what is known
        #expect(pieces(peer.listen()) == [])
        try peer.say(.credit(2_064 + 1_032))
        #expect(pieces(peer.listen()).map(\.channel.number) == [2])
        try peer.say(.credit(1_000_000))
        #expect(pieces(peer.listen()) == [])
        try peer.say(.channelCredit(Channel(0), 2_064))
        #expect(pieces(peer.listen()).map(\.message) == [1])
    }

    // [SCP-FLOW-10] [SCP-FLOW-11] [SCP-TIME-7]
    @Test func blockedSendersAskByTimer() throws {
        var peer = try ForgingPeer(.initiator) {
            $0.timers.idle = .zero
        } peer: { settings in
            settings.limits.messageLimit = 1_000
            settings.limits.connectionCredit = 1_032
            settings.timers.idle = .zero
        }
        let bytes = message(1_000)
        for _ in 0..<2 { _ = try peer.engine.send(bytes.span, at: peer.now) }
        let last = try #require(peer.listen().last).counter
        peer.wait(.seconds(1))
        #expect(peer.listen() == [])  // an eliciting frame is in flight
        try peer.acknowledge(last)
        #expect(peer.listen() == [])  // never in answer to an ACK
        for interval in [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_000, 5_000] {
            peer.wait(.milliseconds(interval - 1))
            #expect(peer.listen() == [])
            peer.wait(.milliseconds(1))
            let heard = peer.listen()
            #expect(heard.flatMap(\.records) == [.blocked(limit: 1_032)])
            try peer.acknowledge(try #require(heard.last).counter)
            _ = peer.listen()
        }
        try peer.say(.credit(2_064))
        #expect(pieces(peer.listen()).count == 1)
    }

    // [SCP-REC-12] [SCP-REC-13]
    @Test func blockedChannelsAreNamed() throws {
        var peer = try ForgingPeer(.initiator) { _ in
        } peer: { settings in
            settings.limits.messageLimit = 1_000
            settings.limits.channelCredit = 1_032
        }
        let bytes = message(1_000)
        for _ in 0..<2 { _ = try peer.engine.send(bytes.span, on: Channel(3), at: peer.now) }
        try peer.acknowledge(try #require(peer.listen().last).counter)
        _ = peer.listen()
        peer.wait(.milliseconds(10))
        #expect(peer.listen().flatMap(\.records) == [.channelBlocked(Channel(3), limit: 1_032)])
    }

    // [SCP-REC-30] The charge of a cancel is what was sent, and 0 before the first piece.
    @Test func cancelsTellTheirCharge() throws {
        var peer = try ForgingPeer(.initiator)
        let bytes = message(131_072)
        let first = try peer.engine.send(bytes.span, at: peer.now)
        _ = try peer.engine.send("kept", on: Channel(1), at: peer.now)
        let waiting = try peer.engine.send("waits", at: peer.now)
        let output = [UInt8](capacity: 20_000) { output in
            _ = peer.engine.pollTransmit(into: &output, unwritten: 0, at: peer.now)
        }
        let sent = pieces(ForgingPeer.frames(output)).filter { $0.channel == .default }.map { UInt64($0.bytes.count) }
        let areCancelled = [peer.engine.cancel(first, at: peer.now), peer.engine.cancel(waiting, at: peer.now)]
        #expect(areCancelled == [true, true])
        let heard = peer.listen()
        let charges = heard.flatMap(\.records).compactMap { record -> UInt64? in
            if case .cancel(_, _, let charge, _) = record { charge } else { nil }
        }
        let offset = sent.reduce(0, +)
        #expect(charges == [offset == 0 ? 0 : offset + 32, 0])
        #expect(pieces(heard).allSatisfy { $0.channel != .default })
        // [SCP-CLOSE-16]
        peer.engine.finish(at: peer.now)
        let sum = charges.reduce(0, +) + 36
        #expect(peer.listen().flatMap(\.records) == [.finish(charge: sum)])
    }

    // [SCP-REC-34] [SCP-REC-37]
    @Test func unreliableMessagesFitOneFrame() throws {
        var peer = try ForgingPeer(.initiator) { _ in
        } peer: { settings in
            settings.limits.frameLimit = 2_048
            settings.limits.messageLimit = 10_000
            settings.limits.connectionCredit = 10_032
        }
        let channel = Channel(0, .unreliable)
        let (large, largest) = (message(2_004), message(2_003))
        #expect(throws: SendError.tooLarge(limit: 2_003)) {
            _ = try peer.engine.send(large.span, on: channel, at: peer.now)
        }
        for _ in 0..<20 { _ = try peer.engine.send(largest.span, on: channel, at: peer.now) }
        let heard = peer.listen()
        #expect(heard.count == 20)  // more than the credit has room for
        #expect(heard.allSatisfy { $0.records.count == 1 })
        try peer.acknowledge(try #require(heard.last).counter)
        // Delivery is not reported.
        #expect(!peer.events().contains { if case .delivered = $0 { true } else { false } })
    }

    // [SCP-REC-35]
    @Test func channelsTakeTurnsAndMessagesShareFrames() throws {
        var peer = try ForgingPeer(.initiator)
        for number in 0..<3 { _ = try peer.engine.send("x\(number)", on: Channel(number), at: peer.now) }
        peer.engine.ping(at: peer.now)
        let shared = peer.listen()
        #expect(shared.count == 1)
        #expect(shared.first?.records.first == .ping)
        #expect(pieces(shared).count == 3)
        let bytes = message(50_000)
        for number in 0..<2 { _ = try peer.engine.send(bytes.span, on: Channel(number), at: peer.now) }
        let heard = peer.listen()
        #expect(heard.prefix(4).allSatisfy { $0.plaintext.count <= 16_384 })
        #expect(Set(heard.prefix(2).flatMap { pieces([$0]) }.map(\.channel.number)) == [0, 1])
    }

    // [SCP-STREAM-5] [SCP-LIMIT-4] [SCP-FLOW-13]
    @Test func nothingIsMadeWhileTheTransportIsFull() throws {
        var peer = try ForgingPeer(.initiator)
        _ = try peer.engine.send("waits", at: peer.now)
        func transmit(_ unwritten: Int) -> Transmit {
            var transmit = Transmit.nothing
            _ = [UInt8](capacity: 100_000) { output in
                transmit = peer.engine.pollTransmit(into: &output, unwritten: unwritten, at: peer.now)
            }
            return transmit
        }
        #expect(transmit(131_073) == .nothing)
        // Input is taken all the same, and what it asks for is owed once.
        for _ in 0..<1_000 { try peer.say(.pathChallenge(token: 1), .ping) }
        #expect(transmit(131_073) == .nothing)
        #expect(transmit(131_072) == .wrote)
        #expect(peer.engine.statistics.framesSent == 5)  // INIT, ACK, ACK, and now ACK and DATA
    }

    // [SCP-LIMIT-4] [SCP-STATE-17] [SCP-STREAM-4]
    @Test func sendBufferIsBounded() throws {
        var peer = try ForgingPeer(.initiator) { $0.limits.sendBuffer = 1_000 }
        let bytes = message(468)
        for _ in 0..<2 { _ = try peer.engine.send(bytes.span, at: peer.now) }
        let empty: [UInt8] = []
        #expect(throws: SendError.full) { _ = try peer.engine.send(empty.span, at: peer.now) }
        #expect(pieces(peer.listen()).count == 2)
        #expect(peer.events().contains(.writable))
        #expect(peer.listen() == [])  // nothing is sent a second time
        _ = try peer.engine.send(bytes.span, at: peer.now)
    }

    // [SCP-HS-21] The confirmation is the first frame, also when data came right behind M3.
    @Test func confirmationGoesFirst() throws {
        var peer = try ForgingPeer(.responder, at: .acknowledgementDelivered)
        try peer.say(.ping)
        peer.engine.rotateKeys(at: peer.now)
        let heard = peer.listen()
        #expect(heard.first?.type == .data && heard.first?.counter == 0)
        #expect(heard.first?.records == [.credit(262_144)])
        #expect(heard.dropFirst().first?.acknowledgement?.largest == 0)
    }

    // [SCP-FRAME-11]
    /// Scenario 66.
    @Test func lastCountersAreForAcknowledgementAndClose() throws {
        for isRotation in [false, true] {
            var peer = try ForgingPeer()
            _ = peer.listen()
            peer.engine.phase.keys?.pretend(counter: (1 << 48) - 256)
            try peer.say(.ping)
            #expect(peer.listen().map(\.type) == [.ack])
            if isRotation {
                peer.engine.rotateKeys(at: peer.now)
            } else {
                _ = try peer.engine.send("no more", at: peer.now)
            }
            let heard = peer.listen()
            #expect(heard.map(\.type) == [.close])
            #expect(heard.last?.closeCode == .keyLimitReached)
        }
        var peer = try ForgingPeer()
        _ = peer.listen()
        peer.engine.phase.keys?.pretend(counter: (1 << 48) - 257)
        _ = try peer.engine.send("last", at: peer.now)
        #expect(peer.listen().map(\.type) == [.data])
        peer.engine.phase.keys?.pretend(counter: 1 << 48)
        peer.engine.abort(at: peer.now)
        #expect(peer.listen() == [])
    }

    // [SCP-KEY-14]
    /// Scenario 62.
    @Test func usedUpKeysEndTheConnection() throws {
        var frames = KeyUsage()
        for _ in 0..<1 << 12 { frames.count(0) }
        var bytes = KeyUsage()
        bytes.count((1 << 31) - 1)
        #expect(!bytes.reaches(frames: Constant.hardFrameLimit, bytes: Constant.hardByteLimit))
        bytes.count(1)
        #expect(bytes.reaches(frames: Constant.hardFrameLimit, bytes: Constant.hardByteLimit))
        #expect(frames.reaches(frames: 1 << 12, bytes: .max) && !frames.reaches(frames: 4_097, bytes: .max))
        #expect(Constant.hardFrameLimit == 1 << 24 && Constant.hardByteLimit == 1 << 31)
        for isSent in [true, false] {
            var peer = try ForgingPeer()
            _ = peer.listen()
            peer.engine.phase.keys?.pretend(sent: isSent ? bytes : nil, received: isSent ? nil : bytes)
            let code = codeThrown { () throws(ConnectionError) in try peer.say(.ping) }
            #expect(code == .keyLimitReached)
            #expect(peer.listen().map(\.type).last == .close)
        }
    }

    // [SCP-PROT-11] After a frame that could not be protected nothing follows, no CLOSE either.
    @Test func nothingFollowsAFrameThatFailed() throws {
        let provider = ForgeableProvider(seed: 1)
        let secret = try provider.randomSecret(count: 32)
        let hash = [32 of UInt8](repeating: 0)
        let keys = try SessionKeys(
            KeySchedule((secret, secret), hash: hash, provider: provider), role: .initiator)
        var short = [UInt8](repeating: 0, count: 20)
        var span = short.mutableSpan
        let failed = keys.seal(&span, at: 0, plaintextCount: 10, type: .data)
        #expect((try? failed.get()) == nil)
        var room = [UInt8](repeating: 0, count: 72)
        var roomSpan = room.mutableSpan
        let second = keys.seal(&roomSpan, at: 0, plaintextCount: 10, type: .close)
        #expect((try? second.get()) == nil)
    }
}
