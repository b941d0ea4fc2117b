/// Noise rev. 34, section 5.2: chaining key, handshake hash and the current cipher.
///
/// Secrets are replaced, never changed, so a copy of the value is a snapshot: reading and writing work on a copy and
/// keep it only when they succeed.
struct SymmetricState<Provider: CryptoProvider> {
    static var hashSize: Int { 32 }

    let provider: Provider
    /// `ck`.
    private(set) var chainingKey: Secret
    /// `h`.
    private(set) var hash: Digest
    private(set) var cipher: CipherState<Provider>

    /// `InitializeSymmetric`: a name of at most 32 bytes is padded with zeros, a longer one hashed.
    init(protocolName: [UInt8], provider: Provider) throws(CryptoError) {
        self.provider = provider
        if protocolName.count <= Self.hashSize {
            hash = [32 of UInt8] { $0 < protocolName.count ? protocolName[$0] : 0 }
        } else {
            hash = try provider.hash(protocolName.span, Span())
        }
        chainingKey = Secret(copying: hash.span)
        cipher = try CipherState(provider: provider)
    }

    mutating func mixKey(_ input: Span<UInt8>) throws(CryptoError) {
        let (next, key, _) = try derive(input, outputs: 2)
        chainingKey = next
        cipher = try CipherState(key, provider: provider)
    }

    mutating func mixHash(_ data: Span<UInt8>) throws(CryptoError) {
        hash = try provider.hash(hash.span, data)
    }

    mutating func mixKeyAndHash(_ input: Span<UInt8>) throws(CryptoError) {
        let (next, temporary, key) = try derive(input, outputs: 3)
        chainingKey = next
        try mixHash(temporary.bytes)
        cipher = try CipherState(key, provider: provider)
    }

    /// `EncryptAndHash` of `buffer[range]`, in place; the tag follows where there is a key.
    mutating func encryptAndHash(_ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>) throws(NoiseError) {
        try cipher.encrypt(&buffer, range, associatedData: hash.span)
        try absorb(buffer.span.extracting(range.lowerBound..<range.upperBound + cipher.overhead))
    }

    /// `DecryptAndHash` of `buffer[range]`, in place, followed by its tag where there is a key.
    mutating func decryptAndHash(_ buffer: inout MutableSpan<UInt8>, _ range: Range<Int>) throws(NoiseError) {
        let next: Digest
        do throws(CryptoError) {
            let whole = range.lowerBound..<range.upperBound + cipher.overhead
            next = try provider.hash(hash.span, buffer.span.extracting(whole))
        } catch {
            throw NoiseError(error)
        }
        try cipher.decrypt(&buffer, range, associatedData: hash.span)
        hash = next
    }

    /// `Split`: the keys of both directions, in the order the framework returns them.
    func split() throws(CryptoError) -> (Secret, Secret) {
        let (first, second, _) = try derive(Span(), outputs: 2)
        return (first, second)
    }

    private mutating func absorb(_ data: Span<UInt8>) throws(NoiseError) {
        do throws(CryptoError) { try mixHash(data) } catch { throw NoiseError(error) }
    }

    /// Noise's `HKDF`, which is HKDF-SHA-256 with the chaining key as salt and no info (section 4.3). The third
    /// output is all zero when two were asked for.
    private func derive(_ input: Span<UInt8>, outputs: Int) throws(CryptoError) -> (Secret, Secret, Secret) {
        let pseudorandomKey = Secret(count: Self.hashSize)
        try provider.extract(salt: chainingKey.bytes, inputKeyMaterial: input, into: pseudorandomKey)
        let output = Secret(count: outputs * Self.hashSize)
        try provider.expand(pseudorandomKey.bytes, info: Span(), into: output)
        let bytes = output.bytes
        let third = outputs == 3 ? Secret(copying: bytes.extracting(64..<96)) : Secret(count: Self.hashSize)
        return (Secret(copying: bytes.extracting(0..<32)), Secret(copying: bytes.extracting(32..<64)), third)
    }
}
