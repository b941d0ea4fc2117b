import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Damage to every byte of the three handshake frames, and every cut.
@Suite struct HandshakeDamageTests {
    enum Target: CaseIterable, Sendable {
        case initFrame, response, ack

        var role: Role { self == .response ? .initiator : .responder }
        var state: ConnectionState {
            switch self {
            case .initFrame: .awaitingInit
            case .response: .waiting
            case .ack: .halfOpen
            }
        }
    }

    /// An engine that waits for the frame, and the frame.
    private func stage(_ target: Target, _ fixture: Fixture) throws -> (Stage) {
        var duel = try Duel.at(target.state, target.role, fixture)
        let frame: [UInt8]
        switch target {
        case .initFrame: frame = try duel.peer.initFrame()
        case .response:
            try duel.peer.readInit(Frames.split(duel.written).frames[0])
            frame = try duel.peer.responseFrame()
        case .ack: frame = try duel.peer.ackFrame()
        }
        return Stage(duel: duel, frame: frame)
    }

    private struct Stage: ~Copyable {
        var duel: Duel
        let frame: [UInt8]
    }

    /// What a changed byte must be answered with; nil when the frame has become longer, so that more is awaited.
    private func expected(_ target: Target, _ index: Int, _ frame: [UInt8]) throws -> ErrorCode? {
        switch index {
        case 0: return .unsupportedVersion
        case 1: return try codeOfType(target, frame[1])
        case 2, 3: return .sequenceViolation
        case 4...9: return .malformedFrame
        case 10...13:
            let length = frame[10...13].reduce(0) { $0 << 8 | Int($1) }
            if length > 16_384 { return .frameTooLarge }
            if length > frame.count - 46 { return nil }
            // The message does not fit into what is left.
            return target == .initFrame ? .malformedFrame : .authenticationFailed
        default: break
        }
        // RESPONSE and ACK are verified before they are looked into; INIT says which key to verify it with.
        guard target == .initFrame else { return .authenticationFailed }
        switch index {
        case 22: return frame[22] == 2 ? .unexpectedMessage : .malformedFrame
        case 23: return frame[23] > 3 ? .malformedFrame : .authenticationFailed
        case 24: return .malformedFrame
        case 25, 26:
            let total = Int(frame[25]) << 8 | Int(frame[26])
            return (1...35).contains(total) ? .authenticationFailed : .malformedFrame
        default: return .authenticationFailed
        }
    }

    private func codeOfType(_ target: Target, _ type: UInt8) throws -> ErrorCode {
        guard let type = FrameType(rawValue: type) else { return .malformedFrame }
        // A CLOSE where one is awaited is looked into: its payload is none.
        return type == .close && target != .initFrame ? .malformedFrame : .unexpectedMessage
    }

    /// [SCP-FRAME-14] [SCP-HS-12] Every byte of every frame, changed in several ways: the code that belongs to it, and
    /// never a session.
    @Test(arguments: Target.allCases, [0x01, 0x02, 0x10, 0x80, 0xff] as [UInt8])
    func everyByteChanged(target: Target, mask: UInt8) throws {
        let fixture = try Fixture()
        let size = try stage(target, fixture).frame.count
        for index in 0..<size {
            var stage = try stage(target, fixture)
            var frame = stage.frame
            frame[index] ^= mask
            let error = stage.duel.feed(frame)
            let wanted = try expected(target, index, frame)
            #expect(error?.code == wanted, "byte \(index)")
            stage.duel.poll()
            let state = stage.duel.engine.state
            #expect(state == (wanted == nil ? target.state : .draining), "byte \(index)")
            let frames = stage.duel.takeFrames()
            // [SCP-HS-17] Before an INIT was verified nothing is answered but a version.
            let isAnswered = target == .initFrame ? wanted == .unsupportedVersion : wanted?.maySendInHandshake ?? false
            #expect(frames.map(\.closeCode) == (isAnswered ? [wanted] : []), "byte \(index)")
            // [SCP-CLOSE-10]
            #expect(frames.allSatisfy { $0.closeList == (wanted == .unsupportedVersion ? [1] : []) })
            stage.duel.engine.receiveEnd(.endOfStream, at: stage.duel.now)
            stage.duel.poll()
            let closed = stage.duel.closure
            let failure = error ?? ConnectionError(.transportFailed, origin: .transport, position: 0)
            guard case .failed(let end)? = closed else {
                Issue.record("byte \(index) ended as \(String(describing: closed))")
                continue
            }
            #expect(end.code == failure.code && end.origin == failure.origin)
        }
    }

    /// [SCP-STATE-15] A handshake frame cut anywhere, and then the end of the stream.
    @Test(arguments: Target.allCases)
    func everyCut(target: Target) throws {
        let fixture = try Fixture()
        let size = try stage(target, fixture).frame.count
        for length in 0..<size {
            var stage = try stage(target, fixture)
            #expect(stage.duel.feed(Array(stage.frame[..<length])) == nil)
            stage.duel.engine.receiveEnd(.endOfStream, at: stage.duel.now)
            stage.duel.poll()
            guard case .failed(let end)? = stage.duel.closure else {
                Issue.record("\(length) bytes did not fail")
                continue
            }
            #expect(end.code == .transportFailed && end.origin == .transport)
            #expect(stage.duel.takeFrames().isEmpty)
            #expect(stage.duel.feed([0])?.code == .transportFailed)
        }
    }

