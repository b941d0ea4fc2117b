import SCPSimulation
import Testing

@testable import SCP

/// How connections end, and the clock that ends them.
@Suite struct EndingTests {
    // [SCP-CLOSE-13] [SCP-CLOSE-24] [SCP-CLOSE-21]
    @Test func gracefulCloseFlushesFirst() throws {
        var peer = try ForgingPeer(.initiator)
        _ = try peer.engine.send("before", at: peer.now)
        try peer.sayPiece("heard", message: 0)
        peer.engine.close(at: peer.now)
        #expect(throws: SendError.closed) { _ = try peer.engine.send("after", at: peer.now) }
        let heard = peer.listen()
        #expect(
            heard.map(\.type).suffix(3) == [.data, .ack, .close] || heard.map(\.type).suffix(2) == [.data, .close])
        #expect(peer.engine.state == .closing)
        try peer.acknowledge(try #require(heard.last).counter)
        #expect(peer.events().last == .closed(.clean))
        var transmit = Transmit.nothing
        _ = [UInt8](capacity: 1_000) { output in
            transmit = peer.engine.pollTransmit(into: &output, unwritten: 0, at: peer.now)
        }
        #expect(transmit == .endOfStream)
        let hasKeys = peer.engine.phase.keys
        #expect(hasKeys == nil)
        #expect(peer.engine.readText(at: peer.now) == "heard")
    }

