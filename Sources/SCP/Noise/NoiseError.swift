/// Why a Noise message could not be written or read. The state is as it was before.
public enum NoiseError: Error, Equatable, Sendable {
    /// A tag did not verify.
    case decryption
    /// The message ends before its tokens do.
    case truncated
    /// More than 65,535 bytes (Noise rev. 34, section 3).
    case tooLong
    /// A public key of low order, or a shared secret of 32 zero bytes.
    case invalidPublicKey
    /// A key that the pattern needs was not given.
    case missingKey
    /// The step needs our static key's agreement with this key, which has to be made elsewhere. Nothing has failed:
    /// the same step goes on once the result was supplied.
    case agreementNeeded(PublicKey)
    /// All messages have been handled, or it is the other party's turn.
    case outOfTurn
    /// A nonce of 2^64-1 may not be used (section 5.1).
    case nonceExhausted
    /// The provider failed.
    case backend(CryptoError)

    init(_ error: CryptoError) {
        switch error {
        case .authenticationFailed: self = .decryption
        case .invalidPublicKey: self = .invalidPublicKey
        case .invalidLength, .randomFailed, .backend: self = .backend(error)
        }
    }
}
