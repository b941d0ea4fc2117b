#if Certificates
import SwiftASN1
import Testing
import X509

@testable import SCPCertificates

/// RFC 9525 6.3 to 6.5.
// [SCP-ID-14]
@Suite("Names in certificates")
struct NameTests {
    @Test(
        "hosts",
        arguments: [
            ("host.example", "host.example", true), ("HOST.example", "host.EXAMPLE", true),
            ("host.example.", "host.example", true), ("a.b.example", "*.b.example", true),
            ("a.b.example", "*.example", false), ("x.a.b.example", "*.b.example", false),
            ("b.example", "*.b.example", false), ("a.b.example", "a*.b.example", false),
            ("ab.b.example", "a*.b.example", false), ("a.b.example", "a.*.example", false),
            ("org", "*", false), ("a.org", "*.org", false), ("*.b.example", "*.b.example", false),
            ("", "", false), ("a..example", "a..example", false), ("bücher.example", "bücher.example", false),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", true), ("host.example", "host.example\u{0}.evil", false),
            ("host.example", " host.example", false), ("host.example", "host.example.", false),
            ("host.example..", "host.example", false), ("-a.example", "-a.example", false),
            ("a_b.example", "a_b.example", true), ("192.0.2.1", "192.0.2.1", false),
            ("\u{212a}.example", "k.example", false), ("k.example", "\u{212a}.example", false),
            (String(repeating: "a", count: 64) + ".org", String(repeating: "a", count: 64) + ".org", false),
        ])
    func hosts(expected: String, presented: String, matches: Bool) {
        #expect(PeerName.dns(expected).isMatched(by: .dns(presented)) == matches)
    }

    @Test("each kind of name is told by its form, and matches only its kind")
    func forms() {
        let names: [(String, PeerName)] = [
            ("host.example", .dns("host.example")), ("192.0.2.1", .ip([192, 0, 2, 1])),
            ("2001:db8::1", .ip([0x20, 1, 0xd, 0xb8] + [UInt8](repeating: 0, count: 11) + [1])),
            ("https://a.example/x", .uri("https://a.example/x")), ("urn:uuid:1", .uri("urn:uuid:1")),
            ("me@host.example", .email("me@host.example")),
        ]
        for (text, name) in names {
            #expect(PeerName(text) == name && name.description == text)
            for (_, other) in names { #expect(name.isMatched(by: other) == (name == other)) }
        }
        #expect(PeerName.email("Me@HOST.example").isMatched(by: .email("Me@host.EXAMPLE")))
        #expect(!PeerName.email("me@host.example").isMatched(by: .email("Me@host.example")))
        #expect(!PeerName.uri("https://a.example/x").isMatched(by: .uri("https://a.example/X")))
        #expect(!PeerName.dns("192.0.2.1").isMatched(by: .ip([192, 0, 2, 1])))
        #expect(PeerName.ip([1, 2, 3]).description == "an address of 3 bytes")
    }

    @Test("what is no name of its kind is passed over, since a name constraint would not see it")
    func strange() {
        let strange: [GeneralName] = [
            .dnsName("host.example."), .dnsName("a b.example"), .dnsName(""), .dnsName("*"), .dnsName("*.org"),
            .ipAddress(ASN1OctetString(contentBytes: [1, 2, 3])), .ipAddress(ASN1OctetString(contentBytes: [])),
            .uniformResourceIdentifier("https://a/\nclient 2: closed"), .uniformResourceIdentifier(""),
            .rfc822Name("a\u{1b}[2J@b"), .registeredID([1, 2, 3]),
            // Read as text they would be names of other kinds.
            .uniformResourceIdentifier("host.example"), .uniformResourceIdentifier("192.0.2.1"),
            .rfc822Name("host.example"), .rfc822Name("https://a.example/"),
        ]
        for name in strange { #expect(PeerName(name) == nil, "\(name)") }
        #expect(PeerName(GeneralName.dnsName("*.b.example")) == .dns("*.b.example"))
    }
}
#endif
