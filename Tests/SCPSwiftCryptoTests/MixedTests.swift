#if SwiftCrypto
import SCP
import SCPGcrypt
import SCPRepeatableMLKEM
import SCPSwiftCrypto
import Testing

/// Both ends interoperate whatever their backends: a peer cannot tell them apart.
struct MixedTests {
    @Test(arguments: [false, true])
    func swiftCryptoWithGcrypt(initiates: Bool) throws {
        try Duet.play(SwiftCryptoProvider(), GcryptProvider(), firstInitiates: initiates)
    }

    @Test(arguments: [false, true])
    func agreementOfSwiftCryptoProtectionOfGcrypt(initiates: Bool) throws {
        let mixed = try CombinedProvider(agreement: SwiftCryptoProvider(), protection: GcryptProvider())
        try Duet.play(mixed, GcryptProvider(), firstInitiates: initiates)
    }

    @Test(arguments: [false, true])
    func agreementOfGcryptProtectionOfSwiftCrypto(initiates: Bool) throws {
        let mixed = try CombinedProvider(agreement: GcryptProvider(), protection: SwiftCryptoProvider())
        try Duet.play(mixed, GcryptProvider(), firstInitiates: initiates)
    }

    // [SCP-HS-2] [SCP-ROT-22]
    @Test(arguments: [false, true])
    func hybridSwiftCryptoWithMixed(initiates: Bool) throws {
        let mixed = try CombinedProvider(agreement: SwiftCryptoProvider(), protection: GcryptProvider())
        try Duet.play(SwiftCryptoProvider(), mixed, .require, firstInitiates: initiates)
    }

    /// Two implementations of ML-KEM in one session.
    // [SCP-HS-2] [SCP-ROT-22]
    @Test(arguments: [false, true])
    func hybridSwiftCryptoWithTheRepeatable(initiates: Bool) throws {
        let other = RepeatableProvider(try GcryptProvider(), seed: 5, isHybrid: true)
        try Duet.play(SwiftCryptoProvider(), other, .require, firstInitiates: initiates)
    }
}

/// A whole session between engines with different providers: handshake, messages both ways through rotations asked for
/// by either side, exported keys, close.
private struct Duet<First: CryptoProvider, Second: CryptoProvider>: ~Copyable {
    var first: Connection<First>
    var second: Connection<Second>
    var now = Instant.zero

    static func play(
        _ first: First, _ second: Second, _ policy: HybridPolicy = .classic, firstInitiates: Bool
    ) throws {
        let firstKey = try first.privateKey(first.randomSecret(count: 32))
        let secondKey = try second.privateKey(second.randomSecret(count: 32))
        var ours = Configuration(
            provider: first, identity: firstKey, identityPolicy: .pinned(try second.publicKey(of: secondKey)))
        var theirs = Configuration(
            provider: second, identity: secondKey, identityPolicy: .allowed([try first.publicKey(of: firstKey)]))
        ours.use(policy)
        theirs.use(policy)
        var duet = try Duet(
            first: Connection(firstInitiates ? .initiator : .responder, ours, at: .zero),
            second: Connection(firstInitiates ? .responder : .initiator, theirs, at: .zero))
        try duet.settle()
        #expect(duet.first.state == .established && duet.second.state == .established)
        let suites = [duet.first.negotiatedSuite, duet.second.negotiatedSuite]
        #expect(suites == (policy == .classic ? [.classic, .classic] : [.hybrid, .hybrid]))
        for round in 0..<12 { try duet.exchange(round) }
        #expect(duet.first.statistics.epoch >= 4)
        #expect(duet.first.statistics.epoch == duet.second.statistics.epoch)
        try duet.expectSameExports()
        duet.first.close(at: duet.now)
        try duet.settle()
        duet.first.receiveEnd(.endOfStream, at: duet.now)
        duet.second.receiveEnd(.endOfStream, at: duet.now)
        try duet.settle()
        #expect(duet.first.isTerminated && duet.second.isTerminated)
    }

    /// A message each way, of a size that goes over several frames now and then, and a rotation in the middle.
    private mutating func exchange(_ round: Int) throws {
        let text = [UInt8](repeating: UInt8(round), count: round % 3 == 0 ? 100_000 : 10 * round)
        _ = try first.send(text.span, at: now)
        if round % 4 == 1 { first.rotateKeys(at: now) }
        if round % 4 == 3 { second.rotateKeys(at: now) }
        _ = try second.send(text.span, at: now)
        try settle()
        now = now.advanced(by: .seconds(2))
        first.advance(to: now)
        second.advance(to: now)
        try settle()
        let atSecond = second.read(at: now) { _, bytes in bytes.indices.map { bytes[$0] } }
        let atFirst = first.read(at: now) { _, bytes in bytes.indices.map { bytes[$0] } }
        #expect(atSecond == text)
        #expect(atFirst == text)
    }

    private func expectSameExports() throws {
        let context: [UInt8] = [1, 2, 3]
        let mine = try first.exportKey(label: "test", context: context.span, length: 40)
        let yours = try second.exportKey(label: "test", context: context.span, length: 40)
        let isSame = mine.bytes.indices.allSatisfy { mine.bytes[$0] == yours.bytes[$0] }
        #expect(isSame && !mine.isZero)
    }

    /// Exchanges bytes until neither has anything to say.
    private mutating func settle() throws {
        var isMoving = true
        while isMoving {
            isMoving = false
            var bytes = Duet.poll(&first, at: now)
            if !bytes.isEmpty {
                isMoving = true
                var span = bytes.mutableSpan
                try second.receive(&span, at: now)
            }
            bytes = Duet.poll(&second, at: now)
            if !bytes.isEmpty {
                isMoving = true
                var span = bytes.mutableSpan
                try first.receive(&span, at: now)
            }
        }
    }

    private static func poll<Provider: CryptoProvider>(
        _ connection: inout Connection<Provider>, at now: Instant
    ) -> [UInt8] {
        var polled: [UInt8] = []
        while true {
            var transmit = Transmit.nothing
            polled += [UInt8](capacity: 131_072) { output in
                transmit = connection.pollTransmit(into: &output, unwritten: 0, at: now)
            }
            while connection.pollEvent() != nil {}
            guard case .wrote = transmit else { return polled }
        }
    }
}
#endif
