import SCP
import SCPGcrypt
import SCPMisbehaviours
import Testing

/// What one input can cost us is bounded by its size, and what it makes us say by less.
@Suite("Budget: work of an input")
struct WorkTests {
    /// Frames of a genuine peer that each ask to be acknowledged, in one input.
    private static let frames = 1_000

    @Test("a thousand frames that each want an answer get one ACK and no event")
    func acknowledgements() throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        var input: [UInt8] = []
        for _ in 0..<Self.frames { input += try duel.peer.seal(.data, Plain.ping) }
        let events = duel.events.count
        #expect(duel.feed(input) == nil)
        duel.poll()
        let answers = duel.takeFrames()
        #expect(answers.map(\.type) == [.ack])
        #expect(duel.events.count == events)
    }

    @Test("a thousand messages make one event until it is polled")
    func events() throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        var input: [UInt8] = []
        for number in 0..<Self.frames {
            input += try duel.peer.seal(.data, Plain.piece(UInt64(number), [0x5a]))
        }
        let before = duel.events.count
        #expect(duel.feed(input) == nil)
        duel.poll()
        #expect(duel.events.count == before + 1)
        #expect(duel.takeFrames().count <= 2)
    }

    @Test("after a forged frame nothing more of the input is looked at")
    func forgery() throws {
        var duel = try Duel.at(.established, .responder, Fixture())
        var forged = try duel.peer.seal(.data, Plain.ping)
        forged[forged.count - 1] ^= 1
        var input = forged
        for _ in 0..<Self.frames { input += try duel.peer.seal(.data, Plain.ping) }
        let before = duel.engine.statistics.framesReceived
        #expect(duel.feed(input)?.code == .authenticationFailed)
        #expect(duel.engine.statistics.framesReceived == before)
        // The same error again, and no further work.
        #expect(duel.feed(input)?.code == .authenticationFailed)
        #expect(duel.engine.statistics.framesReceived == before)
    }
}
