import SCPSimulation
import Testing

@testable import SCP

/// Rotation in suite 0x02 against a peer that says what it likes, on streams and in pieces on datagrams.
@Suite("Forged rotations of hybrid sessions")
struct HybridRotationTests {
    private typealias Attack = HostileDatagramTests.Attack

    /// Every coefficient is 3 or 48: a key that is good, by its encoding.
    private static let goodKey = [UInt8](repeating: 3, count: EncapsulationKey.size)

    /// A good key but for one coefficient, which is 3,329.
    private static func badKey(_ coefficient: Int) -> [UInt8] {
        var key = goodKey
        let start = coefficient / 2 * 3
        if coefficient.isMultiple(of: 2) {
            (key[start], key[start + 1]) = (0x01, 0x0d)
        } else {
            (key[start + 1], key[start + 2]) = (0x10, 0xd0)
        }
        return key
    }

    /// The tag that ``ForgeableProvider`` wants, of the Noise message's first encryption, or of its second.
    private static func tag(_ nonce: UInt8) -> [UInt8] {
        [UInt8](repeating: 0, count: 11) + [nonce] + [UInt8](repeating: 0xa5, count: 4)
    }

    /// The Noise message `-> psk, e, e1` with an encapsulation key.
    private static func noise(_ key: [UInt8] = goodKey) -> [UInt8] {
        [UInt8](repeating: 9, count: 32) + key.map { $0 ^ 0x5a } + tag(0) + tag(1)
    }

    /// A piece of a request, as datagrams carry it.
    private static func piece(
        _ index: Int, target: UInt16 = 2, nonce: UInt64 = 7, mode: RotationMode = .ephemeral,
        noise message: [UInt8] = noise()
    ) -> [UInt8] {
        RotationMessage.encoded(target: target, nonce: nonce, mode: mode, noise: message, piece: index, of: 2)
    }

    /// How many frames of a type the victim has sent under epoch 1.
    private func count(_ kind: String, _ attack: borrowing Attack) -> Int {
        attack.sent.items.flatMap { Seen.kinds($0) }.count { $0 == kind }
    }

    // MARK: Bad encapsulation keys

    // [SCP-ROT-22] "a bad encapsulation key MUST fail with ROTATION_FAILED"
    @Test("a coefficient of 3,329 on a stream", arguments: [Role.initiator, .responder], [nil, 0, 1, 383, 766, 767])
    func badKeyOnAStream(victim: Role, coefficient: Int?) throws {
        var peer = try ForgingPeer(victim, isHybrid: true)
        #expect(peer.engine.negotiatedSuite == .hybrid)
        let key = coefficient.map { Self.badKey($0) } ?? Self.goodKey
        let message = RotationMessage.encoded(target: 2, nonce: 7, mode: .ephemeral, noise: Self.noise(key))
        let code = codeThrown { () throws(ConnectionError) in try peer.say(.handshakeInit, message) }
        let heard = peer.listen()
        if coefficient == nil {
            #expect(code == nil && heard.contains { $0.type == .handshakeResponse && $0.epoch == 1 })
        } else {
            #expect(code == .rotationFailed && heard.map(\.closeCode) == [.rotationFailed])
        }
    }

    // [SCP-ROT-22] [SCP-ROT-23]
    @Test("the same in two datagrams", arguments: [0, 1], [nil, 0, 767])
    func badKeyInPieces(victim: Int, coefficient: Int?) throws {
        var attack = try Attack(on: victim, isHybrid: true)
        let message = Self.noise(coefficient.map { Self.badKey($0) } ?? Self.goodKey)
        try attack.give(.handshakeInit, Self.piece(0, noise: message))
        #expect(attack.state == .established)
        try attack.give(.handshakeInit, Self.piece(1, noise: message))
        #expect(attack.code == (coefficient == nil ? nil : .rotationFailed))
        #expect(try attack.closes() == (coefficient == nil ? [] : [.rotationFailed]))
        #expect(count("response/1", attack) == (coefficient == nil ? 2 : 0))
    }

    // MARK: Pieces

    // [SCP-ROT-23] "Pieces are repeated by loss recovery while the request or answer is alive" [SCP-ROT-9]
    @Test("pieces come in any order and more than once: one answer, in two pieces")
    func anyOrder() throws {
        for order in [[0, 1], [1, 0], [0, 0, 1], [1, 1, 1, 0], [1, 0, 0, 1]] {
            var attack = try Attack(on: 1, isHybrid: true)
            for index in order { try attack.give(.handshakeInit, Self.piece(index)) }
            #expect(attack.state == .established)
            #expect(count("response/1", attack) == 2, "\(order)")
        }
    }

    // [SCP-ROT-23] "Pieces of one message that differ in nonce or mode MUST fail with ROTATION_FAILED"
    @Test("pieces that do not belong together", arguments: [0, 1])
    func contradictions(victim: Int) throws {
        for second in [Self.piece(1, nonce: 8), Self.piece(1, mode: .authenticated)] {
            var attack = try Attack(on: victim, isHybrid: true)
            try attack.give(.handshakeInit, Self.piece(0))
            try attack.give(.handshakeInit, second)
            #expect(attack.code == .rotationFailed)
        }
    }

    // [SCP-ROT-3] [SCP-ROT-4] [SCP-ROT-23]
    @Test("piece octets, sizes and totals that cannot be", arguments: [0, 1])
    func formats(victim: Int) throws {
        let good = Self.piece(0)
        var cases = [
            good + [0], Array(good.dropLast()),
            RotationMessage.encoded(
                target: 2, nonce: 7, mode: .ephemeral, noise: Self.noise()),
        ]
        for (place, value) in [(11, UInt8(0x00)), (11, 0x02), (11, 0x21), (11, 0xff), (12, 0x05), (13, 0xdf)] {
            var bytes = good
            bytes[place] = value
            cases.append(bytes)
        }
        for bytes in cases {
            var attack = try Attack(on: victim, isHybrid: true)
            try attack.give(.handshakeInit, bytes)
            #expect(attack.code == .malformedFrame)
        }
    }

    // [SCP-ROT-18] "the pieces of a request, and all repetitions of them, MUST be counted as one request"
    @Test("one request in many frames counts once, many requests count each", arguments: [0, 1])
    func counting(victim: Int) throws {
        var attack = try Attack(on: victim, isHybrid: true)
        // Of an epoch that is over: counted, acknowledged and ignored.
        for round in 0..<40 { try attack.give(.handshakeInit, Self.piece(round % 2, target: 1, nonce: 100)) }
        #expect(attack.state == .established)
        for nonce in 101..<108 as Range<UInt64> {
            try attack.give(.handshakeInit, Self.piece(0, target: 1, nonce: nonce))
        }
        #expect(attack.state == .established)
        try attack.give(.handshakeInit, Self.piece(0, target: 1, nonce: 100))
        #expect(attack.code == .rateLimited)
    }
}
