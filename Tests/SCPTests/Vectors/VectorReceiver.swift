@testable import SCP

/// One engine with the randomness of a session, given bytes.
struct VectorReceiver: ~Copyable {
    let role: Role
    let provider: VectorProvider
    private let options: VectorOptions
    var engine: Connection<VectorProvider>

    init(_ session: VectorSession, _ role: Role, _ options: VectorOptions = VectorOptions()) throws {
        let configuration = try session.configuration(role, options)
        let made = try Connection(role, configuration, at: .zero)
        self.role = role
        self.options = options
        provider = configuration.provider
        engine = made
    }

    mutating func take(_ bytes: [UInt8]) throws(ConnectionError) {
        var copy = bytes
        var span = copy.mutableSpan
        try engine.receive(&span, at: .zero)
    }

    /// The frames that the engine writes now.
    mutating func written() -> [[UInt8]] {
        var bytes: [UInt8] = []
        while true {
            var transmit = Transmit.nothing
            bytes += [UInt8](capacity: 131_072) { output in
                transmit = engine.pollTransmit(into: &output, unwritten: 0, at: .zero)
            }
            if transmit == .nothing { return Frames.split(bytes).frames }
        }
    }

    /// Does what a step says, and lets the engine write.
    mutating func run(_ step: VectorStep) throws {
        if let rotation = options.rotation, engine.state == .established {
            provider.notes.fix(eight: rotation.nonce, scalar: rotation.ephemeral)
        }
        switch step {
        case .receive(let bytes): try take(bytes)
        case .send(let channel, let bytes): _ = try engine.send(bytes.span, on: channel, at: .zero)
        case .close: engine.close(at: .zero)
        case .finish: engine.finish(at: .zero)
        case .rotate: engine.rotateKeys(at: .zero)
        case .accept: engine.resolveIdentity(.accept, at: .zero)
        case .reject: engine.resolveIdentity(.reject, at: .zero)
        }
    }
}

/// What brings a receiver into the state of a negative case.
enum VectorStep {
    case receive([UInt8])
    case send(Channel, [UInt8])
    case close, finish, rotate, accept, reject

    var json: JSON {
        switch self {
        case .receive(let bytes): .object(["receive": .hex(bytes)])
        case .send(let channel, let bytes):
            .object([
                "do": "send",
                "channel": .object([
                    "number": .number(channel.number), "mode": .number(Int(channel.mode.rawValue)),
                ]), "bytes": .hex(bytes),
            ])
        case .close: .object(["do": "close"])
        case .finish: .object(["do": "finish"])
        case .rotate: .object(["do": "rotate"])
        case .accept: .object(["do": "accept"])
        case .reject: .object(["do": "reject"])
        }
    }
}
