/// Item 0x0b: `scheme (2) | signature length (2) | signature | chain`, where the chain is `{length (3), certificate}+`.
/// Certificates are bytes to us.
/// [SCP-ID-10]
public struct CredentialItem: Hashable, Sendable {
    /// Bytes of the largest, so that message 2 fits the largest message of a handshake. [SCP-ID-13]
    public static let maximumSize = 14_336
    public static let maximumCertificates = 10

    public let scheme: SignatureScheme
    public let signature: [UInt8]
    /// The leaf first.
    public let chain: [[UInt8]]

    public init(scheme: SignatureScheme, signature: [UInt8], chain: [[UInt8]]) {
        self.scheme = scheme
        self.signature = signature
        self.chain = chain
    }

    // MARK: Receiving

    /// Reads the value of an item.
    ///
    /// - Throws: `truncated` when it ends within a field, `itemSize` for an empty signature, chain or certificate and
    ///   for more than is allowed.
    /// [SCP-ID-13]
    public static func parse(_ bytes: Span<UInt8>) throws(WireError) -> CredentialItem {
        guard bytes.count <= maximumSize else { throw WireError(.itemSize, at: maximumSize) }
        var reader = ByteReader(bytes)
        let scheme = SignatureScheme(rawValue: try reader.readUInt16())
        let signature = try reader.readBytes(UInt64(try reader.readUInt16()))
        guard !signature.isEmpty else { throw WireError(.itemSize, at: 2) }
        var chain: [[UInt8]] = []
        repeat {
            let start = reader.position
            let certificate = try reader.readBytes(UInt64(try reader.readUInt24()))
            guard !certificate.isEmpty, chain.count < maximumCertificates
            else { throw WireError(.itemSize, at: start) }
            chain.append(certificate)
        } while !reader.isAtEnd
        return CredentialItem(scheme: scheme, signature: signature, chain: chain)
    }

    // MARK: Sending

    public var encodedSize: Int { Self.size(signature: signature.count, chain) }

    /// Bytes of an item with a signature of so many.
    static func size(signature: Int, _ chain: [[UInt8]]) -> Int { 4 + signature + size(of: chain) }

    private static func size(of chain: [[UInt8]]) -> Int { chain.reduce(0) { $0 + 3 + $1.count } }

    /// Nil for what nobody would accept.
    /// [SCP-ID-13]
    public var encoded: [UInt8]? {
        guard !signature.isEmpty, Self.isAllowed(chain), encodedSize <= Self.maximumSize else { return nil }
        return [UInt8](capacity: encodedSize) { output in
            output.append(uint16: scheme.rawValue)
            output.append(uint16: UInt16(clamping: signature.count))
            output.append(signature)
            Self.write(chain, to: &output)
        }
    }

    static func isAllowed(_ chain: [[UInt8]]) -> Bool {
        (1...maximumCertificates).contains(chain.count) && chain.allSatisfy { !$0.isEmpty }
    }

    private static func write(_ chain: [[UInt8]], to output: inout OutputSpan<UInt8>) {
        for certificate in chain {
            output.append(uint24: UInt32(clamping: certificate.count))
            output.append(certificate)
        }
    }

    // MARK: Signing

    /// What the leaf's signature is over, in the form of RFC 8446 4.4.3.
    ///
    /// - Parameters:
    ///   - role: whose credential it is.
    ///   - hash: the Noise `h` that is the associated data of the payload with the item.
    ///   - key: the static key that the certificate vouches for.
    /// [SCP-ID-10]
    static func signedBytes<Provider: RecordProtection>(
        _ role: Role, hash: Digest, key: PublicKey, chain: [[UInt8]], _ provider: Provider
    ) throws(CryptoError) -> [UInt8] {
        let written = [UInt8](capacity: size(of: chain)) { output in write(chain, to: &output) }
        let chainHash = try provider.hash(written.span, Span())
        let name = Array((role == .initiator ? "SCP/1 initiator credential" : "SCP/1 responder credential").utf8)
        return [UInt8](capacity: 64 + name.count + 1 + 3 * 32) { output in
            output.append(repeating: 0x20, count: 64)
            output.append(name)
            output.append(uint8: 0)
            output.append(hash.span, in: 0..<32)
            output.append(key.bytes.span, in: 0..<32)
            output.append(chainHash.span, in: 0..<32)
        }
    }
}
