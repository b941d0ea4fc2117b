import SCPSimulation
import Testing

@testable import SCP

/// The tables of states: what every frame does in every state.
@Suite struct StateTests {
    enum Place: CaseIterable {
        case waiting, deciding, unconfirmed, awaiting, halfOpen, held, initiator, responder, closing, draining

        func make() throws -> ForgingPeer {
            switch self {
            case .waiting: return try ForgingPeer(.initiator, at: .start)
            case .deciding: return try ForgingPeer(.initiator, at: .responseDelivered) { $0.identityPolicy = .ask }
            case .unconfirmed: return try ForgingPeer(.initiator, at: .responseDelivered)
            case .awaiting: return try ForgingPeer(.responder, at: .start)
            case .halfOpen: return try ForgingPeer(.responder, at: .initDelivered)
            case .held: return try ForgingPeer(.responder, at: .acknowledgementDelivered) { $0.identityPolicy = .ask }
            case .initiator: return try ForgingPeer(.initiator)
            case .responder: return try ForgingPeer(.responder)
            case .closing:
                var peer = try ForgingPeer()
                peer.engine.close(at: peer.now)
                _ = peer.listen()
                return peer
            case .draining:
                var peer = try ForgingPeer()
                try peer.sayClose()
                return peer
            }
        }

        var state: ConnectionState {
            switch self {
            case .waiting: .waiting
            case .deciding: .deciding
            case .unconfirmed: .unconfirmed
            case .awaiting: .awaitingInit
            case .halfOpen: .halfOpen
            case .held: .held
            case .initiator, .responder: .established
            case .closing: .closing
            case .draining: .draining
            }
        }
    }

    // [SCP-STATE-1]
    @Test(arguments: Place.allCases)
    func placesAreTheStates(place: Place) throws {
        let peer = try place.make()
        #expect(peer.engine.state == place.state)
    }

    // [SCP-STATE-2] [SCP-STATE-3] [SCP-STATE-4] [SCP-STATE-5] [SCP-STATE-6]
    @Test(arguments: Place.allCases)
    func framesOfEpochZeroThatNobodyWaitsFor(place: Place) throws {
        let accepted: [Place: [FrameType]] = [
            .waiting: [.handshakeResponse, .close], .deciding: [.close], .unconfirmed: [.close],
            .awaiting: [.handshakeInit], .halfOpen: [.ack, .close],
        ]
        for type in FrameType.allCases where accepted[place]?.contains(type) != true {
            var peer = try place.make()
            let before = peer.engine.state
            let frame = ForgingPeer.handshakeFrame(type, [UInt8](repeating: 0, count: 60))
            let code = codeThrown { () throws(ConnectionError) in try peer.hand(frame) }
            switch place {
            case .closing, .draining:
                #expect(code == nil)
                #expect(peer.engine.state == before)
            default:
                #expect(code == .unexpectedMessage, "\(type)")
                // [SCP-STATE-24]
                let again = codeThrown { () throws(ConnectionError) in try peer.hand([1]) }
                #expect(again == .unexpectedMessage)
            }
        }
    }

    // [SCP-STATE-7] [SCP-STATE-8] [SCP-STATE-9] [SCP-STATE-11] [SCP-STATE-12] [SCP-FRAME-10]
    @Test(arguments: [Place.waiting, .deciding, .awaiting, .halfOpen])
    func protectedFramesBeforeThereAreKeys(place: Place) throws {
        for type in FrameType.allCases {
            var peer = try place.make()
            let code = codeThrown { () throws(ConnectionError) in try peer.say(type, [1], counter: 0) }
            #expect(code == .sequenceViolation)
            // [SCP-ERR-3] The code may not stand in a CLOSE of epoch 0, so there is none.
            #expect(!peer.listen().contains { $0.type == .close })
        }
    }

