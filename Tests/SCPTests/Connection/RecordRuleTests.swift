import SCPMisbehaviours
import Testing

@testable import SCP

/// Plaintexts that are authentic and wrong, or odd and right: a table.
@Suite struct RecordRuleTests {
    /// [SCP-PROT-10] A rule that an authentic frame breaks is fatal with its own code, and the frame not acknowledged.
    @Test(arguments: Misbehaviour.rules, [Role.initiator, .responder])
    func rule(_ rule: Misbehaviour.Rule, role: Role) throws {
        var duel = try Duel.at(.established, role, Fixture())
        for plaintext in rule.before { #expect(try duel.feed(.data, plaintext) == nil) }
        duel.poll()
        _ = duel.takeFrames()
        let counter = duel.peer.nextCounter
        let error = try duel.feed(.data, rule.plaintext)
        duel.poll()
        #expect(error?.code == rule.code)
        let frames = duel.takeFrames()
        guard let code = rule.code else {
            let state = duel.engine.state
            #expect(state == .established && frames.allSatisfy { $0.type != .close })
            return
        }
        #expect(frames.map(\.closeCode) == [code])
        #expect(!frames.contains { ($0.acknowledgement?.largest ?? 0) >= counter })
        #expect(duel.closure == error.map { .failed($0) })
    }

    /// [SCP-ACK-1] [SCP-ACK-2] [SCP-ACK-4] ACKs that cannot be. The engine has sent the counters 0 to 2 or so.
    @Test(
        arguments: [
            ([0, 0, 0, 0, 0, 5], nil), ([0, 0x40, 0, 0, 0, 0, 5], nil), ([1, 0, 0, 0, 0, 5, 1, 2, 3], nil),
            ([], .malformedFrame), ([0], .malformedFrame), ([0, 0, 0, 0, 0], .malformedFrame),
            ([0, 0, 0, 0, 0, 5, 0], .malformedFrame), ([2, 0, 0, 0, 0, 5], .malformedFrame),
            ([0x80, 0, 0, 0, 0, 5], .malformedFrame), ([1, 0, 0, 0, 0, 5], .malformedFrame),
            ([0, 0, 1, 0, 0, 5], .malformedFrame), ([0, 0, 0, 0, 1, 5], .malformedFrame),
            ([0, 0, 0, 1, 0, 0, 0, 5], .malformedFrame), ([0, 0, 0, 63, 0, 5], .malformedFrame),
            (Plain.acknowledgement(Varint.maximum), .sequenceViolation),
            (Plain.acknowledgement(1_000), .sequenceViolation),
            (Plain.acknowledgement(0, credit: Varint.maximum), nil),
        ] as [([UInt8], ErrorCode?)])
    func acknowledgements(plaintext: [UInt8], code: ErrorCode?) throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        let error = try duel.feed(.ack, plaintext)
        duel.poll()
        #expect(error?.code == code)
        #expect(duel.takeFrames().compactMap(\.closeCode) == (code.map { [$0] } ?? []))
    }

    /// [SCP-ACK-4] The first counter that was not sent yet.
    @Test func acknowledgementOfTheUnsent() throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        duel.engine.ping(at: duel.now)
        duel.poll()
        let newest = try #require(duel.takeFrames().last).counter
        #expect(try duel.feed(.ack, Plain.acknowledgement(newest)) == nil)
        #expect(try duel.feed(.ack, Plain.acknowledgement(newest + 1))?.code == .sequenceViolation)
    }

    /// [SCP-CLOSE-1] [SCP-CLOSE-2] [SCP-ERR-4] CLOSE with reasons of every kind, and codes that nobody knows.
    @Test(arguments: Misbehaviour.closes)
    func closes(plaintext: [UInt8], code: ErrorCode?) throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        let error = try duel.feed(.close, plaintext)
        duel.poll()
        #expect(error?.code == code)
        let frames = duel.takeFrames()
        #expect(frames.map(\.kind) == [code == nil ? "ack/1" : "close/1"])
        guard code == nil else { return }
        let close = try CloseFrame.parse(plaintext.span, in: 0..<plaintext.count)
        #expect(duel.closure == .byPeer(close.code, reason: Array(plaintext[close.reason])))
    }

    /// Negative test 86: whatever follows CLOSE is thrown away unread, in the same bytes or later.
    @Test(arguments: [true, false])
    func nothingAfterClose(isTogether: Bool) throws {
        var duel = try Duel.at(.established, .initiator, Fixture())
        let close = try duel.peer.seal(.close, Plain.close(0x1234, reason: [0x61]))
        let late = try duel.peer.seal(.data, Plain.piece(0, [1]))
        if isTogether {
            #expect(duel.feed(close + late + [0xff, 0xff]) == nil)
        } else {
            #expect(duel.feed(close) == nil)
            #expect(duel.feed(late) == nil && duel.feed([UInt8](repeating: 2, count: 100_000)) == nil)
        }
        duel.poll()
        let (read, memory) = (duel.engine.readBytes(at: duel.now), duel.engine.memory)
        #expect(read == nil && memory == 0)
        #expect(duel.closure == .byPeer(ErrorCode(rawValue: 0x1234), reason: [0x61]))
        #expect(duel.takeFrames().map(\.kind) == ["ack/1"] && duel.hasEnded)
    }
}
