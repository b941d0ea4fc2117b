import SCP
import Testing

@testable import sechan

/// The two trust stores as text: what each line means, and that a rewrite changes no other line.
@Suite struct TrustFileTests {
    private func file(_ kind: TrustFile.Kind, _ text: String) -> TrustFile {
        let bytes = Array(text.utf8)
        return TrustFile(kind, path: "/store", bytes: bytes.span)
    }

    @Test func authorizedPeers() {
        let file = file(.authorizedPeers, "# friends\n\n\(Known.alice) alice\n  \(Known.bob)\r\n")
        #expect(file.entries.map(\.text) == ["\(Known.alice) alice", Known.bob])
        #expect(file.entries.allSatisfy { $0.address == nil })
        #expect(file.complaints.isEmpty)
        #expect(file.lines.map(\.number) == [1, 2, 3, 4])
    }

    @Test func knownPeers() throws {
        let file = file(
            .knownPeers, "tcp://[0::1]:5 \(Known.alice) alice\nunix:///run/a%20b \(Known.bob)")
        #expect(file.entries.map(\.text) == ["tcp://[::1]:5 \(Known.alice) alice", "unix:///run/a%20b \(Known.bob)"])
        let found = try #require(try file.knownKey(of: .tcp(host: "::1", port: 5)))
        #expect(found.key.text == "\(Known.alice) alice")
        #expect(found.line == 1)
        #expect(try file.knownKey(of: .unix(path: "/run/a b"))?.line == 2)
        #expect(try file.knownKey(of: .tcp(host: "::1", port: 6)) == nil)
    }

    @Test(arguments: [
        ("scp1-x25519 AAAA", "the key is not 32 bytes in Base64 (44 characters)"),
        ("scp1-x25519", "a key is missing: scp1-x25519 BASE64 [COMMENT]"),
        ("scp1-x25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "the key is a point of low order"),
        ("ssh-ed25519 AAAA", "'ssh-ed25519' is not a key type of this version"),
        ("scp1_x25519 AAAA", "'scp1_x25519' is not a key type of this version"),
        (Known.alicePublic, "is not a key type of this version"),
        ("tcp://a:1 \(Known.alice)", "'tcp://a:1' is not a key type"),
    ])
    func malformedAuthorizedPeer(line: String, reason: String) throws {
        let file = file(.authorizedPeers, "\(Known.bob)\n\(line)\n")
        #expect(file.entries.map(\.text) == [Known.bob])
        let complaint = try #require(file.complaints.first)
        #expect(file.complaints.count == 1)
        #expect(complaint.hasPrefix("/store:2: "))
        #expect(complaint.contains(reason), "\(complaint)")
    }

    @Test(arguments: [
        ("nonsense \(Known.alice)", "'nonsense' is not an address"),
        ("stdio: \(Known.alice)", "stdio: names no peer"),
        ("tcp://a:1", "a key is missing"),
        ("tcp://a:99999 \(Known.alice)", "'99999' is not a port"),
        ("tcp://a:1 \(Known.alicePublic)", "is not a key type of this version"),
        (Known.alice, "'scp1-x25519' is not an address"),
    ])
    func malformedKnownPeer(line: String, reason: String) throws {
        let file = file(.knownPeers, "# x\n\n\(line)\n")
        #expect(file.entries.isEmpty)
        let complaint = try #require(file.complaints.first)
        #expect(complaint.hasPrefix("/store:3: "))
        #expect(complaint.contains(reason), "\(complaint)")
    }

    /// A line about an address that cannot be understood must not look like an address never seen.
    @Test func malformedLineIsNoFirstUse() throws {
        let file = file(.knownPeers, "tcp://a:1 scp1-x25519 AAAA\ntcp://b:1 \(Known.bob)\n")
        let failure = try #require(throws: Failure.self) { try file.knownKey(of: .tcp(host: "a", port: 1)) }
        #expect(failure.status == .configuration)
        #expect(failure.message.hasPrefix("/store:1: "))
        #expect(try file.knownKey(of: .tcp(host: "b", port: 1))?.key.text == Known.bob)
    }

    /// One address, one key: a second one is named, and nobody is believed there until a person has looked.
    @Test func twoKeysForOneAddress() throws {
        let text = "tcp://a:1 \(Known.alice)\ntcp://a:1 \(Known.alice) again\nTCP://A:1 \(Known.bob)\n"
        let file = file(.knownPeers, text)
        #expect(file.complaints == ["/store:3: another key for tcp://a:1 stands in line 2"])
        #expect(throws: Failure.self) { try file.knownKey(of: .tcp(host: "a", port: 1)) }
    }

    @Test(arguments: [
        (TrustFile.Kind.authorizedPeers, "scp2-mlkem768 AAAA comment"),
        (.authorizedPeers, "scp1-x448 AAAA"),
        (.knownPeers, "tcp://a:1 scp2-mlkem768 AAAA"),
    ])
    func linesOfAnotherVersion(kind: TrustFile.Kind, line: String) {
        let file = file(kind, line)
        #expect(file.lines.map(\.content) == [.unknown])
        #expect(file.complaints.isEmpty)
        #expect(file.entries.isEmpty)
    }

    @Test func notText() {
        let bytes: [UInt8] = Array("\(Known.alice)\n".utf8) + [0xff, 0xfe, 0x0a] + Array("\(Known.bob)\n".utf8)
        let file = TrustFile(.authorizedPeers, path: "/store", bytes: bytes.span)
        #expect(file.complaints == ["/store:2: not UTF-8 text"])
        #expect(file.entries.count == 2)
        #expect(file.bytes == bytes)
    }

    @Test func otherLinesKeepTheirBytes() throws {
        let text = "# head\r\n\n\tnonsense \u{7}\nscp9-new key\n\(Known.alice)   spaced   comment \n"
        var file = file(.authorizedPeers, text)
        #expect(String(decoding: file.bytes, as: UTF8.self) == text)
        let bob = TrustFile.Entry(address: nil, key: try PublicKeyText("\(Known.bob) bob"))
        file.add(bob)
        #expect(String(decoding: file.bytes, as: UTF8.self) == text + "\(Known.bob) bob\n")
        let removed = try file.removeEntries { (entry) throws(Failure) in entry == bob }
        #expect(removed == [bob])
        #expect(String(decoding: file.bytes, as: UTF8.self) == text)
    }

    @Test func lastLineWithoutLineFeed() throws {
        var file = file(.authorizedPeers, Known.alice)
        file.add(TrustFile.Entry(address: nil, key: try PublicKeyText(Known.bob)))
        #expect(String(decoding: file.bytes, as: UTF8.self) == "\(Known.alice)\n\(Known.bob)\n")
    }
}
