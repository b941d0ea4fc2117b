/// The secrets that cookies are made with: the present one and the one before. A cookie proves that who sends it
/// receives at its address; whoever gave it out remembers nothing.
/// [SCP-DGRAM-16]
struct CookieKeys<Provider: CryptoProvider> {
    /// How long one secret is used.
    static var period: Duration { .seconds(120) }
    /// How old a cookie may be, in seconds.
    static var maximumAge: UInt32 { 30 }

    private let provider: Provider
    private var current: Provider.Authenticator
    private var previous: Provider.Authenticator?
    private var changed: Instant

    init(_ provider: Provider, at now: Instant) throws(CryptoError) {
        self.provider = provider
        current = try provider.authenticator(provider.randomSecret(count: 32))
        changed = now
    }

    /// What a cookie is bound to.
    struct Binding {
        let remote: Address
        let localPort: UInt16
        let attempt: Attempt
        let total: Int
    }

    /// Changes the secret when its time has come. Without randomness the old one stays.
    mutating func advance(to now: Instant) {
        let age = now.since(changed)
        guard age >= Self.period,
            let next = try? provider.authenticator(provider.randomSecret(count: 32))
        else { return }
        // After two periods nothing of the one before is valid any more.
        previous = age < Self.period * 2 ? current : nil
        current = next
        changed = now
    }

    /// 32 bytes.
    func cookie(_ binding: Binding, at now: Instant) throws(CryptoError) -> [UInt8] {
        try Self.make(current, binding, time: Self.seconds(now))
    }

    func isValid(_ cookie: [UInt8], _ binding: Binding, at now: Instant) -> Bool {
        guard cookie.count == HandshakePiece.cookieSize else { return false }
        let time = cookie.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        let age = Self.seconds(now) &- time
        guard age <= Self.maximumAge else { return false }
        return [current, previous].contains { key in
            guard let key, let expected = try? Self.make(key, binding, time: time) else { return false }
            // [SCP-SEC-2] In a time that does not depend on where they differ.
            return zip(cookie, expected).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
        }
    }

    private static func seconds(_ now: Instant) -> UInt32 {
        UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000_000)
    }

    private static func make(
        _ key: Provider.Authenticator, _ binding: Binding, time: UInt32
    ) throws(CryptoError) -> [UInt8] {
        let label: [UInt8] = Array("scp1 cookie".utf8)
        let bytes = [UInt8](capacity: label.count + 4 + 1 + 16 + 4 + 8 + 2) { output in
            output.append(label)
            output.append(uint32: time)
            output.append(uint8: binding.remote.family.rawValue)
            output.append(uint64: binding.remote.high)
            output.append(uint64: binding.remote.low)
            output.append(uint16: binding.remote.port)
            output.append(uint16: binding.localPort)
            output.append(uint64: binding.attempt.rawValue)
            output.append(uint16: UInt16(clamping: binding.total))
        }
        let mac = try key.authenticate(bytes.span)
        return [UInt8](capacity: HandshakePiece.cookieSize) { output in
            output.append(uint32: time)
            output.append(mac.span, in: 0..<28)
        }
    }
}
