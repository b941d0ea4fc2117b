/// The keys of one epoch: what Noise's `Split` gave, extracted with our salt and expanded by label.
struct KeySchedule<Provider: CryptoProvider> {
    private let provider: Provider
    private let master: Secret
    /// `h_n`: the handshake hash of the exchange that made the epoch.
    let hash: Digest

    /// - Parameters:
    ///   - keys: in the order that `Split` returns them.
    ///   - hash: of the finished exchange.
    /// [SCP-KEY-5]
    init(_ keys: (Secret, Secret), hash: Digest, provider: Provider) throws(CryptoError) {
        self.provider = provider
        self.hash = hash
        let both = Secret(count: keys.0.count + keys.1.count)
        both.withMutableBytes { bytes in
            Bytes.copy(keys.0.bytes, 0..<keys.0.count, to: &bytes, at: 0)
            Bytes.copy(keys.1.bytes, 0..<keys.1.count, to: &bytes, at: keys.0.count)
        }
        master = try KeyDerivation.extract(provider, both.bytes)
    }

    /// The keys of one direction: labels follow the roles of the connection in every epoch.
    /// [SCP-KEY-6] [SCP-SEC-7]
    func trafficKeys(sentBy role: Role) throws(CryptoError) -> TrafficKeys<Provider> {
        let direction = role == .initiator ? "i2r" : "r2i"
        return TrafficKeys(
            cipher: try provider.cipher(expand(direction + " key", 32)),
            authenticator: try provider.authenticator(expand(direction + " mac", 32)),
            iv: try expand(direction + " iv", 12))
    }

    /// The pre-shared key of the next rotation.
    /// [SCP-KEY-7]
    func chain() throws(CryptoError) -> Secret { try expand("chain", 32) }

    /// Of the first epoch: what the application's keys come from, for the whole connection.
    /// [SCP-KEY-8]
    func exporter() throws(CryptoError) -> Exporter {
        Exporter(secret: try expand("exporter", 32), binding: try expand("binding", 32))
    }

    private func expand(_ label: String, _ count: Int) throws(CryptoError) -> Secret {
        try KeyDerivation.expandLabel(provider, master, label, context: hash.span, count: count)
    }
}
