import SCP
import SCPSimulation
import Testing

@Suite struct ExportTests {
    private func bytes(_ secret: Secret) -> [UInt8] { secret.bytes.indices.map { secret.bytes[$0] } }

    /// [SCP-KEY-8] Both ends export the same, before, during and after a rotation; nothing before confirmation and
    /// nothing after the end.
    @Test func bothEndsExportTheSameWhateverRotates() throws {
        var pipe = try Fixture().pipe()
        #expect(throws: ExportError.notConfirmed) {
            _ = try pipe.initiator.exportKey(label: "test", context: Span(), length: 32)
        }
        let early = pipe.responder.channelBinding
        #expect(early == nil)
        pipe.settle()
        let before = bytes(try pipe.initiator.exportKey(label: "test", context: [1, 2].span, length: 48))
        pipe.initiator.rotateKeys(at: pipe.now)
        pipe.collect(from: .initiator)
        let during = bytes(try pipe.responder.exportKey(label: "test", context: [1, 2].span, length: 48))
        pipe.settle()
        #expect(pipe.initiator.statistics.epoch == 2)
        let after = bytes(try pipe.responder.exportKey(label: "test", context: [1, 2].span, length: 48))
        #expect(before == during && during == after && before.count == 48)
        let other = bytes(try pipe.initiator.exportKey(label: "test", context: [1, 3].span, length: 48))
        #expect(other != before)
        let (left, right) = (pipe.initiator.channelBinding, pipe.responder.channelBinding)
        #expect(bytes(try #require(left)) == bytes(try #require(right)))
        pipe.initiator.close(at: pipe.now)
        pipe.settle()
        let late = pipe.initiator.channelBinding
        #expect(late == nil)
    }

    /// [SCP-CLOSE-24] The peer's CLOSE is enough: nothing is exported from a session that is over.
    @Test func nothingIsExportedWhileDraining() throws {
        var peer = try ForgingPeer()
        let before = peer.engine.channelBinding
        #expect(before != nil)
        try peer.sayClose(.noError)
        #expect(peer.engine.state == .draining)
        let after = peer.engine.channelBinding
        #expect(after == nil)
        #expect(throws: ExportError.notConfirmed) {
            _ = try peer.engine.exportKey(label: "test", context: Span(), length: 32)
        }
    }
}
