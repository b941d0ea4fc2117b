/// Noise rev. 34, section 5.3: the interpreter of a pattern.
///
/// A value: copying it is a snapshot, and a message that fails leaves it as it was.
struct HandshakeState<Provider: CryptoProvider> {
    /// The largest Noise message (section 3).
    static var maximumMessage: Int { 65_535 }

    let pattern: HandshakePattern
    let role: Role
    private var symmetric: SymmetricState<Provider>
    private let staticKey: Provider.PrivateKey?
    /// Instead of `staticKey`: the public half of one that is elsewhere.
    private let externalKey: PublicKey?
    /// Agreements of `externalKey` that were made for the next message, by their other side.
    private var supplied: [(peer: PublicKey, secret: Secret)] = []
    private var ephemeral: Provider.PrivateKey?
    private(set) var ephemeralPublic: PublicKey?
    private(set) var remoteStatic: PublicKey?
    private(set) var remoteEphemeral: PublicKey?
    /// Of token `e1`: ours, or the other side's.
    private var decapsulationKey: Provider.Encapsulation.DecapsulationKey?
    private var remoteEncapsulationKey: EncapsulationKey?
    private let presharedKeys: PresharedKeys?
    /// Stands in for the PSK of a peer we have none for, so that it fails like a wrong one, in as many operations.
    private let unknownPeerSecret: Secret?
    /// The next message.
    private(set) var index = 0

    /// - Parameter ephemeral: for test vectors; nil draws one from the provider when it is due.
    /// - Throws: `missingKey` when the pattern has a pre-message whose key is not given, `invalidPublicKey` for a
    ///   remote key of low order, `backend(.invalidLength)` for pre-shared keys that have not 32 bytes, `backend`.
    init(
        _ pattern: HandshakePattern, role: Role, prologue: Span<UInt8>, provider: Provider,
        staticKey: Provider.PrivateKey? = nil, remoteStatic: PublicKey? = nil,
        ephemeral: Provider.PrivateKey? = nil, presharedKeys: PresharedKeys? = nil, externalKey: PublicKey? = nil
    ) throws(NoiseError) {
        if let remoteStatic, remoteStatic.isLowOrder { throw .invalidPublicKey }
        if let presharedKeys, !presharedKeys.isValid { throw .backend(.invalidLength) }
        self.pattern = pattern
        self.role = role
        self.staticKey = staticKey
        self.externalKey = externalKey
        self.remoteStatic = remoteStatic
        self.ephemeral = ephemeral
        self.presharedKeys = presharedKeys
        let own: PublicKey?
        do throws(CryptoError) {
            unknownPeerSecret = presharedKeys == nil ? nil : try provider.randomSecret(count: 32)
            symmetric = try SymmetricState(protocolName: Array(pattern.protocolName.utf8), provider: provider)
            try symmetric.mixHash(prologue)
            own = try Self.publicKey(staticKey, externalKey, provider)
        } catch {
            throw NoiseError(error)
        }
        try absorbKnown(pattern.initiatorKnown, role == .initiator ? own : remoteStatic)
        try absorbKnown(pattern.responderKnown, role == .initiator ? remoteStatic : own)
    }

    private static func publicKey(
        _ held: Provider.PrivateKey?, _ external: PublicKey?, _ provider: Provider
    ) throws(CryptoError) -> PublicKey? {
        if let external { return external }
        guard let held else { return nil }
        return try provider.publicKey(of: held)
    }

    /// A pre-message: what both knew beforehand, the initiator's first.
    private mutating func absorbKnown(_ tokens: [Token], _ key: PublicKey?) throws(NoiseError) {
        guard !tokens.isEmpty else { return }
        guard let key else { throw .missingKey }
        do throws(CryptoError) { try symmetric.mixHash(key.bytes.span) } catch { throw NoiseError(error) }
    }

    var provider: Provider { symmetric.provider }

    /// Whether all messages have been handled.
    var isComplete: Bool { index == pattern.messages.count }

    /// `h`: after the last message the handshake hash, which is the same on both sides (section 11.2).
    var handshakeHash: Digest { symmetric.hash }

    /// `ck` as it stands.
    var chainingKey: Secret { symmetric.chainingKey }

    /// Whether the other side sent our own ephemeral back.
    var isEphemeralReflected: Bool {
        guard let ephemeralPublic, let remoteEphemeral else { return false }
        return ephemeralPublic.names(sameKeyAs: remoteEphemeral)
    }

