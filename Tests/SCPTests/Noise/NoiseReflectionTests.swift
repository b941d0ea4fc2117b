import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

/// An ephemeral that comes back to the initiator who made it.
// [SCP-HS-32] "An initiator that meets its own ephemeral in M2 MUST reject the peer with IDENTITY_REJECTED whatever
// it was told"
@Suite struct NoiseReflectionTests {
    typealias Seeded = SeededProvider<GcryptProvider, NoKeyEncapsulation>

    @Test(arguments: ["XX", "XXpsk3", "KKpsk0", "NNpsk0"])
    func ephemeralThatComesBack(pattern: String) throws {
        let pattern = try #require(HandshakePattern.named(pattern))
        let honest = try NoiseKeys(ObservedProvider())
        var reflecting = honest
        reflecting.ephemerals[.responder] = honest.ephemerals[.initiator]
        let own = try #require(try honest.ephemerals[.initiator].map { try honest.provider.publicKey(of: $0) })
        var bytes = own.bytes
        bytes[31] |= 0x80
        var spelled = reflecting
        spelled.ephemerals[.responder] = reflecting.ephemerals[.responder]?.claiming(PublicKey(bytes))

        // The message is genuine in every case: only the key tells. Another spelling of it is the same key.
        for (keys, isReflected) in [(honest, false), (reflecting, true), (spelled, true)] {
            var pair = try keys.pair(pattern)
            try pair.advance(to: 1)
            #expect(!pair.initiator.isEphemeralReflected && !pair.responder.isEphemeralReflected)
            try pair.advance(to: 2)
            #expect(pair.initiator.isEphemeralReflected == isReflected)
        }
    }

    /// A responder whose random numbers are the initiator's: it completes message 2, and gets no message 3, even from
    /// an initiator that may meet itself.
    @Test(arguments: [true, false], [true, false])
    func initiatorRefuses(isReflected: Bool, mayMeetItself: Bool) throws {
        let provider = try GcryptProvider()
        func configuration(seed: UInt64, key: UInt64) throws -> Configuration<Seeded> {
            Configuration(
                provider: SeededProvider(provider, seed: seed), identity: try provider.privateKey(testSecret(key)),
                identityPolicy: .anyone)
        }
        // The initiator draws the eight bytes of the attempt first. What a seed gives after eight numbers another
        // gives from the start: the generator counts in steps of its constant.
        let later: UInt64 = 1 &+ 8 &* 0x9e37_79b9_7f4a_7c15
        var initiator = try configuration(seed: 1, key: 1)
        initiator.allowsSelfConnection = mayMeetItself
        var pipe = try Pipe(
            initiator: initiator,
            responder: configuration(seed: isReflected ? later : 2, key: 2))
        pipe.collect(from: .initiator)
        let first = try ephemeral(pipe.inFlight(from: .initiator))
        try pipe.deliver(to: .responder)
        pipe.collect(from: .responder)
        let second = try ephemeral(pipe.inFlight(from: .responder))
        // Else this would prove nothing.
        try #require((first == second) == isReflected)

        pipe.settle()
        let failure = pipe.events[.initiator]?.last?.failure
        #expect(failure?.code == (isReflected ? .identityRejected : nil))
        let (state, peer) = (pipe.responder.state, pipe.responder.peer)
        #expect((state == .established) == !isReflected)
        #expect((peer == nil) == isReflected)
    }

    /// The ephemeral in the frame with message 1 or 2, which begin with it.
    private func ephemeral(_ frame: [UInt8]) throws -> [UInt8] {
        let header = try FrameHeader.parse(frame.span, at: 0, limit: 16_384)
        let piece = try HandshakePiece.parse(
            frame.span, in: 14..<header.frameSize - 32, type: header.type, counter: 0, isStream: true)
        guard header.type == .handshakeInit else { return Array(frame[piece.bytes].prefix(32)) }
        return Array(frame[try InitMessage.parse(frame.span, in: piece.bytes).noise].prefix(32))
    }
}
