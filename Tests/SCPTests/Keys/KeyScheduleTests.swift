import SCPGcrypt
import Testing

@testable import SCP

@Suite struct KeyScheduleTests {
    let reference: KeyReference

    init() throws { reference = try KeyReference() }

    private func schedule(
        _ first: UInt64 = 1, _ second: UInt64 = 2, hash: UInt8 = 3, provider: ObservedProvider
    ) throws -> KeySchedule<ObservedProvider> {
        try KeySchedule((testSecret(first), testSecret(second)), hash: Digest(repeating: hash), provider: provider)
    }

    /// Cipher and authenticator keys of both directions, chain, exporter's output and binding.
    private func outputs(_ schedule: KeySchedule<ObservedProvider>, _ provider: ObservedProvider) throws -> [[UInt8]] {
        let before = provider.log.keys.count
        _ = try schedule.trafficKeys(sentBy: .initiator)
        _ = try schedule.trafficKeys(sentBy: .responder)
        let keys = Array(provider.log.keys[before...])
        #expect(keys.count == 4)
        let exporter = try schedule.exporter()
        let exported = try exporter.export(label: [1], context: Span(), length: 32, provider)
        return keys + [array(try schedule.chain()), array(exporter.binding), array(exported)]
    }

    private func expected(_ keys: (UInt64, UInt64), hash: UInt8) throws -> [[UInt8]] {
        let master = try reference.extract(array(testSecret(keys.0)) + array(testSecret(keys.1)))
        let context = [UInt8](repeating: hash, count: 32)
        let labels = ["i2r key", "i2r mac", "r2i key", "r2i mac", "chain", "binding", "exporter"]
        var outputs = try labels.map { try reference.label(master, $0, context, 32) }
        let exporter = try reference.label(outputs.removeLast(), "\u{1}", reference.hash([]), 32)
        outputs.append(try reference.label(exporter, "exporter", reference.hash([]), 32))
        return outputs
    }

    // [SCP-KEY-5] [SCP-KEY-6] [SCP-KEY-7] [SCP-KEY-8]
    @Test func derivedAsSpecified() throws {
        let provider = try ObservedProvider()
        let outputs = try outputs(schedule(provider: provider), provider)
        #expect(try outputs == expected((1, 2), hash: 3))
    }

    /// The iv shows in the nonce only: a frame sealed by the schedule's keys is the reference's.
    // [SCP-KEY-6]
    @Test(arguments: [(Role.initiator, "i2r"), (.responder, "r2i")])
    func ivOfEachDirection(role: Role, direction: String) throws {
        let provider = try ObservedProvider()
        let keys = try schedule(provider: provider).trafficKeys(sentBy: role)
        let master = try reference.extract(array(testSecret(1)) + array(testSecret(2)))
        let material = try [("key", 32), ("mac", 32), ("iv", 12)].map { name, count in
            let context = [UInt8](repeating: 3, count: 32)
            let bytes = try reference.label(master, "\(direction) \(name)", context, count)
            return Secret(copying: bytes.span)
        }
        let other = TrafficKeys<GcryptProvider>(
            cipher: try reference.provider.cipher(material[0]),
            authenticator: try reference.provider.authenticator(material[1]), iv: material[2])
        let sequence = try #require(SequenceNumber(epoch: 1, counter: 5))
        #expect(
            try sealedFrame(keys, [1, 2, 3], sequence: sequence)
                == sealedFrame(other, [1, 2, 3], sequence: sequence))
    }

    @Test(arguments: [Suite.classic, .classicPSK])
    func bothSidesHaveTheSame(suite: Suite) throws {
        let provider = try ObservedProvider()
        var pair = try NoiseKeys(provider).pair(suite.pattern)
        try pair.advance(to: 3)
        let left = try outputs(pair.initiator.schedule(), provider)
        let right = try outputs(pair.responder.schedule(), provider)
        #expect(left == right)
        let (first, second) = try pair.initiator.split()
        #expect(Set(left + [array(first), array(second)]).count == 9)
        let (initiator, responder) = (try pair.initiator.schedule(), try pair.responder.schedule())
        #expect(array(initiator.hash) == array(responder.hash))
        #expect(array(initiator.hash) == array(pair.initiator.handshakeHash))
    }

    /// Either key, their order, and the hash are in every output.
    @Test func everyInputCounts() throws {
        let provider = try ObservedProvider()
        let schedules = [
            try schedule(provider: provider), try schedule(2, 1, provider: provider),
            try schedule(1, 3, provider: provider), try schedule(3, 2, provider: provider),
            try schedule(hash: 4, provider: provider),
        ]
        let all = try schedules.flatMap { try outputs($0, provider) }
        #expect(all.count == 35)
        #expect(Set(all).count == 35)
    }

    /// A frame sent back to its sender is not authentic.
    // [SCP-SEC-7]
    @Test func directionsDoNotMix() throws {
        let provider = try ObservedProvider()
        let schedule = try schedule(provider: provider)
        let sequence = try #require(SequenceNumber(epoch: 1, counter: 0))
        for role in [Role.initiator, .responder] {
            var frame = try sealedFrame(schedule.trafficKeys(sentBy: role), [1], sequence: sequence)
            let keys = try schedule.trafficKeys(sentBy: role.peer)
            #expect(openFrame(keys, &frame).error == .authentication)
        }
    }
}
