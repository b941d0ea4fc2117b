import SCP
import SCPGcrypt
import Testing

@testable import sechan

@Suite struct PublicKeyTextTests {
    @Test func parts() throws {
        let key = try PublicKeyText("\(Known.alice) alice at home")
        #expect(key.comment == "alice at home")
        #expect(key.key.bytes[0] == 0x85)
        #expect(key.key.bytes[31] == 0x6a)
        #expect(key.text == "\(Known.alice) alice at home")
        #expect(try PublicKeyText(Known.alice).text == Known.alice)
    }

    @Test(arguments: ["  \(Known.alice)", "scp1-x25519\t \(Known.alicePublic)", "\(Known.alice)  \t"])
    func blanksAroundTheWords(text: String) throws {
        let key = try PublicKeyText(text)
        #expect(key.text == Known.alice)
    }

    @Test func fingerprint() throws {
        let provider = try Provider.forKeys()
        #expect(try PublicKeyText(Known.alice).fingerprint(provider) == Known.aliceFingerprint)
        #expect(try PublicKeyText("\(Known.bob) comments do not count").fingerprint(provider) == Known.bobFingerprint)
    }

    @Test(
        arguments: [
            ("", PublicKeyText.ParseError.missingKey),
            ("   ", .missingKey),
            ("scp1-x25519", .missingKey),
            ("scp1-X25519 \(Known.alicePublic)", .unknownKeyType("scp1-X25519")),
            ("ssh-ed25519 AAAA", .unknownKeyType("ssh-ed25519")),
            (Known.alicePublic, .unknownKeyType(Known.alicePublic)),
            ("scp1-x25519 \(Known.alicePublic.dropLast())", .notBase64),
            ("scp1-x25519 \(Known.alicePublic)=", .notBase64),
            ("scp1-x25519 \(Known.alicePublic.dropLast(2))p=", .notBase64),
            ("scp1-x25519 AAAA", .notBase64),
            ("\(Known.alice) a\u{1b}b", .invalidComment),
            ("\(Known.alice) a\tb", .invalidComment),
            ("\(Known.alice) \(String(repeating: "c", count: 257))", .invalidComment),
        ] as [(String, PublicKeyText.ParseError)])
    func refusal(text: String, error: PublicKeyText.ParseError) {
        #expect(throws: error) { try PublicKeyText(text) }
    }

    /// u = 0, 1, p - 1, p, p + 1, bit 255 alone, and the two points of order 8 (cr.yp.to/ecdh.html, "validate").
    @Test func lowOrderPoints() {
        let zero = [32 of UInt8](repeating: 0)
        let prime = [32 of UInt8] { $0 == 0 ? 0xed : $0 == 31 ? 0x7f : 0xff }
        #expect(PublicKeyTextTests.error(zero) == .lowOrder)
        #expect(PublicKeyTextTests.error([32 of UInt8] { $0 == 0 ? 1 : 0 }) == .lowOrder)
        #expect(PublicKeyTextTests.error([32 of UInt8] { $0 == 0 ? 0xec : prime[$0] }) == .lowOrder)
        #expect(PublicKeyTextTests.error(prime) == .lowOrder)
        #expect(PublicKeyTextTests.error([32 of UInt8] { $0 == 0 ? 0xee : prime[$0] }) == .lowOrder)
        #expect(PublicKeyTextTests.error([32 of UInt8] { $0 == 31 ? 0x80 : 0 }) == .lowOrder)
        #expect(throws: PublicKeyText.ParseError.lowOrder) {
            try PublicKeyText("scp1-x25519 4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA=")
        }
        #expect(throws: PublicKeyText.ParseError.lowOrder) {
            try PublicKeyText("scp1-x25519 X5yVvKNQjCSx0LFVnIPvWwREXMRYHI6G2CJO3dCfEVc=")
        }
    }

    /// One key, one spelling: with bit 255 set, or at least p.
    @Test func secondSpellings() throws {
        let alice = try PublicKeyText(Known.alice).key.bytes
        let masked = [32 of UInt8] { $0 == 31 ? alice[31] | 0x80 : alice[$0] }
        #expect(PublicKeyTextTests.error(masked) == .notCanonical)
        // p + 2 is a spelling of 2, which has large order.
        let two = [32 of UInt8] { $0 == 0 ? 0xef : $0 == 31 ? 0x7f : 0xff }
        #expect(PublicKeyTextTests.error(two) == .notCanonical)
        #expect(PublicKeyTextTests.error([32 of UInt8](repeating: 0xff)) == .notCanonical)
    }

    private static func error(_ bytes: [32 of UInt8]) -> PublicKeyText.ParseError? {
        do throws(PublicKeyText.ParseError) {
            _ = try PublicKeyText("scp1-x25519 \(Base64.encode(bytes.span))")
            return nil
        } catch {
            return error
        }
    }
}
