/// Noise rev. 34, section 5.1: a key and a counter nonce, or no key yet.
struct CipherState<Provider: CryptoProvider> {
    static var tagSize: Int { 16 }

    private let cipher: Provider.Cipher?
    private(set) var nonce: UInt64 = 0

    /// `InitializeKey`; without a key everything passes in the clear.
    init(_ key: Secret? = nil, provider: Provider) throws(CryptoError) {
        if let key { cipher = try provider.cipher(key) } else { cipher = nil }
    }

    var hasKey: Bool { cipher != nil }

    /// Bytes that encryption adds.
    var overhead: Int { hasKey ? Self.tagSize : 0 }

    /// For tests of the last nonce.
    mutating func setNonce(_ value: UInt64) { nonce = value }

    /// `EncryptWithAd`: encrypts `buffer[range]` in place; with a key the tag goes to the 16 bytes after it.
    mutating func encrypt(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, associatedData: Span<UInt8>
    ) throws(NoiseError) {
        guard let cipher else { return }
        let next = try nextNonce()
        do throws(CryptoError) {
            try cipher.seal(&buffer, range, nonce: Self.encode(nonce), authenticating: associatedData)
        } catch {
            throw NoiseError(error)
        }
        nonce = next
    }

    /// `DecryptWithAd`: decrypts `buffer[range]` in place; with a key the tag stands in the 16 bytes after it.
    /// A failure leaves the nonce as it was.
    mutating func decrypt(
        _ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>, associatedData: Span<UInt8>
    ) throws(NoiseError) {
        guard let cipher else { return }
        let next = try nextNonce()
        do throws(CryptoError) {
            try cipher.open(&buffer, range, nonce: Self.encode(nonce), authenticating: associatedData)
        } catch {
            throw NoiseError(error)
        }
        nonce = next
    }

    private func nextNonce() throws(NoiseError) -> UInt64 {
        let (next, overflow) = nonce.addingReportingOverflow(1)
        guard !overflow else { throw .nonceExhausted }
        return next
    }

    /// AESGCM: four zero bytes and the counter, big-endian (section 12.4).
    private static func encode(_ counter: UInt64) -> Nonce {
        [12 of UInt8] { $0 < 4 ? 0 : UInt8(truncatingIfNeeded: counter >> UInt64(8 &* (11 &- $0))) }
    }
}