    private var isMyTurn: Bool { (index % 2 == 0) == (role == .initiator) }

    // MARK: Writing

    /// Bytes that the next message adds to its payload.
    var overhead: Int {
        guard !isComplete else { return 0 }
        var hasKey = symmetric.cipher.hasKey
        var total = 0
        for token in pattern.messages[index] {
            switch token {
            case .e:
                total += PublicKey.size
                if pattern.usesPSK { hasKey = true }
            case .s: total += PublicKey.size + (hasKey ? CipherState<Provider>.tagSize : 0)
            case .e1: total += EncapsulationKey.size + (hasKey ? CipherState<Provider>.tagSize : 0)
            case .ekem1:
                total += EncapsulatedSecret.ciphertextSize + (hasKey ? CipherState<Provider>.tagSize : 0)
                hasKey = true
            case .ee, .es, .se, .ss, .psk: hasKey = true
            }
        }
        return total + (hasKey ? CipherState<Provider>.tagSize : 0)
    }

    /// `WriteMessage`.
    mutating func write(payload: Span<UInt8>) throws(NoiseError) -> [UInt8] { try finish(begun(), payload: payload) }

    /// A message that is written up to its payload, whose associated data is the hash of `state`. Ours has not changed.
    func begun() throws(NoiseError) -> (state: HandshakeState, head: [UInt8]) {
        guard !isComplete, isMyTurn else { throw .outOfTurn }
        try checkSupplied(pattern.messages[index])
        var next = self
        var head = [UInt8](repeating: 0, count: overhead)
        var span = head.mutableSpan
        var position = 0
        for token in pattern.messages[index] {
            switch token {
            case .e: try next.writeEphemeral(&span, &position)
            case .s: try next.writeStatic(&span, &position)
            case .e1: try next.writeEncapsulationKey(&span, &position)
            case .ekem1: try next.writeCiphertext(&span, &position)
            case .ee, .es, .se, .ss, .psk: try next.mix(token)
            }
        }
        return (next, head)
    }

    /// The whole of a message that was begun with this state.
    mutating func finish(
        _ begun: (state: HandshakeState, head: [UInt8]), payload: Span<UInt8>
    ) throws(NoiseError) -> [UInt8] {
        let size = begun.head.count + payload.count
        guard size <= Self.maximumMessage else { throw .tooLong }
        var next = begun.state
        let position = begun.head.count - next.symmetric.cipher.overhead
        var message = Bytes.prefix(begun.head, size)
        var span = message.mutableSpan
        Bytes.copy(payload, 0..<payload.count, to: &span, at: position)
        try next.symmetric.encryptAndHash(&span, position..<position + payload.count)
        next.index += 1
        next.supplied = []
        self = next
        return message
    }

    private mutating func writeEphemeral(
        _ message: inout MutableSpan<UInt8>, _ position: inout Int
    ) throws(NoiseError) {
        do throws(CryptoError) {
            let provider = symmetric.provider
            let key: Provider.PrivateKey
            if let ephemeral {
                key = ephemeral
            } else {
                key = try provider.privateKey(try provider.randomSecret(count: 32))
            }
            let own = try provider.publicKey(of: key)
            ephemeral = key
            ephemeralPublic = own
            Bytes.copy(own.bytes.span, 0..<PublicKey.size, to: &message, at: position)
            position += PublicKey.size
            try absorbEphemeral(own)
        } catch {
            throw NoiseError(error)
        }
    }

    private mutating func writeStatic(
        _ message: inout MutableSpan<UInt8>, _ position: inout Int
    ) throws(NoiseError) {
        guard staticKey != nil || externalKey != nil else { throw .missingKey }
        do throws(CryptoError) {
            let own = try Self.publicKey(staticKey, externalKey, symmetric.provider)
            guard let own else { throw .invalidPublicKey }
            Bytes.copy(own.bytes.span, 0..<PublicKey.size, to: &message, at: position)
        } catch {
            throw NoiseError(error)
        }
        try seal(PublicKey.size, of: &message, &position)
    }

    /// `EncryptAndHash` of the next `count` bytes of a message that is being written.
    private mutating func seal(
        _ count: Int, of message: inout MutableSpan<UInt8>, _ position: inout Int
    ) throws(NoiseError) {
        let end = position + count
        let overhead = symmetric.cipher.overhead
        try symmetric.encryptAndHash(&message, position..<end)
        position = end + overhead
    }

