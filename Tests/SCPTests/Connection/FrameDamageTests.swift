import SCPMisbehaviours
import Testing

@testable import SCP

/// Frames of an established session that are damaged, forged, lost, repeated, reordered or sent back.
@Suite struct FrameDamageTests {
    /// A session that stands, the next two frames of the peer, and what the engine was before them.
    private func stage(_ role: Role, _ plaintext: [UInt8] = Plain.ping + Plain.piece(0, [1, 2, 3])) throws -> Stage {
        var duel = try Duel.at(.established, role, Fixture())
        let frame = try duel.peer.seal(.data, plaintext)
        return Stage(duel: duel, frame: frame)
    }

    private struct Stage: ~Copyable {
        var duel: Duel
        let frame: [UInt8]
    }

    /// Feeds bytes that must end the connection with a code, told to the peer once and nothing else.
    private func expectFatal(
        _ duel: inout Duel, _ bytes: [UInt8], _ code: ErrorCode, _ note: @autoclosure () -> String = ""
    ) {
        let (events, received) = (duel.events.count, duel.engine.statistics.messagesReceived)
        let error = duel.feed(bytes)
        duel.poll()
        let comment = Comment(rawValue: note())
        #expect(error?.code == code && error?.origin == .local, comment)
        let (state, after) = (duel.engine.state, duel.engine.statistics.messagesReceived)
        #expect(state == .draining && after == received, comment)
        #expect(Array(duel.events[events...]) == [.closed(.failed(error ?? duel.anyError))], comment)
        #expect(duel.takeFrames().map(\.closeCode) == [code], comment)
        #expect(duel.feed(bytes) == error)
    }

    /// [SCP-FRAME-14] [SCP-PROT-6] Every bit of the header: its own code, and nothing else happens. A length that grew
    /// makes the engine wait for more, and then fail.
    @Test(arguments: [Role.initiator, .responder], 0..<14)
    func headerBits(role: Role, index: Int) throws {
        for bit in 0..<8 {
            var stage = try stage(role)
            var frame = stage.frame
            frame[index] ^= 1 << bit
            let length = frame[10...13].reduce(0) { $0 << 8 | Int($1) }
            let code: ErrorCode =
                switch index {
                case 0: .unsupportedVersion
                case 1: FrameType(rawValue: frame[1]) == nil ? .malformedFrame : .authenticationFailed
                // Epoch 0, with a counter that is none there.
                case 3 where bit == 0: .malformedFrame
                case 2...9: .sequenceViolation
                default:
                    length > 65_536 ? .frameTooLarge : length < 16 ? .malformedFrame : .authenticationFailed
                }
            if index >= 10, length > frame.count - 46, length <= 65_536 {
                #expect(stage.duel.feed(frame) == nil)
                stage.duel.poll()
                let (state, silent) = (stage.duel.engine.state, stage.duel.takeFrames().isEmpty)
                #expect(state == .established && silent)
                frame = [UInt8](repeating: 0, count: length + 46 - frame.count)
            }
            expectFatal(&stage.duel, frame, code, "bit \(bit)")
        }
    }

    /// [SCP-PROT-4] [SCP-PROT-7] Every byte of payload, tag and HMAC.
    @Test(arguments: [Role.initiator, .responder])
    func payloadBytes(role: Role) throws {
        let size = try stage(role).frame.count
        for index in 14..<size {
            var stage = try stage(role)
            var frame = stage.frame
            frame[index] ^= 1 << (index % 8)
            expectFatal(&stage.duel, frame, .authenticationFailed, "byte \(index)")
        }
    }

