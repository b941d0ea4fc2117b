import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Rotation against a peer that says what it likes.
@Suite struct ForgedRotationTests {
    // [SCP-ROT-5] [SCP-ROT-10] [SCP-ROT-16] [SCP-ROT-14]
    @Test(arguments: [RotationMode.ephemeral])
    func requestIsAnsweredUnderTheOldKeys(mode: RotationMode) throws {
        var peer = try ForgingPeer()
        try peer.say(.handshakeInit, ForgingPeer.rotation(target: 2, nonce: 77, mode: mode))
        let heard = peer.listen()
        let answer = try #require(heard.first { $0.type == .handshakeResponse })
        #expect(answer.epoch == 1)
        let message = try #require(answer.rotation)
        #expect(message.target == 2 && message.nonce == 77 && message.mode == mode)
        #expect(heard.contains { $0.acknowledgement != nil })
        _ = try peer.engine.send("still old", at: peer.now)
        #expect(peer.listen().allSatisfy { $0.epoch == 1 })
        try peer.say(.ping, epoch: 2)
        let turned = peer.listen()
        #expect(turned.allSatisfy { $0.epoch == 2 })
        #expect(turned.contains { $0.acknowledgement?.largest == peer.counter - 1 })
        #expect(peer.events().contains(.rotated(epoch: 2)))
    }

    // [SCP-ROT-14] [SCP-ROT-17] The old receive keys are gone with the first frame under the new ones.
    @Test func oldEpochAfterTheSwitchIsRefused() throws {
        var peer = try ForgingPeer()
        try peer.say(.handshakeInit, ForgingPeer.rotation(target: 2))
        _ = peer.listen()
        try peer.say(.ping, epoch: 1)  // still good: nothing has come under 2
        try peer.say(.ping, epoch: 2)
        let code = codeThrown { () throws(ConnectionError) in try peer.say(.ping, epoch: 1) }
        #expect(code == .sequenceViolation)
        #expect(peer.listen().last?.closeCode == .sequenceViolation)
    }

    // [SCP-ROT-9] [SCP-ROT-13]
    @Test(arguments: [FrameType.handshakeInit, .handshakeResponse])
    func staleMessagesAreAcknowledgedAndIgnored(type: FrameType) throws {
        var peer = try ForgingPeer()
        try peer.say(type, ForgingPeer.rotation(target: 1))
        let heard = peer.listen()
        #expect(heard.map(\.type) == [.ack])
        #expect(heard.first?.acknowledgement?.largest == peer.counter - 1)
        #expect(peer.engine.state == .established)
        // While a request has been answered, its repetition is stale too.
        try peer.say(.handshakeInit, ForgingPeer.rotation(target: 2))
        #expect(peer.listen().contains { $0.type == .handshakeResponse })
        try peer.say(type, ForgingPeer.rotation(target: 2))
        #expect(peer.listen().map(\.type) == [.ack])
    }

    // [SCP-ROT-11] [SCP-ROT-13]
    /// Scenario 60.
    @Test(arguments: [
        (FrameType.handshakeInit, UInt16(3), ErrorCode.rotationFailed), (.handshakeInit, 65_535, .rotationFailed),
        (.handshakeResponse, 2, .unexpectedMessage), (.handshakeResponse, 3, .unexpectedMessage),
    ])
    func unaskedTargetsAreFatal(type: FrameType, target: UInt16, expected: ErrorCode) throws {
        for victim in [Role.initiator, .responder] {
            var peer = try ForgingPeer(victim)
            let code = codeThrown { () throws(ConnectionError) in
                try peer.say(type, ForgingPeer.rotation(target: target))
            }
            #expect(code == expected)
            let heard = peer.listen()
            #expect(heard.map(\.type) == [.close])
            #expect(heard.last?.closeCode == expected)
        }
    }

    // [SCP-ROT-12] Sending turns with the answer; the old send keys are of no use any more.
    @Test(arguments: [Role.initiator, .responder])
    func answerTurnsSending(victim: Role) throws {
        var peer = try ForgingPeer(victim)
        let nonce = try peer.letAsk()
        try peer.say(.handshakeResponse, ForgingPeer.rotation(target: 2, nonce: nonce))
        let heard = peer.listen()
        #expect(heard.map(\.type) == [.ack, .data])
        #expect(heard.allSatisfy { $0.epoch == 2 })
        #expect(heard.last?.records == [.ping])
        #expect(peer.events().contains(.rotated(epoch: 2)))
        let key = try #require(heard.last)
        // [SCP-ACK-5] An ACK under the old epoch cannot know of frames under the new one.
        let code = codeThrown { () throws(ConnectionError) in try peer.acknowledge(key.counter, epoch: 1) }
        #expect(code == .sequenceViolation)
    }

