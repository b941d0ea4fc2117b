public import SCP

/// Whoever holds our private key - a token, an agent, an enclave - where the configuration's identity is
/// ``SCP/StaticKey/external(_:)``.
public protocol KeyAgent: Sendable {
    /// X25519 of the private key that belongs to `request.key` with `request.peer`: 32 bytes.
    ///
    /// The task is cancelled when nobody needs the answer any more: the handshake's time is over, or the connection.
    /// An error ends the connection with ``SCP/ErrorCode/keyUnavailable``; ``SecureChannelError/detail`` and the log
    /// have its description, so that must not contain a secret.
    func agree(_ request: AgreementRequest) async throws -> Secret
}

/// Why an agent's answer was none.
enum KeyAgentError: Error, CustomStringConvertible {
    case missing
    case wrongLength(Int)

    var description: String {
        switch self {
        case .missing: "no key agent was given for a private key that is elsewhere"
        case .wrongLength(let count): "the key agent answered with \(count) bytes instead of 32"
        }
    }
}
