import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Messages of several pieces, progress and retries: scenarios 8, 10, 11, 13, 15.
@Suite("Handshake messages in pieces")
struct DatagramPieceTests {
    /// A responder whose message 2 takes four datagrams.
    private func large() throws -> Fixture {
        var fixture = try Fixture()
        let names = (0..<20).map { ApplicationProtocol([UInt8](repeating: UInt8($0 + 65), count: 190)) }
        fixture.initiator.applicationProtocols = [names[7]]
        fixture.responder.applicationProtocols = names
        fixture.initiator.responderKey = nil
        return fixture
    }

    private func attempt(of datagram: [UInt8]) -> Attempt {
        Attempt(rawValue: datagram[14..<22].reduce(0) { $0 << 8 | UInt64($1) })
    }

    private func plainKeys(_ fixture: Fixture, _ attempt: Attempt) throws -> HelloKeys<GcryptProvider> {
        try HelloKeys(provider: fixture.provider, hello: [], responderKey: nil, accessKey: nil, attempt: attempt)
    }

    /// [SCP-DGRAM-18] Scenarios 15, 16: what does not fit three times the INIT waits for the next INIT.
    @Test("a RESPONSE of four pieces: three times 1,200 bytes at first, the rest when the initiator speaks again")
    func amplification() throws {
        var pair = try large().datagrams()
        let totals = Notes<Int>()
        totals.items = [0, 0]
        var isWithin = true
        let flags = Notes<Bool>()
        pair.passes = { side, bytes in
            totals.items[side] += bytes.count
            if side == 1, !Seen.kinds(bytes).contains("data/1"), totals.items[1] > 3 * totals.items[0] {
                flags.items.append(false)
            }
            return true
        }
        pair.run(for: .milliseconds(15))
        #expect(totals.items[1] <= 3_600 && totals.items[1] > 2_400)
        pair.run(for: .seconds(5))
        isWithin = flags.items.isEmpty
        #expect(isWithin)
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
        let name = pair.initiator.peer?.applicationProtocol?.bytes.first
        #expect(name == 72)
    }

