import SCPSimulation
import Testing

@testable import SCP

@Suite("Token buckets")
struct TokenBucketTests {
    @Test("a burst, then a steady rate, and never more than a burst", arguments: [(4, 1), (50, 1_000), (1, 7)])
    func rate(burst: UInt64, rate: UInt64) {
        var now = Instant(nanoseconds: 77)
        var bucket = TokenBucket(burst: burst, rate: rate, at: now)
        var taken: UInt64 = 0
        while bucket.take(at: now) { taken += 1 }
        #expect(taken == burst)
        for _ in 0..<10_000 {
            now = now.advanced(by: .milliseconds(1))
            if bucket.take(at: now) { taken += 1 }
        }
        #expect(taken >= burst + rate * 10 - 1 && taken <= burst + rate * 10 + 1)
        now = now.advanced(by: .seconds(1 << 30))
        #expect(bucket.available(at: now) == burst)
        taken = 0
        while bucket.take(at: now) { taken += 1 }
        #expect(taken == burst)
    }

    @Test("time that goes back or ends fills nothing and traps nothing")
    func time() {
        var bucket = TokenBucket(burst: 1, rate: 0, at: Instant(nanoseconds: 5_000_000_000))
        let first = bucket.take(at: .zero)
        let second = bucket.take(at: .zero)
        let last = bucket.take(at: Instant(nanoseconds: .max))
        #expect(first && !second && last)
    }
}

/// [SCP-DGRAM-18]
@Suite("The amplification limit")
struct AmplificationLimitTests {
    @Test("three times what came, until the address is proved")
    func factor() {
        var limit = AmplificationLimit()
        #expect(!limit.allows(1))
        limit.didReceive(1_200)
        #expect(limit.allows(3_600))
        #expect(!limit.allows(3_601))
        limit.didSend(3_000)
        #expect(limit.allows(600))
        #expect(!limit.allows(601))
        limit.didReceive(100)
        #expect(limit.allows(900))
        limit.validate()
        #expect(limit.allows(.max))
    }

    @Test("no sum overflows")
    func overflow() {
        var limit = AmplificationLimit()
        for _ in 0..<5 {
            limit.didReceive(.max)
            limit.didSend(.max)
        }
        #expect(limit.allows(.max))
        limit.didReceive(-1)
    }
}

@Suite("The ring")
struct RingTests {
    @Test("it is a queue, whatever its history")
    func model() {
        let random = SeededGenerator(seed: 11)
        var ring = Ring<Int>()
        var model: [Int] = []
        for step in 0..<20_000 {
            if random.next(below: step % 2_000 < 1_000 ? 3 : 5) < 2 {
                ring.append(step)
                model.append(step)
            } else {
                let expected = model.isEmpty ? nil : model.removeFirst()
                let popped = ring.popFirst()
                #expect(popped == expected)
            }
            #expect(ring.count == model.count && ring.first == model.first && ring.isEmpty == model.isEmpty)
            let index = random.next(below: model.count + 1)
            #expect(ring[index] == (index < model.count ? model[index] : nil))
            if index < model.count {
                ring[index] = -step
                model[index] = -step
            }
        }
        #expect(ring[-1] == nil)
        ring.removeAll()
        #expect(ring.isEmpty)
    }
}

/// [SCP-DGRAM-35] RFC 8899.
@Suite("The search for the size of datagrams")
struct PathSizeTests {
    private func probe(_ path: inout PathSize, _ now: Instant) -> Int? { path.nextProbe(at: now) }

    /// Searches on a path that carries `size` bytes; returns the probes that it took.
    private func search(_ path: inout PathSize, carries size: Int, at now: Instant = .zero) -> Int {
        var probes = 0
        while let next = probe(&path, now), probes < 200 {
            probes += 1
            let counter = UInt64(probes)
            path.didSendProbe(counter, size: next)
            #expect(probe(&path, now) == nil)
            #expect(path.isProbe(counter))
            #expect(next > path.current)
            if next <= size {
                path.didAcknowledge(counter, size: next)
                #expect(path.current == next)
            } else {
                path.didLose(counter, size: next, at: now)
            }
        }
        return probes
    }

    @Test("it ends close below what the path carries", arguments: [1_200, 1_280, 1_372, 1_452, 1_472, 8_972, 65_527])
    func search(size: Int) {
        var path = PathSize(limit: 65_527)
        #expect(path.current == 1_200)
        let probes = search(&path, carries: size)
        #expect(path.current <= size && path.current > size - 16)
        #expect(probes <= 60)
        // It is over, until ten minutes later.
        #expect(probe(&path, Instant(nanoseconds: 599_000_000_000)) == nil)
        let later = Instant(nanoseconds: 600_000_000_000)
        #expect((probe(&path, later) != nil) == (path.current < 65_527))
    }

    @Test("a limit is never passed, and none below the base is believed")
    func limit() {
        var path = PathSize(limit: 1_300)
        #expect(search(&path, carries: 9_000) == 1)
        #expect(path.current == 1_300)
        var small = PathSize(limit: 900)
        #expect(probe(&small, .zero) == nil)
        #expect(small.current == 1_200)
    }

    @Test("one lost probe proves nothing")
    func retries() throws {
        var path = PathSize(limit: 1_452)
        for counter in 0..<2 as Range<UInt64> {
            let size = try #require(probe(&path, .zero))
            #expect(size == 1_452)
            path.didSendProbe(counter, size: size)
            path.didLose(counter, size: size, at: .zero)
        }
        #expect(probe(&path, .zero) == 1_452)
        path.didSendProbe(9, size: 1_452)
        path.didAcknowledge(9, size: 1_452)
        #expect(path.current == 1_452)
        #expect(probe(&path, .zero) == nil)
    }

    @Test("three large ones lost in a row, and none small: a black hole")
    func blackHole() {
        var path = PathSize(limit: 1_452)
        _ = search(&path, carries: 1_452)
        path.didLose(100, size: 1_452, at: .zero)
        path.didLose(101, size: 1_452, at: .zero)
        path.didLose(102, size: 300, at: .zero)
        path.didLose(103, size: 1_452, at: .zero)
        path.didLose(104, size: 1_452, at: .zero)
        path.didAcknowledge(105, size: 1_452)
        path.didLose(106, size: 1_452, at: .zero)
        path.didLose(107, size: 1_452, at: .zero)
        #expect(path.current == 1_452)
        path.didAcknowledge(108, size: 200)
        path.didLose(109, size: 1_452, at: .zero)
        #expect(path.current == 1_200)
    }

    @Test("the transport's word is taken at once, and only downwards")
    func tooLarge() {
        var path = PathSize(limit: 1_452)
        path.tooLarge(1_452, at: .zero)
        #expect(path.current == 1_200)
        var other = PathSize(limit: 1_452)
        _ = search(&other, carries: 1_452)
        other.tooLarge(1_453, at: .zero)
        #expect(other.current == 1_452)
        other.tooLarge(1_400, at: .zero)
        #expect(other.current == 1_200)
        other.reset()
        #expect(other.current == 1_200 && probe(&other, .zero) == 1_452)
    }
}
