import SCP
import SCPGcrypt
import SCPSimulation
import Testing

@Suite struct SeededProviderTests {
    private typealias Seeded = SeededProvider<GcryptProvider, NoKeyEncapsulation>

    /// Every byte that both sides of a session write.
    private func trace(seed: UInt64) throws -> [UInt8] {
        let provider = SeededProvider(try GcryptProvider(), seed: seed)
        let first = try provider.privateKey(provider.randomSecret(count: 32))
        let second = try provider.privateKey(provider.randomSecret(count: 32))
        var pipe = try Pipe(
            initiator: Configuration(provider: provider, identity: first, identityPolicy: .anyone),
            responder: Configuration(provider: provider, identity: second, identityPolicy: .anyone))
        var bytes: [UInt8] = []
        for round in 0..<8 {
            let end: Pipe<Seeded>.End = round % 2 == 0 ? .initiator : .responder
            if round == 4 {
                let text = Array("the same words".utf8)
                _ = try pipe.initiator.send(text.span, at: pipe.now)
            }
            pipe.collect(from: end)
            bytes += pipe.inFlight(from: end)
            try pipe.deliver(to: end.other)
        }
        return bytes
    }

    @Test func sameSeedSameSession() throws {
        let first = try trace(seed: 7)
        #expect(first.count > 500)
        #expect(try trace(seed: 7) == first)
        #expect(try trace(seed: 8) != first)
    }
}
