import SCPGcrypt
import SCPMisbehaviours
import SCPRepeatableMLKEM
import SCPSimulation

@testable import SCP

/// One item of a list, as vectors write it.
struct VectorItem: Equatable {
    let id: UInt64
    let value: [UInt8]

    init(_ id: UInt64, _ value: [UInt8]) {
        self.id = id
        self.value = value
    }

    init(_ id: UInt64, varint value: UInt64) { self.init(id, varintBytes(value)) }

    /// Item 0x0a.
    init(protocols: [String]) {
        self.init(0x0a, protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) })
    }

    var bytes: [UInt8] { itemBytes(id, value) }
    var json: JSON { .object(["id": .number(id), "value": .hex(value)]) }
}

extension [VectorItem] {
    var bytes: [UInt8] { flatMap(\.bytes) }
    var json: JSON { .list(map(\.json)) }
    /// What M2 must have.
    static var required: [VectorItem] { required(.classic) }
    static func required(_ suite: Suite) -> [VectorItem] {
        [VectorItem(0x0c, [1]), VectorItem(0x0d, [suite.rawValue])]
    }
}

/// One side, the randomness that it is given included.
struct VectorParty {
    var identity: [UInt8]
    var ephemeral: [UInt8]
    var list: [VectorItem] = []
    /// In the hybrid suites, the initiator's seed of 64 bytes and the responder's 32 random bytes.
    var kem: [UInt8] = []

    func json(_ provider: VectorProvider, _ suite: Suite) throws -> JSON {
        .object([
            "static": .hex(identity), "staticPublic": .hex(try provider.publicBytes(identity)),
            "ephemeral": .hex(ephemeral), "ephemeralPublic": .hex(try provider.publicBytes(ephemeral)),
            "list": list.json, "kem": suite.isHybrid ? .hex(kem) : nil,
        ])
    }
}

extension VectorProvider {
    /// The true public key of a scalar, whatever it claims.
    func publicBytes(_ scalar: [UInt8]) throws -> [UInt8] {
        Array(try base.publicKey(of: base.privateKey(Secret(copying: scalar.span))))
    }
}

/// The inputs of a connection.
struct VectorSession {
    var suite = Suite.classic
    var attempt: [UInt8]
    var hello: HelloKey = .staticKey
    var accessKey: [UInt8] = []
    var psk: [UInt8] = []
    var initiator: VectorParty
    var responder: VectorParty
    var m3Items: [VectorItem] = []
    var initiatorProtocols: [String] = []
    var responderProtocols: [String] = []
    /// Shown by one side, and wanted by the other; ``list`` and ``m3Items`` have them too.
    private(set) var credentials: [Role: VectorCredential] = [:]

