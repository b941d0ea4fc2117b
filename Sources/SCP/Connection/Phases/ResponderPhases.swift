/// REASM, which on a stream is waiting for the first frame.
struct AwaitingInit: ~Copyable {}

/// AGREE at the responder: message 1 is accepted, and message 2 waits for an agreement that is made elsewhere.
struct Answering<Provider: CryptoProvider>: ~Copyable {
    @Boxed var prepared: ResponderHandshake<Provider>.Prepared

    init(_ awaiting: consuming AwaitingInit, prepared: ResponderHandshake<Provider>.Prepared) {
        self.prepared = prepared
    }
}

/// HALF: RESPONSE is out, message 3 is awaited.
struct HalfOpen<Provider: CryptoProvider>: ~Copyable {
    @Boxed var handshake: ResponderHandshake<Provider>

    init(_ answering: consuming Answering<Provider>, handshake: ResponderHandshake<Provider>) {
        self.handshake = handshake
    }
}

/// HOLD: message 3 is authentic and confirmed; somebody is deciding whether the initiator is welcome.
struct Held<Provider: CryptoProvider>: ~Copyable {
    let keys: SessionKeys<Provider>
    @Boxed var candidate: Peer
    @Boxed var credential: PeerCredential?

    init(
        _ halfOpen: consuming HalfOpen<Provider>, keys: SessionKeys<Provider>, candidate: Peer,
        credential: PeerCredential?
    ) {
        self.keys = keys
        self.candidate = candidate
        _credential = Boxed(wrappedValue: credential)
    }
}
