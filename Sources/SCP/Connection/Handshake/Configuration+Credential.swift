/// A credential as it came, and what it is bound to.
struct ShownCredential {
    /// The value of item 0x0b.
    let item: [UInt8]
    /// The Noise `h` that was the associated data of the payload with the item.
    let hash: Digest
}

extension SignatureScheme {
    /// Bytes of the largest signature to make room for: with RSA that of a key of 8,192 bits, which is also more than
    /// what is unknown to us may be expected to need.
    var roomForSignature: Int {
        switch self {
        case .ed25519: 64
        case .ecdsaP256: 72
        case .ecdsaP384: 104
        default: 1_024
        }
    }
}

/// Credentials: what we show, and what we make of what the peer shows.
extension Configuration {
    /// Bytes of our item, at most.
    private var credentialSize: Int? {
        credential.map { CredentialItem.size(signature: $0.scheme.roomForSignature, $0.chain) }
    }

    /// Throws when our credential could not be sent.
    /// [SCP-ID-13]
    func checkCredential() throws(ConfigurationError) {
        guard let credential, let credentialSize else { return }
        guard CredentialItem.isAllowed(credential.chain), credentialSize <= CredentialItem.maximumSize,
            largestResponse <= HandshakePiece.maximumTotal
        else { throw .credential }
    }

    /// Bytes of message 2 at most, whatever the suite.
    private var largestResponse: Int { responseSize(suite: .hybridPSK) }

    /// Bytes of message 2 in a suite, at most.
    func responseSize(suite: Suite) -> Int {
        let identifier = [UInt8](repeating: 0, count: DatagramPrefix.maximumConnectionID)
        let offer = offer(suite, isStream: false, connectionID: identifier)
        return (suite.isHybrid ? 1_200 : 96) + offer.largestSize(credential: credentialSize)
    }

    /// Our item, signed for this handshake; nil when we have no credential.
    ///
    /// - Parameter hash: that of the message whose payload it is for.
    /// - Throws: `backend` when the signer fails, or signs with more than there is room for.
    /// [SCP-ID-10]
    func credentialItem(_ role: Role, hash: Digest) throws(NoiseError) -> [UInt8]? {
        guard let credential else { return nil }
        do throws(CryptoError) {
            let message = try CredentialItem.signedBytes(
                role, hash: hash, key: try identity.publicKey(provider), chain: credential.chain, provider)
            let item = CredentialItem(
                scheme: credential.scheme, signature: try credential.sign(message), chain: credential.chain)
            guard let encoded = item.encoded else { throw .invalidLength }
            return encoded
        } catch {
            throw NoiseError(error)
        }
    }

    /// What can be said of a peer at once: its credential, which somebody has to verify, or why it is not wanted. A key
    /// that the policy rejects is rejected whatever vouches for it.
    /// [SCP-ID-4] [SCP-ID-11] [SCP-ITEM-22]
    func consider(
        _ shown: ShownCredential?, of role: Role, _ key: PublicKey, isRejected: Bool
    ) -> (credential: PeerCredential?, objection: Violation?) {
        if isRejected { return (nil, Violation(.identityRejected)) }
        do throws(Violation) {
            return (try accept(shown, of: role, key), nil)
        } catch {
            return (nil, error)
        }
    }

    private func accept(
        _ shown: ShownCredential?, of role: Role, _ key: PublicKey
    ) throws(Violation) -> PeerCredential? {
        guard let shown else {
            guard credentialPolicy != .required else { throw Violation(.credentialInvalid) }
            return nil
        }
        guard credentialPolicy != .refused else { throw Violation(.credentialInvalid) }
        let item: CredentialItem
        do throws(WireError) {
            item = try CredentialItem.parse(shown.item.span)
        } catch {
            // [SCP-ID-13]
            throw Violation(.credentialInvalid, kind: error.kind)
        }
        guard
            let signed = try? CredentialItem.signedBytes(
                role, hash: shown.hash, key: key, chain: item.chain, provider)
        else { throw Violation(.internalError) }
        return PeerCredential(
            scheme: item.scheme, signature: item.signature, chain: item.chain, signedBytes: signed, publicKey: key)
    }
}
