import SCP
import SCPGcrypt
import SCPSimulation
import Testing

@Suite("What sending takes")
struct SendRoomTests {
    @Test("the room is what send accepts, to the byte, and comes back as frames leave")
    func exact() throws {
        var fixture = try Fixture()
        fixture.initiator.limits.sendBuffer = 1_000
        fixture.responder.limits.messageLimit = 500
        var pipe = try fixture.established()
        let whole = pipe.initiator.sendRoom
        #expect(whole.bytes == 1_000)
        #expect(whole.messageLimit == 500)
        #expect(whole.channels == 256)
        _ = try pipe.initiator.send([UInt8](repeating: 1, count: 500).span, at: pipe.now)
        _ = try pipe.initiator.send([UInt8](repeating: 1, count: 300).span, at: pipe.now)
        let rest = pipe.initiator.sendRoom.bytes
        #expect(rest == 1_000 - 532 - 332)
        var refusal: SendError?
        let tooMuch = [UInt8](repeating: 1, count: rest - SendRoom.messageCharge + 1)
        do throws(SendError) { _ = try pipe.initiator.send(tooMuch.span, at: pipe.now) } catch { refusal = error }
        #expect(refusal == .full)
        _ = try pipe.initiator.send([UInt8](repeating: 1, count: rest - SendRoom.messageCharge).span, at: pipe.now)
        #expect(pipe.initiator.sendRoom.bytes == 0)
        pipe.settle()
        #expect(pipe.initiator.sendRoom.bytes == 1_000)
    }

    @Test("there is none after finish, and none after close")
    func ended() throws {
        var finished = try Fixture().established()
        finished.initiator.finish(at: finished.now)
        #expect(finished.initiator.sendRoom.bytes == 0)
        #expect(finished.responder.sendRoom.bytes > 0)
        var closed = try Fixture().established()
        closed.initiator.close(at: closed.now)
        #expect(closed.initiator.sendRoom.bytes == 0)
        closed.settle()
        #expect(closed.responder.sendRoom.bytes == 0)
    }
}
