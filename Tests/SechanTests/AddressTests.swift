import Testing

@testable import sechan

@Suite struct AddressTests {
    @Test(arguments: [
        ("tcp://127.0.0.1:4433", "tcp://127.0.0.1:4433"),
        ("tcp://example.org:1", "tcp://example.org:1"),
        ("TCP://Example.ORG:65535", "tcp://example.org:65535"),
        ("tcp://my_host-2:0", "tcp://my_host-2:0"),
        ("tcp://localhost:00080", "tcp://localhost:80"),
        ("tcp://[::1]:4433", "tcp://[::1]:4433"),
        ("tcp://[0:0:0:0:0:0:0:1]:4433", "tcp://[::1]:4433"),
        ("tcp://[2001:DB8::A]:22", "tcp://[2001:db8::a]:22"),
        ("tcp://[fe80::1%eth0]:22", "tcp://[fe80::1%eth0]:22"),
        ("udp://127.0.0.1:4433", "udp://127.0.0.1:4433"),
        ("UDP://[::1]:4433", "udp://[::1]:4433"),
        ("unix-dgram:///run/a%20b", "unix-dgram:///run/a%20b"),
        ("unix:///run/sechan.sock", "unix:///run/sechan.sock"),
        ("unix:///tmp/a%20b%25", "unix:///tmp/a%20b%25"),
        ("unix:///tmp/a b", "unix:///tmp/a%20b"),
        ("unix:///tmp/%c3%bc", "unix:///tmp/ü"),
        ("unix:///", "unix:///"),
        ("stdio:", "stdio:"),
    ])
    func canonicalForm(text: String, canonical: String) throws {
        let address = try Address(text)
        #expect(address.description == canonical)
        #expect(try Address(canonical) == address, "the canonical form must name the same address")
    }

    @Test func partsAreDecoded() throws {
        #expect(try Address("tcp://[::1]:9") == .tcp(host: "::1", port: 9))
        #expect(try Address("unix:///tmp/a%20b") == .unix(path: "/tmp/a b"))
        #expect(try Address("stdio:") == .standardIO)
    }

    @Test(
        arguments: [
            ("", Address.ParseError.unknownScheme("")),
            ("udp:127.0.0.1:4433", .unknownScheme("udp:127.0.0.1:4433")),
            ("udp://127.0.0.1", .missingPort),
            ("unix-dgram://x", .relativePath),
            ("127.0.0.1:4433", .unknownScheme("127.0.0.1:4433")),
            ("http://a:1", .unknownScheme("http://a:1")),
            ("tcp:/a:1", .unknownScheme("tcp:/a:1")),
            ("tcp://", .missingHost),
            ("tcp://:80", .missingHost),
            ("tcp://host", .missingPort),
            ("tcp://host:", .missingPort),
            ("tcp://[::1]", .missingPort),
            ("tcp://[::1]80", .missingPort),
            ("tcp://host:65536", .invalidPort("65536")),
            ("tcp://host:-1", .invalidPort("-1")),
            ("tcp://host:+1", .invalidPort("+1")),
            ("tcp://host:http", .invalidPort("http")),
            ("tcp://host:1/", .invalidPort("1/")),
            ("tcp://[::1]:", .invalidPort("")),
            ("tcp://user@host:1", .invalidHost("user@host")),
            ("tcp://ho st:1", .invalidHost("ho st")),
            ("tcp://::1:80", .unbracketedIPv6("::1:80")),
            ("tcp://[::1:80", .invalidIPv6("[::1:80")),
            ("tcp://[::g]:80", .invalidIPv6("::g")),
            ("tcp://[127.0.0.1]:80", .invalidIPv6("127.0.0.1")),
            ("tcp://[fe80::1%]:80", .invalidIPv6("fe80::1%")),
            ("tcp://[fe80::1%a b]:80", .invalidIPv6("fe80::1%a b")),
            ("unix://", .relativePath),
            ("unix://tmp/x", .relativePath),
            ("unix:///tmp/%", .invalidEscape(offset: 5)),
            ("unix:///tmp/%4", .invalidEscape(offset: 5)),
            ("unix:///tmp/%zz", .invalidEscape(offset: 5)),
            ("unix:///tmp/%00", .invalidEscape(offset: 5)),
            ("unix:///tmp/%ff", .invalidEscape(offset: 0)),
            ("stdio:x", .trailingText("x")),
        ] as [(String, Address.ParseError)])
    func refusal(text: String, error: Address.ParseError) {
        #expect(throws: error) { try Address(text) }
    }

    @Test func pathLength() throws {
        let longest = "/" + String(repeating: "a", count: Address.unixPathLimit - 1)
        #expect(try Address("unix://" + longest) == .unix(path: longest))
        #expect(throws: Address.ParseError.pathTooLong(Address.unixPathLimit + 1)) {
            try Address("unix://" + longest + "a")
        }
    }

    @Test func hostLength() throws {
        let longest = String(repeating: "a", count: 253)
        #expect(try Address("tcp://\(longest):1") == .tcp(host: longest, port: 1))
        #expect(throws: Address.ParseError.invalidHost(longest + "a")) { try Address("tcp://\(longest)a:1") }
    }
}