    // [SCP-HS-2] "`e1` is EncryptAndHash(encapsulation key, 1,184 bytes)"
    private mutating func writeEncapsulationKey(
        _ message: inout MutableSpan<UInt8>, _ position: inout Int
    ) throws(NoiseError) {
        let provider = symmetric.provider
        guard let encapsulation = provider.encapsulation else { throw .missingKey }
        do throws(CryptoError) {
            let seed = try provider.randomSecret(count: EncapsulationKey.seedSize)
            let key = try encapsulation.decapsulationKey(seed)
            let own = try encapsulation.encapsulationKey(of: key)
            Bytes.copy(own.bytes.span, 0..<EncapsulationKey.size, to: &message, at: position)
            decapsulationKey = key
        } catch {
            throw NoiseError(error)
        }
        try seal(EncapsulationKey.size, of: &message, &position)
    }

    // [SCP-HS-2] "`ekem1` is EncryptAndHash(ciphertext, 1,088 bytes) followed by MixKey(shared secret)"
    private mutating func writeCiphertext(
        _ message: inout MutableSpan<UInt8>, _ position: inout Int
    ) throws(NoiseError) {
        guard let remoteEncapsulationKey else { throw .missingKey }
        let made = try encapsulate(to: remoteEncapsulationKey)
        Bytes.copy(made.ciphertext.span, 0..<made.ciphertext.count, to: &message, at: position)
        try seal(made.ciphertext.count, of: &message, &position)
        do throws(CryptoError) { try symmetric.mixKey(made.secret.bytes) } catch { throw NoiseError(error) }
    }

    private func encapsulate(to key: EncapsulationKey) throws(NoiseError) -> EncapsulatedSecret {
        guard let encapsulation = symmetric.provider.encapsulation else { throw .missingKey }
        do throws(CryptoError) {
            let made = try encapsulation.encapsulate(to: key)
            guard made.ciphertext.count == EncapsulatedSecret.ciphertextSize else { throw .invalidLength }
            return made
        } catch {
            throw NoiseError(error)
        }
    }

    // MARK: Reading

    /// `ReadMessage`; gives the payload, and the hash that was its associated data.
    /// [SCP-HS-29] "A handshake step that fails MUST leave the Noise state as it was before it."
    mutating func readMessage(_ message: Span<UInt8>) throws(NoiseError) -> (payload: [UInt8], hash: Digest) {
        guard !isComplete, !isMyTurn else { throw .outOfTurn }
        guard message.count <= Self.maximumMessage else { throw .tooLong }
        guard message.count >= overhead else { throw .truncated }
        var next = self
        var copy = [UInt8](repeating: 0, count: message.count)
        var span = copy.mutableSpan
        Bytes.copy(message, 0..<message.count, to: &span, at: 0)
        var position = 0
        for token in pattern.messages[index] {
            switch token {
            case .e:
                let key = try Self.readKey(span.span, &position, overhead: 0)
                next.remoteEphemeral = key
                do throws(CryptoError) { try next.absorbEphemeral(key) } catch { throw NoiseError(error) }
            case .s:
                let place = try next.open(PublicKey.size, of: &span, &position)
                var start = place.lowerBound
                next.remoteStatic = try Self.readKey(span.span, &start, overhead: 0)
            case .e1:
                let place = try next.open(EncapsulationKey.size, of: &span, &position)
                // [SCP-HS-2]
                guard let key = EncapsulationKey(span.span.extracting(place)) else { throw .invalidPublicKey }
                next.remoteEncapsulationKey = key
            case .ekem1:
                let place = try next.open(EncapsulatedSecret.ciphertextSize, of: &span, &position)
                try next.mixCiphertext(span.span.extracting(place))
            case .ee, .es, .se, .ss, .psk:
                try next.mix(token)
            }
        }
        let end = span.count - next.symmetric.cipher.overhead
        guard end >= position else { throw .truncated }
        let hash = next.symmetric.hash
        try next.symmetric.decryptAndHash(&span, position..<end)
        next.index += 1
        next.supplied = []
        self = next
        return (Array(copy[position..<end]), hash)
    }

    /// `DecryptAndHash` of the next `count` bytes of a message that is being read, in place; says where they are.
    private mutating func open(
        _ count: Int, of message: inout MutableSpan<UInt8>, _ position: inout Int
    ) throws(NoiseError) -> Range<Int> {
        let place = position..<position + count
        let overhead = symmetric.cipher.overhead
        guard message.count - position >= count + overhead else { throw .truncated }
        try symmetric.decryptAndHash(&message, place)
        position = place.upperBound + overhead
        return place
    }

