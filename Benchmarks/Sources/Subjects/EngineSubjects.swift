import SCP

/// How much a slice does: about 64 KiB of messages, or a hundred of them, so that a clock is read seldom.
func batchCount(_ size: Int) -> Int { max(1, min(128, 131_072 / max(size, 1))) }

/// Bytes of messages that such a slice has under way, with room to spare.
func batchRoom(_ size: Int) -> Int { 2 * max(batchCount(size) * (size + 64), 1 << 16) }

/// Sealing or opening messages of one size, each in frames of its own.
public final class RecordSubject<Provider: CryptoProvider>: Subject {
    public enum Side: String, Sendable { case seal, open, exchange }

    private let side: Side
    private let pair: EnginePair<Provider>
    private let message: [UInt8]
    private let count: Int

    public init(_ side: Side, _ provider: Provider, size: Int) throws {
        self.side = side
        count = batchCount(size)
        message = [UInt8](repeating: 0x5a, count: size)
        pair = try EnginePair(try Parties(provider, room: batchRoom(size)), capacity: batchRoom(size) * 2)
        for _ in 0..<3 { _ = try slice() }
    }

    public func slice() throws -> Slice {
        var slice = Slice()
        var received = 0
        if side == .exchange {
            try slice.measure(operations: count) {
                for _ in 0..<count {
                    try pair.send(message)
                    try pair.pollForth()
                    try pair.deliverForth()
                    received += pair.readAll()
                    if try pair.pollBack() > 0 { try pair.deliverBack() }
                }
            }
        } else {
            var sealed = Slice()
            try sealed.measure(operations: count) {
                for _ in 0..<count {
                    try pair.send(message)
                    try pair.pollForth()
                }
            }
            try slice.measure(operations: count) {
                try pair.deliverForth()
                received = pair.readAll()
            }
            if side == .seal { slice = sealed }
        }
        try pair.settle()
        guard received == count else { throw Failed("\(received) of \(count) messages arrived") }
        return slice
    }

    /// Plaintext bytes of the frames that one message makes.
    public func frameSizes() throws -> [Int] {
        try pair.send(message)
        try pair.pollForth()
        let sizes = try pair.frameSizes()
        try pair.deliverForth()
        _ = pair.readAll()
        try pair.settle()
        return sizes
    }
}

/// Messages that the engine may put together in frames: `batch` of them are sent before each poll.
public final class CoalescingSubject<Provider: CryptoProvider>: Subject {
    private let pair: EnginePair<Provider>
    private let message: [UInt8]
    private let batch: Int

    public init(_ provider: Provider, size: Int, batch: Int) throws {
        message = [UInt8](repeating: 0x5a, count: size)
        self.batch = batch
        pair = try EnginePair(try Parties(provider, room: max(1 << 18, 4 * batch * (size + 64))))
        for _ in 0..<3 { _ = try slice() }
    }

    public func slice() throws -> Slice {
        var slice = Slice()
        let rounds = max(1, 512 / batch)
        var received = 0
        try slice.measure(operations: rounds * batch) {
            for _ in 0..<rounds {
                for _ in 0..<batch { try pair.send(message) }
                try pair.pollForth()
                try pair.deliverForth()
                received += pair.readAll()
                if try pair.pollBack() > 0 { try pair.deliverBack() }
            }
        }
        try pair.settle()
        guard received == rounds * batch else { throw Failed("\(received) messages arrived") }
        return slice
    }
}

/// Whole handshakes, both sides.
public final class HandshakeSubject<Provider: CryptoProvider>: Subject {
    private let parties: Parties<Provider>

    public init(_ provider: Provider) throws {
        parties = try Parties(provider)
        _ = try slice()
    }

    public func slice() throws -> Slice {
        var slice = Slice()
        _ = try slice.measure(operations: 1) { try EnginePair(parties, capacity: 8_192) }
        return slice
    }
}

/// Key rotations with fresh ephemeral keys, both sides.
public final class RotationSubject<Provider: CryptoProvider>: Subject {
    private let pair: EnginePair<Provider>

    public init(_ provider: Provider) throws {
        pair = try EnginePair(try Parties(provider))
        _ = try slice()
    }

    public func slice() throws -> Slice {
        // Requests are limited to one a second.
        pair.now = pair.now.advanced(by: .seconds(2))
        let before = pair.responder.statistics.rotations
        var slice = Slice()
        try slice.measure(operations: 1) {
            pair.initiator.rotateKeys(at: pair.now)
            try pair.settle()
        }
        guard pair.responder.statistics.rotations == before + 1 else { throw Failed("nothing was rotated") }
        return slice
    }
}

/// What a program does that has nothing to do: it asks for everything and gets nothing.
public final class IdlePollSubject<Provider: CryptoProvider>: Subject {
    private let pair: EnginePair<Provider>

    public init(_ provider: Provider) throws { pair = try EnginePair(try Parties(provider)) }

    public func slice() throws -> Slice {
        var slice = Slice()
        var said = 0
        try slice.measure(operations: 2_048) {
            for _ in 0..<2_048 {
                pair.initiator.advance(to: pair.now)
                said += try pair.pollForth()
                if pair.initiator.pollEvent() != nil { said += 1 }
                if pair.initiator.deadline == nil { said += 1 }
            }
        }
        guard said == 0 else { throw Failed("an idle connection had something to say") }
        return slice
    }
}
