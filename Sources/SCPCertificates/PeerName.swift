#if Certificates
internal import SwiftASN1
public import X509

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A name that a certificate may have among its subject alternative names (RFC 5280 4.2.1.6). The common name of a
/// subject is not a name here (RFC 9525 2).
public enum PeerName: Hashable, Sendable {
    /// A host's, in ASCII; an international one as A-labels.
    case dns(String)
    /// The 4 or 16 bytes of an address.
    case ip([UInt8])
    /// Compared as it stands.
    case uri(String)
    /// Of the part behind the last `@` the case does not matter.
    case email(String)

    /// What the text is by its form: an IP address, a URI (with `://` or the scheme `urn:`), an e-mail address, or else
    /// a host.
    public init(_ text: String) {
        if let address = PeerName.address(text) {
            self = .ip(address)
        } else if text.contains("://") || text.hasPrefix("urn:") {
            self = .uri(text)
        } else if text.contains("@") {
            self = .email(text)
        } else {
            self = .dns(text)
        }
    }

    /// The subject alternative names of a certificate, but for kinds that are not compared here, and for what is no
    /// name of its kind, with which a name constraint would compare in vain.
    public static func names(of certificate: Certificate) throws(CertificateError) -> [PeerName] {
        do {
            return try certificate.extensions.subjectAlternativeNames.map { $0.compactMap(PeerName.init) } ?? []
        } catch {
            throw .malformed(0)
        }
    }

    init?(_ name: GeneralName) {
        switch name {
        case .dnsName(let text) where PeerName.labels(text) != nil: self = .dns(text)
        case .ipAddress(let octets) where [4, 16].contains(octets.bytes.count): self = .ip(Array(octets.bytes))
        // These are read as text again: a URI without `://`, as `sip:a@b`, would be another kind of name.
        case .uniformResourceIdentifier(let text) where PeerName.isPlain(text) && PeerName(text) == .uri(text):
            self = .uri(text)
        case .rfc822Name(let text) where PeerName.isPlain(text) && PeerName(text) == .email(text): self = .email(text)
        default: return nil
        }
    }

    /// Whether it names a host, without a wildcard.
    var isHost: Bool {
        guard case .dns(let text) = self, let labels = PeerName.labels(text) else { return false }
        return labels.first != "*"
    }

    var generalName: GeneralName {
        switch self {
        case .dns(let text): .dnsName(text)
        case .ip(let bytes): .ipAddress(ASN1OctetString(contentBytes: bytes[...]))
        case .uri(let text): .uniformResourceIdentifier(text)
        case .email(let text): .rfc822Name(text)
        }
    }

    /// Whether a certificate's name is this one, which is expected: host names without regard to case, their first
    /// label against a `*` that stands for all of it (RFC 9525 6.3); everything else byte by byte.
    /// [SCP-ID-14]
    func isMatched(by presented: PeerName) -> Bool {
        switch (self, presented) {
        case (.dns(let expected), .dns(let pattern)): PeerName.matches(expected, pattern)
        case (.ip(let expected), .ip(let address)): expected == address
        case (.uri(let expected), .uri(let uri)): expected == uri
        case (.email(let expected), .email(let address)): PeerName.mailbox(expected) == PeerName.mailbox(address)
        default: false
        }
    }

    private static func matches(_ host: String, _ pattern: String) -> Bool {
        // A dot at the end of what is expected means the same host.
        let host = host.hasSuffix(".") ? String(host.dropLast()) : host
        guard let labels = labels(host), labels.first != "*", let wanted = self.labels(pattern),
            labels.count == wanted.count
        else { return false }
        return wanted.first == "*" ? labels.dropFirst() == wanted.dropFirst() : labels == wanted
    }

    /// The labels of a host in lower case, the first of which may be a `*`; nil for what is no host name
    /// (RFC 1123 2.1, and the underscore). Not "*" alone, and not "*.org": what stands for whole registries is nobody's
    /// name. Nor what ends in digits, which would be an address.
    private static func labels(_ name: String) -> [String]? {
        // Before the case is folded, which makes a "k" of the Kelvin sign.
        guard name.utf8.count <= 253, isPlain(name) else { return nil }
        let labels = name.lowercased().split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let isWildcard = labels.first == "*"
        guard !isWildcard || labels.count >= 3,
            labels.dropFirst(isWildcard ? 1 : 0).allSatisfy(isLabel),
            labels.last?.utf8.contains(where: { !(0x30...0x39).contains($0) }) == true
        else { return nil }
        return labels
    }

    private static func isLabel(_ label: String) -> Bool {
        (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
            && label.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x2d || byte == 0x5f
            }
    }

    /// Printable, and of one word: nothing that would pass for lines of a log.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private static func mailbox(_ address: String) -> [String] {
        guard let at = address.lastIndex(of: "@") else { return [address] }
        return [String(address[..<at]), address[at...].lowercased()]
    }

    private static func address(_ text: String) -> [UInt8]? {
        for (family, size) in [(AF_INET, 4), (AF_INET6, 16)] {
            var bytes = [UInt8](repeating: 0, count: size)
            if unsafe inet_pton(family, text, &bytes) == 1 { return bytes }
        }
        return nil
    }
}

extension PeerName: CustomStringConvertible {
    /// The name alone; an address of 4 or 16 bytes as RFC 5952 says.
    public var description: String {
        switch self {
        case .dns(let text), .uri(let text), .email(let text): return text
        case .ip(let bytes):
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard bytes.count == 4 || bytes.count == 16,
                unsafe inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count)) != nil
            else { return "an address of \(bytes.count) bytes" }
            return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
    }
}
#endif