    /// [SCP-ITEM-2] [SCP-HS-29] Somebody on the way who re-makes the HMAC, which with hello 0x00 anybody can: a change
    /// of M1 or M2 is noticed all the same, one of what is not in the transcript is not.
    @Test(arguments: [Target.initFrame, .response])
    func remadeFramesAreNoticed(target: Target) throws {
        var fixture = try Fixture()
        fixture.initiator.responderKey = nil
        let size = target == .initFrame ? 128 : 163
        for index in 14..<size - 32 {
            var pipe = try fixture.pipe()
            pipe.collect(from: .initiator)
            if target == .response {
                try pipe.deliver(to: .responder)
                pipe.collect(from: .responder)
            }
            let sender: Role = target == .initFrame ? .initiator : .responder
            var frame = pipe.inFlight(from: sender == .initiator ? .initiator : .responder)
            try #require(frame.count == size)
            frame[index] ^= 0x04
            var forger = HostilePeer(sender, fixture)
            try forger.introduce(Attempt(rawValue: frame[14..<22].reduce(0) { $0 << 8 | UInt64($1) }))
            frame = try forger.remade(frame, sender == .initiator ? .initiatorHello : .responderHello)
            pipe.replaceInFlight(from: sender == .initiator ? .initiator : .responder, with: frame)
            pipe.settle()
            // `have` is ignored on streams, and so is the cookie of an INIT.
            let isIgnored = index == 27 || index == 28 || target == .initFrame && (29..<61).contains(index)
            let (first, second) = (pipe.initiator.state, pipe.responder.state)
            #expect((first == .established) == isIgnored, "byte \(index): \(first)")
            #expect((second == .established) == isIgnored, "byte \(index): \(second)")
        }
    }

    /// [SCP-HS-20] An initiator that damages its own M3, under the right frame key.
    @Test func remadeMessage3IsNoticed() throws {
        let fixture = try Fixture()
        for index in 14..<125 - 32 {
            var stage = try stage(.ack, fixture)
            var frame = stage.frame
            frame[index] ^= 0x04
            let remade = try stage.duel.peer.remade(frame, .finished)
            let error = stage.duel.feed(remade)
            let code: ErrorCode? =
                switch index {
                case 14..<22: .unexpectedMessage  // another attempt
                case 22..<25: .malformedFrame  // kind, hello, piece
                case 25: .malformedFrame  // total: longer than what is there
                case 27, 28: nil  // `have` is ignored
                default: .authenticationFailed
                }
            // The low byte of the total: 0x40 becomes 0x44, longer than what is there.
            #expect(error?.code == (index == 26 ? .malformedFrame : code), "byte \(index)")
            #expect((stage.duel.engine.state == .established) == (code == nil))
        }
    }

    /// [SCP-HS-11] Padding behind a message is ignored, whatever it holds.
    @Test(arguments: Target.allCases)
    func paddingIsIgnored(target: Target) throws {
        let fixture = try Fixture()
        var stage = try stage(target, fixture)
        let payload = Array(stage.frame[14..<stage.frame.count - 32]) + [0, 0, 7, 0]
        let key: HostilePeer.Key =
            switch target {
            case .initFrame: .initiatorHello
            case .response: .responderHello
            case .ack: .finished
            }
        let type: FrameType = target == .ack ? .ack : target == .response ? .handshakeResponse : .handshakeInit
        let frame = try stage.duel.peer.plainFrame(type, payload, key)
        #expect(stage.duel.feed(frame) == nil)
        let wanted: ConnectionState =
            target == .ack ? .established : target == .response ? .unconfirmed : .halfOpen
        #expect(stage.duel.engine.state == wanted)
    }

    /// [SCP-TIME-2] [SCP-LIMIT-1] A byte every 100 ms does not keep a connection alive, and nothing is held beyond one
    /// frame of epoch 0.
    @Test func slowLoris() throws {
        let fixture = try Fixture()
        var duel = try Duel.at(.awaitingInit, .responder, fixture)
        let header = HostilePeer.header(1, epoch: 0, counter: 0, length: 16_384)
        #expect(duel.feed(header) == nil)
        #expect(duel.engine.memory <= 64)
        for step in 1...161 {
            #expect(duel.feed([UInt8](repeating: 0, count: 100)) == nil)
            let (held, given) = (duel.engine.memory, 14 + 100 * step)
            #expect(held <= 16_430 && held <= 2 * given)
            duel.advance(by: .milliseconds(62))
        }
        duel.advance(by: .milliseconds(17))
        #expect(duel.engine.state == .awaitingInit)
        duel.advance(by: .milliseconds(1))
        let (state, memory, deadline) = (duel.engine.state, duel.engine.memory, duel.engine.deadline)
        #expect(state == .closed && memory == 0 && deadline == nil)
        #expect(duel.closure == .failed(ConnectionError(.handshakeTimeout, origin: .local, position: 0)))
        #expect(duel.written.isEmpty)
    }
}
