import SCPSimulation
import Testing

@testable import SCP

/// Rules of the handshake, against a peer that makes every frame of it by hand.
@Suite struct HandshakeRuleTests {
    /// The tag that ``ForgeableProvider`` puts behind the first thing encrypted under a key.
    private let tag = [UInt8](repeating: 0, count: 12) + [UInt8](repeating: 0xa5, count: 4)
    private let required: [UInt8] = [0x0c, 1, 1, 0x0d, 1, 1]

    /// A frame of epoch 0 with the items of its Noise message replaced; `prefix` bytes stand in front of them.
    private func frame(_ frame: [UInt8], items: [UInt8], after prefix: Int) -> [UInt8] {
        let payload = Array(frame[FrameHeader.size..<frame.count - FrameHeader.macSize])
        var changed = Array(payload[..<(15 + prefix)]) + items.map { $0 ^ 0x5a } + tag
        let total = changed.count - 15
        (changed[11], changed[12]) = (UInt8(total >> 8), UInt8(total & 0xff))
        return ForgingPeer.handshakeFrame(FrameType(rawValue: frame[1]) ?? .data, changed)
    }

    /// What an initiator makes of a RESPONSE with these items.
    private func code(
        ofResponse items: [UInt8], _ change: (inout ForgingPeer.Settings) -> Void = { _ in }
    ) throws -> ErrorCode? {
        var peer = try ForgingPeer(.initiator, at: .initDelivered, change)
        let response = frame(peer.responderFlight, items: items, after: 80)
        return codeThrown { () throws(ConnectionError) in try peer.hand(response) }
    }

    /// What a responder makes of an ACK with these items.
    private func code(
        ofAck items: [UInt8], _ change: (inout ForgingPeer.Settings) -> Void = { _ in }
    ) throws -> ErrorCode? {
        // The genuine initiator must get as far as M3, whatever the items will be.
        var peer = try ForgingPeer(.responder, at: .responseDelivered, change) { settings in
            settings.applicationProtocols = ["a", "b"]
        }
        let ack = frame(peer.initiatorFlight, items: items, after: 48)
        return codeThrown { () throws(ConnectionError) in try peer.hand(ack) }
    }

    private func names(_ names: String...) -> [UInt8] {
        let value = names.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
        return [0x0a, UInt8(value.count)] + value
    }

    // [SCP-ITEM-22]
    @Test func credentialsAreNotWanted() throws {
        #expect(try code(ofResponse: required) == nil)
        #expect(try code(ofResponse: required + [0x0b, 1, 0]) == .credentialInvalid)
        #expect(try code(ofAck: names("a") + [0x0b, 1, 0]) { $0.applicationProtocols = ["a"] } == .credentialInvalid)
    }

    // [SCP-ITEM-29] [SCP-ITEM-30]
    @Test func initiatorChoosesItsFirst() throws {
        func mine(_ settings: inout ForgingPeer.Settings) { settings.applicationProtocols = ["a", "b"] }
        #expect(try code(ofResponse: required + names("b", "a"), mine) == nil)
        #expect(try code(ofResponse: required + names("c"), mine) == .noApplicationProtocol)
        #expect(try code(ofResponse: required, mine) == .noApplicationProtocol)
        #expect(try code(ofResponse: required + names("a")) == .noApplicationProtocol)
        let peer = try ForgingPeer(.responder) {
            $0.applicationProtocols = ["b", "c", "a"]
        } peer: { settings in
            settings.applicationProtocols = ["x", "a", "b"]
        }
        #expect(peer.engine.peer?.applicationProtocol == "a")
    }

    // [SCP-ITEM-31]
    @Test func responderChecksTheChoice() throws {
        func ours(_ settings: inout ForgingPeer.Settings) { settings.applicationProtocols = ["a", "b"] }
        #expect(try code(ofAck: names("b"), ours) == nil)
        #expect(try code(ofAck: names("c"), ours) == .noApplicationProtocol)
        #expect(try code(ofAck: [], ours) == .malformedFrame)
    }

    // [SCP-ITEM-27] [SCP-HS-19]
    @Test func responseListsWhatWouldHaveBeenAccepted() throws {
        let peer = try ForgingPeer(.responder, at: .initDelivered) { $0.applicationProtocols = ["a", "b"] }
        let response = try #require(ForgingPeer.frames(peer.responderFlight).first)
        #expect(response.type == .handshakeResponse)
        let items = response.plaintext[(15 + 80)...].dropLast(16).map { $0 ^ 0x5a }
        let read = try HandshakeItems.parse(items.span, in: 0..<items.count, of: .m2, suite: 1)
        #expect(read.versions == [1] && read.suites == [1])
        #expect(read.applicationProtocols == [[0x61], [0x62]])
    }

