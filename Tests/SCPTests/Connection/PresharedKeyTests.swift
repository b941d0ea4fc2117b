import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// Pre-shared keys: right, wrong, missing, for each peer its own.
@Suite struct PresharedKeyTests {
    private enum Outcome: Equatable {
        case established, authenticationFailed
        case unsupportedSuite([UInt8])
    }

    private func outcome(
        _ initiator: (Fixture) throws -> PresharedKeys?, _ responder: (Fixture) throws -> PresharedKeys?
    ) throws -> Outcome? {
        var fixture = try Fixture()
        if let keys = try initiator(fixture) { fixture.initiator.usePresharedKeys(keys) }
        if let keys = try responder(fixture) { fixture.responder.usePresharedKeys(keys) }
        var pipe = try fixture.pipe()
        pipe.settle()
        if pipe.initiator.state == .established, pipe.responder.state == .established { return .established }
        let (first, second) = (pipe.events[.initiator]?.last?.failure, pipe.events[.responder]?.last?.failure)
        #expect(first?.code == second?.code)
        #expect(pipe.initiator.peer == nil && pipe.responder.peer == nil)
        switch first?.code {
        case .authenticationFailed?: return .authenticationFailed
        case .unsupportedSuite?: return .unsupportedSuite(first?.alternatives ?? [])
        default: return nil
        }
    }

    private static func secret(_ byte: UInt8, count: Int = 32) -> Secret {
        let secret = Secret(count: count)
        secret.withMutableBytes { bytes in for index in bytes.indices { bytes[index] = byte } }
        return secret
    }

    private let one = PresharedKeyTests.secret(1)
    private let two = PresharedKeyTests.secret(2)

    /// [SCP-PSK-2]
    @Test func sameKey() throws {
        #expect(try outcome({ _ in .common(one) }, { _ in .common(one) }) == .established)
    }

    /// [SCP-PSK-3] A wrong key, an unknown initiator and a key that belongs to another fail alike.
    @Test func wrongKeys() throws {
        #expect(try outcome({ _ in .common(one) }, { _ in .common(two) }) == .authenticationFailed)
        #expect(try outcome({ _ in .common(one) }, { _ in .perPeer([]) }) == .authenticationFailed)
        #expect(
            try outcome({ _ in .common(one) }, { .perPeer([($0.responderPublic, one), ($0.initiatorPublic, two)]) })
                == .authenticationFailed)
        #expect(
            try outcome({ _ in .common(one) }, { .perPeer([($0.responderPublic, one)]) }) == .authenticationFailed)
        #expect(try outcome({ _ in .perPeer([]) }, { _ in .common(one) }) == .authenticationFailed)
    }

    @Test func keysForEachPeer() throws {
        #expect(
            try outcome({ .perPeer([($0.responderPublic, one)]) }, { .perPeer([($0.initiatorPublic, one)]) })
                == .established)
        #expect(
            try outcome(
                { .perPeer([($0.initiatorPublic, two), ($0.responderPublic, one)]) }, { _ in .common(one) })
                == .established)
    }

    /// [SCP-PSK-4] [SCP-HS-33] One side only: never a session without, and the other says what it has.
    @Test func oneSideOnly() throws {
        #expect(try outcome({ _ in .common(one) }, { _ in nil }) == .unsupportedSuite([0x01]))
        #expect(try outcome({ _ in nil }, { _ in .common(one) }) == .unsupportedSuite([0x81]))
    }

    /// [SCP-PSK-1] Keys have 32 bytes, and suites fit their presence.
    @Test func configurations() throws {
        for keys in [PresharedKeys.common(Self.secret(1, count: 31)), .common(Self.secret(1, count: 33))] {
            var fixture = try Fixture()
            fixture.initiator.usePresharedKeys(keys)
            #expect(throws: ConfigurationError.self) { _ = try Connection(.initiator, fixture.initiator, at: .zero) }
        }
        var fixture = try Fixture()
        fixture.initiator.presharedKeys = .common(one)
        #expect(throws: ConfigurationError.suites) { _ = try Connection(.initiator, fixture.initiator, at: .zero) }
        fixture.responder.suites = [.classicPSK]
        #expect(throws: ConfigurationError.suites) { _ = try Connection(.responder, fixture.responder, at: .zero) }
        fixture.responder.suites = []
        #expect(throws: ConfigurationError.suites) { _ = try Connection(.responder, fixture.responder, at: .zero) }
    }

    /// [SCP-ITEM-3] Message 1 of a psk suite without its tag, with a wrong tag, with one byte more.
    @Test func tagOfMessage1() throws {
        for change in 0..<4 {
            var fixture = try Fixture()
            fixture.responder.usePresharedKeys(.common(one))
            var duel = try Duel(.responder, fixture) { peer in
                peer.suite = .classicPSK
                peer.presharedKeys = .common(Self.secret(1))
            }
            var message = try duel.peer.message1()
            switch change {
            case 0: message.removeLast(16)
            case 1: message.append(0)
            case 2: message[message.count - 1] ^= 1
            default: break
            }
            let error = duel.feed(try duel.peer.handshakeFrame(.handshakeInit, message))
            let codes: [ErrorCode?] = [.malformedFrame, .malformedFrame, .authenticationFailed, nil]
            #expect(error?.code == codes[change])
        }
    }
}
