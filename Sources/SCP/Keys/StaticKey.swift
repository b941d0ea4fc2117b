/// Our own static key: here, or where only its holder can use it - a token, an agent, an enclave.
/// [SCP-ID-9]
public enum StaticKey<Agreement: KeyAgreement>: Sendable {
    /// The private key itself.
    case held(Agreement.PrivateKey)
    /// The public key of one whose holder is asked with ``Event/agreementNeeded(_:)``.
    case external(PublicKey)

    var held: Agreement.PrivateKey? {
        if case .held(let key) = self { return key }
        return nil
    }

    var external: PublicKey? {
        if case .external(let key) = self { return key }
        return nil
    }

    /// The public half; fails as the provider does.
    public func publicKey(_ provider: Agreement) throws(CryptoError) -> PublicKey {
        switch self {
        case .held(let key): try provider.publicKey(of: key)
        case .external(let key): key
        }
    }
}

/// A question to whoever holds our private key: X25519 of it with ``peer``.
public struct AgreementRequest: Hashable, Sendable {
    /// What tells requests of one connection apart; never used twice.
    public let id: UInt64
    /// Our public key, so that a holder of several knows which is meant.
    public let key: PublicKey
    /// The other side of the agreement: not of low order, and not authenticated by anything yet.
    public let peer: PublicKey
}

/// What the holder of the key says.
public enum AgreementAnswer: Sendable {
    /// The shared secret: 32 bytes.
    case secret(Secret)
    /// It could not or would not.
    case failed
}

/// What became of an answer.
public enum AgreementOutcome: Hashable, Sendable {
    /// The step it was for has gone on, or has failed.
    case taken
    /// Nobody waits for it: it was answered before, or given up, or never asked.
    case unknownRequest
    /// A shared secret has 32 bytes. The request still waits.
    case wrongLength
}