    // [SCP-ROT-5] [SCP-ROT-13]
    /// Scenario 60.
    @Test func answersThatDoNotFitTheRequestAreFatal() throws {
        var peer = try ForgingPeer(.initiator)
        let first = try peer.letAsk()
        let foreign = codeThrown { () throws(ConnectionError) in
            try peer.say(.handshakeResponse, ForgingPeer.rotation(target: 2, nonce: first ^ 1))
        }
        #expect(foreign == .unexpectedMessage)
        var other = try ForgingPeer(.initiator)
        let second = try other.letAsk()
        let mode = codeThrown { () throws(ConnectionError) in
            try other.say(.handshakeResponse, ForgingPeer.rotation(target: 2, nonce: second, mode: .authenticated))
        }
        #expect(mode == .rotationFailed)
    }

    // [SCP-ROT-7] [SCP-ROT-21]
    @Test(arguments: [Role.initiator, .responder])
    func badNoiseMessagesFailTheRotation(asker: Role) throws {
        for fault in 0..<3 {
            var peer = try ForgingPeer(.initiator)
            var nonce: UInt64 = 5
            if asker == .initiator {
                nonce = try peer.letAsk()
            }
            // A key of low order, the same with its top bit set, and a tag that is wrong.
            var message = ForgingPeer.rotation(target: 2, nonce: nonce, key: fault < 2 ? 0 : 9)
            if fault == 1 { message[14 + 31] = 0x80 }
            if fault == 2 { message[message.count - 1] ^= 1 }
            let code = codeThrown { () throws(ConnectionError) in
                try peer.say(asker == .initiator ? .handshakeResponse : .handshakeInit, message)
            }
            #expect(code == .rotationFailed)
            #expect(peer.listen().last?.closeCode == .rotationFailed)
        }
    }

    // [SCP-ROT-3] [SCP-ROT-4]
    @Test(arguments: [FrameType.handshakeInit, .handshakeResponse])
    func badFormatsAreTold(type: FrameType) throws {
        let good = ForgingPeer.rotation(target: 2)
        var cases: [(bytes: [UInt8], code: ErrorCode)] = [
            (good + [0], .malformedFrame), (Array(good.dropLast()), .malformedFrame), ([], .malformedFrame),
        ]
        for (index, value, code) in [
            (10, UInt8(2), ErrorCode.rotationFailed), (10, 0xff, .rotationFailed), (11, 0x10, .malformedFrame),
            (11, 0x01, .malformedFrame), (13, 47, .malformedFrame), (12, 1, .malformedFrame),
        ] {
            var bytes = good
            bytes[index] = value
            cases.append((bytes, code))
        }
        for (bytes, expected) in cases {
            var peer = try ForgingPeer()
            let code = codeThrown { () throws(ConnectionError) in try peer.say(type, bytes) }
            #expect(code == expected, "\(bytes)")
        }
    }

    // [SCP-ROT-18]
    @Test func moreThanEightRequestsAtOnceAreTooMany() throws {
        var peer = try ForgingPeer()
        for _ in 0..<8 { try peer.say(.handshakeInit, ForgingPeer.rotation(target: 1)) }
        peer.wait(.seconds(1))
        try peer.say(.handshakeInit, ForgingPeer.rotation(target: 1))
        let code = codeThrown { () throws(ConnectionError) in
            try peer.say(.handshakeInit, ForgingPeer.rotation(target: 1))
        }
        #expect(code == .rateLimited)
    }

    // [SCP-ROT-18] [SCP-ROT-8] Our own requests keep to the same measure, and a wish is remembered, one at most.
    @Test func ownRequestsAreMeasured() throws {
        var peer = try ForgingPeer(.initiator)
        var requests = 0
        for round in 0..<8 {
            peer.engine.rotateKeys(at: peer.now)
            peer.engine.rotateKeys(at: peer.now)
            guard let request = peer.listen().first(where: { $0.type == .handshakeInit })?.rotation else { continue }
            requests += 1
            try peer.say(
                .handshakeResponse, ForgingPeer.rotation(target: request.target, nonce: request.nonce),
                epoch: request.target - 1)
            _ = peer.listen()
            try peer.say(.ping, epoch: request.target)
            #expect(request.target == UInt16(round) + 2)
        }
        // One fewer than we may ask at once.
        #expect(requests == 3)
        peer.wait(.seconds(1))
        #expect(peer.listen().filter { $0.type == .handshakeInit }.count == 1)
    }

