/// What the phases do on datagrams alone.
extension Phase {
    /// Moves the keys to CLOSING; false in the phases that have none.
    mutating func close(isComplete: Bool) -> Bool {
        switch consume self {
        case .unconfirmed(let old): self = .closing(Closing(keys: old.keys, counter: .max, isComplete: isComplete))
        case .held(let old): self = .closing(Closing(keys: old.keys, counter: .max, isComplete: isComplete))
        case .established(let old): self = .closing(Closing(keys: old.keys, counter: .max, isComplete: isComplete))
        case let other:
            self = other
            return false
        }
        return true
    }

    /// Moves the keys to DRAINING, or leaves `draining` without any behind.
    mutating func drain() {
        switch consume self {
        case .unconfirmed(let old): self = .acknowledging(Acknowledging(keys: old.keys))
        case .held(let old): self = .acknowledging(Acknowledging(keys: old.keys))
        case .established(let old): self = .acknowledging(Acknowledging(keys: old.keys))
        case .closing(let old): self = .acknowledging(Acknowledging(keys: old.keys))
        case let other:
            _ = other.state
            self = .draining(Draining())
        }
    }

    /// What verifies frames of epoch 0 in this state.
    var handshakeView: HandshakeView<Provider>? {
        switch self {
        case .waiting(let phase):
            HandshakeView(attempt: phase.handshake.attempt, hello: phase.handshake.hello, finished: nil)
        case .deciding(let phase):
            HandshakeView(
                attempt: phase.handshake.attempt, hello: phase.handshake.hello, finished: phase.handshake.finished)
        case .unconfirmed(let phase): HandshakeView(attempt: phase.attempt, hello: phase.hello, finished: nil)
        case .halfOpen(let phase):
            HandshakeView(
                attempt: phase.handshake.attempt, hello: phase.handshake.hello, finished: phase.handshake.finished)
        default: nil
        }
    }
}

extension Phase {
    /// What progress is about in this state, and what its frame is made with.
    /// [SCP-DGRAM-9]
    func progressIdentity(
        _ handshake: DatagramHandshake<Provider>, _ configuration: Configuration<Provider>
    ) -> ProgressIdentity<Provider>? {
        switch self {
        case .waiting(let phase):
            let hello = phase.handshake.hello
            return ProgressIdentity(
                message: .m2, type: .handshakeInit, attempt: phase.handshake.attempt, hello: hello.hello,
                key: hello.initiatorToResponder)
        case .halfOpen(let phase):
            let hello = phase.handshake.hello
            return ProgressIdentity(
                message: .m3, type: .handshakeResponse, attempt: phase.handshake.attempt, hello: hello.hello,
                key: hello.responderToInitiator)
        case .awaitingInit:
            guard let attempt = handshake.attempt, let octet = handshake.hello,
                let hello = try? HelloKeys(
                    provider: configuration.provider, hello: octet,
                    responderKey: configuration.identity.publicKey(configuration.provider),
                    accessKey: configuration.accessKey, attempt: attempt)
            else { return nil }
            return ProgressIdentity(
                message: .m1, type: .handshakeResponse, attempt: attempt, hello: octet,
                key: hello.responderToInitiator)
        default: return nil
        }
    }
}

/// What a frame of progress is made with.
struct ProgressIdentity<Provider: CryptoProvider> {
    let message: HandshakeMessage
    let type: FrameType
    let attempt: Attempt
    let hello: HelloKey
    let key: Provider.Authenticator
}

/// The attempt of a handshake, and the keys of its frames.
struct HandshakeView<Provider: CryptoProvider> {
    let attempt: Attempt
    let hello: HelloKeys<Provider>
    let finished: Provider.Authenticator?
}
