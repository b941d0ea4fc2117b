/// WAIT: INIT is out, RESPONSE is awaited.
struct Waiting<Provider: CryptoProvider>: ~Copyable {
    var handshake: InitiatorHandshake<Provider>
}

/// DECIDE: message 2 is authentic; nothing of message 3 exists before the responder is accepted.
struct Deciding<Provider: CryptoProvider>: ~Copyable {
    var handshake: InitiatorHandshake<Provider>
    let response: AcceptedResponse

    init(_ waiting: consuming Waiting<Provider>, response: AcceptedResponse) {
        handshake = waiting.handshake
        self.response = response
    }
}

/// UNCONF: message 3 is out and epoch 1 is ready; the responder has not spoken under it.
struct Unconfirmed<Provider: CryptoProvider>: ~Copyable {
    var keys: SessionKeys<Provider>
    /// Verifies a CLOSE of epoch 0, which may still come from a responder that refused message 3.
    let hello: HelloKeys<Provider>
    let attempt: Attempt
    let peer: Peer

    init(_ deciding: consuming Deciding<Provider>, keys: consuming SessionKeys<Provider>, peer: Peer) {
        self.keys = keys
        hello = deciding.handshake.hello
        attempt = deciding.handshake.attempt
        self.peer = peer
    }
}
