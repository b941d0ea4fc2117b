@testable import SCP

func array(_ bytes: Span<UInt8>) -> [UInt8] { bytes.indices.map { bytes[$0] } }

func array(_ digest: Digest) -> [UInt8] { array(digest.span) }

/// Of a temporary secret too: the compiler (6.3.1) does not take a span of what a throwing call returns.
func array(_ secret: Secret) -> [UInt8] { array(secret.bytes) }

/// Bytes from hexadecimal digits; a digit that is none makes the result empty, which no test expects.
func hexBytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var digits = text.makeIterator()
    while let high = digits.next() {
        guard let low = digits.next(), let value = UInt8(String([high, low]), radix: 16) else { return [] }
        bytes.append(value)
    }
    return bytes
}

/// 32 bytes that a seed determines.
func testSecret(_ seed: UInt64, count: Int = 32) -> Secret {
    var random = WireRandom(seed: seed)
    return Secret(copying: random.bytes(count).span)
}

func testKey(_ bytes: [UInt8]) -> PublicKey { PublicKey([32 of UInt8] { $0 < bytes.count ? bytes[$0] : 0 }) }

/// The 14 encodings of points of low order, written down apart from the engine's list: 0, 1, the two of order eight
/// (cr.yp.to/ecdh.html), and p-1, p, p+1, each also with the top bit set.
let lowOrderKeys: [PublicKey] = {
    let eighth = "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"
    let otherEighth = "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"
    let small = [0, 1].map { [UInt8($0)] + [UInt8](repeating: 0, count: 31) }
    let nearPrime = [0xec, 0xed, 0xee].map { [UInt8($0)] + [UInt8](repeating: 0xff, count: 30) + [0x7f] }
    let low = small + [hexBytes(eighth), hexBytes(otherEighth)] + nearPrime
    return (low + low.map { $0.dropLast() + [$0[31] | 0x80] }).map(testKey)
}()

extension HandshakePattern {
    /// A published pattern with its modifiers, by name: `XX`, `XXpsk3`, `NNpsk0+psk2`.
    static func named(_ name: String) -> HandshakePattern? {
        let start = name.firstRange(of: "psk")?.lowerBound ?? name.endIndex
        let modifiers = name[start...].split(separator: "+")
        var pattern = published.first { $0.name == name[..<start] }
        for modifier in modifiers {
            guard modifier.hasPrefix("psk"), let place = Int(modifier.dropFirst(3)) else { return nil }
            pattern = pattern?.psk(place)
        }
        return pattern
    }
}

typealias NoiseState = HandshakeState<ObservedProvider>

extension HandshakeState {
    mutating func write(_ payload: [UInt8]) throws(NoiseError) -> [UInt8] { try write(payload: payload.span) }

    mutating func read(_ message: [UInt8]) throws(NoiseError) -> [UInt8] { try read(message.span) }

    /// Everything that can be seen of the state, to be compared before and after a failure.
    var snapshot: NoiseSnapshot {
        NoiseSnapshot(
            index: index, hash: array(handshakeHash), chainingKey: array(chainingKey.bytes), overhead: overhead,
            remoteStatic: remoteStatic, remoteEphemeral: remoteEphemeral, ephemeralPublic: ephemeralPublic)
    }
}

struct NoiseSnapshot: Equatable {
    let index: Int
    let hash: [UInt8]
    let chainingKey: [UInt8]
    let overhead: Int
    let remoteStatic, remoteEphemeral, ephemeralPublic: PublicKey?
}

/// What a body threw; nil when it did not.
func noiseError<Result>(_ body: () throws(NoiseError) -> Result) -> NoiseError? {
    do throws(NoiseError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}

/// The keys of two parties, fixed so that a failure repeats. A test replaces what it wants to be wrong.
struct NoiseKeys {
    let provider: ObservedProvider
    var statics: [Role: ObservedProvider.PrivateKey] = [:]
    /// Drawn when due where there is none.
    var ephemerals: [Role: ObservedProvider.PrivateKey] = [:]
    /// What each side knows beforehand of the other, where the pattern has it; the other's key unless replaced.
    var known: [Role: PublicKey] = [:]
    var presharedKeys: [Role: PresharedKeys] = [:]

    init(_ provider: ObservedProvider) throws {
        self.provider = provider
        for (role, seed) in [(Role.initiator, UInt64(1)), (.responder, 2)] {
            statics[role] = try provider.privateKey(testSecret(seed))
            ephemerals[role] = try provider.privateKey(testSecret(seed + 10))
            presharedKeys[role] = .common(testSecret(42))
        }
    }

    func publicKey(_ role: Role) throws -> PublicKey? {
        try statics[role].map { try provider.publicKey(of: $0) }
    }

    func state(_ pattern: HandshakePattern, _ role: Role, prologue: [UInt8] = [1, 2, 3]) throws -> NoiseState {
        let isKnown = role == .initiator ? !pattern.responderKnown.isEmpty : !pattern.initiatorKnown.isEmpty
        return try NoiseState(
            pattern, role: role, prologue: prologue.span, provider: provider, staticKey: statics[role],
            remoteStatic: isKnown ? try known[role] ?? publicKey(role.peer) : nil, ephemeral: ephemerals[role],
            presharedKeys: pattern.usesPSK ? presharedKeys[role] : nil)
    }

    func pair(_ pattern: HandshakePattern) throws -> NoisePair {
        try NoisePair(initiator: state(pattern, .initiator), responder: state(pattern, .responder))
    }
}

/// Two states, with the turns kept.
struct NoisePair {
    var initiator: NoiseState
    var responder: NoiseState

    subscript(role: Role) -> NoiseState {
        get { role == .initiator ? initiator : responder }
        set { if role == .initiator { initiator = newValue } else { responder = newValue } }
    }

    /// Who writes the message with this index.
    static func writer(of index: Int) -> Role { index % 2 == 0 ? .initiator : .responder }

    /// Passes messages on until `count` have been handled.
    mutating func advance(to count: Int) throws {
        while initiator.index < count {
            let writer = Self.writer(of: initiator.index)
            let message = try self[writer].write([UInt8(initiator.index)])
            _ = try self[writer.peer].read(message)
        }
    }
}
