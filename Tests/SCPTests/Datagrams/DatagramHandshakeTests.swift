import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Scenarios 1 to 31 of the transport design, as far as two engines are enough for them.
@Suite("Handshakes on datagrams")
struct DatagramHandshakeTests {
    private func haveSameSession<Provider>(_ pair: borrowing DatagramPair<Provider>) -> Bool {
        guard let a = pair.initiator.sessionIdentifier, let b = pair.responder.sessionIdentifier else { return false }
        return (0..<32).allSatisfy { a[$0] == b[$0] }
    }

    /// Scenario 1. [SCP-DGRAM-10] [SCP-DGRAM-12]
    @Test("a clean handshake: both are confirmed, and then there is silence")
    func clean() throws {
        var pair = try Fixture().datagrams()
        let notes = Notes<(side: Int, kinds: [String], size: Int)>()
        pair.passes = { side, bytes in
            notes.items.append((side, Seen.kinds(bytes), bytes.count))
            return true
        }
        pair.run(for: .seconds(9))
        let up = (pair.initiator.isUp, pair.responder.isUp)
        #expect(up == (true, true))
        let isSame = haveSameSession(pair)
        #expect(isSame)
        #expect(notes.items.map(\.side) == [0, 1, 0, 1, 0])
        #expect(notes.items.map(\.kinds) == [["init/0"], ["response/0"], ["ack/0"], ["data/1"], ["ack/1"]])
        #expect(notes.items[0].size == 1_200)
        #expect(notes.items[1].size <= 1_200)
    }

    /// Scenario 2. [SCP-DGRAM-11] [SCP-DGRAM-12]
    @Test("any one datagram of the handshake may be lost, or any two", arguments: 1..<9)
    func loseOne(number: Int) throws {
        for other in number..<9 {
            var pair = try Fixture().datagrams(seed: UInt64(number * 10 + other))
            let count = Notes<Int>()
            pair.passes = { _, _ in
                count.items.append(0)
                return count.items.count != number && count.items.count != other
            }
            pair.run(for: .seconds(9))
            let up = pair.initiator.isUp && pair.responder.isUp
            #expect(up, "without \(number) and \(other)")
            let isSame = haveSameSession(pair)
            #expect(isSame)
        }
    }

    /// Scenario 3. [SCP-DGRAM-11] [SCP-DGRAM-24]
    @Test("the ACK of epoch 0 is lost for three seconds; what was sent meanwhile arrives once")
    func lateAck() throws {
        var pair = try Fixture().datagrams()
        let start = pair.now
        let clock = Notes<Instant>()
        clock.items = [start]
        pair.passes = { _, bytes in
            !Seen.kinds(bytes).contains("ack/0") || (clock.items.last ?? start).since(start) > .seconds(3)
        }
        _ = try pair.initiator.send("early", at: pair.now)
        pair.run(for: .seconds(9)) { pair in
            clock.items.append(pair.now)
            return false
        }
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
        let first = pair.responder.readText(at: pair.now)
        let second = pair.responder.readText(at: pair.now)
        #expect(first == "early" && second == nil)
    }

    /// Scenario 4. [SCP-DGRAM-12] [SCP-DGRAM-24]
    @Test("the confirmation is lost five times; duplicates of the ACK flight bring it again, once in 100 ms at most")
    func lostConfirmation() throws {
        var pair = try Fixture().datagrams()
        let times = Notes<Instant>()
        let clock = Notes<Instant>()
        pair.passes = { side, bytes in
            guard side == 1, Seen.kinds(bytes).contains("data/1") else { return true }
            times.items.append(clock.items.last ?? .zero)
            return times.items.count > 5
        }
        pair.run(for: .seconds(9)) { pair in
            clock.items.append(pair.now)
            return false
        }
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
        #expect(times.items.count >= 6)
        let duplicate = Notes<[UInt8]>()
        var other = try Fixture().datagrams()
        other.passes = { _, bytes in
            if Seen.kinds(bytes).contains("ack/0") { duplicate.items.append(bytes) }
            return true
        }
        other.run(for: .seconds(1))
        let ack = try #require(duplicate.items.first)
        let before = other.sent[1]
        // A hundred duplicates within a tenth of a second.
        for _ in 0..<100 {
            other.deliver(ack, to: 1)
            other.run(for: .milliseconds(1))
        }
        #expect(other.sent[1] - before >= 1 && other.sent[1] - before <= 2)
    }