    // [SCP-ITEM-28] A suite that stands higher in our list than the one in use.
    @Test func betterSuitesAreADowngrade() throws {
        let peer = try ForgingPeer(.responder, at: .initDelivered)
        let provider = ForgeableProvider(seed: 1)
        var settings = ForgingPeer.Settings(
            provider: provider, identity: try provider.privateKey(provider.randomSecret(count: 32)),
            identityPolicy: .anyone)
        for (ours, theirs, expected) in [
            ([Suite.hybrid, .classic], [UInt8(2), 1], ErrorCode.downgradeDetected),
            ([.hybrid, .classic], [1], nil), ([.classic, .hybrid], [2, 1], nil),
        ] as [([Suite], [UInt8], ErrorCode?)] {
            settings.suites = [.classic]
            var handshake = try InitiatorHandshake<ForgeableProvider>.begin(settings).handshake
            settings.suites = ours
            let items = [0x0c, 1, 1, 0x0d, UInt8(theirs.count)] + theirs
            var bytes = frame(peer.responderFlight, items: items, after: 80)
            let attempt = handshake.attempt.bytes
            var payload = Array(bytes[FrameHeader.size..<bytes.count - FrameHeader.macSize])
            for index in 0..<8 { payload[index] = attempt[index] }
            bytes = ForgingPeer.handshakeFrame(.handshakeResponse, payload)
            let header = try FrameHeader.parse(bytes.span, limit: 16_384)
            var code: ErrorCode?
            do { _ = try handshake.read(bytes.span, header: header, settings) } catch { code = error.code }
            #expect(code == expected)
        }
    }

    // [SCP-ITEM-26]
    @Test func smallerIdleTimeHolds() throws {
        for (ours, theirs, expected) in [(30, 5, 5), (5, 30, 5), (0, 7, 7), (7, 0, 7)] {
            for victim in [Role.initiator, .responder] {
                var peer = try ForgingPeer(victim) {
                    $0.timers.idle = .seconds(ours)
                } peer: { settings in
                    settings.timers.idle = .seconds(theirs)
                }
                _ = peer.listen()
                peer.wait(.seconds(expected) - .milliseconds(1))
                #expect(peer.engine.state == .established)
                peer.wait(.milliseconds(1))
                #expect(peer.engine.state == .draining)
            }
        }
        var peer = try ForgingPeer(.initiator) {
            $0.timers.idle = .zero
        } peer: {
            $0.timers.idle = .zero
        }
        _ = peer.listen()
        peer.wait(.seconds(3_000))
        #expect(peer.engine.state == .established)
    }

    // [SCP-HS-3]
    @Test func attemptsAreFreshAndEverywhere() throws {
        let provider = ForgeableProvider(seed: 3)
        let settings = ForgingPeer.Settings(
            provider: provider, identity: try provider.privateKey(provider.randomSecret(count: 32)),
            identityPolicy: .anyone)
        let attempts = try (0..<50).map { _ in
            try InitiatorHandshake<ForgeableProvider>.begin(settings).handshake.attempt
        }
        #expect(Set(attempts).count == 50)
        var peer = try ForgingPeer(.initiator, at: .start)
        let invitation = ForgingPeer.frames(peer.initiatorFlight)
        peer.engine.close(at: peer.now)
        let refusal = peer.listen()
        let half = try ForgingPeer(.responder, at: .responseDelivered)
        let frames = ForgingPeer.frames(half.responderFlight) + ForgingPeer.frames(half.initiatorFlight)
        #expect(refusal.first?.plaintext.prefix(8) == invitation.first?.plaintext.prefix(8))
        #expect(frames.map(\.type) == [.handshakeResponse, .ack])
        #expect(Set(frames.map { Array($0.plaintext.prefix(8)) }).count == 1)
    }

    // [SCP-HS-15] [SCP-HS-20] [SCP-HS-23]
    @Test func otherAttemptsAreUnexpected() throws {
        for isGenuine in [true, false] {
            var initiator = try ForgingPeer(.initiator, at: .initDelivered)
            var response = Array(initiator.responderFlight.dropFirst(14).dropLast(32))
            response[0] ^= 1
            var frame = ForgingPeer.handshakeFrame(.handshakeResponse, response)
            if !isGenuine { frame[frame.count - 1] ^= 1 }
            let first = codeThrown { () throws(ConnectionError) in try initiator.hand(frame) }
            #expect(first == (isGenuine ? .unexpectedMessage : .authenticationFailed))
            var responder = try ForgingPeer(.responder, at: .responseDelivered)
            var ack = Array(responder.initiatorFlight.dropFirst(14).dropLast(32))
            ack[0] ^= 1
            frame = ForgingPeer.handshakeFrame(.ack, ack)
            if !isGenuine { frame[frame.count - 1] ^= 1 }
            let second = codeThrown { () throws(ConnectionError) in try responder.hand(frame) }
            #expect(second == (isGenuine ? .unexpectedMessage : .authenticationFailed))
            // A CLOSE is looked at before its HMAC.
            var closed = try ForgingPeer(.initiator, at: .initDelivered)
            frame = ForgingPeer.handshakeFrame(.close, [UInt8](repeating: 9, count: 8) + [0, 6, 0])
            if !isGenuine { frame[frame.count - 1] ^= 1 }
            let third = codeThrown { () throws(ConnectionError) in try closed.hand(frame) }
            #expect(third == .unexpectedMessage)
        }
    }