    // [SCP-STATE-7] [SCP-STATE-8] [SCP-HS-25]
    @Test func anythingProtectedConfirms() throws {
        var data = try Place.unconfirmed.make()
        #expect(!data.events().contains { if case .established = $0 { true } else { false } })
        try data.say(.credit(1_000_000))
        #expect(data.engine.state == .established)
        #expect(data.events().contains { if case .established = $0 { true } else { false } })
        // [SCP-HS-27]
        #expect(data.listen().first?.acknowledgement?.largest == 0)
        var ack = try Place.unconfirmed.make()
        _ = try ack.engine.send("early", at: ack.now)
        #expect(ack.listen().map(\.type) == [.data])
        try ack.acknowledge(0)
        #expect(ack.engine.state == .established)
        var rotating = try Place.unconfirmed.make()
        try rotating.say(.handshakeInit, ForgingPeer.rotation(target: 2))
        #expect(rotating.engine.state == .established)
        #expect(rotating.listen().contains { $0.type == .handshakeResponse })
    }

    // [SCP-STATE-12]
    @Test func answersBeforeTheConfirmationAreUnexpected() throws {
        var peer = try Place.unconfirmed.make()
        let code = codeThrown { () throws(ConnectionError) in
            try peer.say(.handshakeResponse, ForgingPeer.rotation(target: 1))
        }
        #expect(code == .unexpectedMessage)
    }

    // [SCP-STATE-7] [SCP-STATE-14] [SCP-STATE-18] Nothing of a peer on whom nobody has decided is shown.
    @Test func heldConnectionsBufferAndShowNothing() throws {
        var peer = try ForgingPeer(.responder, at: .acknowledgementDelivered) { settings in
            settings.identityPolicy = .ask
        }
        _ = peer.listen()
        #expect(peer.events().count == 1)  // the question
        try peer.say(.ping)
        #expect(peer.listen().contains { $0.acknowledgement?.largest == 0 })
        try peer.say(
            .unreliable(UnreliableMessage(channel: Channel(1, .unreliable), number: 0, bytes: 0..<2)), bytes: [1, 2])
        try peer.say(.cancel(.default, message: 0, charge: 0, code: .noError), .finish(charge: 0))
        #expect(peer.events() == [])
        #expect(peer.engine.readBytes(at: peer.now) == nil)
        // [SCP-FLOW-12] [SCP-FLOW-3] No credit was granted.
        #expect(peer.listen().allSatisfy { $0.acknowledgement?.credit ?? 0 == 0 })
        // [SCP-STATE-21]
        peer.engine.resolveIdentity(.accept, at: peer.now)
        #expect(peer.engine.state == .established)
        let events = peer.events()
        #expect(events.contains(.peerFinished))
        #expect(events.contains(.cancelled(.default, MessageID(rawValue: 0), .noError)))
        #expect(peer.engine.readBytes(at: peer.now) == [1, 2])
        #expect(peer.listen().contains { $0.records.contains(.credit(262_144)) })
    }

    // [SCP-STATE-9] [SCP-CLOSE-19]
    @Test(arguments: [Place.unconfirmed, .held, .initiator, .responder])
    func closeIsAcknowledgedAndEnds(place: Place) throws {
        var peer = try place.make()
        _ = peer.listen()
        try peer.sayClose(ErrorCode(rawValue: 0x1234))
        let heard = peer.listen()
        #expect(heard.map(\.type) == [.ack])
        #expect(heard.last?.acknowledgement?.largest == peer.counter - 1)
        #expect(peer.engine.state == .draining)
        // [SCP-ERR-4] [SCP-CLOSE-22]
        #expect(peer.events().last == .closed(.byPeer(ErrorCode(rawValue: 0x1234), reason: [])))
        // [SCP-STATE-13] Whatever comes now is thrown away, unparsed.
        try peer.hand([9, 9, 9])
        #expect(peer.engine.state == .draining)
    }

    // [SCP-STATE-15] [SCP-STATE-16]
    @Test(arguments: Place.allCases, [StreamEnd.endOfStream, .failed])
    func endOfTheTransport(place: Place, end: StreamEnd) throws {
        for partial in [[], [1, 3, 0, 1]] as [[UInt8]] {
            var peer = try place.make()
            if place != .draining { try peer.hand(partial) }
            _ = peer.events()
            peer.engine.receiveEnd(end, at: peer.now)
            #expect(peer.engine.state == .closed)
            // [SCP-CLOSE-21] A peer that ended its side right behind its CLOSE still gets the ACK.
            let isAnswered = place == .draining && end == .endOfStream
            #expect(peer.listen().map(\.type) == (isAnswered ? [.ack] : []))
            #expect(peer.engine.deadline == nil)  // [SCP-TIME-15]
            let last = peer.events().last
            switch (place, end) {
            case (.closing, _): #expect(last == .closed(.unconfirmed))
            case (.draining, _): #expect(last == nil)  // told before
            default:
                guard case .closed(.failed(let error)) = last else {
                    Issue.record("\(String(describing: last))")
                    continue
                }
                let isSession = place.state == .held || place.state == .established
                let isTruncated = if case .endOfStream = end { isSession } else { false }
                #expect(error.code == (isTruncated ? .truncated : .transportFailed))
                // [SCP-ERR-5]
                #expect(error.origin == .transport)
            }
        }
    }

