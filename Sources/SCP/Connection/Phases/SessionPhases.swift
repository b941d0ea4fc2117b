/// EST: both sides are confirmed and accepted.
struct Established<Provider: CryptoProvider>: ~Copyable {
    let keys: SessionKeys<Provider>
    @Boxed var peer: Peer

    init(_ unconfirmed: consuming Unconfirmed<Provider>) {
        peer = unconfirmed.peer
        keys = unconfirmed.keys
    }

    init(_ held: consuming Held<Provider>) {
        peer = held.candidate
        keys = held.keys
    }
}

/// CLOSING: our CLOSE is out. DATA is neither processed nor acknowledged any more.
struct Closing<Provider: CryptoProvider>: ~Copyable {
    let keys: SessionKeys<Provider>
    /// The counter of our CLOSE.
    let counter: UInt64
    /// Whether everything that was accepted had been sent before it.
    let isComplete: Bool
    /// Whether DATA of the peer was thrown away since: its CLOSE may then not be acknowledged, for the ACK would cover
    /// what nobody got.
    var hasDiscarded = false

    init(keys: SessionKeys<Provider>, counter: UInt64, isComplete: Bool) {
        self.keys = keys
        self.counter = counter
        self.isComplete = isComplete
    }
}

/// DRAINING on a stream: the last frame has been built and the keys are gone; input is thrown away until the peer ends
/// the stream too, since a transport that is closed with unread input may destroy our last frame.
/// [SCP-CLOSE-21]
struct Draining: ~Copyable {}

/// DRAINING on datagrams: the outcome is decided; the keys stay to acknowledge a CLOSE that is repeated.
struct Acknowledging<Provider: CryptoProvider>: ~Copyable {
    let keys: SessionKeys<Provider>
}
