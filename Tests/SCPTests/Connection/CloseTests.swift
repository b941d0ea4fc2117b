import SCPGcrypt
import SCPMisbehaviours
import SCPSimulation
import Testing

@testable import SCP

/// Ends: in order, half, at once, by both, and by nobody.
@Suite struct CloseTests {
    private func pipe(
        _ change: (inout Configuration<GcryptProvider>) -> Void = { _ in }
    ) throws -> Pipe<GcryptProvider> {
        var fixture = try Fixture()
        change(&fixture.initiator)
        change(&fixture.responder)
        return try fixture.established()
    }

    private func readAll(_ connection: inout Connection<GcryptProvider>, at now: Instant) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        while let message = connection.readBytes(at: now) { messages.append(message) }
        return messages
    }

    /// [SCP-CLOSE-13] Everything that was accepted arrives before the end, also when the window is smaller than it: the
    /// close waits for credit.
    @Test(arguments: [1, 1_000, 100_000])
    func closeFlushes(segment: Int) throws {
        var pipe = try pipe { configuration in
            configuration.limits.messageLimit = 5_000
            configuration.limits.connectionCredit = 6_000
        }
        let messages = (0..<20 as Range<UInt8>).map { [UInt8](repeating: $0, count: 4_000) }
        for message in messages { _ = try pipe.initiator.send(message.span, at: pipe.now) }
        pipe.initiator.close(reason: "all said", at: pipe.now)
        #expect(throws: SendError.closed) { try sendText("more", &pipe.initiator, pipe.now) }
        var received: [[UInt8]] = []
        for _ in 0..<40 {
            pipe.settle(segment: segment)
            received += readAll(&pipe.responder, at: pipe.now)
        }
        #expect(received == messages)
        #expect(pipe.events[.initiator]?.last == .closed(.clean))
        #expect(pipe.events[.initiator]?.contains(.delivered(.default, through: MessageID(rawValue: 19))) == true)
        #expect(pipe.events[.responder]?.last == .closed(.byPeer(.noError, reason: Array("all said".utf8))))
        #expect(pipe.initiator.state == .closed && pipe.responder.state == .closed)
    }

    private func sendText(_ text: String, _ connection: inout Connection<GcryptProvider>, _ now: Instant) throws {
        _ = try connection.send(text, at: now)
    }

    /// Scenario 71: the closed side learns exactly what of its own arrived: the ACK stands before the CLOSE.
    @Test func closeWithDataOfTheOtherInFlight() throws {
        var pipe = try pipe()
        _ = try pipe.responder.send("in time", at: pipe.now)
        pipe.collect(from: .responder)
        try pipe.deliver(to: .initiator)
        pipe.initiator.close(at: pipe.now)
        pipe.collect(from: .initiator)
        _ = try pipe.responder.send("too late", at: pipe.now)
        pipe.collect(from: .responder)
        pipe.settle()
        let delivered = pipe.events[.responder]?.filter { if case .delivered = $0 { true } else { false } }
        #expect(delivered == [.delivered(.default, through: MessageID(rawValue: 0))])
        #expect(pipe.events[.responder]?.last == .closed(.byPeer(.noError, reason: [])))
        let read = readAll(&pipe.initiator, at: pipe.now)
        #expect(read == [Array("in time".utf8)])
        #expect(pipe.events[.initiator]?.last == .closed(.clean))
    }

    /// [SCP-CLOSE-16] [SCP-CLOSE-17] Scenario 72: a half close; the other goes on, and then closes.
    @Test func finishThenClose() throws {
        var pipe = try pipe()
        _ = try pipe.initiator.send("request", at: pipe.now)
        pipe.initiator.finish(at: pipe.now)
        #expect(throws: SendError.finished) { try sendText("more", &pipe.initiator, pipe.now) }
        pipe.settle()
        #expect(pipe.events[.responder]?.last == .peerFinished)
        let request = pipe.responder.readText(at: pipe.now)
        #expect(request == "request")
        let message = [UInt8](repeating: 1, count: 100_000)
        var received = 0
        for _ in 0..<10 {
            _ = try pipe.responder.send(message.span, at: pipe.now)
            pipe.settle()
            received += readAll(&pipe.initiator, at: pipe.now).reduce(0) { $0 + $1.count }
        }
        pipe.responder.close(at: pipe.now)
        pipe.settle()
        received += readAll(&pipe.initiator, at: pipe.now).reduce(0) { $0 + $1.count }
        #expect(received == 1_000_000)
        #expect(pipe.events[.responder]?.last == .closed(.clean))
        #expect(pipe.events[.initiator]?.contains(.peerFinished) == false)
        #expect(pipe.events[.responder]?.filter { $0 == .peerFinished }.count == 1)
    }

    /// A close that waits for the other's `finish` gets everything first; without it, the flush time is the bound.
    @Test(arguments: [true, false])
    func closeAfterPeerFinished(finishes: Bool) throws {
        var pipe = try pipe()
        _ = try pipe.initiator.send("last", at: pipe.now)
        pipe.initiator.close(afterPeerFinished: true, at: pipe.now)
        pipe.settle()
        #expect(pipe.initiator.state == .established)
        _ = try pipe.responder.send("still talking", at: pipe.now)
        pipe.advance(by: .seconds(9))
        #expect(pipe.initiator.state == .established)
        _ = try pipe.responder.send("and done", at: pipe.now)
        if finishes { pipe.responder.finish(at: pipe.now) }
        pipe.settle()
        #expect((pipe.initiator.state == .closed) == finishes)
        pipe.advance(by: .seconds(1))
        let read = readAll(&pipe.initiator, at: pipe.now).count
        #expect(read == 2)
        // [SCP-CLOSE-15]
        #expect(pipe.events[.initiator]?.last == .closed(finishes ? .clean : .unconfirmed))
        #expect(pipe.responder.state == .closed)
    }

    /// [SCP-TIME-9] A reader that never reads holds a close for the flush time, not longer.
    @Test func flushIsBounded() throws {
        var pipe = try pipe { configuration in
            configuration.limits.messageLimit = 1_000
            configuration.limits.connectionCredit = 1_032
            configuration.timers.flush = .seconds(4)
        }
        let message = [UInt8](repeating: 1, count: 1_000)
        for _ in 0..<3 { _ = try pipe.initiator.send(message.span, at: pipe.now) }
        pipe.initiator.close(at: pipe.now)
        pipe.advance(by: .seconds(4) - .nanoseconds(1))
        #expect(pipe.initiator.state == .established)
        pipe.advance(by: .nanoseconds(1))
        #expect(pipe.events[.initiator]?.last == .closed(.unconfirmed))
        #expect(pipe.events[.responder]?.last == .closed(.byPeer(.noError, reason: [])))
        let read = readAll(&pipe.responder, at: pipe.now).count
        #expect(read == 1)
    }

    /// [SCP-TIME-10] A CLOSE that nobody acknowledges.
    @Test func closeWait() throws {
        var pipe = try pipe { $0.timers.closeWait = .seconds(2) }
        pipe.initiator.close(at: pipe.now)
        pipe.collect(from: .initiator)
        pipe.replaceInFlight(from: .initiator, with: [])
        pipe.advance(by: .seconds(2))
        #expect(pipe.events[.initiator]?.last == .closed(.unconfirmed))
        #expect(pipe.initiator.state == .closed && pipe.initiator.deadline == nil)
    }

    /// [SCP-ERR-2] [SCP-ERR-3] Codes and reasons of the application.
    @Test(
        arguments: [
            (0x1000, 0x1000), (0x00, 0x00), (0x14, 0x14), (0x7f, 0x7f), (0x80, 0x01), (0xfff, 0x01),
            (UInt64.max >> 2, UInt64.max >> 2), (UInt64.max, 0x01),
        ] as [(UInt64, UInt64)])
    func codesOfAbort(code: UInt64, told: UInt64) throws {
        var pipe = try pipe()
        pipe.responder.abort(ErrorCode(rawValue: code), reason: "x", at: pipe.now)
        pipe.settle()
        #expect(pipe.events[.initiator]?.last == .closed(.byPeer(ErrorCode(rawValue: told), reason: [0x78])))
    }

    /// [SCP-CLOSE-2] A reason is cut to 256 bytes, between characters.
    @Test(arguments: [("x", 300, 256), ("ü", 300, 256), ("€", 300, 255), ("🧵", 300, 256), ("", 0, 0)])
    func reasonsAreCut(character: String, count: Int, size: Int) throws {
        var pipe = try pipe()
        pipe.initiator.close(reason: String(repeating: character, count: count), at: pipe.now)
        pipe.settle()
        let reason = Array(String(repeating: character, count: count).utf8.prefix(size))
        #expect(pipe.events[.responder]?.last == .closed(.byPeer(.noError, reason: reason)))
    }

    /// A peer may end its side of the stream right behind its CLOSE: the ACK is still written, and our end said.
    @Test func endRightBehindClose() throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        #expect(try duel.feed(.close, Plain.close(0)) == nil)
        duel.engine.receiveEnd(.endOfStream, at: duel.now)
        let isTerminated = duel.engine.isTerminated
        #expect(!isTerminated)
        duel.poll()
        #expect(duel.takeFrames().map(\.kind) == ["ack/1"])
        let (ended, isOver) = (duel.hasEnded, duel.engine.isTerminated)
        #expect(ended && isOver)
        #expect(duel.closure == .byPeer(.noError, reason: []))
        // After a reset there is nobody to write to.
        var reset = try Duel.at(.established, .responder, Fixture())
        try reset.feed(.close, Plain.close(0))
        reset.engine.receiveEnd(.failed, at: reset.now)
        reset.poll()
        #expect(reset.takeFrames().isEmpty && !reset.hasEnded)
    }

    /// [SCP-CLOSE-20] A fatal error in CLOSING is told to the caller, and not to the peer, who has our CLOSE.
    @Test func errorWhileClosing() throws {
        var duel = try Duel.at(.closing, .initiator, Fixture())
        #expect(duel.feed([9]) == nil)  // no header yet
        #expect(duel.feed([UInt8](repeating: 0, count: 13))?.code == .unsupportedVersion)
        duel.poll()
        #expect(duel.takeFrames().isEmpty)
        #expect(duel.closure?.error?.code == .unsupportedVersion)
    }

    /// Scenario 75: both send a lot through small buffers and then close; neither waits for the other for ever.
    @Test func bothSendALotAndClose() throws {
        var pipe = try pipe { $0.limits.writeHighWater = 4_096 }
        let message = [UInt8](repeating: 1, count: 60_000)
        var received = (0, 0)
        var sent = (0, 0)
        for _ in 0..<60 {
            if (try? pipe.initiator.send(message.span, at: pipe.now)) != nil { sent.0 += 1 }
            if (try? pipe.responder.send(message.span, at: pipe.now)) != nil { sent.1 += 1 }
            pipe.collect(from: .initiator)
            pipe.collect(from: .responder)
            try pipe.deliver(to: .initiator, upTo: 30_000)
            try pipe.deliver(to: .responder, upTo: 30_000)
            received.0 += readAll(&pipe.initiator, at: pipe.now).count
            received.1 += readAll(&pipe.responder, at: pipe.now).count
        }
        pipe.initiator.close(afterPeerFinished: true, at: pipe.now)
        pipe.responder.finish(at: pipe.now)
        for _ in 0..<20 {
            pipe.settle()
            received.0 += readAll(&pipe.initiator, at: pipe.now).count
            received.1 += readAll(&pipe.responder, at: pipe.now).count
        }
        #expect(sent.0 > 20 && received.1 == sent.0 && received.0 == sent.1)
        #expect(pipe.events[.initiator]?.last == .closed(.clean))
        #expect(pipe.events[.responder]?.last == .closed(.byPeer(.noError, reason: [])))
    }

    /// What was complete is readable after every end.
    @Test(arguments: [StreamEnd.endOfStream, .failed])
    func readableAfterTheEnd(end: StreamEnd) throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        try duel.feed(.data, Plain.piece(0, [1]) + Plain.piece(1, [2], isLast: false))
        duel.engine.receiveEnd(end, at: duel.now)
        duel.poll()
        let (first, second, memory) = (
            duel.engine.readBytes(at: duel.now), duel.engine.readBytes(at: duel.now), duel.engine.memory
        )
        #expect(first == [1] && second == nil)
        #expect(memory < 1_024)
    }
}
