import SCPSimulation
import Testing

@testable import SCP

/// When randomness fails no handshake message leaves, whichever draw it is.
// [SCP-HS-31]
@Suite struct RandomFailureTests {
    let initiating: ObservedProvider
    let responding: ObservedProvider
    private var initiator: Configuration<ObservedProvider>
    private var responder: Configuration<ObservedProvider>

    init() throws {
        initiating = try ObservedProvider()
        responding = try ObservedProvider()
        initiator = Configuration(
            provider: initiating, identity: try initiating.privateKey(testSecret(1)), identityPolicy: .anyone)
        responder = Configuration(
            provider: responding, identity: try responding.privateKey(testSecret(2)), identityPolicy: .anyone)
    }

    private func configurations(
        hasPSK: Bool
    ) -> (Configuration<ObservedProvider>, Configuration<ObservedProvider>) {
        var (left, right) = (initiator, responder)
        if hasPSK {
            left.usePresharedKeys(.common(testSecret(3)))
            right.usePresharedKeys(.common(testSecret(3)))
        }
        return (left, right)
    }

    /// Types of the frames in `bytes`, which begin and end with whole ones.
    private func types(_ bytes: [UInt8]) throws -> [FrameType] {
        var types: [FrameType] = []
        var position = 0
        while position < bytes.count {
            let header = try FrameHeader.parse(bytes.span, at: position, limit: 1 << 20)
            types.append(header.type)
            position += header.frameSize
        }
        return types
    }

    @Test(arguments: [false, true])
    func initiatorDoesNotBegin(hasPSK: Bool) throws {
        let (configuration, _) = configurations(hasPSK: hasPSK)
        let draws = try initiating.log.during {
            _ = try Connection(.initiator, configuration, at: .zero)
        }.count { $0 == .random }
        // The attempt, the ephemeral, and what stands in for the PSK of an unknown peer.
        #expect(draws == (hasPSK ? 3 : 2))
        for draw in 0..<draws {
            initiating.log.fail(after: draw, among: .random)
            var error: ConfigurationError?
            do throws(ConfigurationError) {
                _ = try Connection(.initiator, configuration, at: .zero)
            } catch let thrown {
                error = thrown
            }
            #expect(error == .backend)
            #expect(initiating.log.pendingFailure == nil)
        }
    }

    @Test(arguments: [false, true])
    func responderDoesNotAnswer(hasPSK: Bool) throws {
        let (left, right) = configurations(hasPSK: hasPSK)
        for draw in 0..<(hasPSK ? 2 : 1) {
            var pipe = try Pipe(initiator: left, responder: right)
            pipe.collect(from: .initiator)
            responding.log.fail(after: draw, among: .random)
            var error: ConnectionError?
            do throws(ConnectionError) {
                try pipe.deliver(to: .responder)
            } catch let thrown {
                error = thrown
            }
            #expect(error?.code == .internalError)
            #expect(responding.log.pendingFailure == nil)
            pipe.collect(from: .responder)
            let types = try types(pipe.inFlight(from: .responder))
            #expect(types.allSatisfy { $0 == .close })
            let state = pipe.responder.state
            #expect(state == .closed || state == .draining)
        }
        // There is no third draw: the handshake goes through.
        responding.log.fail(after: hasPSK ? 2 : 1, among: .random)
        var pipe = try Pipe(initiator: left, responder: right)
        pipe.settle()
        let state = pipe.responder.state
        #expect(state == .established)
        #expect(responding.log.pendingFailure == 0)
    }

    /// The nonce of the request, what stands in for an unknown peer's key, and the ephemeral.
    @Test(arguments: 0..<3)
    func rotationIsNotAskedFor(draw: Int) throws {
        let (left, right) = configurations(hasPSK: false)
        var pipe = try Pipe(initiator: left, responder: right)
        pipe.settle()
        initiating.log.fail(after: draw, among: .random)
        pipe.initiator.rotateKeys(at: pipe.now)
        pipe.collect(from: .initiator)
        #expect(initiating.log.pendingFailure == nil)
        let types = try types(pipe.inFlight(from: .initiator))
        #expect(!types.contains(.handshakeInit))
        let rotations = pipe.initiator.statistics.rotations
        #expect(rotations == 0)
    }
}