    // [SCP-ROT-8] A wish spoken while another rotation is under way gets its own.
    @Test(arguments: [Role.initiator, .responder])
    func wishDuringARotationIsRemembered(victim: Role) throws {
        var peer = try ForgingPeer(victim)
        let nonce = try peer.letAsk()
        peer.engine.rotateKeys(at: peer.now)
        #expect(!peer.listen().contains { $0.type == .handshakeInit })
        try peer.say(.handshakeResponse, ForgingPeer.rotation(target: 2, nonce: nonce))
        // [SCP-ROT-2] Nothing has come under the new epoch yet.
        #expect(!peer.listen().contains { $0.type == .handshakeInit })
        try peer.say(.ping, epoch: 2)
        #expect(peer.listen().first { $0.type == .handshakeInit }?.rotation?.target == 3)
        var answerer = try ForgingPeer(victim)
        try answerer.say(.handshakeInit, ForgingPeer.rotation(target: 2))
        answerer.engine.rotateKeys(at: answerer.now)
        #expect(!answerer.listen().contains { $0.type == .handshakeInit })
        try answerer.say(.ping, epoch: 2)
        #expect(answerer.listen().first { $0.type == .handshakeInit }?.rotation?.target == 3)
    }

    // [SCP-ROT-15] [SCP-TIME-17]
    /// Scenario 62; its end is that of `usedUpKeysEndTheConnection`.
    @Test func unansweredRequestIsToldAndNothingElse() throws {
        var peer = try ForgingPeer(.initiator)
        _ = try peer.letAsk()
        peer.wait(.milliseconds(9_999))
        #expect(!peer.events().contains(.rotationStalled))
        peer.wait(.milliseconds(1))
        #expect(peer.events().contains(.rotationStalled))
        #expect(peer.engine.state == .established)
        _ = try peer.engine.send("goes on", at: peer.now)
        let heard = peer.listen()
        #expect(heard.contains { $0.type == .data && $0.epoch == 1 })
        peer.wait(.seconds(10))
        #expect(!peer.events().contains(.rotationStalled))
    }

    // [SCP-ROT-10] Crossing requests: that of the connection's initiator is the one that lives.
    @Test func crossingRequestOfTheResponderYields() throws {
        var initiator = try ForgingPeer(.initiator)
        let first = try initiator.letAsk()
        try initiator.say(.handshakeInit, ForgingPeer.rotation(target: 2, nonce: 1))
        #expect(initiator.listen().map(\.type) == [.ack])
        try initiator.say(.handshakeResponse, ForgingPeer.rotation(target: 2, nonce: first))
        #expect(initiator.listen().allSatisfy { $0.epoch == 2 })
        var responder = try ForgingPeer(.responder)
        let second = try responder.letAsk()
        try responder.say(.handshakeInit, ForgingPeer.rotation(target: 2, nonce: 1))
        let answer = responder.listen().first { $0.type == .handshakeResponse }?.rotation
        #expect(answer?.nonce == 1)
        // The answer to the dropped request is too late, and harmless.
        try responder.say(.handshakeResponse, ForgingPeer.rotation(target: 2, nonce: second))
        #expect(responder.listen().map(\.type) == [.ack])
        #expect(responder.engine.state == .established)
    }

    // [SCP-STATE-11] [SCP-STATE-12] [SCP-ROT-2]
    @Test(arguments: [FrameType.handshakeInit, .handshakeResponse])
    func heldConnectionsDoNotRotate(type: FrameType) throws {
        var peer = try ForgingPeer(.responder, at: .acknowledgementDelivered) { $0.identityPolicy = .ask }
        #expect(peer.engine.state == .held)
        peer.engine.rotateKeys(at: peer.now)
        #expect(!peer.listen().contains { $0.type == .handshakeInit })
        let code = codeThrown { () throws(ConnectionError) in try peer.say(type, ForgingPeer.rotation(target: 2)) }
        #expect(code == .unexpectedMessage)
    }

