import Testing

@testable import SCP

/// ``Inbox`` against a model that knows every message: pieces cut anywhere, in any order, repeated and overlapping,
/// messages given up at any moment, a reader that comes and goes.
@Suite struct InboxModelTests {
    fileprivate final class Message {
        let channel: Channel
        let id: UInt64
        let bytes: [UInt8]
        var left: [Range<Int>]
        var highest = 0
        var isCancelled = false
        /// Which bytes have arrived.
        var arrived: Set<Int> = []
        var hasLast = false

        init(_ channel: Channel, _ id: UInt64, _ bytes: [UInt8], _ left: [Range<Int>]) {
            (self.channel, self.id, self.bytes, self.left) = (channel, id, bytes, left)
        }

        var isComplete: Bool { hasLast && arrived.count == bytes.count }
        var charge: UInt64 { UInt64(highest) + 32 }
        var key: String { "\(channel.encoded)/\(id)" }
    }

    fileprivate struct World {
        var inbox: Inbox
        var random: WireRandom
        var messages: [Message] = []
        var readable: Set<String> = []
        var delivered: [Channel: [UInt64]] = [:]
        /// The sums of charges, in all and for each channel.
        var sum: UInt64 = 0
        var sums: [Channel: UInt64] = [:]
        var nextID: [Channel: UInt64] = [:]
        /// The credit last announced for a channel.
        var granted: [Channel: UInt64] = [:]
    }

    private static let channels = [
        Channel(0), Channel(1), Channel(0, .reliableUnordered), Channel(9, .reliableUnordered),
    ]