    // [SCP-CLOSE-15] [SCP-TIME-9] [SCP-TIME-10] [SCP-CLOSE-22]
    @Test func flushThatTakesTooLongIsNotClean() throws {
        var peer = try ForgingPeer(.initiator) { _ in
        } peer: { settings in
            settings.limits.messageLimit = 1_000
            settings.limits.connectionCredit = 1_032
        }
        let bytes = [UInt8](repeating: 0, count: 1_000)
        for _ in 0..<2 { _ = try peer.engine.send(bytes.span, at: peer.now) }
        peer.engine.close(at: peer.now)
        _ = peer.listen()
        peer.wait(.seconds(10))
        let heard = peer.listen()
        #expect(heard.last?.type == .close)
        try peer.acknowledge(try #require(heard.last).counter)
        #expect(peer.events().last == .closed(.unconfirmed))
        var silent = try ForgingPeer(.initiator)
        silent.engine.close(at: silent.now)
        _ = silent.listen()
        silent.wait(.milliseconds(2_999))
        #expect(silent.engine.state == .closing)
        silent.wait(.milliseconds(1))
        #expect(silent.engine.state == .closed)
        #expect(silent.events().last == .closed(.unconfirmed))
    }

    // [SCP-CLOSE-18] [SCP-CLOSE-25]
    @Test func closingDiscardsData() throws {
        var peer = try ForgingPeer(.initiator)
        peer.engine.close(at: peer.now)
        _ = peer.listen()
        try peer.sayPiece("late", message: 0)
        #expect(peer.listen() == [])
        #expect(peer.engine.readText(at: peer.now) == nil)
        try peer.sayClose()
        #expect(peer.listen() == [])  // an ACK would cover what nobody got
        #expect(peer.engine.state == .draining)
    }

    // [SCP-CLOSE-20] [SCP-PROT-10]
    @Test func fatalErrorsAreToldOnceAndAlone() throws {
        var peer = try ForgingPeer()
        _ = peer.listen()
        _ = try peer.engine.send("never sent", at: peer.now)
        let code = codeThrown { () throws(ConnectionError) in try peer.say(.data, [0x1f]) }
        #expect(code == .malformedFrame)
        let heard = peer.listen()
        #expect(heard.map(\.type) == [.close])
        #expect(heard.last?.closeCode == .malformedFrame)
        let last = peer.events().last
        guard case .closed(.failed(let error)) = last else {
            Issue.record("\(String(describing: last))")
            return
        }
        // [SCP-ERR-5]
        #expect(error.code == .malformedFrame && error.origin == .local)
        #expect(peer.engine.state == .draining)
    }

    // [SCP-CLOSE-24] In CLOSED nothing unfinished is kept, and what was complete is.
    @Test func closedConnectionsKeepWhatWasComplete() throws {
        var peer = try ForgingPeer()
        try peer.sayPiece("complete", message: 0)
        try peer.sayPiece(String(repeating: "x", count: 30_000), message: 1, isLast: false)
        let before = peer.engine.memory
        peer.engine.receiveEnd(.endOfStream, at: peer.now)
        #expect(peer.engine.memory < before - 29_000)
        #expect(peer.engine.readText(at: peer.now) == "complete")
    }

    // [SCP-TIME-5] [SCP-TIME-11]
    @Test func onlyAcceptedFramesRestartTheIdleTime() throws {
        var peer = try ForgingPeer()
        _ = peer.listen()
        peer.wait(.seconds(20))
        peer.engine.ping(at: peer.now)
        _ = peer.listen()  // the first eliciting frame since: restarts
        peer.wait(.seconds(20))
        peer.engine.ping(at: peer.now)
        _ = peer.listen()  // the second does not
        try peer.hand([1, 3, 0])  // neither do bytes of an unfinished frame
        peer.wait(.milliseconds(9_999))
        #expect(peer.engine.state == .established)
        peer.wait(.milliseconds(1))
        #expect(peer.listen().last?.closeCode == .idleTimeout)
        var held = try ForgingPeer(.responder, at: .acknowledgementDelivered) { $0.identityPolicy = .ask }
        _ = held.listen()
        held.wait(.seconds(29))
        held.engine.resolveIdentity(.accept, at: held.now)
        // The confirmation restarted it at 0 s and the keep-alive ping was not answered; accepting changes nothing.
        held.wait(.seconds(1))
        #expect(held.engine.state == .draining)
    }

    // [SCP-TIME-6]
    @Test func keepAlivePings() throws {
        var peer = try ForgingPeer(.responder) { $0.timers.keepAlive = true }
        _ = peer.listen()
        peer.wait(.seconds(10))
        #expect(peer.listen().flatMap(\.records) == [.ping])
        var quiet = try ForgingPeer(.responder)
        _ = quiet.listen()
        quiet.wait(.seconds(29))
        #expect(quiet.listen() == [])
    }

    // [SCP-TIME-8] [SCP-KEY-14] A peer that never answers a rotation ends the connection after 65 minutes.
    @Test func keysAreOldAfterSixtyFiveMinutes() throws {
        var peer = try ForgingPeer(.initiator) {
            $0.timers.idle = .zero
        } peer: {
            $0.timers.idle = .zero
        }
        _ = peer.listen()
        peer.wait(.seconds(3_600))
        #expect(peer.listen().map(\.type) == [.handshakeInit])
        peer.wait(.seconds(299))
        #expect(peer.engine.state == .established)
        peer.wait(.seconds(1))
        #expect(peer.listen().last?.closeCode == .keyLimitReached)
    }

    // [SCP-TIME-13] [SCP-TIME-14] [SCP-TIME-15]
    @Test func endsGoBeforeWork() throws {
        var peer = try ForgingPeer(.responder) { $0.timers.keepAlive = true }
        _ = peer.listen()
        try peer.say(.credit(1))
        peer.wait(.seconds(3_600 * 2))  // everything is due at once
        #expect(peer.listen().map(\.type) == [.close])
        peer.engine.advance(to: .zero)
        #expect(peer.engine.state == .draining)
        peer.wait(.seconds(3))
        #expect(peer.engine.state == .closed)
        #expect(peer.engine.deadline == nil)
        // A timer that was handled is not due again at the same time.
        var other = try ForgingPeer(.responder) { $0.timers.keepAlive = true }
        for _ in 0..<100 {
            guard let next = other.engine.deadline?.instant else { break }
            other.now = max(other.now, next)
            other.engine.advance(to: other.now)
            let after = other.engine.deadline?.instant
            #expect(after == nil || after != next)
            _ = other.listen()
        }
    }

    // [SCP-ERR-1] [SCP-ERR-2] [SCP-ERR-3] [SCP-ERR-4]
    @Test func codesAreThoseOfTheTable() {
        let names = [
            "NO_ERROR", "INTERNAL_ERROR", "UNSUPPORTED_VERSION", "UNSUPPORTED_SUITE", "MALFORMED_FRAME",
            "FRAME_TOO_LARGE", "UNEXPECTED_MESSAGE", "AUTHENTICATION_FAILED", "SEQUENCE_VIOLATION",
            "HANDSHAKE_TIMEOUT", "IDLE_TIMEOUT", "IDENTITY_REJECTED", "CREDENTIAL_INVALID", "RATE_LIMITED",
            "FLOW_CONTROL_VIOLATION", "MESSAGE_TOO_LARGE", "KEY_LIMIT_REACHED", "ROTATION_FAILED",
            "DOWNGRADE_DETECTED", "NO_APPLICATION_PROTOCOL", "SHUTTING_DOWN", "LIMIT_EXCEEDED", "DECISION_TIMEOUT",
        ]
        let local = [
            "TRUNCATED", "TRANSPORT_FAILED", "REPLACED", "CLOSE_UNCONFIRMED", "HANDSHAKE_UNCONFIRMED",
        ]
        for (number, name) in names.enumerated() {
            #expect(ErrorCode(rawValue: UInt64(number)).name == name)
            #expect(ErrorCode(rawValue: UInt64(number)).maySend)
        }
        for (number, name) in local.enumerated() {
            #expect(ErrorCode(rawValue: UInt64(number) + 0x80).name == name)
        }
        for number in 0x80...0xfff as ClosedRange<UInt64> {
            #expect(!ErrorCode(rawValue: number).maySend && !ErrorCode(rawValue: number).maySendInHandshake)
        }
        let early: Set<UInt64> = [
            0, 1, 2, 3, 4, 5, 6, 7, 9, 0x0b, 0x0c, 0x0d, 0x12, 0x13, 0x14, 0x16,
        ]
        for number in 0..<UInt64(0x2000) {
            #expect(ErrorCode(rawValue: number).maySendInHandshake == early.contains(number))
        }
        #expect(ErrorCode(rawValue: 0x1000).maySend && ErrorCode(rawValue: 0x1000).isApplication)
        #expect(ErrorCode(rawValue: 0x77).name == nil && ErrorCode(rawValue: 0x77).rawValue == 0x77)
    }

    // [SCP-LIMIT-7] [SCP-ROT-1]
    @Test func defaultsAreThoseOfTheTable() {
        let limits = Limits()
        #expect(limits.frameLimit == 65_536 && limits.messageLimit == 131_072)
        #expect(limits.connectionCredit == 262_144 && limits.channelCredit == 262_144 && limits.channels == 256)
        #expect(limits.sendBuffer == 262_144 && limits.writeHighWater == 131_072)
        let timers = TimerSettings()
        #expect(timers.handshake == .seconds(10) && timers.decision == .seconds(60) && timers.idle == .seconds(30))
        #expect(timers.flush == .seconds(10) && timers.closeWait == .seconds(3) && !timers.keepAlive)
    }

    // [SCP-LIMIT-1] [SCP-LIMIT-2] [SCP-FRAME-4]
    @Test func claimsAreNotBelievedBeforeTheBytesCome() throws {
        var peer = try ForgingPeer(.responder, at: .start)
        let header = FrameHeader(type: .handshakeInit, sequence: .zero, length: 16_384)
        let before = peer.engine.memory
        try peer.hand((0..<14).map { header.bytes[$0] })
        #expect(peer.engine.memory - before <= 64)
        try peer.hand([UInt8](repeating: 0, count: 16_384))
        #expect(peer.engine.memory - before <= 16_384 + 46)
        var other = try ForgingPeer(.responder, at: .start)
        let large = FrameHeader(type: .handshakeInit, sequence: .zero, length: 16_385)
        let code = codeThrown { () throws(ConnectionError) in try other.hand((0..<14).map { large.bytes[$0] }) }
        #expect(code == .frameTooLarge)
    }

    // [SCP-LIMIT-3] [SCP-LIMIT-5] Every buffer full, by a peer that uses all it may.
    @Test func everythingFullIsUnderAMegabyte() throws {
        var peer = try ForgingPeer()
        let small = [UInt8](repeating: 0, count: 32)
        while (try? peer.engine.send(small.span, at: peer.now)) != nil {}
        for number in 0..<70 {
            try peer.say(
                .unreliable(
                    UnreliableMessage(channel: Channel(9, .unreliable), number: UInt64(number), bytes: 0..<1_000)),
                bytes: [UInt8](repeating: 0, count: 1_000))
        }
        var charged: UInt64 = 0
        var message: UInt64 = 0
        while charged + 1_032 <= 262_144 {
            try peer.say(
                .piece(
                    Piece(
                        channel: Channel(Int(message % 4), .reliableUnordered), message: message / 4, offset: 0,
                        bytes: 0..<1_000, isLast: message % 2 == 0)), bytes: [UInt8](repeating: 0, count: 1_000))
            charged += 1_032
            message += 1
        }
        let header = FrameHeader(
            type: .data, sequence: SequenceNumber(rawValue: 1 << 48 | peer.counter), length: 65_536)
        try peer.hand((0..<14).map { header.bytes[$0] } + [UInt8](repeating: 0, count: 65_000))
        #expect(peer.engine.memory < 1_000_000)
        #expect(peer.engine.memory > 262_144)
    }
}
