import SCPSimulation

@testable import SCP

/// Two engines with the randomness of a session, and what they wrote.
struct VectorPair: ~Copyable {
    var pipe: Pipe<VectorProvider>
    let initiator: VectorProvider
    let responder: VectorProvider

    init(
        _ session: VectorSession, initiator first: VectorOptions = VectorOptions(),
        responder second: VectorOptions = VectorOptions(),
        _ change: (Role, inout Configuration<VectorProvider>) -> Void = { _, _ in }
    ) throws {
        var one = try session.configuration(.initiator, first)
        var other = try session.configuration(.responder, second)
        change(.initiator, &one)
        change(.responder, &other)
        let made = try Pipe(initiator: one, responder: other)
        initiator = one.provider
        responder = other.provider
        pipe = made
    }

    /// The frames that one side writes now; they are delivered too.
    mutating func frames(from role: Role) throws -> [[UInt8]] {
        let frames = wait(for: role)
        try deliver(from: role)
        if pipe.initiator.pendingCredential != nil { pipe.initiator.resolveIdentity(.accept, at: pipe.now) }
        if pipe.responder.pendingCredential != nil { pipe.responder.resolveIdentity(.accept, at: pipe.now) }
        return frames
    }

    /// The frames that one side writes now, which stay on their way.
    mutating func wait(for role: Role) -> [[UInt8]] {
        let end: Pipe<VectorProvider>.End = role == .initiator ? .initiator : .responder
        pipe.collect(from: end)
        return Frames.split(pipe.inFlight(from: end)).frames
    }

    mutating func deliver(from role: Role) throws {
        try pipe.deliver(to: role == .initiator ? .responder : .initiator)
    }

    /// INIT, RESPONSE and ACK, the confirmation and its acknowledgement, one frame each.
    mutating func handshake() throws -> [[UInt8]] {
        var result: [[UInt8]] = []
        for role: Role in [.initiator, .responder, .initiator, .responder, .initiator] {
            result += try frames(from: role)
        }
        guard result.count == 5, pipe.initiator.state == .established, pipe.responder.state == .established else {
            throw VectorError.unreached("established")
        }
        return result
    }

    /// `h_1`.
    var hash: [UInt8] {
        get throws {
            guard let hash = pipe.initiator.sessionIdentifier else { throw VectorError.unreached("h_1") }
            return Array(hash)
        }
    }
}