    private static var limits: Limits {
        var limits = Limits()
        limits.messageLimit = 6_000
        limits.connectionCredit = 24_000
        limits.channelCredit = 12_000
        limits.channels = 10
        return limits
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func behavesAsTheModel(seed: UInt64) throws {
        var world = World(
            inbox: Inbox(limits: Self.limits, granted: UInt64(Self.limits.connectionCredit)),
            random: WireRandom(seed: seed))
        for _ in 0..<400 {
            switch Int.random(in: 0..<100, using: &world.random) {
            case 0..<15: begin(&world)
            case 15..<80: try deliverPiece(&world)
            case 80..<84: try cancel(&world)
            default: try read(&world)
            }
            #expect(world.inbox.memory <= 30_000 + 8 * 32)
        }
        while world.messages.contains(where: { !$0.left.isEmpty }) { try deliverPiece(&world) }
        while try read(&world) {}
        // Everything arrived once, in order where there is one.
        for channel in Self.channels {
            let wanted = world.messages.filter { $0.channel == channel && !$0.isCancelled }.map(\.id)
            let seen = world.delivered[channel] ?? []
            #expect(channel.mode == .reliableOrdered ? seen == wanted : seen.sorted() == wanted)
        }
        #expect(world.inbox.connection.charged == world.sum && world.inbox.connection.consumed == world.sum)
        world.inbox.trim()
        #expect(world.inbox.memory == 0)
    }

    /// Starts a message if its whole charge is within the credit.
    private func begin(_ world: inout World) {
        let channel = Self.channels.randomElement(using: &world.random) ?? .default
        let size = [0, 1, 32, 1_023, 1_024, 1_025, 3_000, 6_000].randomElement(using: &world.random) ?? 0
        let open = world.messages.filter { !$0.left.isEmpty }
        let owed = { (messages: [Message]) in
            messages.reduce(0 as UInt64) { $0 + UInt64($1.bytes.count) + 32 - ($1.highest > 0 ? $1.charge : 0) }
        }
        let ofChannel = open.filter { $0.channel == channel }
        let charge = UInt64(size + 32)
        guard open.count < 12, world.sum + owed(open) + charge <= world.inbox.connection.granted,
            (world.sums[channel] ?? 0) + owed(ofChannel) + charge <= credit(of: channel, world)
        else { return }
        let id = world.nextID[channel] ?? 0
        world.nextID[channel] = id + 1
        let bytes = world.random.bytes(size)
        var cuts = Set([0, size])
        for _ in 0..<Int.random(in: 0..<8, using: &world.random) {
            cuts.insert(Int.random(in: 0...size, using: &world.random))
        }
        let sorted = cuts.sorted()
        var pieces = zip(sorted, sorted.dropFirst()).map { $0..<$1 }
        if size == 0 { pieces = [0..<0] }
        // Some come twice, and some overlap.
        for _ in 0..<2 where size > 1 {
            let start = Int.random(in: 0..<size, using: &world.random)
            pieces.append(start..<Int.random(in: start + 1...size, using: &world.random))
        }
        pieces.shuffle(using: &world.random)
        world.messages.append(Message(channel, id, bytes, pieces))
    }

    private func credit(of channel: Channel, _ world: World) -> UInt64 { world.granted[channel] ?? 12_000 }

    private func deliverPiece(_ world: inout World) throws {
        let open = world.messages.filter { !$0.left.isEmpty }
        guard let message = open.randomElement(using: &world.random), let range = message.left.popLast() else { return }
        let wasComplete = message.isComplete
        // The bytes stand somewhere in a frame.
        let frame = [0xaa] + message.bytes[range] + [0xbb]
        let isLast = range.upperBound == message.bytes.count
        let piece = Piece(
            channel: message.channel, message: message.id, offset: UInt64(range.lowerBound), bytes: 1..<1 + range.count,
            isLast: isLast)
        let signal = try world.inbox.receive(piece, in: frame.span)
        guard !message.isCancelled, !wasComplete else {
            #expect(signal == nil)
            return
        }
        if message.arrived.isEmpty && !message.hasLast { world.charge(32, message.channel) }
        if range.upperBound > message.highest {
            world.charge(UInt64(range.upperBound - message.highest), message.channel)
            message.highest = range.upperBound
        }
        message.arrived.formUnion(range)
        message.hasLast = message.hasLast || isLast
        #expect(world.inbox.connection.charged == world.sum)
        let before = world.readable.count
        world.markReadable()
        #expect((signal != nil) == (world.readable.count > before))
        #expect(world.inbox.isReadable(nil) == !world.unread.isEmpty)
    }

    private func cancel(_ world: inout World) throws {
        guard let message = world.messages.filter({ !$0.isCancelled }).randomElement(using: &world.random)
        else { return }
        let isKnown = world.readable.contains(message.key)
        let hasBegun = !message.arrived.isEmpty || message.hasLast
        let applied = try world.inbox.cancel(
            message.channel, message: message.id, charge: hasBegun ? message.charge : 0)
        #expect(applied == !isKnown)
        guard applied else { return }
        message.isCancelled = true
        message.left = []
        #expect(world.inbox.connection.charged == world.sum)
        world.markReadable()
    }

    @discardableResult
    private func read(_ world: inout World) throws -> Bool {
        let unread = world.unread
        let channel = Bool.random(using: &world.random) ? nil : Self.channels.randomElement(using: &world.random)
        let seen = world.inbox.read(channel) { message, bytes in
            (message.channel, message.id.rawValue, bytes.indices.map { bytes[$0] })
        }
        while let credit = world.inbox.nextChannelCredit() { world.granted[credit.channel] = credit.credit }
        if world.inbox.owesConnectionCredit { _ = world.inbox.announceConnectionCredit() }
        let expected = unread.filter { channel == nil || $0.channel == channel }
        guard let seen else {
            #expect(expected.isEmpty)
            return !unread.isEmpty
        }
        let message = try #require(expected.first { $0.channel == seen.0 && $0.id == seen.1 })
        #expect(message.bytes == seen.2)
        world.delivered[seen.0, default: []].append(seen.1)
        return true
    }
}

extension InboxModelTests.World {
    fileprivate var unread: [InboxModelTests.Message] {
        messages.filter { readable.contains($0.key) && !(delivered[$0.channel] ?? []).contains($0.id) }
    }

    fileprivate mutating func charge(_ amount: UInt64, _ channel: Channel) {
        sum += amount
        sums[channel, default: 0] += amount
    }

    /// Complete messages whose turn has come.
    fileprivate mutating func markReadable() {
        for channel in Set(messages.map(\.channel)) {
            for message in messages.filter({ $0.channel == channel }).sorted(by: { $0.id < $1.id }) {
                if message.isCancelled { continue }
                if message.isComplete {
                    readable.insert(message.key)
                } else if channel.mode == .reliableOrdered {
                    break
                }
            }
        }
    }
}
