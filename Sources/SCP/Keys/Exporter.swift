/// Why nothing was exported.
public enum ExportError: Error, Equatable, Sendable {
    /// A label has 1 to 250 bytes.
    case label
    /// 1 to 8,160 bytes can be exported at a time.
    case length
    /// The session is not confirmed: its keys are not known to be the peer's.
    case notConfirmed
    /// The provider failed.
    case backend(CryptoError)
}

/// Keys for the application. They come from the first epoch, so they are the same on both sides and for the whole
/// connection, whatever rotates meanwhile.
/// [SCP-KEY-8]
struct Exporter {
    private let secret: Secret
    /// 32 bytes that stand for this session and no other, to be bound to by what authenticates the application's users.
    let binding: Secret

    /// - Parameters:
    ///   - secret: `exporter` of the first epoch, 32 bytes.
    ///   - binding: `binding` of the first epoch, 32 bytes.
    init(secret: Secret, binding: Secret) {
        self.secret = secret
        self.binding = binding
    }

    /// `length` bytes that only the two ends of the connection can derive. Any other label, context or length gives
    /// bytes that have nothing to do with these: shorter ones are no prefix of longer ones.
    ///
    /// - Parameters:
    ///   - label: what the bytes are for, 1 to 250 bytes, different for each use.
    ///   - context: any number of bytes that tell apart the exports for one use.
    ///   - length: in bytes, 1 to 8,160.
    func export(
        label: [UInt8], context: Span<UInt8>, length: Int, _ provider: some CryptoProvider
    ) throws(ExportError) -> Secret {
        guard (1...KeyDerivation.maximumLabel).contains(label.count) else { throw .label }
        guard KeyDerivation.outputCounts.contains(length) else { throw .length }
        do throws(CryptoError) {
            let none = try provider.hash(Span(), Span())
            let key = try KeyDerivation.expandLabel(provider, secret, label, context: none.span, count: 32)
            let digest = try provider.hash(context, Span())
            return try KeyDerivation.expandLabel(provider, key, "exporter", context: digest.span, count: length)
        } catch {
            throw .backend(error)
        }
    }
}