    /// [SCP-PROT-5] [SCP-PROT-8] Negative tests 8 and 10: GCM fails under a good HMAC, be it the ciphertext, the tag or
    /// the header that was changed.
    @Test(arguments: [14, 20, 30, 45, 1])
    func goodHMACBadTag(index: Int) throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        let frame = try duel.peer.sealedButChanged(.data, Plain.piece(0, [UInt8](repeating: 0x77, count: 40))) {
            $0[index] ^= index == 1 ? 7 : 1
        }
        var copy = frame
        var span = copy.mutableSpan
        var seen: ConnectionError?
        do throws(ConnectionError) {
            try duel.engine.receive(&span, at: duel.now)
        } catch {
            seen = error
        }
        #expect(seen?.code == .authenticationFailed)
        // No plaintext byte reaches the caller, whose buffer was worked in.
        #expect(copy[14..<copy.count - 48].allSatisfy { $0 == 0 })
        let isReadable = duel.engine.isReadable()
        #expect(!isReadable)
    }

    /// The control for it: an untouched frame with its HMAC made once more is accepted.
    @Test func goodHMACGoodTag() throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        let frame = try duel.peer.sealedButChanged(.data, Plain.piece(0, [9])) { _ in }
        #expect(duel.feed(frame) == nil)
        #expect(duel.engine.isReadable() as Bool)
    }

    /// Negative test 9: the HMAC is zeros, or shorter by a byte with a length that fits.
    @Test func zeroOrShortHMAC() throws {
        for isShort in [false, true] {
            var stage = try stage(.initiator)
            var frame = Array(stage.frame.dropLast(32)) + [UInt8](repeating: 0, count: 32)
            if isShort {
                frame = Array(stage.frame.dropLast(1))
                frame[13] -= 1
            }
            expectFatal(&stage.duel, frame, .authenticationFailed)
        }
    }

    enum Disorder: CaseIterable, Sendable {
        case removed, repeated, swapped, replayedMuchLater, counterAhead, reflected, otherDirection
    }

    /// [SCP-FRAME-10] Negative tests 11 to 13 and 18.
    @Test(arguments: Disorder.allCases, [Role.initiator, .responder])
    func disorder(disorder: Disorder, role: Role) throws {
        var duel = try Duel.at(.established, role, Fixture())
        let first = try duel.peer.seal(.data, Plain.ping)
        let second = try duel.peer.seal(.data, Plain.ping)
        var code = ErrorCode.sequenceViolation
        var bytes = second
        switch disorder {
        case .removed, .swapped: break
        case .repeated:
            #expect(duel.feed(first) == nil)
            bytes = first
        case .replayedMuchLater:
            #expect(duel.feed(first + second) == nil)
            for _ in 0..<20 { #expect(try duel.feed(.data, Plain.ping) == nil) }
            bytes = second
        case .counterAhead: bytes = try duel.peer.seal(.data, Plain.ping, counter: 1 << 47)
        case .reflected, .otherDirection:
            duel.engine.ping(at: duel.now)
            duel.poll()
            bytes = duel.takeFrames().last?.raw ?? []
            // Counters of both directions run alike, so what decides is the key: at worst the counter before it.
            if disorder == .otherDirection { bytes.replaceSubrange(2..<10, with: first[2..<10]) }
            let isNext = bytes[2..<10] == first[2..<10]
            code = isNext ? .authenticationFailed : .sequenceViolation
        }
        duel.poll()
        _ = duel.takeFrames()
        expectFatal(&duel, bytes, code)
    }

    /// Negative test 13: the first frame of epoch 1 has counter 1.
    @Test(arguments: [ConnectionState.unconfirmed, .held])
    func firstCounterIsZero(state: ConnectionState) throws {
        var duel = try Duel.at(state, state == .held ? .responder : .initiator, Fixture())
        let frame = try duel.peer.seal(.data, Plain.ping, counter: 1)
        expectFatal(&duel, frame, .sequenceViolation)
    }

    /// [SCP-FRAME-10] Negative test 17: epochs that nobody has keys for.
    @Test(arguments: [2, 3, 255, 256, 65_535] as [UInt16])
    func epochsAhead(epoch: UInt16) throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        let frame = try duel.peer.seal(.data, Plain.ping, epoch: epoch)
        expectFatal(&duel, frame, .sequenceViolation)
    }

    /// [SCP-FRAME-4] [SCP-FRAME-5] [SCP-FRAME-6] Scenario 89 and negative tests 1 to 3: lengths, refused on 14 bytes,
    /// in
    /// every state that looks at frames.
    @Test(arguments: TableState.allCases.filter { $0 != .draining && $0 != .closed })
    func lengths(state: TableState) throws {
        let hasSession = [.unconfirmed, .held, .established, .closing].contains(state)
        for epoch in [0, 1] as [UInt16] {
            let limit = hasSession && epoch == 1 ? 65_536 : 16_384
            for length in [limit, limit + 1, 1 << 24, 0x7fff_ffff, 0xffff_ffff, 15, 0] {
                var duel = try Duel.at(state.state, state.roles[0], Fixture())
                let counter = epoch == 0 ? 0 : duel.peer.nextCounter
                let type: FrameType = epoch == 1 ? .data : state == .awaitingInit ? .handshakeInit : .close
                let header = HostilePeer.header(type.rawValue, epoch: epoch, counter: counter, length: length)
                let before = duel.engine.memory
                let error = duel.feed(header)
                let held = duel.engine.memory
                #expect(held <= before + 64)
                var wanted: ErrorCode? = length > limit ? .frameTooLarge : nil
                if epoch == 1, length < 16 { wanted = .malformedFrame }
                if wanted == nil {
                    switch (epoch, state) {
                    case (1, _) where !hasSession: wanted = .sequenceViolation
                    case (0, .held), (0, .established): wanted = .unexpectedMessage
                    default: break
                    }
                }
                // Before the session there is one limit for all epochs.
                #expect(error?.code == wanted, "epoch \(epoch), length \(length)")
            }
        }
    }

    /// The smallest and the largest frame that may come.
    @Test func largestFrame() throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        let size = 65_536 - 16 - 7
        let message = [UInt8](repeating: 3, count: size)
        let frame = try duel.peer.seal(.data, Plain.piece(0, message))
        #expect(frame.count == 65_536 + 46)
        #expect(duel.feed(frame) == nil)
        let read = duel.engine.readBytes(at: duel.now)
        #expect(read == message)
        #expect(try duel.feed(.data, [0]) == nil)
        #expect(try duel.feed(.data, [])?.code == .malformedFrame)
    }
}

extension Duel {
    /// For comparisons that are about to fail.
    var anyError: ConnectionError { ConnectionError(.internalError, origin: .local) }
}
