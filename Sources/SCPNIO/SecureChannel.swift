public import NIOCore
public import SCP

/// A channel to one authenticated peer.
///
/// It may be used from any task. Messages of one channel number arrive in the order in which `send` returned. When the
/// last reference goes, a channel that was not closed is aborted.
public final class SecureChannel: Sendable {
    let session: any AnySession
    /// The peer's key and the application protocol.
    public let peer: Peer
    /// Whether the peer was a stranger who is trusted from now on.
    public let isFirstUse: Bool
    /// The address connected to; for a server's client, the address it comes from (a Unix-domain client has none).
    public let endpoint: Endpoint?

    init(_ session: any AnySession, peer: Peer, isFirstUse: Bool, endpoint: Endpoint?) {
        self.session = session
        self.peer = peer
        self.isFirstUse = isFirstUse
        self.endpoint = endpoint
    }

    deinit { session.abandon() }

    // MARK: Sending

    /// Sends a message of any size up to the peer's limit. Returns once it is in the send buffer, and waits while that
    /// is full, in line with other senders: who sends faster than the peer reads is held back here.
    ///
    /// A task that is cancelled while it waits has not sent the message.
    /// - Returns: the message's number on its channel.
    @discardableResult
    public nonisolated(nonsending) func send(_ message: ByteBuffer, on channel: SCP.Channel = .default) async throws
        -> MessageID
    {
        try await session.send(message, on: channel)
    }

    @discardableResult
    public nonisolated(nonsending) func send(_ message: [UInt8], on channel: SCP.Channel = .default) async throws
        -> MessageID
    {
        try await session.send(ByteBuffer(bytes: message), on: channel)
    }

    /// Sends the text as UTF-8.
    @discardableResult
    public nonisolated(nonsending) func send(_ text: String, on channel: SCP.Channel = .default) async throws
        -> MessageID
    {
        try await session.send(ByteBuffer(string: text), on: channel)
    }

    /// Gives up a message that has not left whole. Returns whether it was still time.
    @discardableResult
    public func cancel(
        _ message: MessageID, on channel: SCP.Channel = .default, code: ErrorCode = .noError
    ) -> Bool {
        session.cancel(message, on: channel, code: code)
    }

    /// Half close: what was sent before still arrives, nothing can be sent after, and messages of the peer go on.
    public func finish() { session.finish() }

    // MARK: Receiving

    /// The next message: of one channel, or of any. Nil once the peer has finished or closed in order and everything
    /// was received. Throws when the channel failed, after the messages that had arrived.
    ///
    /// A task that is cancelled gets `CancellationError`; no message is lost and the channel goes on.
    public nonisolated(nonsending) func receive(from channel: SCP.Channel? = nil) async throws -> Message? {
        try await session.receive(from: channel)
    }

    /// The messages, to the end.
    public var messages: Messages { Messages(owner: self, channel: nil) }

    /// The messages of one channel, to the end.
    public func messages(from channel: SCP.Channel) -> Messages { Messages(owner: self, channel: channel) }

    /// Messages as they are received: every one is given to one iterator. It holds the channel, which would otherwise
    /// be aborted when the last who holds it lets go.
    public struct Messages: AsyncSequence, Sendable {
        let owner: SecureChannel
        let channel: SCP.Channel?

        public func makeAsyncIterator() -> Iterator { Iterator(owner: owner, channel: channel) }

        public struct Iterator: AsyncIteratorProtocol {
            let owner: SecureChannel
            let channel: SCP.Channel?

            public nonisolated(nonsending) func next() async throws -> Message? {
                try await owner.session.receive(from: channel)
            }

            public func next(isolation actor: isolated (any Actor)?) async throws -> Message? {
                try await owner.session.receive(from: channel)
            }
        }
    }

    /// Asks the peer not to send a message, or its rest.
    public func refuse(_ message: MessageID, on channel: SCP.Channel = .default, code: ErrorCode = .noError) {
        session.refuse(message, on: channel, code: code)
    }

    // MARK: The connection

    /// Asks for a sign of life; an idle connection then does not end.
    public func ping() { session.ping() }

    /// Asks for new keys. They are also replaced by themselves, by volume and age.
    public func rotateKeys() { session.rotateKeys() }

    /// Closes in order: what was sent goes out first, then the close, which the peer confirms.
    ///
    /// Throws when the peer did not confirm everything; ``SecureChannelError/undelivered`` says how many messages. The
    /// wait is bounded by the configuration's `flush` and `closeWait`; a task that is cancelled stops waiting, and the
    /// close goes on.
    /// - Parameters:
    ///   - reason: for the peer; UTF-8, cut to 256 bytes.
    ///   - afterPeerFinished: wait for the peer to finish or close first, within the flush time.
    public nonisolated(nonsending) func close(
        _ code: ErrorCode = .noError, reason: String = "", afterPeerFinished: Bool = false
    ) async throws {
        session.close(code, reason: reason, afterPeerFinished: afterPeerFinished)
        let closure = try await session.closed()
        let undelivered = session.view.undelivered
        switch closure {
        case .clean: return
        case .byPeer(.noError, _) where undelivered == 0: return
        default: throw SecureChannelError.end(closure, at: endpoint, undelivered: undelivered)
        }
    }

    /// Ends at once, telling the peer the code; messages that have not left are lost.
    public func abort(_ code: ErrorCode = .noError, reason: String = "") { session.abort(code, reason: reason) }

    /// Waits for the end, whoever brings it about.
    public nonisolated(nonsending) func waitUntilClosed() async throws -> Closure { try await session.closed() }

    /// The names that the peer's certificate vouches for, as ``TransportOptions/verifyCredential`` gave them; none when
    /// the peer showed no certificate.
    public var peerNames: [String] { session.view.peerNames }

    /// Different for every session and the same on both sides.
    public var sessionIdentifier: Digest? { session.view.identifier }

    /// The suite agreed on: whether the keys are hybrid.
    public var suite: Suite? { session.view.suite }

    /// Counts since the start.
    public var statistics: Statistics { session.view.statistics }

    /// Messages accepted for sending that the peer's engine has not confirmed.
    public var undelivered: Int { session.view.undelivered }
}
