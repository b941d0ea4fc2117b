import SCP

/// Two engines of one session in this thread's memory, with nothing between them but a buffer each way.
///
/// Unlike `SCPSimulation.Pipe` it makes no arrays on the way: what is counted is the engine's.
public final class EnginePair<Provider: CryptoProvider> {
    public var initiator: Connection<Provider>
    public var responder: Connection<Provider>
    /// What the initiator wrote and the responder has not read; and the other way.
    private var forth: [UInt8]
    private var back: [UInt8]
    private var forthCount = 0
    private var backCount = 0
    public var now = Instant(nanoseconds: 1_000_000_000)

    /// Shakes hands.
    public init(_ parties: Parties<Provider>, capacity: Int = 1 << 18) throws {
        initiator = try Connection(.initiator, parties.initiator, at: now)
        responder = try Connection(.responder, parties.responder, at: now)
        forth = [UInt8](repeating: 0, count: capacity)
        back = [UInt8](repeating: 0, count: capacity)
        while true {
            let moved = try pollForth() + pollBack()
            try deliverForth()
            try deliverBack()
            if moved == 0 { break }
        }
        dropEvents()
        guard initiator.state == .established, responder.state == .established else {
            throw Failed("the handshake ended as \(initiator.state) and \(responder.state)")
        }
    }

    public func dropEvents() {
        while initiator.pollEvent() != nil {}
        while responder.pollEvent() != nil {}
    }

    private static func poll(
        _ connection: inout Connection<Provider>, into buffer: inout [UInt8], at count: inout Int, _ now: Instant
    ) throws -> Int {
        let start = count
        while true {
            var transmit = Transmit.nothing
            var wanted = 0
            var space = buffer.mutableSpan
            space.withUnsafeMutableBufferPointer { bytes in
                let free = UnsafeMutableBufferPointer(rebasing: bytes[count...])
                var output = OutputSpan(buffer: free, initializedCount: 0)
                transmit = connection.pollTransmit(into: &output, unwritten: 0, at: now)
                count += output.finalize(for: free)
            }
            switch transmit {
            case .nothing: return count - start
            case .wrote: continue
            case .outputFull(let needed): wanted = needed
            case .endOfStream: throw Failed("the stream ended")
            }
            guard buffer.count - count < wanted else { throw Failed("no room was found in room enough") }
            buffer += [UInt8](repeating: 0, count: max(wanted, buffer.count))
        }
    }

    /// Everything that the initiator has to say, behind what it has said; returns how many bytes.
    @discardableResult
    public func pollForth() throws -> Int { try Self.poll(&initiator, into: &forth, at: &forthCount, now) }

    @discardableResult
    public func pollBack() throws -> Int { try Self.poll(&responder, into: &back, at: &backCount, now) }

    /// The responder reads what the initiator wrote.
    public func deliverForth() throws {
        guard forthCount > 0 else { return }
        var span = forth.mutableSpan
        var part = span._mutatingExtracting(0..<forthCount)
        forthCount = 0
        try responder.receive(&part, at: now)
    }

    /// The initiator reads what the responder wrote.
    public func deliverBack() throws {
        guard backCount > 0 else { return }
        var span = back.mutableSpan
        var part = span._mutatingExtracting(0..<backCount)
        backCount = 0
        try initiator.receive(&part, at: now)
    }

    /// Sends one message into the initiator's send buffer.
    @inline(__always)
    public func send(_ message: [UInt8]) throws { _ = try initiator.send(message.span, at: now) }

    /// Reads every message that has arrived; returns how many.
    @inline(__always)
    public func readAll() -> Int {
        var count = 0
        while responder.read(at: now, { _, bytes in bytes.count }) != nil { count += 1 }
        while responder.pollEvent() != nil {}
        return count
    }

    /// Acknowledgements and credit, both ways, until nothing is left to say.
    public func settle() throws {
        while try pollForth() + pollBack() > 0 {
            try deliverForth()
            try deliverBack()
        }
        dropEvents()
    }

    /// Plaintext bytes of the frames that wait to be delivered to the responder.
    public func frameSizes() throws -> [Int] {
        var sizes: [Int] = []
        var offset = 0
        let bytes = forth
        while offset < forthCount {
            let header = try FrameHeader.parse(bytes.span, at: offset, limit: 1 << 20)
            sizes.append(header.length - FrameHeader.tagSize)
            offset += header.frameSize
        }
        return sizes
    }
}