    // [SCP-ROT-20]
    @Test func closingConnectionsDoNotRotate() throws {
        var peer = try ForgingPeer()
        try peer.say(.handshakeInit, ForgingPeer.rotation(target: 2))
        _ = peer.listen()
        peer.engine.rotateKeys(at: peer.now)
        peer.engine.close(at: peer.now)
        let closing = peer.listen()
        #expect(closing.last?.type == .close)
        try peer.say(.handshakeInit, ForgingPeer.rotation(target: 2))
        try peer.say(.handshakeResponse, ForgingPeer.rotation(target: 9))
        #expect(peer.listen() == [])
        // Frames of both epochs are still read.
        try peer.say(.ping, epoch: 1)
        try peer.acknowledge(try #require(closing.last).counter, epoch: 2)
        #expect(peer.events().last == .closed(.clean))
    }

    // [SCP-ROT-19]
    /// Scenario 66.
    @Test func lastEpochIsTheLast() throws {
        var peer = try ForgingPeer()
        peer.engine.phase.keys?.pretend(epoch: .max)
        try peer.say(.ping, epoch: .max)
        peer.engine.rotateKeys(at: peer.now)
        #expect(peer.listen().last?.closeCode == .keyLimitReached)
    }

    // [SCP-ROT-21] [SCP-KEY-13] Nobody holds the old chain after the switch, and a secret without owner is wiped.
    @Test func oldChainIsGone() throws {
        var peer = try ForgingPeer(.initiator)
        weak let old = peer.engine.phase.keys?.chain
        #expect(old != nil)
        let nonce = try peer.letAsk()
        try peer.say(.handshakeResponse, ForgingPeer.rotation(target: 2, nonce: nonce))
        _ = peer.listen()
        #expect(old == nil)
    }

    // [SCP-ROT-1] [SCP-TIME-16] The responder waits a sixteenth longer, so that both seldom ask at once.
    @Test func measuresOfTheProtocol() {
        let settings = RotationSettings()
        #expect(settings.bytes == 1 << 30 && settings.frames == 1 << 23 && settings.age == .seconds(3_600))
        #expect(settings.staggered(.initiator) == settings)
        let later = settings.staggered(.responder)
        #expect(later.bytes == (1 << 30) / 16 * 17 && later.frames == (1 << 23) / 16 * 17)
        #expect(later.age == .seconds(3_825))
    }

    // [SCP-ROT-6] A single wrong field of the prologue, a wrong chain or a wrong static key fails the first message.
    @Test(arguments: [RotationMode.ephemeral, .authenticated])
    func everyFieldOfThePrologueIsBound(mode: RotationMode) throws {
        let fixture = try Fixture()
        let hash = [32 of UInt8](repeating: 3)
        let otherHash = [32 of UInt8](repeating: 4)
        let chain = try fixture.provider.randomSecret(count: 32)
        func terms(
            target: UInt16 = 2, nonce: UInt64 = 7, asker: Role = .initiator, suite: Suite = .classic,
            hash: Digest? = nil, mode other: RotationMode? = nil
        ) -> RotationTerms {
            RotationTerms(
                target: target, nonce: nonce, mode: other ?? mode, asker: asker, suite: suite,
                hash: hash ?? [32 of UInt8](repeating: 3))
        }
        func isRead(_ theirs: RotationTerms, chain theirChain: Secret, from key: PublicKey) throws -> Bool {
            var asker: HandshakeState<GcryptProvider> = try terms(hash: hash).handshake(
                .initiator, fixture.initiator, chain: chain, peer: fixture.responderPublic)
            var answerer: HandshakeState<GcryptProvider> = try theirs.handshake(
                .responder, fixture.responder, chain: theirChain, peer: key)
            let message = try asker.write(payload: Span())
            #expect(message.count == RotationMessage.noiseSize)
            return (try? answerer.read(message.span)) != nil
        }
        let initiator = fixture.initiatorPublic
        #expect(try isRead(terms(), chain: chain, from: initiator))
        let wrong = [
            terms(target: 3), terms(nonce: 8), terms(asker: .responder), terms(suite: .classicPSK),
            terms(hash: otherHash), terms(mode: mode == .ephemeral ? .authenticated : .ephemeral),
        ]
        for other in wrong { #expect(try !isRead(other, chain: chain, from: initiator)) }
        #expect(try !isRead(terms(), chain: fixture.provider.randomSecret(count: 32), from: initiator))
        if mode == .authenticated { #expect(try !isRead(terms(), chain: chain, from: fixture.responderPublic)) }
        #expect(
            terms().prologue
                == Array("SCP/1 rotate".utf8) + [1, 1, mode.rawValue, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 7]
                + [UInt8](repeating: 3, count: 32))
    }
}
