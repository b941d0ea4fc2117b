import SCPGcrypt

@testable import SCP

/// The derivations of the specification once more, from HMAC and SHA-256 alone (RFC 2104, RFC 5869), to hold the
/// engine's against.
struct KeyReference {
    static let salt = Array("SCP/1 X25519 AES-256-GCM HMAC-SHA-256".utf8)

    let provider: GcryptProvider

    init() throws { provider = try GcryptProvider() }

    func hmac(_ key: [UInt8], _ message: [UInt8]) throws -> [UInt8] {
        array(try provider.authenticator(Secret(copying: key.span)).authenticate(message.span))
    }

    func hash(_ message: [UInt8]) throws -> [UInt8] { array(try provider.hash(message.span, Span())) }

    func extract(_ input: [UInt8]) throws -> [UInt8] { try hmac(Self.salt, input) }

    /// T(1) || T(2) || ..., T(i) = HMAC(key, T(i-1) || info || i).
    func expand(_ key: [UInt8], _ info: [UInt8], _ count: Int) throws -> [UInt8] {
        var output: [UInt8] = []
        var last: [UInt8] = []
        var index: UInt8 = 0
        while output.count < count {
            index += 1
            last = try hmac(key, last + info + [index])
            output += last
        }
        return Array(output.prefix(count))
    }

    func label(_ secret: [UInt8], _ label: String, _ context: [UInt8], _ count: Int) throws -> [UInt8] {
        let name = Array("scp1 ".utf8) + Array(label.utf8)
        let info = wireInteger(UInt64(count), 2) + [UInt8(name.count)] + name + [UInt8(context.count)] + context
        return try expand(secret, info, count)
    }
}

/// What a body threw; nil when it did not.
func cryptoError<Result>(_ body: () throws(CryptoError) -> Result) -> CryptoError? {
    do throws(CryptoError) {
        _ = try body()
        return nil
    } catch {
        return error
    }
}
