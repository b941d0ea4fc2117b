import SCPMisbehaviours
import SCPSimulation
import Testing

@testable import SCP

/// A peer with the right keys that breaks every rule there is, over datagrams: what is authentic and wrong ends the
/// session with exactly its code, what is odd and right does not, and what is not authentic changes nothing.
@Suite("A hostile peer on datagrams")
struct HostileDatagramTests {
    /// An established session that one side is attacked in.
    private struct Attack: ~Copyable {
        let victim: Int
        var pair: DatagramPair<ForgeableProvider>
        private var counter: UInt64 = 1_000
        private let sent = Notes<[UInt8]>()

        init(on victim: Int) throws {
            pair = try Fixture.forgeable()
            self.victim = victim
            pair.run(for: .seconds(1))
            let (side, notes) = (victim, sent)
            pair.passes = { from, bytes in
                if from == side { notes.items.append(bytes) }
                return false
            }
        }

        mutating func give(_ type: FrameType, _ plaintext: [UInt8], epoch: UInt16 = 1) throws {
            counter += 1
            let frame = try #require(
                ForgeableProvider.forge(type, epoch: epoch, counter: counter, plaintext: plaintext))
            pair.deliver(frame, to: victim)
            pair.collect(victim)
        }

        var state: ConnectionState { victim == 0 ? pair.initiator.state : pair.responder.state }

        /// Why the victim's session ended.
        var closure: Closure? {
            if case .closed(let closure) = pair.events[victim].last { return closure }
            return nil
        }

        /// The code of the failure.
        var code: ErrorCode? {
            if case .failed(let error)? = closure, error.origin == .local { return error.code }
            return nil
        }

        /// Codes of the CLOSE frames that the victim sent.
        func closes() throws -> [ErrorCode] {
            try sent.items.flatMap { try Self.closes(in: $0) }
        }

        private static func closes(in datagram: [UInt8]) throws -> [ErrorCode] {
            try Frames.split(datagram).frames.compactMap { frame in
                let header = try Frames.header(frame)
                guard header.type == .close, header.sequence.epoch > 0 else { return nil }
                let range = FrameHeader.size..<FrameHeader.size + header.length - FrameHeader.tagSize
                let plaintext = frame[range].map { $0 ^ 0x5a }
                return try CloseFrame.parse(plaintext.span, in: 0..<plaintext.count).code
            }
        }
    }

    /// The table of the streams: scenarios 37, 40, 43, 48. [SCP-PROT-10] [SCP-REC-24] [SCP-FLOW-3]
    @Test(arguments: Misbehaviour.rules, [0, 1])
    func records(rule: Misbehaviour.Rule, victim: Int) throws {
        var attack = try Attack(on: victim)
        for plaintext in rule.before { try attack.give(.data, plaintext) }
        let before = attack.state
        #expect(before == .established)
        try attack.give(.data, rule.plaintext)
        let (state, code, closes) = (attack.state, attack.code, try attack.closes())
        #expect(code == rule.code)
        #expect(closes == (rule.code.map { [$0] } ?? []))
        #expect(rule.code == nil ? state == .established : state != .established)
    }

    /// [SCP-ACK-1] [SCP-ACK-4] [SCP-DGRAM-31]
    @Test(arguments: Misbehaviour.acknowledgements, [0, 1])
    func acknowledgement(_ row: (plaintext: [UInt8], code: ErrorCode?), victim: Int) throws {
        var attack = try Attack(on: victim)
        try attack.give(.ack, row.plaintext)
        let (code, closes) = (attack.code, try attack.closes())
        #expect(code == row.code)
        #expect(closes == (row.code.map { [$0] } ?? []))
    }

    /// Scenario 39: an older ACK, or an invented one, takes no credit back. [SCP-FLOW-5]
    @Test func creditDoesNotShrink() throws {
        var attack = try Attack(on: 0)
        let before = attack.pair.initiator.outbox.connection.credit
        try attack.give(.ack, [0, 0, 0, 0, 0, 1])
        try attack.give(.data, Plain.credit(2))
        let after = attack.pair.initiator.outbox.connection.credit
        #expect(after == before && before > 2)
        let code = attack.code
        #expect(code == nil)
    }

    /// [SCP-CLOSE-1] [SCP-CLOSE-2] [SCP-ERR-4]
    @Test(arguments: Misbehaviour.closes, [0, 1])
    func close(_ row: (plaintext: [UInt8], code: ErrorCode?), victim: Int) throws {
        var attack = try Attack(on: victim)
        try attack.give(.close, row.plaintext)
        let (code, closes, closure) = (attack.code, try attack.closes(), attack.closure)
        #expect(code == row.code)
        #expect(closes == (row.code.map { [$0] } ?? []))
        guard row.code == nil else { return }
        let close = try CloseFrame.parse(row.plaintext.span, in: 0..<row.plaintext.count)
        #expect(closure == .byPeer(close.code, reason: Array(row.plaintext[close.reason])))
    }

    /// Frames that no honest peer sends, and that a receiver without the key for them cannot judge: dropped.
    /// [SCP-DGRAM-5]
    @Test(arguments: [0, 2, 3, 255, 65_535] as [UInt16], [FrameType.data, .ack, .close])
    func epochsThatAreNotHeld(epoch: UInt16, type: FrameType) throws {
        var attack = try Attack(on: 1)
        try attack.give(type, type == .close ? Plain.close(0) : Plain.acknowledgement(0), epoch: epoch)
        let (state, closes) = (attack.state, try attack.closes())
        #expect(state == .established && closes == [])
    }
}
