import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Nobody waits for ever: not a large message behind small ones, not a channel beside one that nobody reads.
@Suite struct FairnessTests {
    private let small = [UInt8](repeating: 2, count: 1_000)

    /// T1: a message that needs half the window, while small ones take every byte of credit as it comes.
    @Test(arguments: [100_000, 131_072])
    func largeMessageAmongSmallOnes(size: Int) throws {
        var pipe = try Fixture().established()
        let large = [UInt8](repeating: 1, count: size)
        for _ in 0..<200 { _ = try pipe.initiator.send(small.span, on: Channel(1), at: pipe.now) }
        pipe.settle()
        _ = try pipe.initiator.send(large.span, on: Channel(0), at: pipe.now)
        var others = 0
        for _ in 0..<2_000 {
            for _ in 0..<5 { _ = try? pipe.initiator.send(small.span, on: Channel(1), at: pipe.now) }
            pipe.settle()
            let read = pipe.responder.read(at: pipe.now) { _, bytes in bytes.count }
            if read == size { break }
            others += 1
        }
        // What was in the window and in the queue before it, and at most one window more.
        #expect(others < 200 + 2 * 254)
        // The others go on after it.
        for _ in 0..<100 {
            pipe.settle()
            let read = pipe.responder.read(at: pipe.now) { _, bytes in bytes.count }
            #expect(read == 1_000)
        }
    }

    /// Scenario 35: nobody reads channel 1, which leaves too little of the window for a large message on channel 2.
    /// That one must wait for ever, but channel 3 must not: it goes on, if more slowly.
    @Test func unreadChannelAndAMessageThatCannotBegin() throws {
        var fixture = try Fixture()
        fixture.initiator.timers.keepAlive = true
        var pipe = try fixture.established()
        let large = [UInt8](repeating: 1, count: 131_072)
        _ = try pipe.initiator.send(large.span, on: Channel(1), at: pipe.now)
        for _ in 0..<20 { _ = try pipe.initiator.send(small.span, on: Channel(1), at: pipe.now) }
        pipe.settle()
        _ = try pipe.initiator.send(large.span, on: Channel(2), at: pipe.now)
        var received = 0
        for _ in 0..<3_000 {
            _ = try? pipe.initiator.send(small.span, on: Channel(3), at: pipe.now)
            pipe.advance(by: .milliseconds(10))
            while pipe.responder.read(from: Channel(3), at: pipe.now, { _, _ in }) != nil { received += 1 }
        }
        #expect(received > 1_500)
        let isReadable = pipe.responder.isReadable(Channel(2))
        #expect(!isReadable)
        // Channel 1 is read at last.
        while pipe.responder.read(from: Channel(1), at: pipe.now, { _, _ in }) != nil {}
        pipe.advance(by: .milliseconds(100))
        let size = pipe.responder.read(from: Channel(2), at: pipe.now) { _, bytes in bytes.count }
        #expect(size == 131_072)
    }

    /// A cancelled message does not hold anybody back, and what others reserved is exact afterwards.
    @Test func cancelOfTheOneThatWaits() throws {
        var pipe = try Fixture().established()
        let large = [UInt8](repeating: 1, count: 131_072)
        for _ in 0..<200 { _ = try pipe.initiator.send(small.span, on: Channel(1), at: pipe.now) }
        pipe.settle()
        let id = try pipe.initiator.send(large.span, on: Channel(0), at: pipe.now)
        pipe.settle()
        let isCancelled = pipe.initiator.cancel(id, on: Channel(0), at: pipe.now)
        #expect(isCancelled)
        var read = 0
        for _ in 0..<600 {
            _ = try? pipe.initiator.send(small.span, on: Channel(1), at: pipe.now)
            pipe.settle()
            if pipe.responder.read(at: pipe.now, { _, bytes in bytes.count }) == 1_000 { read += 1 }
        }
        #expect(read == 600)
        pipe.initiator.finish(at: pipe.now)
        while pipe.responder.read(at: pipe.now, { _, _ in }) != nil { pipe.settle() }
        #expect(pipe.events[.responder]?.contains(.peerFinished) == true)
    }

    /// An unreliable message that did not fit the output and is cancelled reserves nothing, and so gives nothing back.
    @Test func cancelOfAnUnreliableMessage() throws {
        var outbox = Outbox(limits: Limits())
        _ = outbox.apply(TransportParameters())
        _ = try outbox.send(small.span, on: Channel(0))
        let lossy = Channel(1, .unreliable)
        let id = try outbox.send([UInt8](repeating: 3, count: 9_000).span, on: lossy)
        var fill = Outbox.Fill.nothing
        _ = [UInt8](capacity: 1_100) { output in fill = outbox.fill(&output, upTo: 1_100, counter: 0) }
        #expect(fill == .wrote && outbox.connection.reserved == 1_032)
        _ = [UInt8](capacity: 1_100) { output in fill = outbox.fill(&output, upTo: 1_100, counter: 0) }
        #expect(fill == .needs(9_000 + PieceLayout.maximumHeader))
        let isCancelled = outbox.cancel(id.rawValue, on: lossy, code: .noError)
        #expect(isCancelled)
        #expect(outbox.connection.reserved == 1_032)
        #expect(outbox.isEmpty && outbox.notices.isEmpty)
    }
}
