/// The rotation sub-state of an established session. That an answer is out is told by the session's keys: those of the
/// next epoch are installed and wait for its first frame.
///
/// Indirect: a connection has a rotation under way for moments, and room for one all the time would be carried along.
indirect enum RotationState<Provider: CryptoProvider> {
    case idle
    /// Our request cannot be written before the holder of our private key has answered.
    case preparing(RotationRequest<Provider>)
    /// Our request is out.
    case asking(RotationRequest<Provider>)
    /// The answer to our request is here, and cannot be read before the holder of our private key has answered.
    case finishing(RotationRequest<Provider>, answer: [UInt8])
    /// The same with the peer's request.
    case answering(RotationRequest<Provider>, request: [UInt8])

    @inline(__always)
    var isIdle: Bool {
        if case .idle = self { return true }
        return false
    }
}

/// A request, of ours or of the peer's.
struct RotationRequest<Provider: CryptoProvider> {
    let target: UInt16
    let nonce: UInt64
    let mode: RotationMode
    var noise: HandshakeState<Provider>

    /// [SCP-ROT-12]
    func isAnswered(by message: RotationMessage) -> Bool { target == message.target && nonce == message.nonce }
}

/// What both ends of a rotation must agree on before the first byte.
struct RotationTerms {
    let target: UInt16
    let nonce: UInt64
    let mode: RotationMode
    /// The connection's role of the side that asks.
    let asker: Role
    let suite: Suite
    /// `h_n`.
    let hash: Digest

    /// `"SCP/1 rotate" || 0x01 || suite || mode || uint16(n+1) || asker || nonce (8) || h_n`.
    /// [SCP-ROT-6]
    var prologue: [UInt8] {
        [UInt8](capacity: 26 + 32) { output in
            output.append([0x53, 0x43, 0x50, 0x2f, 0x31, 0x20, 0x72, 0x6f, 0x74, 0x61, 0x74, 0x65])
            output.append(uint8: FrameHeader.version)
            output.append(uint8: suite.rawValue)
            output.append(uint8: mode.rawValue)
            output.append(uint16: target)
            output.append(uint8: asker == .initiator ? 0 : 1)
            output.append(uint64: nonce)
            output.append(hash.span, in: 0..<32)
        }
    }

    /// One side's Noise state: the asker is the Noise initiator, whatever its role in the connection.
    /// [SCP-ROT-6] [SCP-ROT-22]
    func handshake<Provider: CryptoProvider>(
        _ role: Role, _ configuration: Configuration<Provider>, chain: Secret, peer: PublicKey?
    ) throws(NoiseError) -> HandshakeState<Provider> {
        let base: HandshakePattern = mode == .ephemeral ? .nn : .kk
        guard let pattern = (suite.isHybrid ? base.hfs : base).psk(0) else { throw .missingKey }
        return try HandshakeState(
            pattern, role: role, prologue: prologue.span, provider: configuration.provider,
            staticKey: mode == .authenticated ? configuration.identity.held : nil,
            remoteStatic: mode == .authenticated ? peer : nil, presharedKeys: .common(chain),
            externalKey: mode == .authenticated ? configuration.identity.external : nil)
    }
}
