import SCP
import SCPSimulation

/// What a fuzz target does with one input.
public func withInput(_ start: UnsafePointer<UInt8>?, _ count: Int, _ body: ([UInt8]) -> Void) -> CInt {
    Trace.begin()
    // An empty input may have no address.
    body(Array(UnsafeBufferPointer(start: start, count: start == nil ? 0 : count)))
    Trace.end()
    return 0
}

/// Bytes that one engine may hold at the default limits, with room for its unfinished frame: what no input may pass.
public let memoryCeiling = 1_000_000

/// Stops the fuzzer, which keeps the input that led here.
public func report(_ problem: String) -> Never { fatalError(problem) }

public typealias Session = Pipe<ForgeableProvider>

/// A pipe of two engines over the provider that anybody can forge for.
public func session(isEstablished: Bool) -> Session {
    let provider = ForgeableProvider(seed: 1)
    guard let first = try? provider.privateKey(provider.randomSecret(count: 32)),
        let second = try? provider.privateKey(provider.randomSecret(count: 32))
    else { report("no keys") }
    var ends = [first, second].map { Configuration(provider: provider, identity: $0, identityPolicy: .anyone) }
    // Whatever vouches for a peer in a handshake is looked at.
    for side in ends.indices where !isEstablished { ends[side].credentialPolicy = .optional }
    guard var pipe = try? Pipe(initiator: ends[0], responder: ends[1]) else { report("no session") }
    if isEstablished { pipe.settle() }
    return pipe
}

/// Feeds bytes to an engine in the pieces that the input itself asks for, and asks it everything after each.
public func drive(_ connection: inout Connection<ForgeableProvider>, _ bytes: [UInt8], at start: Instant) -> [UInt64] {
    var trace: [UInt64] = []
    var offset = 0
    while offset < bytes.count {
        let count = min(bytes.count - offset, 1 + Int(bytes[offset]) * 4)
        observe(&connection, Array(bytes[offset..<offset + count]), at: start, &trace)
        offset += count
    }
    return trace
}

/// Feeds one piece and drains what comes of it.
public func observe(
    _ connection: inout Connection<ForgeableProvider>, _ part: [UInt8], at now: Instant, _ trace: inout [UInt64]
) {
    var part = part
    var span = part.mutableSpan
    do throws(ConnectionError) {
        try connection.receive(&span, at: now)
    } catch {
        Trace.note("\(error)")
        if trace.last != error.code.rawValue &+ 1_000 { trace.append(error.code.rawValue &+ 1_000) }
        trace.append(error.position)
    }
    while let event = connection.pollEvent() {
        Trace.note("\(event)")
        guard case .identityPending = event else { continue }
        for certificate in connection.pendingCredential?.chain ?? [] { Trace.note(certificate) }
        connection.resolveIdentity(.accept, at: now)
    }
    while let size = connection.read(at: now, { _, bytes in bytes.count }) {
        Trace.note(UInt64(size))
        trace.append(UInt64(size))
    }
    if connection.memory > memoryCeiling { report("memory above the ceiling: \(connection.memory)") }
}

/// Cuts an input into frames that the engine takes for its peer's: type (1), length (2), plaintext. Each goes to the
/// engine under the counter that is due.
public func forge(_ bytes: [UInt8], to connection: inout Connection<ForgeableProvider>, at now: Instant) {
    var offset = 0
    var counter = connection.statistics.framesReceived &- handshakeFrames
    while offset + 3 <= bytes.count {
        let length = min(Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2]), bytes.count - offset - 3)
        let plaintext = Array(bytes[offset + 3..<offset + 3 + length])
        let type = FrameType(rawValue: 1 + bytes[offset] % 5) ?? .data
        offset += 3 + length
        guard
            let frame = ForgeableProvider.forge(
                type, epoch: connection.statistics.epoch, counter: counter, plaintext: plaintext)
        else { return }
        counter &+= 1
        var trace: [UInt64] = []
        observe(&connection, frame, at: now, &trace)
        flush(&connection, at: now)
    }
}

/// Frames of the handshake that a responder has received: INIT and ACK.
private let handshakeFrames: UInt64 = 2

/// Throws away what the engine has to say, as a peer that never reads does.
public func flush(_ connection: inout Connection<ForgeableProvider>, at now: Instant) {
    var isMore = true
    while isMore {
        let bytes = [UInt8](capacity: 70_000) { output in
            isMore = connection.pollTransmit(into: &output, unwritten: 0, at: now) == .wrote
        }
        Trace.note(bytes)
    }
}
