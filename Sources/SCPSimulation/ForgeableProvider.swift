public import SCP

/// A provider without any security: it masks with XOR and "authenticates" with sums that anybody can compute. A fuzzer
/// or a simulated attacker can forge with it what a peer with valid keys could send, and a session costs microseconds.
/// Wrong tags are still wrong, so that the paths which refuse them are met too.
///
/// Never for anything that is meant to be secret.
public struct ForgeableProvider: CryptoProvider {
    private let generator: SeededGenerator
    private let isKeyed: Bool
    /// Is told every secret that is agreed on or derived.
    private let ledger: SecretLedger?

    /// - Parameter isKeyed: whether tags depend on keys, so that only who has them can forge: for attackers that have
    ///   none, and for what comes back to its sender. Still nothing against one who computes.
    public init(seed: UInt64, isKeyed: Bool = false) { self.init(seed: seed, isKeyed: isKeyed, ledger: nil) }

    init(seed: UInt64, isKeyed: Bool, ledger: SecretLedger?) {
        generator = SeededGenerator(seed: seed)
        self.isKeyed = isKeyed
        self.ledger = ledger
    }

    // MARK: Key agreement: shared(a, B) = shared(b, A), and nothing more is asked of it.

    public func privateKey(_ scalar: Secret) throws(CryptoError) -> ForgeablePrivateKey {
        guard scalar.count == 32 else { throw .invalidLength }
        var bytes = Mixer.digest([1], scalar.bytes)
        bytes[31] &= 0x7f
        return ForgeablePrivateKey(publicKey: PublicKey(bytes))
    }

    public func publicKey(of key: ForgeablePrivateKey) throws(CryptoError) -> PublicKey { key.publicKey }

    public func sharedSecret(_ key: ForgeablePrivateKey, with peer: PublicKey) throws(CryptoError) -> Secret {
        guard !peer.isLowOrder else { throw .invalidPublicKey }
        let ours = key.publicKey.canonical.bytes
        let theirs = peer.canonical.bytes
        let joined = [32 of UInt8] { ours[$0] ^ theirs[$0] }
        let secret = Secret(copying: Mixer.digest([2], joined.span).span)
        ledger?.note(secret.bytes)
        return secret
    }

    // MARK: Record protection

    public func cipher(_ key: Secret) throws(CryptoError) -> ForgeableCipher {
        guard key.count == 32 else { throw .invalidLength }
        return ForgeableCipher()
    }

    public func authenticator(_ key: Secret) throws(CryptoError) -> ForgeableAuthenticator {
        guard isKeyed else { return ForgeableAuthenticator() }
        var mixer = Mixer(seed: 9)
        mixer.absorb(key.bytes)
        return ForgeableAuthenticator(key: mixer.state)
    }

    public func hash(_ first: Span<UInt8>, _ second: Span<UInt8>) throws(CryptoError) -> Digest {
        var mixer = Mixer(seed: 3)
        mixer.absorb(first)
        mixer.absorb(second)
        return mixer.digest
    }

    public func extract(salt: Span<UInt8>, inputKeyMaterial: Span<UInt8>, into output: Secret) throws(CryptoError) {
        guard output.count == 32 else { throw .invalidLength }
        var mixer = Mixer(seed: 4)
        mixer.absorb(salt)
        mixer.absorb(inputKeyMaterial)
        let digest = mixer.digest
        output.withMutableBytes { bytes in for index in 0..<32 { bytes[index] = digest[index] } }
        ledger?.note(output.bytes)
    }

    public func expand(_ pseudorandomKey: Span<UInt8>, info: Span<UInt8>, into output: Secret) throws(CryptoError) {
        guard pseudorandomKey.count >= 32, (1...8_160).contains(output.count) else { throw .invalidLength }
        // A nonce base of zeros: what a frame is sealed with is then its sequence alone, which a forger knows.
        guard output.count != 12 else { return }
        var mixer = Mixer(seed: 5)
        mixer.absorb(pseudorandomKey)
        mixer.absorb(info)
        output.withMutableBytes { bytes in
            for index in bytes.indices {
                if index % 32 == 0 { mixer.step(UInt64(index)) }
                bytes[index] = mixer.digest[index % 32]
            }
        }
        ledger?.note(output.bytes)
    }

    public func fillRandom(_ bytes: inout MutableSpan<UInt8>) throws(CryptoError) {
        for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: generator.next()) }
    }
}

/// A key that is its own public key.
public struct ForgeablePrivateKey: Sendable {
    let publicKey: PublicKey
}

