public import SCP

/// Why an operation on a channel, or the channel itself, did not work.
public struct SecureChannelError: Error, Sendable {
    /// What happened.
    public enum Kind: Equatable, Sendable {
        /// The host has no address.
        case unknownHost
        /// Nobody answers at the address, or not in time.
        case unreachable
        /// The address cannot be listened on.
        case cannotListen
        /// Somebody listens there already.
        case addressInUse
        /// The configuration contradicts itself or the protocol.
        case configuration(ConfigurationError)
        /// The peer answers with another key than the one that is known for it.
        case keyChanged(known: PublicKey, presented: PublicKey)
        /// The connection failed.
        case failed(ConnectionError)
        /// The peer closed with this code, which is not ``ErrorCode/noError``, or before it had our messages.
        case closedByPeer(ErrorCode, reason: String)
        /// We closed, and the peer did not confirm that it has everything.
        case closeUnconfirmed
        /// The message was not taken; the channel is as it was.
        case notSent(SendError)
        /// The channel had been closed before.
        case closed
    }

    public let kind: Kind
    /// The address that was connected to or is listened on.
    public let endpoint: Endpoint?
    /// Messages that were accepted for sending and not confirmed by the peer.
    public let undelivered: Int
    /// What the system or a store said.
    public let detail: String?

    init(_ kind: Kind, at endpoint: Endpoint? = nil, undelivered: Int = 0, detail: String? = nil) {
        self.kind = kind
        self.endpoint = endpoint
        self.undelivered = undelivered
        self.detail = detail
    }

    /// The number of the protocol's registry that fits best.
    public var code: ErrorCode {
        switch kind {
        case .failed(let error): error.code
        case .closedByPeer(let code, _): code
        case .closeUnconfirmed: .closeUnconfirmed
        case .keyChanged: .identityRejected
        case .notSent(.tooLarge): .messageTooLarge
        case .notSent(.invalidChannel), .notSent(.full): .limitExceeded
        case .notSent, .closed: .noError
        case .configuration: .internalError
        case .unknownHost, .unreachable, .cannotListen, .addressInUse: .transportFailed
        }
    }

    /// Who found the reason; nil when no connection came about.
    public var origin: ConnectionError.Origin? {
        switch kind {
        case .failed(let error): error.origin
        case .closedByPeer: .peer(isAuthenticated: true)
        case .keyChanged, .closeUnconfirmed, .notSent, .closed: .local
        case .unknownHost, .unreachable, .cannotListen, .addressInUse, .configuration: nil
        }
    }

    /// How the end of a connection looks to somebody who wanted to go on.
    static func end(_ closure: Closure, at endpoint: Endpoint?, undelivered: Int) -> SecureChannelError {
        switch closure {
        case .clean: SecureChannelError(.closed, at: endpoint)
        case .byPeer(let code, let reason):
            SecureChannelError(
                .closedByPeer(code, reason: String(decoding: reason, as: UTF8.self)), at: endpoint,
                undelivered: undelivered)
        case .unconfirmed: SecureChannelError(.closeUnconfirmed, at: endpoint, undelivered: undelivered)
        case .failed(let error): SecureChannelError(.failed(error), at: endpoint, undelivered: undelivered)
        }
    }
}

extension SecureChannelError: CustomStringConvertible {
    public var description: String {
        var text = sentence
        if let endpoint { text = "\(endpoint): \(text)" }
        if undelivered > 0 { text += "; \(undelivered) \(undelivered == 1 ? "message" : "messages") not confirmed" }
        if let detail { text += " (\(detail))" }
        return text
    }

    private var sentence: String {
        switch kind {
        case .unknownHost: "the host is not known"
        case .unreachable: "nobody answers"
        case .cannotListen: "cannot be listened on"
        case .addressInUse: "somebody listens there already"
        case .configuration(let error): "the configuration cannot be used: \(error)"
        case .keyChanged: "the peer has another key than the one known for it (\(ErrorCode.identityRejected))"
        case .failed(let error): SecureChannelError.sentence(for: error)
        case .closedByPeer(.noError, _): "the peer closed the channel"
        case .closedByPeer(let code, ""): "the peer closed the channel: \(code)"
        case .closedByPeer(let code, let reason): "the peer closed the channel: \(code), \"\(reason.onOneLine)\""
        case .closeUnconfirmed: "the peer did not confirm the close (\(ErrorCode.closeUnconfirmed))"
        case .notSent(.tooLarge(let limit)): "the message is larger than the \(limit) bytes that the peer takes"
        case .notSent(.invalidChannel(let limit)): "the peer takes channels 0 to \(limit - 1)"
        case .notSent(.full): "the send buffer is full"
        case .notSent(.finished): "sending was finished before"
        case .notSent(.closed), .closed: "the channel is closed"
        }
    }

    private static func sentence(for error: ConnectionError) -> String {
        switch (error.origin, error.code) {
        case (.transport, .truncated): "the stream ended without a close: something may be missing (TRUNCATED)"
        case (.transport, let code) where error.position == 0:
            "the connection ended before the peer answered; it may want another key or access (\(code))"
        case (.transport, let code): "the connection broke (\(code))"
        case (.peer, let code): "the peer refused: \(code)"
        case (.local, .identityRejected): "the peer's key is not an accepted one (IDENTITY_REJECTED)"
        case (.local, .credentialInvalid): "the peer's credential was not accepted (CREDENTIAL_INVALID)"
        case (.local, .handshakeTimeout): "the peer did not answer in time (HANDSHAKE_TIMEOUT)"
        case (.local, .handshakeUnconfirmed): "the peer did not confirm the session in time (HANDSHAKE_UNCONFIRMED)"
        case (.local, .decisionTimeout): "nobody decided on the peer's key in time (DECISION_TIMEOUT)"
        case (.local, .keyUnavailable): "our own private key could not be used (KEY_UNAVAILABLE)"
        case (.local, .idleTimeout): "the peer fell silent (IDLE_TIMEOUT)"
        case (.local, let code): "what the peer sent was wrong at byte \(error.position): \(code)"
        }
    }
}

extension String {
    /// With control and direction-changing characters spelled out: what a peer says may stand in a log or on a
    /// terminal, and must not begin a line of its own there.
    fileprivate var onOneLine: String {
        unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{200e}", "\u{200f}", "\u{2028}"..."\u{202e}",
                "\u{2066}"..."\u{2069}":
                text += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}
