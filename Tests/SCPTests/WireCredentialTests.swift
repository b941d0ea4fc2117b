import SCPGcrypt
import Testing

@testable import SCP

/// The form of item 0x0b.
@Suite struct WireCredentialTests {
    private func item(_ signature: Int, _ chain: [Int]) -> [UInt8] {
        var bytes: [UInt8] = [8, 7, UInt8(signature >> 8), UInt8(signature & 255)]
        bytes += [UInt8](repeating: 5, count: signature)
        for size in chain {
            bytes += [UInt8(size >> 16), UInt8(size >> 8 & 255), UInt8(size & 255)]
            bytes += [UInt8](repeating: 6, count: size)
        }
        return bytes
    }

    private func kind(_ bytes: [UInt8]) -> WireError.Kind? {
        do throws(WireError) {
            _ = try CredentialItem.parse(bytes.span)
            return nil
        } catch {
            return error.kind
        }
    }

    /// [SCP-ID-10] What is written is what the chapter says, and is read as it was.
    @Test func layout() throws {
        let value = CredentialItem(scheme: .ecdsaP384, signature: [9, 8, 7], chain: [[1], [2, 3]])
        let bytes = try #require(value.encoded)
        #expect(bytes == [5, 3, 0, 3, 9, 8, 7, 0, 0, 1, 1, 0, 0, 2, 2, 3])
        #expect(bytes.count == value.encodedSize)
        #expect(try CredentialItem.parse(bytes.span) == value)
        #expect(try CredentialItem.parse([0xfe, 0xfe, 0, 1, 0, 0, 0, 1, 0].span).scheme.rawValue == 0xfefe)
    }

    /// [SCP-ID-13] Empty parts, too many certificates, more bytes than a message has room for.
    @Test func bounds() {
        #expect(kind(item(64, [10])) == nil)
        #expect(kind(item(0, [10])) == .itemSize)
        #expect(kind(item(64, [])) == .truncated)
        #expect(kind(item(64, [0])) == .itemSize)
        #expect(kind(item(64, [10, 0])) == .itemSize)
        #expect(kind(item(64, [Int](repeating: 5, count: 10))) == nil)
        #expect(kind(item(64, [Int](repeating: 5, count: 11))) == .itemSize)
        #expect(kind(item(64, [14_336 - 71])) == nil)
        #expect(kind(item(64, [14_336 - 70])) == .itemSize)
        #expect(CredentialItem(scheme: .ed25519, signature: [], chain: [[1]]).encoded == nil)
        #expect(CredentialItem(scheme: .ed25519, signature: [1], chain: []).encoded == nil)
        #expect(CredentialItem(scheme: .ed25519, signature: [1], chain: [[1], []]).encoded == nil)
        let long = [UInt8](repeating: 1, count: 14_336 - 8)
        #expect(CredentialItem(scheme: .ed25519, signature: [1], chain: [long]).encoded?.count == 14_336)
        #expect(CredentialItem(scheme: .ed25519, signature: [1, 1], chain: [long]).encoded == nil)
    }

    /// [SCP-ID-13] Cut anywhere but between two certificates, it ends early.
    @Test func everyPrefix() {
        let whole = item(3, [2, 4])
        for count in 0..<whole.count {
            #expect(kind(Array(whole[..<count])) == (count == 12 ? nil : .truncated), "\(count)")
        }
    }

    /// Any byte changed: read or refused, and what is read is written as it came.
    @Test func damage() throws {
        let whole = item(3, [2, 4, 1])
        for index in whole.indices {
            for value in UInt8.min...UInt8.max {
                var changed = whole
                changed[index] = value
                guard let read = try? CredentialItem.parse(changed.span) else { continue }
                #expect(read.encoded == changed)
            }
        }
    }

    /// [SCP-ID-10] The order of what is signed.
    @Test func signedBytes() throws {
        let provider = try GcryptProvider()
        let hash = Digest { UInt8($0) }
        let key = PublicKey(Digest { UInt8(200 - $0) })
        for (role, name) in [(Role.initiator, "initiator"), (.responder, "responder")] {
            let signed = try CredentialItem.signedBytes(role, hash: hash, key: key, chain: [[7], [8, 9]], provider)
            let chain: [UInt8] = [0, 0, 1, 7, 0, 0, 2, 8, 9]
            let chainHash = try provider.hash(chain.span, Span())
            var expected = [UInt8](repeating: 0x20, count: 64) + Array("SCP/1 \(name) credential".utf8) + [0]
            expected += (0..<32).map { UInt8($0) } + (0..<32).map { UInt8(200 - $0) }
            expected += chainHash.indices.map { chainHash[$0] }
            #expect(signed == expected)
        }
    }
}
