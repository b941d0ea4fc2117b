extension Suite {
    /// The Noise pattern of the suite.
    /// [SCP-HS-1] [SCP-HS-2] [SCP-PSK-2]
    var pattern: HandshakePattern {
        let base: HandshakePattern = isHybrid ? .xx.hfs : .xx
        return usesPSK ? base.psk(3) ?? base : base
    }

    /// The name of the Noise protocol, for people and records.
    public var protocolName: String { pattern.protocolName }

    /// One side's Noise state at the start.
    func handshake<Provider: CryptoProvider>(
        _ role: Role, _ configuration: Configuration<Provider>, prologue: [UInt8]
    ) throws(NoiseError) -> HandshakeState<Provider> {
        try HandshakeState(
            pattern, role: role, prologue: prologue.span, provider: configuration.provider,
            staticKey: configuration.identity.held, presharedKeys: configuration.presharedKeys,
            externalKey: configuration.identity.external)
    }
}

extension HandshakeState {
    /// The key of ACK frames; `ck` and `h` must be those after message 2.
    func finishedKey() throws(NoiseError) -> Provider.Authenticator {
        do throws(CryptoError) {
            return try HelloKeys.finished(provider: provider, chainingKey: chainingKey, hash: handshakeHash)
        } catch {
            throw NoiseError(error)
        }
    }

    /// The payload of a message.
    mutating func read(_ message: Span<UInt8>) throws(NoiseError) -> [UInt8] { try readMessage(message).payload }

    /// Reads the Noise message that lies in `range` of `bytes`.
    mutating func readPayload(
        _ bytes: Span<UInt8>, _ range: Range<Int>
    ) throws(Violation) -> (payload: [UInt8], hash: Digest) {
        do throws(NoiseError) {
            return try readMessage(bytes.extracting(range))
        } catch {
            throw Violation(error, offset: range.lowerBound)
        }
    }

    /// The keys of epoch 1, after message 3.
    func schedule() throws(NoiseError) -> KeySchedule<Provider> {
        let keys = try split()
        do throws(CryptoError) {
            return try KeySchedule(keys, hash: handshakeHash, provider: provider)
        } catch {
            throw NoiseError(error)
        }
    }
}

extension Violation {
    /// A Noise message that failed: whatever is wrong with it, the peer has not proved who it is. Only our own
    /// failures are another thing.
    /// [SCP-ERR-6] [SCP-HS-31]
    init(_ error: NoiseError, offset: Int = 0) {
        switch error {
        case .decryption, .invalidPublicKey: self.init(.authenticationFailed, offset: offset)
        case .truncated: self.init(.malformedFrame, kind: .truncated, offset: offset)
        case .tooLong: self.init(.malformedFrame, kind: .wrongNoiseSize, offset: offset)
        case .agreementNeeded, .missingKey, .outOfTurn, .nonceExhausted, .backend:
            self.init(.internalError, offset: offset)
        }
    }
}