/// XOR with a constant; the tag is the nonce and a constant, whatever the key.
public final class ForgeableCipher: RecordCipher {
    private static let mask: UInt8 = 0x5a

    private static func tag(_ nonce: Nonce, at index: Int) -> UInt8 { index < 12 ? nonce[index] : 0xa5 }

    public func seal(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        guard range.lowerBound >= 0, range.upperBound <= buffer.count - 16 else { throw .invalidLength }
        for index in range { buffer[index] ^= Self.mask }
        for index in 0..<16 { buffer[range.upperBound + index] = Self.tag(nonce, at: index) }
    }

    public func open(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, nonce: Nonce, authenticating header: Span<UInt8>
    ) throws(CryptoError) {
        guard range.lowerBound >= 0, range.upperBound <= buffer.count - 16 else { throw .invalidLength }
        let isGenuine = (0..<16).allSatisfy { buffer[range.upperBound + $0] == Self.tag(nonce, at: $0) }
        for index in range { buffer[index] = isGenuine ? buffer[index] ^ Self.mask : 0 }
        guard isGenuine else { throw .authenticationFailed }
    }
}

/// A sum of words, under no key unless it is asked for: enough to notice damage, nothing against intent.
public final class ForgeableAuthenticator: RecordAuthenticator {
    private let key: UInt64

    init(key: UInt64 = 8) { self.key = key }

    public func authenticate(_ bytes: Span<UInt8>) throws(CryptoError) -> Digest {
        var mixer = Mixer(seed: key)
        mixer.absorb(bytes)
        return mixer.digest
    }

    public func verify(_ tag: Span<UInt8>, of bytes: Span<UInt8>) throws(CryptoError) -> Bool {
        guard tag.count == 32 else { return false }
        let expected = try authenticate(bytes)
        return (0..<32).allSatisfy { tag[$0] == expected[$0] }
    }
}

extension ForgeableProvider {
    /// A frame of epoch 1 or later that an engine with this provider takes for its peer's.
    public static func forge(
        _ type: FrameType, epoch: UInt16, counter: UInt64, plaintext: [UInt8]
    ) -> [UInt8]? {
        guard let sequence = SequenceNumber(epoch: epoch, counter: counter) else { return nil }
        let header = FrameHeader(type: type, sequence: sequence, length: plaintext.count + FrameHeader.tagSize)
        let nonce = [12 of UInt8] { $0 < 4 ? 0 : UInt8(truncatingIfNeeded: sequence.rawValue >> UInt64(8 * (11 - $0))) }
        let associated = header.bytes
        var frame = (0..<FrameHeader.size).map { associated[$0] } + plaintext
        let range = FrameHeader.size..<frame.count
        frame += [UInt8](repeating: 0, count: FrameHeader.tagSize)
        var span = frame.mutableSpan
        guard (try? ForgeableCipher().seal(&span, range, nonce: nonce, authenticating: associated.span)) != nil,
            let mac = try? ForgeableAuthenticator().authenticate(frame.span)
        else { return nil }
        return frame + (0..<FrameHeader.macSize).map { mac[$0] }
    }
}

/// A fast mixing of bytes into 32: no hash function, only something whose values differ.
private struct Mixer {
    private(set) var state: UInt64

    init(seed: UInt64) { state = seed &* 0x9e37_79b9_7f4a_7c15 | 1 }

    mutating func step(_ word: UInt64) {
        state = (state ^ word) &* 0xbf58_476d_1ce4_e5b9
        state ^= state >> 29
    }

    mutating func absorb(_ bytes: Span<UInt8>) {
        var index = 0
        while index + 8 <= bytes.count {
            var word: UInt64 = 0
            for offset in 0..<8 { word = word << 8 | UInt64(bytes[index + offset]) }
            step(word)
            index += 8
        }
        while index < bytes.count {
            step(UInt64(bytes[index]) | 0x100)
            index += 1
        }
        step(UInt64(bytes.count) | 1 << 63)
    }

    var digest: Digest {
        var copy = self
        var words: [4 of UInt64] = .init(repeating: 0)
        for index in 0..<4 {
            copy.step(UInt64(index) &+ 77)
            words[index] = copy.state
        }
        return [32 of UInt8] { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(8 * ($0 % 8))) }
    }

    static func digest(_ prefix: [UInt8], _ bytes: Span<UInt8>) -> Digest {
        var mixer = Mixer(seed: 6)
        mixer.absorb(prefix.span)
        mixer.absorb(bytes)
        return mixer.digest
    }
}
