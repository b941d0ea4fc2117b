import CBenchmarkSupport
import SCP
import SCPSimulation

/// Bytes of the heap that one end of an idle session holds, nothing around it.
public func heapPerIdleConnection<Provider: CryptoProvider>(_ provider: Provider, sessions: Int) throws -> Double {
    let parties = try Parties(provider)
    var held: [IdleSession<Provider>] = []
    held.reserveCapacity(sessions)
    // The first one pays for what is made once.
    held.append(try IdleSession(parties))
    let before = cbs_heap_bytes()
    for _ in 0..<sessions { held.append(try IdleSession(parties)) }
    let after = cbs_heap_bytes()
    return withExtendedLifetime(held) { Double(after &- before) / Double(2 * sessions) }
}

/// A session in which a message went each way and then nothing for two seconds.
private final class IdleSession<Provider: CryptoProvider> {
    private var pipe: Pipe<Provider>

    init(_ parties: Parties<Provider>) throws {
        pipe = try Pipe(initiator: parties.initiator, responder: parties.responder)
        pipe.settle()
        let message = [UInt8](repeating: 0x5a, count: 64)
        _ = try pipe.initiator.send(message.span, at: pipe.now)
        pipe.settle()
        let size = pipe.responder.read(at: pipe.now) { _, bytes in bytes.count }
        guard size == 64 else { throw Failed("no message arrived") }
        _ = try pipe.responder.send(message.span, at: pipe.now)
        pipe.settle()
        _ = pipe.initiator.read(at: pipe.now) { _, bytes in bytes.count }
        pipe.advance(by: .seconds(2))
    }
}

/// Simulated sessions, as `make simulate` does them.
public final class SimulationSubject: Subject {
    private var seed: UInt64 = 1

    public init() {}

    /// An operation is an event of the simulation.
    public func slice() throws -> Slice {
        var slice = Slice()
        let plan = SessionPlan(seed: seed)
        seed += 1
        let outcome = try slice.measure(operations: 0) { try SessionRun(plan).run() }
        guard outcome.broken == nil else { throw Failed("session \(plan.seed) broke a rule") }
        slice.operations = outcome.events
        return slice
    }
}
