/// WAIT: INIT is out, RESPONSE is awaited.
struct Waiting<Provider: CryptoProvider>: ~Copyable {
    @Boxed var handshake: InitiatorHandshake<Provider>
}

/// DECIDE: message 2 is authentic; nothing of message 3 exists before the responder is accepted.
struct Deciding<Provider: CryptoProvider>: ~Copyable {
    @Boxed var handshake: InitiatorHandshake<Provider>
    @Boxed var response: AcceptedResponse
    @Boxed var credential: PeerCredential?
    /// What the policy said of the key, where it said something.
    let isFirstUse: Bool

    init(
        _ waiting: consuming Waiting<Provider>, response: AcceptedResponse, credential: PeerCredential?,
        isFirstUse: Bool
    ) {
        handshake = waiting.handshake
        self.response = response
        _credential = Boxed(wrappedValue: credential)
        self.isFirstUse = isFirstUse
    }
}

/// AGREE at the initiator: the responder is accepted, and message 3 waits for an agreement that is made elsewhere.
struct Agreeing<Provider: CryptoProvider>: ~Copyable {
    @Boxed var handshake: InitiatorHandshake<Provider>
    @Boxed var response: AcceptedResponse
    let isFirstUse: Bool

    init(_ deciding: consuming Deciding<Provider>) {
        response = deciding.response
        isFirstUse = deciding.isFirstUse
        handshake = deciding.handshake
    }
}

/// UNCONF: message 3 is out and epoch 1 is ready; the responder has not spoken under it.
struct Unconfirmed<Provider: CryptoProvider>: ~Copyable {
    let keys: SessionKeys<Provider>
    /// Verifies a CLOSE of epoch 0, which may still come from a responder that refused message 3.
    let hello: HelloKeys<Provider>
    let attempt: Attempt
    @Boxed var peer: Peer

    init(_ agreeing: consuming Agreeing<Provider>, keys: SessionKeys<Provider>, peer: Peer) {
        self.keys = keys
        hello = agreeing.handshake.hello
        attempt = agreeing.handshake.attempt
        self.peer = peer
    }
}