    /// The same randomness for the same seed, for ever.
    init(seed: UInt64) {
        let generator = SeededGenerator(seed: seed)
        func draw(_ count: Int) -> [UInt8] { (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) } }
        attempt = draw(8)
        initiator = VectorParty(identity: draw(32), ephemeral: draw(32))
        responder = VectorParty(identity: draw(32), ephemeral: draw(32), list: .required)
        initiator.kem = draw(EncapsulationKey.seedSize)
        responder.kem = draw(32)
    }

    /// With 32 bytes that belong to the seed.
    static func secret(seed: UInt64) -> [UInt8] { VectorSession(seed: seed &+ 0x5eed).initiator.identity }

    subscript(role: Role) -> VectorParty {
        get { role == .initiator ? initiator : responder }
        set { if role == .initiator { initiator = newValue } else { responder = newValue } }
    }

    mutating func usePSK(_ secret: [UInt8]) {
        suite = .classicPSK
        psk = secret
        responder.list = .required(.classicPSK)
    }

    /// Somebody has to look at what the initiator shows, so that the responder grants nothing beforehand.
    mutating func useCredentials(_ initiator: VectorCredential, _ responder: VectorCredential) {
        credentials = [.initiator: initiator, .responder: responder]
        self.responder.list = ([VectorItem(3, varint: 0), responder.item] + .required(suite)).padded
        m3Items = [initiator.item].padded
    }

    mutating func useHybrid() {
        suite = suite.usesPSK ? .hybridPSK : .hybrid
        responder.list = .required(suite)
    }

    /// What token `ekem1` mixes in.
    func encapsulated() throws -> [UInt8] {
        let kem = RepeatableMLKEM { responder.kem }
        let key = try kem.decapsulationKey(Secret(copying: initiator.kem.span))
        let made = try kem.encapsulate(to: kem.encapsulationKey(of: key))
        return Array(made.secret)
    }

    func json(_ provider: VectorProvider) throws -> JSON {
        let hasProtocols = !initiatorProtocols.isEmpty || !responderProtocols.isEmpty
        return .object([
            "suite": .number(Int(suite.rawValue)), "attempt": .hex(attempt), "hello": .number(Int(hello.rawValue)),
            "accessKey": .hex(accessKey), "psk": .hex(psk), "initiator": try initiator.json(provider, suite),
            "responder": try responder.json(provider, suite), "m3Items": m3Items.json,
            "protocols": !hasProtocols
                ? nil
                : .object([
                    "initiator": .list(initiatorProtocols.map { .text($0) }),
                    "responder": .list(responderProtocols.map { .text($0) }),
                ]),
        ])
    }

    /// A provider with the randomness of one side.
    func provider(_ role: Role) throws -> VectorProvider {
        let provider = try VectorProvider()
        provider.notes.fix(eight: attempt, scalar: self[role].ephemeral, kem: self[role].kem)
        return provider
    }

    /// What an engine is told to be this side.
    func configuration(_ role: Role, _ options: VectorOptions = VectorOptions()) throws -> Configuration<VectorProvider>
    {
        let provider = try provider(role)
        let pinned = options.pinned.map { key in Self.publicKey(key) }
        let policy = pinned.map { .allowed([$0]) } ?? (options.asks ? IdentityPolicy.ask : .anyone)
        var result = Configuration(
            provider: provider, identity: try provider.privateKey(Secret(copying: self[role].identity.span)),
            identityPolicy: policy)
        if role == .initiator, hello.contains(.staticKey) {
            result.responderKey = Self.publicKey(try provider.publicBytes(responder.identity))
        }
        let ownKey = role == .responder || hello.contains(.accessKey) ? accessKey : []
        result.accessKey = Self.secret(options.accessKey ?? ownKey)
        result.requiresHello = HelloKey(rawValue: options.requiredHello)
        result.isSilent = options.isSilent
        result.allowsSelfConnection = options.allowsItself
        result.applicationProtocols = (role == .initiator ? initiatorProtocols : responderProtocols)
            .map { ApplicationProtocol($0) }
        result.use(suite.isHybrid ? .require : .classic)
        if suite.usesPSK {
            if let secret = Self.secret(options.psk ?? psk) { result.usePresharedKeys(.common(secret)) }
        }
        result.credential = credentials[role]?.credential()
        if credentials[role.peer] != nil { result.credentialPolicy = .required }
        try advertise(role, asks: options.asks || credentials[.initiator] != nil, &result)
        return result
    }

    static func publicKey(_ bytes: [UInt8]) -> PublicKey { PublicKey([32 of UInt8] { bytes[$0] }) }

    /// None when there are no bytes.
    static func secret(_ bytes: [UInt8]) -> Secret? {
        bytes.isEmpty ? nil : Secret(copying: bytes.span)
    }

    private func advertise(_ role: Role, asks: Bool, _ result: inout Configuration<VectorProvider>) throws {
        let bytes = self[role].list.bytes
        let said: TransportParameters =
            role == .initiator
            ? try TransportParameters.parse(bytes.span, in: 0..<bytes.count)
            : try HandshakeItems.parse(bytes.span, in: 0..<bytes.count, of: .m2, suite: suite.rawValue).parameters
        result.limits.frameLimit = Int(clamping: said.frameLimit)
        result.limits.messageLimit = Int(clamping: said.messageLimit)
        if !(asks && role == .responder) { result.limits.connectionCredit = Int(clamping: said.connectionCredit) }
        result.limits.channelCredit = Int(clamping: said.channelCredit)
        result.limits.channels = Int(clamping: said.channels)
        result.timers.idle = .milliseconds(Int64(clamping: said.idleTimeout))
    }
}

/// What a receiver of a negative case is told besides the session.
struct VectorOptions {
    var asks = false
    var isSilent = false
    var requiredHello: UInt8 = 0
    var accessKey: [UInt8]?
    var psk: [UInt8]?
    var pinned: [UInt8]?
    var allowsItself = false
    /// Randomness of the receiver's rotation.
    var rotation: (nonce: [UInt8], ephemeral: [UInt8])?

    var json: JSON? {
        let value = JSON.object([
            "ask": asks ? true : nil, "silent": isSilent ? true : nil,
            "requiresHello": requiredHello > 0 ? .number(Int(requiredHello)) : nil,
            "receiverAccessKey": accessKey.map { .hex($0) }, "receiverPSK": psk.map { .hex($0) },
            "pinned": pinned.map { .hex($0) }, "allowsItself": allowsItself ? true : nil,
            "rotation": rotation.map { .object(["nonce": .hex($0.nonce), "ephemeral": .hex($0.ephemeral)]) },
        ])
        guard case .object(let members) = value, !members.isEmpty else { return nil }
        return value
    }
}