    // [SCP-STATE-17]
    @Test(arguments: Place.allCases)
    func sending(place: Place) throws {
        var peer = try place.make()
        _ = peer.listen()
        let isAccepted = (try? peer.engine.send("message", at: peer.now)) != nil
        #expect(isAccepted == (place != .closing && place != .draining))
        // [SCP-STATE-14] [SCP-HS-26] Only an accepted peer gets it.
        let isSent = [.unconfirmed, .initiator, .responder].contains(place)
        #expect(peer.listen().contains { $0.type == .data && !$0.records.isEmpty } == isSent)
    }

    // [SCP-STATE-19] [SCP-STATE-20] [SCP-CLOSE-8] [SCP-ERR-3]
    @Test(arguments: Place.allCases, [true, false])
    func closing(place: Place, isAbort: Bool) throws {
        var peer = try place.make()
        _ = peer.listen()
        let code = ErrorCode(rawValue: 0x2000)
        if isAbort { peer.engine.abort(code, at: peer.now) } else { peer.engine.close(code, at: peer.now) }
        let heard = peer.listen()
        switch place {
        case .waiting, .deciding, .halfOpen:
            #expect(heard.map(\.type) == [.close])
            #expect(heard.last?.refusalCode == .noError)  // an application's code may not stand there
            #expect(peer.engine.state == .draining)
        case .awaiting:
            #expect(heard == [])
            #expect(peer.engine.state == .draining)
        case .unconfirmed, .held, .initiator, .responder:
            #expect(heard.filter { $0.type == .close }.count == 1)
            #expect(heard.last?.closeCode == code)
            #expect(peer.engine.state == .closing)
        case .closing, .draining:
            #expect(heard == [])
        }
        peer.engine.close(at: peer.now)
        peer.engine.abort(at: peer.now)
        #expect(peer.listen() == [])
    }

    // [SCP-STATE-21] [SCP-STATE-22] [SCP-ID-6]
    @Test(arguments: Place.allCases, [IdentityDecision.accept, .reject])
    func decisions(place: Place, decision: IdentityDecision) throws {
        var peer = try place.make()
        _ = peer.listen()
        let before = peer.engine.state
        peer.engine.resolveIdentity(decision, at: peer.now)
        let heard = peer.listen()
        switch (place, decision) {
        case (.deciding, .accept):
            #expect(heard.map(\.type) == [.ack])
            #expect(peer.engine.state == .unconfirmed)
        case (.held, .accept):
            #expect(peer.engine.state == .established)
        case (.deciding, .reject):
            #expect(heard.last?.refusalCode == .identityRejected)
            #expect(peer.engine.state == .draining)
        case (.held, .reject):
            // [SCP-ID-7]
            #expect(heard.last?.closeCode == .identityRejected)
            #expect(peer.engine.state == .draining)
        default:
            #expect(heard == [])
            #expect(peer.engine.state == before)
        }
        let after = peer.engine.state
        peer.engine.resolveIdentity(.reject, at: peer.now)  // the first answer counts
        #expect(peer.engine.state == after)
    }

    // [SCP-FRAME-8] [SCP-FRAME-14] The counter is looked at before the state.
    @Test(arguments: [Place.waiting, .awaiting, .halfOpen, .responder, .closing])
    func countersOfEpochZero(place: Place) throws {
        var peer = try place.make()
        let frame = ForgingPeer.handshakeFrame(.data, [UInt8](repeating: 0, count: 60), counter: 1)
        let code = codeThrown { () throws(ConnectionError) in try peer.hand(frame) }
        #expect(code == .malformedFrame)
    }
}