    /// Scenario 5. [SCP-DGRAM-12]
    @Test("a duplicate of the ACK flight: after 5 s the confirmation comes again, after 15 s nothing")
    func lateDuplicate() throws {
        var pair = try Fixture().datagrams()
        let notes = Notes<[UInt8]>()
        pair.passes = { _, bytes in
            if Seen.kinds(bytes).contains("ack/0") { notes.items.append(bytes) }
            return true
        }
        pair.run(for: .seconds(5))
        let ack = try #require(notes.items.first)
        let quiet = pair.sent[1]
        pair.deliver(ack, to: 1)
        pair.run(for: .milliseconds(500))
        let answered = pair.sent[1]
        #expect(answered == quiet + 1)
        pair.run(for: .seconds(10))
        let accepted = pair.deliver(ack, to: 1)
        pair.run(for: .seconds(1))
        #expect(!accepted && pair.sent[1] == answered)
        let state = pair.responder.state
        #expect(state == .established)
    }

    /// Scenario 6. [SCP-DGRAM-14]
    @Test("DATA that overtakes the ACK flight waits for it; there is room for four datagrams")
    func overtaken() throws {
        var pair = try Fixture().datagrams()
        let held = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            let kinds = Seen.kinds(bytes)
            guard side == 0, kinds.first == "ack/0" else { return true }
            held.items.append(bytes)
            return false
        }
        pair.run(for: .milliseconds(30))
        for number in 0..<6 {
            _ = try pair.initiator.send("\(number)", at: pair.now)
            pair.collect(0)
        }
        // The first frame of each is the ACK: the rest comes first, then the ACK.
        let datagrams = held.items
        #expect(datagrams.count >= 6)
        let ack = try #require(Seen.headers(datagrams[0]).first).frameSize
        var accepted = 0
        for datagram in datagrams.dropFirst() {
            pair.deliver(Array(datagram[ack...]), to: 1)
            accepted += 1
        }
        let drops = pair.responder.statistics.drops[.limited]
        #expect(drops == UInt64(accepted - 4))
        let before = pair.responder.state
        pair.deliver(Array(datagrams[0][..<ack]), to: 1)
        let after = pair.responder.state
        #expect(before == .halfOpen && after == .established)
        var texts: [String] = []
        while let text = pair.responder.readText(at: pair.now) { texts.append(text) }
        #expect(texts == ["0", "1", "2", "3"])
    }

    /// Scenario 7. [SCP-DGRAM-12] [SCP-DGRAM-20]
    @Test("a duplicate INIT: a RESPONSE flight in 100 ms while one is wanted, nothing afterwards")
    func duplicateInit() throws {
        var pair = try Fixture().datagrams()
        let notes = Notes<[UInt8]>()
        pair.passes = { side, bytes in
            if side == 0 { notes.items.append(bytes) }
            return side == 0
        }
        pair.run(for: .milliseconds(500))
        let request = try #require(notes.items.first)
        let before = pair.sent[1]
        #expect(before == 1)
        for _ in 0..<100 {
            pair.deliver(request, to: 1)
            pair.run(for: .milliseconds(1))
        }
        #expect(pair.sent[1] == before + 1)
        // To the initiator its own INIT means nothing.
        let reflected = pair.deliver(request, to: 0)
        #expect(!reflected)
        var other = try Fixture().datagrams()
        let kept = Notes<[UInt8]>()
        other.passes = { _, bytes in
            if Seen.kinds(bytes) == ["init/0"] { kept.items.append(bytes) }
            return true
        }
        other.run(for: .seconds(1))
        let quiet = other.sent[1]
        let accepted = other.deliver(try #require(kept.items.first), to: 1)
        other.run(for: .seconds(1))
        #expect(!accepted && other.sent[1] == quiet)
    }

    /// Scenario 18, 9. [SCP-DGRAM-13]
    @Test("a forged RESPONSE and a forged ACK that complete a message are forgotten; the genuine ones still work")
    func forgedMessages() throws {
        for kind in ["response/0", "ack/0"] {
            var fixture = try Fixture()
            // Without a secret in the hello keys anybody can make frames of the attempt.
            fixture.initiator.responderKey = nil
            var pair = try fixture.datagrams()
            let kept = Notes<[UInt8]>()
            pair.passes = { _, bytes in
                guard Seen.kinds(bytes).first == kind, kept.items.isEmpty else { return true }
                kept.items.append(bytes)
                return false
            }
            pair.run(for: .milliseconds(50))
            let genuine = try #require(kept.items.first)
            let side = kind == "ack/0" ? 1 : 0
            var forged = genuine
            forged[forged.count - 40] ^= 1
            let attempt = Attempt(rawValue: genuine[14..<22].reduce(0) { $0 << 8 | UInt64($1) })
            let keys = try HelloKeys(
                provider: fixture.provider, hello: [], responderKey: nil, accessKey: nil, attempt: attempt)
            if kind == "response/0" {
                let mac = try keys.responderToInitiator.authenticate(forged.span.extracting(0..<forged.count - 32))
                for index in 0..<32 { forged[forged.count - 32 + index] = mac[index] }
            }
            pair.deliver(forged, to: side)
            let state = side == 0 ? pair.initiator.state : pair.responder.state
            #expect(state == (side == 0 ? .waiting : .halfOpen))
            let drops = side == 0 ? pair.initiator.statistics.drops : pair.responder.statistics.drops
            #expect(drops[side == 0 ? .failedMessage : .unauthentic] == 1)
            pair.deliver(genuine, to: side)
            pair.run(for: .seconds(5))
            let up = pair.initiator.isUp && pair.responder.isUp
            #expect(up)
        }
    }

    /// [SCP-DGRAM-13] An M2 from a key that the policy refuses.
    @Test("a responder that is refused at once is dropped like a forgery, and the attempt ends by its timer")
    func refusedResponder() throws {
        var fixture = try Fixture()
        let other = try fixture.provider.publicKey(
            of: fixture.provider.privateKey(fixture.provider.randomSecret(count: 32)))
        fixture.initiator.identityPolicy = .allowed([other])
        fixture.initiator.responderKey = nil
        var pair = try fixture.datagrams()
        pair.run(for: .seconds(9))
        let state = pair.initiator.state
        #expect(state == .waiting)
        let drops = pair.initiator.statistics.drops[.failedMessage]
        #expect(drops > 0)
        pair.run(for: .seconds(2))
        guard case .closed(.failed(let error)) = pair.events[0].last else {
            Issue.record("no end")
            return
        }
        #expect(error.code == .identityRejected)
    }

    /// Scenario 20. [SCP-DGRAM-27]
    @Test("an initiator that the responder rejects hears so, authenticated")
    func rejectedInitiator() throws {
        var fixture = try Fixture()
        fixture.responder.identityPolicy = .allowed([fixture.responderPublic])
        var pair = try fixture.datagrams()
        pair.run(for: .seconds(5))
        #expect(pair.events[0] == [.closed(.byPeer(.identityRejected, reason: []))])
    }

    /// Scenario 19. [SCP-DGRAM-24]
    @Test("somebody takes 9 s to decide, on either side", arguments: [0, 1])
    func slowDecision(side: Int) throws {
        var fixture = try Fixture()
        if side == 0 { fixture.initiator.identityPolicy = .ask } else { fixture.responder.identityPolicy = .ask }
        var pair = try fixture.datagrams()
        pair.run(for: .seconds(9))
        if side == 0 {
            pair.initiator.resolveIdentity(.accept, at: pair.now)
        } else {
            pair.responder.resolveIdentity(.accept, at: pair.now)
        }
        _ = try pair.initiator.send("after", at: pair.now)
        pair.run(for: .seconds(3))
        let text = pair.responder.readText(at: pair.now)
        #expect(text == "after")
    }

    /// Scenario 22. [SCP-DGRAM-15] [SCP-DGRAM-25]
    @Test("a refusal in epoch 0 is a hint: a genuine RESPONSE wins, and without one it is believed at the next timer")
    func refusalIsHint() throws {
        for comesGenuine in [true, false] {
            var fixture = try Fixture()
            fixture.initiator.responderKey = nil
            var pair = try fixture.datagrams()
            let kept = Notes<[UInt8]>()
            pair.passes = { side, bytes in
                kept.items.append(bytes)
                return side == 0 || comesGenuine
            }
            pair.collect(0)
            let request = try #require(kept.items.first)
            let attempt = Attempt(rawValue: request[14..<22].reduce(0) { $0 << 8 | UInt64($1) })
            let keys = try HelloKeys(
                provider: fixture.provider, hello: [], responderKey: nil, accessKey: nil, attempt: attempt)
            let refusal = try HandshakeFrame.close(
                attempt: attempt, named: .hello([]), code: .unsupportedSuite, list: [2], key: keys.responderToInitiator)
            pair.deliver(refusal, to: 0)
            let state = pair.initiator.state
            #expect(state == .waiting)
            pair.run(for: .seconds(4))
            if comesGenuine {
                let up = pair.initiator.isUp
                #expect(up)
            } else {
                guard case .closed(.failed(let error)) = pair.events[0].last else {
                    Issue.record("no end")
                    return
                }
                #expect(error.code == .unsupportedSuite && error.alternatives == [2])
                #expect(error.origin == .peer(isAuthenticated: false))
            }
        }
    }

    /// Scenario 23. [SCP-DGRAM-21] [SCP-DGRAM-23]
    @Test("everything that a side sent comes back to it, at every moment: nothing changes")
    func reflection() throws {
        var pair = try Fixture().datagrams()
        let kept = Notes<(side: Int, bytes: [UInt8])>()
        pair.passes = { side, bytes in
            kept.items.append((side, bytes))
            return true
        }
        _ = try pair.initiator.send("hello", at: pair.now)
        for _ in 0..<30 {
            for item in kept.items {
                let before = item.side == 0 ? pair.initiator.state : pair.responder.state
                pair.deliver(item.bytes, to: item.side, from: pair.addresses[1 - item.side])
                let after = item.side == 0 ? pair.initiator.state : pair.responder.state
                #expect(before == after)
            }
            pair.run(for: .milliseconds(5))
        }
        let up = pair.initiator.isUp && pair.responder.isUp
        #expect(up)
        let text = pair.responder.readText(at: pair.now)
        #expect(text == "hello")
    }

    /// [SCP-DGRAM-11]
    @Test("INIT goes out after 1 s, then at waits that double up to 2 s, with a tenth of jitter, until 10 s")
    func repetition() throws {
        var pair = try Fixture().datagrams()
        pair.conditions[0].isDown = true
        let times = Notes<Instant>()
        let start = pair.now
        let clock = Notes<Instant>()
        pair.passes = { _, _ in
            times.items.append(clock.items.last ?? start)
            return true
        }
        var last = pair.initiator.state
        while pair.now.since(start) < .seconds(12) {
            clock.items = [pair.now]
            pair.run(for: .milliseconds(10))
            last = pair.initiator.state
        }
        #expect(last == .closed)
        let waits = zip(times.items, times.items.dropFirst()).map { $1.since($0) }
        #expect(waits.count == 5)
        #expect(waits[0] >= .milliseconds(890) && waits[0] <= .milliseconds(1_120))
        for wait in waits.dropFirst() { #expect(wait >= .milliseconds(1_790) && wait <= .milliseconds(2_220)) }
    }
}
