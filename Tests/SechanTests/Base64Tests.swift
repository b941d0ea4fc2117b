import Foundation
import Testing

@testable import sechan

@Suite struct Base64Tests {
    /// RFC 4648 section 10.
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func publishedVectors(plain: String, encoded: String) {
        let bytes = Array(plain.utf8)
        #expect(Base64.encode(bytes.span) == encoded)
        #expect(Base64.encode(bytes.span, padded: false) == encoded.filter { $0 != "=" })
        #expect(Base64Tests.decode(encoded, count: bytes.count) == bytes)
    }

    /// Against another implementation, every length up to 80 and every byte value.
    @Test func agreesWithFoundation() {
        var generator = SystemRandomNumberGenerator()
        for count in 0...80 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(Base64.encode(bytes.span) == Data(bytes).base64EncodedString())
            #expect(Base64Tests.decode(Data(bytes).base64EncodedString(), count: count) == bytes)
        }
        let all = (0...255).map { UInt8($0) }
        #expect(Base64.encode(all.span) == Data(all).base64EncodedString())
    }

    /// A key has one spelling: any other one is refused.
    @Test(arguments: [
        "", "Zg", "Zg=", "Zg===", "Zh==", "Zn==", "Zg=A", "Z===", "====", "Zg==Zg==", " Zg=", "Zg\n=", "-g==", "_g==",
        "Z\u{0}==",
    ])
    func otherSpellingsOfOneByte(text: String) {
        #expect(Base64Tests.decode(text, count: 1) == nil)
    }

    @Test func unusedBitsMustBeZero() {
        #expect(Base64Tests.decode("Zm8=", count: 2) == Array("fo".utf8))
        for character in "9+/" { #expect(Base64Tests.decode("Zm\(character)=", count: 2) == nil) }
    }

    /// Every byte that is not of the alphabet, at every position.
    @Test func everyForeignCharacter() {
        let alphabet = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        for position in 0..<4 {
            for byte in UInt8.min...UInt8.max {
                var text = Array("Zm9v".utf8)
                text[position] = byte
                var output = [UInt8](repeating: 0, count: 3)
                var span = output.mutableSpan
                #expect(Base64.decode(text.span, into: &span) == alphabet.contains(byte))
            }
        }
    }

    private static func decode(_ text: String, count: Int) -> [UInt8]? {
        let characters = Array(text.utf8)
        var output = [UInt8](repeating: 0, count: count)
        var span = output.mutableSpan
        return Base64.decode(characters.span, into: &span) ? output : nil
    }
}
