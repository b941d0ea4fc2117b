/// The keys of epoch-0 frames before message 2 is accepted. They keep strangers out early and catch
/// damage; with an empty hello they are a checksum. Authentication of the parties rests on Noise alone.
struct HelloKeys<Provider: CryptoProvider> {
    /// Which secrets went in.
    let hello: HelloKey
    /// INIT, and the initiator's CLOSE before message 2.
    let initiatorToResponder: Provider.Authenticator
    /// RESPONSE, and the responder's CLOSE.
    let responderToInitiator: Provider.Authenticator

    /// Throws `invalidLength` when `hello` names a secret that is not there.
    /// [SCP-KEY-2] [SCP-KEY-4]
    init(
        provider: Provider, hello: HelloKey, responderKey: PublicKey?, accessKey: Secret?, attempt: Attempt
    ) throws(CryptoError) {
        self.hello = hello
        let size = 1 + (hello.contains(.staticKey) ? 32 : 0) + (hello.contains(.accessKey) ? 32 : 0)
        let input = Secret(count: size)
        try input.withMutableBytes { bytes throws(CryptoError) in
            bytes[0] = hello.rawValue
            var position = 1
            if hello.contains(.staticKey) {
                guard let responderKey else { throw .invalidLength }
                Bytes.copy(responderKey.bytes.span, 0..<PublicKey.size, to: &bytes, at: position)
                position += PublicKey.size
            }
            if hello.contains(.accessKey) {
                guard let accessKey, accessKey.count == 32 else { throw .invalidLength }
                Bytes.copy(accessKey.bytes, 0..<32, to: &bytes, at: position)
            }
        }
        let key = try KeyDerivation.extract(provider, input.bytes)
        let context = attempt.bytes
        initiatorToResponder = try provider.authenticator(
            KeyDerivation.expandLabel(provider, key, "hello i2r", context: context.span, count: 32))
        responderToInitiator = try provider.authenticator(
            KeyDerivation.expandLabel(provider, key, "hello r2i", context: context.span, count: 32))
    }

    /// The key of ACK frames, and of the initiator's CLOSE after message 2: from Noise's `ck` and `h` as they stand
    /// after message 2, its payload included.
    /// [SCP-KEY-3]
    static func finished(
        provider: Provider, chainingKey: Secret, hash: Digest
    ) throws(CryptoError) -> Provider.Authenticator {
        let key = try KeyDerivation.extract(provider, chainingKey.bytes)
        return try provider.authenticator(
            KeyDerivation.expandLabel(provider, key, "finished", context: hash.span, count: 32))
    }
}
