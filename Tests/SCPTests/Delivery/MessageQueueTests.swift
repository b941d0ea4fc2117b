import Testing

@testable import SCP

/// ``MessageQueue`` against an array of messages.
@Suite struct MessageQueueTests {
    private struct Message: Equatable {
        let channel: Channel
        let id: UInt64
        let bytes: [UInt8]
    }

    private static let channels = [
        Channel(0), Channel(0, .reliableUnordered), Channel(5, .unreliable), Channel(70_000), Channel(1),
    ]

    private func contents(_ queue: MessageQueue, on channel: Channel?) -> [Message] {
        var copy = queue
        var messages: [Message] = []
        while let handle = copy.first(on: channel), let from = copy.channel(handle) {
            let bytes = copy.withBytes(handle) { span in span.indices.map { span[$0] } }
            #expect(bytes.count == copy.size(handle))
            messages.append(Message(channel: from, id: copy.id(handle), bytes: bytes))
            copy.remove(handle)
        }
        return messages
    }

    private func check(_ queue: MessageQueue, _ model: [Message]) {
        #expect(contents(queue, on: nil) == model)
        for channel in Self.channels {
            #expect(contents(queue, on: channel) == model.filter { $0.channel == channel })
        }
        #expect(queue.count == model.count && queue.isEmpty == model.isEmpty)
        #expect(queue.byteCount == model.reduce(0) { $0 + $1.bytes.count })
        let lanes = Set(model.map(\.channel)).sorted { $0.encoded < $1.encoded }
        #expect(queue.laneCount == lanes.count)
        #expect((0..<queue.laneCount).map { queue.channel(atLane: $0) } == lanes)
        for message in model.shuffledForTests() {
            #expect(queue.find(message.id, on: message.channel).map { queue.id($0) } == message.id)
        }
        #expect(queue.find(999_999, on: Self.channels[0]) == nil)
    }

    /// Appending, removing anywhere, buffers of their own, giving memory back: seeded.
    @Test(arguments: 0..<24 as Range<UInt64>)
    func behavesAsAnArray(seed: UInt64) throws {
        var random = WireRandom(seed: seed)
        var queue = MessageQueue()
        var model: [Message] = []
        var next: UInt64 = 0
        let limit = [2_000, 20_000, 300_000][Int(seed % 3)]
        for step in 0..<400 {
            let used = model.reduce(0) { $0 + $1.bytes.count + 32 }
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<52:
                let size = try #require([0, 1, 33, 400, 1_500].randomElement(using: &random))
                guard used + size + 32 <= limit else { continue }
                let channel = try #require(Self.channels.randomElement(using: &random))
                let bytes = random.bytes(size)
                if size >= 400, Bool.random(using: &random) {
                    queue.append(owning: bytes + [9, 9], length: size, channel: channel, id: next)
                    // Whoever makes a buffer counts it before, and has made room for it.
                    if queue.memory > limit + limit / 8 { queue.trim() }
                } else {
                    // The bytes lie anywhere in what they are taken from.
                    let source = [1] + bytes + [2, 3]
                    queue.append(source.span, 1..<1 + size, channel: channel, id: next, limit: limit + limit / 8)
                }
                model.append(Message(channel: channel, id: next, bytes: bytes))
                next += 1
            case 52..<97:
                guard !model.isEmpty else { continue }
                let index = Bool.random(using: &random) ? 0 : Int.random(in: 0..<model.count, using: &random)
                let message = model.remove(at: index)
                let handle = try #require(queue.find(message.id, on: message.channel))
                let own = queue.remove(handle)
                #expect(own == nil || own.map { Array($0.prefix(message.bytes.count)) } == message.bytes)
            default:
                queue.trim()
                let kept = model.reduce(0) { $0 + $1.bytes.count + 32 }
                #expect(queue.memory <= kept + kept / 8 + 8 * 32)
            }
            // Buffers of their own come with two bytes that are not in the sum.
            #expect(queue.memory <= limit + limit / 8 + 2 * model.count + 16 * 32)
            if step % 80 == 0 { check(queue, model) }
        }
        check(queue, model)
        queue.trim()
        check(queue, model)
    }

    /// A queue that stays nearly full moves its bytes seldom enough, and never beyond its limit.
    @Test func staysWithinItsLimit() {
        var queue = MessageQueue()
        let limit = 72_000
        let source = [UInt8](repeating: 3, count: 1_000)
        for id in 0..<2_000 as Range<UInt64> {
            if queue.count == 62, let oldest = queue.first(on: nil) {
                #expect(queue.id(oldest) == id - 62)
                queue.remove(oldest)
            }
            queue.append(source.span, 0..<1_000, channel: .default, id: id, limit: limit)
            #expect(queue.memory <= limit)
        }
    }

    /// What does not fit without passing the limit is taken all the same, and nothing besides.
    @Test func takesWhatDoesNotFit() {
        var queue = MessageQueue()
        let source = [UInt8](repeating: 3, count: 5_000)
        queue.append(source.span, 0..<5_000, channel: .default, id: 0, limit: 100)
        #expect(queue.memory <= 5_000 + 8 * 32)
        queue.trim()
        #expect(contents(queue, on: nil) == [Message(channel: .default, id: 0, bytes: source)])
    }
}

extension Array {
    /// In another order, the same one every time.
    fileprivate func shuffledForTests() -> [Element] {
        var random = WireRandom(seed: UInt64(count))
        return shuffled(using: &random)
    }
}
