import SCPGcrypt
import Testing

@testable import SCP

@Suite struct PublicKeyTests {
    private static let zeros = [UInt8](repeating: 0, count: 32)

    /// p + offset, p = 2^255 - 19, for offsets that fit 255 bits.
    private static func prime(plus offset: Int) -> [UInt8] {
        let low = 0xed + offset
        return low >= 0 && low <= 0xff ? [UInt8(low)] + [UInt8](repeating: 0xff, count: 30) + [0x7f] : []
    }

    private static func small(_ u: UInt8) -> [UInt8] { [u] + zeros.dropLast() }

    private static func withTopBit(_ bytes: [UInt8]) -> [UInt8] { bytes.dropLast() + [bytes[31] | 0x80] }

    @Test func sizes() {
        for count in [0, 1, 31, 33, 64] {
            let bytes = [UInt8](repeating: 1, count: count)
            let isKey = PublicKey(bytes.span) != nil
            #expect(!isKey)
        }
        let bytes = Array(0..<32) as [UInt8]
        #expect(PublicKey(bytes.span).map { array($0.bytes.span) } == bytes)
    }

    // MARK: Spellings

    /// The 19 encodings from p to 2^255 - 1, and every one with the top bit set.
    // [SCP-ID-2]
    @Test func nonCanonicalSpellings() {
        for u in 0...18 {
            let canonical = testKey(Self.small(UInt8(u)))
            let spellings = [
                Self.prime(plus: u), Self.withTopBit(Self.prime(plus: u)), Self.withTopBit(Self.small(UInt8(u))),
            ]
            #expect(canonical.canonical == canonical)
            for spelling in spellings.map(testKey) {
                #expect(spelling.canonical == canonical)
                #expect(spelling != canonical, "equal bytes and the same key are two things")
                #expect(spelling.names(sameKeyAs: canonical) && canonical.names(sameKeyAs: spelling))
                #expect(!spelling.names(sameKeyAs: testKey(Self.small(UInt8(u + 1)))))
            }
        }
        // The largest canonical one, p - 1, is no spelling of anything else.
        #expect(testKey(Self.prime(plus: -1)).canonical == testKey(Self.prime(plus: -1)))
        #expect(testKey(Self.withTopBit(Self.prime(plus: -1))).canonical == testKey(Self.prime(plus: -1)))
    }

    @Test func spellingsOfOrdinaryKeys() {
        for seed in 0..<200 as Range<UInt64> {
            var bytes = array(testSecret(seed))
            bytes[31] &= 0x7f
            let key = testKey(bytes)
            #expect(key.canonical == key)
            let other = testKey(Self.withTopBit(bytes))
            #expect(other.canonical == key && other.names(sameKeyAs: key))
        }
    }

    /// Every bit but the masked one makes another key.
    @Test func everyBitCounts() {
        let bytes = array(testSecret(1))
        for bit in 0..<256 {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(testKey(changed).names(sameKeyAs: testKey(bytes)) == (bit == 255))
            #expect(testKey(changed) != testKey(bytes))
        }
    }

    /// What looks like p in all bytes but one is below it.
    @Test func justBelowThePrime() {
        for index in 1..<32 {
            var bytes = Self.prime(plus: 0)
            bytes[index] ^= 1
            #expect(testKey(bytes).canonical == testKey(bytes))
        }
    }

    @Test func hashing() {
        let key = testKey(Self.small(3))
        #expect(Set([key, testKey(Self.small(3)), testKey(Self.prime(plus: 3))]).count == 2)
    }

    // MARK: Low order

    /// The 14 encodings of the list, and no other of some 16,000 that are near them, small, or anything.
    // [SCP-KEY-11]
    @Test func exactly14EncodingsHaveLowOrder() {
        var candidates = Set(lowOrderKeys)
        #expect(candidates.count == 14)
        for key in lowOrderKeys {
            for bit in 0..<256 {
                var bytes = array(key.bytes.span)
                bytes[bit / 8] ^= 1 << (bit % 8)
                candidates.insert(testKey(bytes))
            }
        }
        for value in 0...255 as ClosedRange<UInt8> {
            candidates.insert(testKey(Self.small(value)))
            candidates.insert(testKey(Self.withTopBit(Self.small(value))))
        }
        for offset in -200...18 {
            candidates.insert(testKey(Self.prime(plus: offset)))
            candidates.insert(testKey(Self.withTopBit(Self.prime(plus: offset))))
        }
        for seed in 0..<12_000 as Range<UInt64> { candidates.insert(testKey(array(testSecret(seed)))) }
        #expect(candidates.count > 15_000)
        #expect(candidates.filter(\.isLowOrder) == Set(lowOrderKeys))
    }

    /// The list against the curve: these multiply to zero, and their neighbours do not.
    @Test func lowOrderIsWhatMultipliesToZero() throws {
        _ = try GcryptProvider()
        let near = (2...18).flatMap { [Self.small($0), Self.prime(plus: Int($0))] } + [Self.prime(plus: -2)]
        for key in lowOrderKeys + near.map(testKey) {
            var output = Self.zeros
            var span = output.mutableSpan
            let error = cryptoError { () throws(CryptoError) in try Library.x25519(testSecret(1), key, into: &span) }
            #expect(error == (key.isLowOrder ? .invalidPublicKey : nil))
            output.removeAll()
        }
    }
}
