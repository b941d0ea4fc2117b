internal import NIOCore
internal import SCP

/// A connection as ``SecureChannel`` sees it, whatever its crypto provider.
protocol AnySession: AnyObject, Sendable {
    var endpoint: Endpoint? { get }
    var view: SessionView { get }

    /// Returns once the message is in the send buffer.
    nonisolated(nonsending) func send(_ bytes: ByteBuffer, on channel: SCP.Channel) async throws -> MessageID
    /// Nil once no message will come any more.
    nonisolated(nonsending) func receive(from channel: SCP.Channel?) async throws -> Message?
    /// Returns once the peer is accepted and both sides know it.
    nonisolated(nonsending) func established() async throws -> Peer
    /// Returns once the outcome is known.
    nonisolated(nonsending) func closed() async throws -> Closure

    func close(_ code: ErrorCode, reason: String, afterPeerFinished: Bool)
    func abort(_ code: ErrorCode, reason: String)
    @discardableResult func resolveAgreement(_ id: UInt64, _ answer: AgreementAnswer) -> AgreementOutcome
    func finish()
    func ping()
    @discardableResult func cancel(_ message: MessageID, on channel: SCP.Channel, code: ErrorCode) -> Bool
    func refuse(_ message: MessageID, on channel: SCP.Channel, code: ErrorCode)
    func rotateKeys()
    func resolveIdentity(_ decision: IdentityDecision)
    /// What the peer has shown, while a decision on it is awaited.
    var pendingCredential: PeerCredential? { get }
    /// What the peer's credential vouches for.
    func note(peerNames: [String])
    /// Nobody holds the channel any more: ends at once, unless it is being closed in order.
    func abandon()
    /// Closes the transport after a time, whatever state the connection is in.
    func closeTransport(after delay: Duration)
}

/// What can be seen of a session at one moment.
struct SessionView: Sendable {
    var peer: Peer?
    var statistics: Statistics
    var identifier: Digest?
    var suite: Suite?
    var peerNames: [String]
    var outcome: Closure?
    var undelivered: Int
}