    // [SCP-HS-16] [SCP-FRAME-14] Every fault hides the ones behind it.
    @Test func orderOfTheChecksOfInit() throws {
        let genuine = try ForgingPeer(.responder, at: .start).initiatorFlight
        let payload = Array(genuine.dropFirst(14).dropLast(32))
        func code(_ isGenuine: Bool, _ patch: (inout [UInt8]) -> Void) throws -> ErrorCode? {
            var changed = payload
            patch(&changed)
            var frame = ForgingPeer.handshakeFrame(.handshakeInit, changed)
            if !isGenuine { frame[frame.count - 1] ^= 1 }
            var peer = try ForgingPeer(.responder, at: .start)
            let code = codeThrown { () throws(ConnectionError) in try peer.hand(frame) }
            // [SCP-HS-17] Only what was verified is answered.
            #expect(peer.listen().isEmpty == !isGenuine || code == .malformedFrame)
            return code
        }
        #expect(try code(true) { _ in } == nil)
        #expect(try code(false) { $0[8] = 9 } == .malformedFrame)
        #expect(try code(false) { $0[47] = 0x70 } == .authenticationFailed)
        #expect(
            try code(true) {
                $0[47] = 0x70
                $0[48] = 0xff
            } == .unsupportedSuite)
        #expect(
            try code(true) {
                $0[47] = 0x02
                $0[48] = 0xff
            } == .unsupportedSuite)
        #expect(try code(true) { $0[48] = 0xff } == .malformedFrame)
        #expect(try code(true) { for index in 50..<82 { $0[index] = 0 } } == .authenticationFailed)
    }

    // [SCP-HS-18] [SCP-HS-17]
    @Test func silentRespondersSayNothing() throws {
        for isSilent in [true, false] {
            var suite = try ForgingPeer(.responder, at: .start) { $0.isSilent = isSilent }
            var payload = Array(suite.initiatorFlight.dropFirst(14).dropLast(32))
            payload[47] = 0x70
            let first = codeThrown { () throws(ConnectionError) in
                try suite.hand(ForgingPeer.handshakeFrame(.handshakeInit, payload))
            }
            #expect(first == .unsupportedSuite)
            #expect(suite.listen().isEmpty == isSilent)
            var version = try ForgingPeer(.responder, at: .start) { $0.isSilent = isSilent }
            var frame = version.initiatorFlight
            frame[0] = 2
            let second = codeThrown { () throws(ConnectionError) in try version.hand(frame) }
            #expect(second == .unsupportedVersion)
            let heard = version.listen()
            #expect(heard.isEmpty == isSilent)
            // [SCP-CLOSE-11] [SCP-CLOSE-10]
            if !isSilent {
                #expect(heard.first?.plaintext == [UInt8](repeating: 0, count: 8) + [0, 2, 1, 1])
                try expectVersionRefusal(heard.first?.plaintext ?? [])
            }
        }
    }

    /// An initiator takes the refusal of its version in every attempt, and that code only. [SCP-CLOSE-11] [SCP-CLOSE-7]
    private func expectVersionRefusal(_ payload: [UInt8]) throws {
        for hello in [[], HelloKey.accessKey] {
            var peer = try ForgingPeer(.initiator, at: .start) { settings in
                if hello == .accessKey { settings.accessKey = Secret(count: 32) }
            }
            let told = codeThrown { () throws(ConnectionError) in
                try peer.hand(ForgingPeer.handshakeFrame(.close, payload))
            }
            #expect(told == .unsupportedVersion)
            let last = peer.events().last
            guard case .closed(.failed(let error)) = last else {
                Issue.record("\(String(describing: last))")
                continue
            }
            #expect(error.code == .unsupportedVersion && error.alternatives == [1])
            #expect(error.origin == .peer(isAuthenticated: false))
            var other = try ForgingPeer(.initiator, at: .start)
            var wrong = payload
            wrong[9] = 3
            let code = codeThrown { () throws(ConnectionError) in
                try other.hand(ForgingPeer.handshakeFrame(.close, wrong))
            }
            #expect(code == .unexpectedMessage)
        }
    }

    // [SCP-CLOSE-4] The octet names the key that the sender has by then.
    @Test func closeNamesItsKey() throws {
        var waiting = try ForgingPeer(.initiator, at: .start) { $0.accessKey = Secret(count: 32) }
        waiting.engine.close(at: waiting.now)
        #expect(waiting.listen().first?.plaintext[8] == 0x02)
        var deciding = try ForgingPeer(.initiator, at: .responseDelivered) { $0.identityPolicy = .ask }
        deciding.engine.close(at: deciding.now)
        #expect(deciding.listen().first?.plaintext[8] == 0x80)
        var half = try ForgingPeer(.responder, at: .initDelivered)
        half.engine.close(at: half.now)
        #expect(half.listen().first?.plaintext[8] == 0x00)
    }

    // [SCP-HS-22]
    @Test func nothingOfEpochOneBeforeM3() throws {
        var peer = try ForgingPeer(.responder, at: .initDelivered)
        _ = try peer.engine.send("later", at: peer.now)
        peer.engine.ping(at: peer.now)
        peer.engine.rotateKeys(at: peer.now)
        peer.wait(.seconds(9))
        #expect(peer.listen() == [])
    }

    // [SCP-HS-33] [SCP-PSK-4] [SCP-KEY-4] [SCP-PSK-1]
    @Test func nothingWeakerIsTried() throws {
        var peer = try ForgingPeer(.initiator, at: .initDelivered)
        var frame = peer.responderFlight
        frame[frame.count - 1] ^= 1
        let code = codeThrown { () throws(ConnectionError) in try peer.hand(frame) }
        #expect(code == .authenticationFailed)
        #expect(!peer.listen().contains { $0.type == .handshakeInit })
        peer.wait(.seconds(60))
        #expect(peer.listen() == [])
        let provider = ForgeableProvider(seed: 1)
        var settings = ForgingPeer.Settings(
            provider: provider, identity: try provider.privateKey(provider.randomSecret(count: 32)),
            identityPolicy: .anyone)
        settings.usePresharedKeys(.common(Secret(count: 32)))
        #expect(settings.suites == [.classicPSK])
        try settings.validate()
        settings.suites = [.classicPSK, .classic]
        #expect(throws: ConfigurationError.suites) { try settings.validate() }
        settings.usePresharedKeys(.common(Secret(count: 31)))
        #expect(throws: ConfigurationError.self) { try settings.validate() }
        settings.presharedKeys = nil
        #expect(throws: ConfigurationError.suites) { try settings.validate() }
        settings.suites = [.classic]
        settings.accessKey = Secret(count: 31)
        #expect(throws: ConfigurationError.accessKey) { try settings.validate() }
    }

    // [SCP-KEY-9] [SCP-SEC-4]
    @Test func sessionsAreNamedOnceTheyStandAndAreNotCopied() throws {
        let unconfirmed = try ForgingPeer(.initiator, at: .responseDelivered)
        #expect(unconfirmed.engine.sessionIdentifier == nil)
        let held = try ForgingPeer(.responder, at: .acknowledgementDelivered) { $0.identityPolicy = .ask }
        #expect(held.engine.sessionIdentifier == nil)
        let established = try ForgingPeer(.responder)
        #expect(established.engine.sessionIdentifier != nil)
        func isCopyable<Value: ~Copyable>(_: Value.Type) -> Bool { false }
        func isCopyable<Value>(_: Value.Type) -> Bool { true }
        #expect(isCopyable(Int.self))
        #expect(!isCopyable(ForgingPeer.Engine.self))
    }

    // [SCP-PROT-7] [SCP-ERR-6] [SCP-PROT-9]
    @Test func wrongHMACAndWrongTagAreOneError() throws {
        var errors: [ConnectionError] = []
        for isTag in [true, false] {
            var peer = try ForgingPeer()
            _ = peer.listen()
            var frame = try #require(
                ForgeableProvider.forge(.data, epoch: 1, counter: peer.counter, plaintext: [1]))
            if isTag {
                frame[frame.count - 33] ^= 1
                let key = try ForgeableProvider(seed: 0).authenticator(Secret(count: 32))
                let body = Array(frame.dropLast(32))
                let mac = try key.authenticate(body.span)
                frame = body + (0..<32).map { mac[$0] }
            } else {
                frame[frame.count - 1] ^= 1
            }
            let received = peer.engine.statistics.framesReceived
            do throws(ConnectionError) { try peer.hand(frame) } catch { errors.append(error) }
            #expect(peer.engine.statistics.framesReceived == received)
            #expect(peer.listen().last?.closeCode == .authenticationFailed)
        }
        #expect(errors.count == 2)
        #expect(errors.first == errors.last)
        #expect(errors.first?.code == .authenticationFailed)
    }
}