    /// Scenario 8. [SCP-DGRAM-8] [SCP-DGRAM-23]
    @Test("pieces in any order, each twice", arguments: 0..<24)
    func permutations(number: Int) throws {
        var pair = try large().datagrams()
        let kept = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            guard side == 1, Seen.kinds(bytes) == ["response/0"] else { return true }
            kept.items.append(bytes)
            return false
        }
        // Nothing but pieces is asked for until all are there.
        for _ in 0..<40 where Set(kept.items.map { $0[24] }).count < 4 { pair.run(for: .milliseconds(200)) }
        var pieces = Dictionary(grouping: kept.items, by: { $0[24] }).values.compactMap(\.first)
            .sorted { $0[24] < $1[24] }
        try #require(pieces.count == 4)
        var order: [[UInt8]] = []
        var rest = number
        while !pieces.isEmpty {
            order.append(pieces.remove(at: rest % pieces.count))
            rest /= pieces.count + 1
        }
        pair.passes = nil
        for piece in order {
            pair.deliver(piece, to: 0)
            pair.deliver(piece, to: 0)
        }
        let state = pair.initiator.state
        #expect(state == .unconfirmed)
        pair.run(for: .seconds(2))
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
    }

    /// Scenario 10. [SCP-DGRAM-8]
    @Test("a piece of another size or count than the first is dropped, and the message is put together all the same")
    func foreignPieces() throws {
        let fixture = try large()
        var pair = try fixture.datagrams()
        let kept = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 1, Seen.kinds(bytes) == ["response/0"] { kept.items.append(bytes) }
            return side == 0 || kept.items.count == 1
        }
        pair.run(for: .milliseconds(25))
        let attempt = attempt(of: try #require(kept.items.first))
        let keys = try plainKeys(fixture, attempt)
        let held = pair.initiator.link?.handshake.assembly.held
        for total in [1_000, 3_000, 5_000] {
            let count = HandshakePiece.count(total: total, in: .handshakeResponse, isStream: false)
            for index in 0..<count {
                let frame = try HandshakeFrame.piece(
                    .piece(index: index, count: count, total: total), type: .handshakeResponse, attempt: attempt,
                    hello: [], have: 0, message: [UInt8](repeating: 1, count: total), cookie: [], paddedTo: 0,
                    key: keys.responderToInitiator)
                let accepted = pair.deliver(frame, to: 0)
                #expect(!accepted)
            }
        }
        let after = pair.initiator.link?.handshake.assembly.held
        #expect(held == after && held == 1)
        pair.passes = nil
        pair.run(for: .seconds(6))
        let up = pair.initiator.isUp
        #expect(up)
    }

    /// [SCP-DGRAM-9]
    @Test("a side that holds a part says which, after a quarter of its timer, and gets the rest only")
    func progress() throws {
        var pair = try large().datagrams()
        let pieces = Notes<UInt8>()
        let reports = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 0, Seen.kinds(bytes) == ["init/0"], bytes[22] == 2 { reports.items.append(bytes) }
            guard side == 1, Seen.kinds(bytes) == ["response/0"] else { return true }
            pieces.items.append(bytes[24] >> 4)
            // The second piece is lost the first time.
            return pieces.items.count != 2
        }
        pair.run(for: .seconds(3))
        let report = try #require(reports.items.first)
        #expect(report.count == 1_200)
        // Progress about M2, which holds the pieces 0 and 2.
        #expect(report[24] == 2 && report[27] == 0 && report[28] == 0b101)
        #expect(pieces.items.prefix(3) == [0, 1, 2])
        #expect(!pieces.items.dropFirst(3).prefix(2).contains(0))
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
    }

    /// Scenario 13. [SCP-DGRAM-16] [SCP-DGRAM-17] [SCP-DGRAM-22]
    @Test("a retry is taken three times in WAIT, before any piece of M2; its cookie goes into the next INIT at once")
    func retries() throws {
        let fixture = try large()
        var pair = try fixture.datagrams()
        let sent = Notes<[UInt8]>()
        let pieces = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 0 { sent.items.append(bytes) } else { pieces.items.append(bytes) }
            return side == 0
        }
        pair.run(for: .milliseconds(15))
        let attempt = attempt(of: try #require(sent.items.first))
        #expect(sent.items[0][29..<61].allSatisfy { $0 == 0 })
        func retry(_ octet: UInt8, _ attempt: Attempt) throws -> [UInt8] {
            try HandshakeFrame.piece(
                .retry, type: .handshakeResponse, attempt: attempt, hello: [], have: 0, message: [],
                cookie: [UInt8](repeating: octet, count: 32), paddedTo: 0,
                key: plainKeys(fixture, attempt).responderToInitiator)
        }
        let foreign = pair.deliver(try retry(9, Attempt(rawValue: attempt.rawValue ^ 1)), to: 0)
        #expect(!foreign)
        for octet in 1...4 as ClosedRange<UInt8> {
            let before = sent.items.count
            let datagram = try retry(octet, attempt)
            #expect(datagram.count == 93)
            let accepted = pair.deliver(datagram, to: 0)
            pair.collect(0)
            #expect(accepted == (octet < 4))
            #expect(sent.items.count == before + (octet < 4 ? 1 : 0))
            if octet < 4 { #expect(sent.items.last?[29..<61].allSatisfy { $0 == octet } == true) }
        }
        // With a piece of M2 none is taken.
        var other = try fixture.datagrams()
        other.passes = pair.passes
        pieces.items = []
        sent.items = []
        other.run(for: .milliseconds(15))
        let first = try #require(pieces.items.first)
        other.deliver(first, to: 0)
        let late = other.deliver(try retry(1, self.attempt(of: first)), to: 0)
        #expect(!late)
    }

    /// [SCP-DGRAM-26]
    @Test("DATA in CLOSING is answered by CLOSE again, not more often than every half probe timeout")
    func dataWhileClosing() throws {
        var pair = try Fixture().establishedDatagrams()
        let closes = Notes<Int>()
        pair.passes = { side, bytes in
            if side == 0, Seen.kinds(bytes).contains("close/1") { closes.items.append(0) }
            return side == 1
        }
        pair.initiator.close(at: pair.now)
        pair.collect(0)
        #expect(closes.items.count == 1)
        for number in 0..<100 {
            _ = try pair.responder.send("\(number)", at: pair.now)
            pair.run(for: .milliseconds(1))
        }
        #expect(closes.items.count >= 2 && closes.items.count <= 8)
        let read = pair.initiator.isReadable()
        #expect(!read)
    }

    /// [SCP-DGRAM-8]
    @Test("a message of any size is cut as the rule says and put together again")
    func cutting() throws {
        let provider = try GcryptProvider()
        let key = try provider.authenticator(provider.randomSecret(count: 32))
        for type in [FrameType.handshakeInit, .handshakeResponse, .ack] {
            for total in [1, 1_107, 1_108, 1_139, 1_140, 2_214, 2_215, 2_279, 9_000, 16_320] {
                let message = Transfer.bytes(total, total)
                var flight = HandshakeFlight(message, type: type, attempt: Attempt(rawValue: 5), hello: [], key: key)
                let size = type == .handshakeInit ? 1_107 : 1_139
                #expect(flight.count == (total + size - 1) / size)
                var assembly = HandshakeAssembly()
                var frames = 0
                while let index = flight.next {
                    #expect(!assembly.isComplete)
                    let frame = try flight.frame(index, have: 0, cookie: [])
                    #expect(type == .handshakeInit ? frame.count == 1_200 : frame.count <= 1_200)
                    let header = try Frames.header(frame)
                    let piece = try HandshakeFrame.parse(frame.span, header: header, isStream: false)
                    #expect(header.sequence.counter == UInt64(index))
                    let isAdded = assembly.add(piece, in: frame.span)
                    #expect(isAdded)
                    flight.didSend(index)
                    frames += 1
                }
                #expect(frames == flight.count && assembly.isComplete && assembly.bytes == message)
                flight.held = 1
                flight.repeatMissing()
                #expect(flight.next == (flight.count > 1 ? 1 : 0))
            }
        }
    }
}