    private mutating func mixCiphertext(_ ciphertext: Span<UInt8>) throws(NoiseError) {
        guard let encapsulation = symmetric.provider.encapsulation, let decapsulationKey else { throw .missingKey }
        do throws(CryptoError) {
            let secret = try encapsulation.decapsulate(ciphertext, with: decapsulationKey)
            try symmetric.mixKey(secret.bytes)
        } catch {
            throw NoiseError(error)
        }
    }

    private static func readKey(
        _ message: Span<UInt8>, _ position: inout Int, overhead: Int
    ) throws(NoiseError) -> PublicKey {
        guard message.count - position >= PublicKey.size + overhead,
            let key = PublicKey(message.extracting(position..<position + PublicKey.size))
        else { throw .truncated }
        // Refused where it is read, not where it is first multiplied with: that may be a message later, after we have
        // made an ephemeral of our own.
        // [SCP-KEY-11]
        guard !key.isLowOrder else { throw .invalidPublicKey }
        position += PublicKey.size + overhead
        return key
    }

    // MARK: Mixing

    // [SCP-KEY-12]
    private mutating func absorbEphemeral(_ key: PublicKey) throws(CryptoError) {
        try symmetric.mixHash(key.bytes.span)
        if pattern.usesPSK { try symmetric.mixKey(key.bytes.span) }
    }

    /// The tokens that only change keys.
    private mutating func mix(_ token: Token) throws(NoiseError) {
        switch token {
        case .e, .s, .e1, .ekem1: return
        case .psk:
            guard let presharedKeys, let unknownPeerSecret else { throw .missingKey }
            // [SCP-PSK-3] "so that an unknown initiator and a wrong key fail alike"
            let secret = presharedKeys.secret(for: remoteStatic) ?? unknownPeerSecret
            do throws(CryptoError) { try symmetric.mixKeyAndHash(secret.bytes) } catch { throw NoiseError(error) }
        case .ee: try agree(ephemeral, remoteEphemeral)
        case .es: try role == .initiator ? agree(ephemeral, remoteStatic) : agreeStatic(remoteEphemeral)
        case .se: try role == .initiator ? agreeStatic(remoteEphemeral) : agree(ephemeral, remoteStatic)
        case .ss: try agreeStatic(remoteStatic)
        }
    }

    /// The agreements that need our static key.
    private mutating func agreeStatic(_ peer: PublicKey?) throws(NoiseError) {
        guard externalKey != nil else { return try agree(staticKey, peer) }
        guard let peer else { throw .missingKey }
        guard let secret = supplied.first(where: { $0.peer == peer })?.secret else { throw .agreementNeeded(peer) }
        do throws(CryptoError) {
            // [SCP-KEY-10]
            let checked = try DiffieHellman.checked(secret)
            try symmetric.mixKey(checked.bytes)
        } catch {
            throw NoiseError(error)
        }
    }

    /// The result of an agreement that `agreementNeeded` asked for.
    mutating func supply(_ secret: Secret, for peer: PublicKey) { supplied.append((peer, secret)) }

    /// Throws before an ephemeral is drawn when the message has to wait: its keys are all known beforehand.
    /// [SCP-HS-34]
    private func checkSupplied(_ tokens: [Token]) throws(NoiseError) {
        guard externalKey != nil else { return }
        for token in tokens {
            let peer: PublicKey?
            switch token {
            case .ss: peer = remoteStatic
            case .es: peer = role == .responder ? remoteEphemeral : nil
            case .se: peer = role == .initiator ? remoteEphemeral : nil
            default: peer = nil
            }
            guard let peer, !supplied.contains(where: { $0.peer == peer }) else { continue }
            throw .agreementNeeded(peer)
        }
    }

    private mutating func agree(_ key: Provider.PrivateKey?, _ peer: PublicKey?) throws(NoiseError) {
        guard let key, let peer else { throw .missingKey }
        do throws(CryptoError) {
            let secret = try DiffieHellman.agree(symmetric.provider, key, peer)
            try symmetric.mixKey(secret.bytes)
        } catch {
            throw NoiseError(error)
        }
    }

    /// `Split`, once complete.
    func split() throws(NoiseError) -> (Secret, Secret) {
        guard isComplete else { throw .outOfTurn }
        do throws(CryptoError) { return try symmetric.split() } catch { throw NoiseError(error) }
    }
}
