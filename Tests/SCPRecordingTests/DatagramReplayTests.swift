import SCP
import SCPGcrypt
import SCPRepeatableMLKEM
import SCPSimulation
import Testing

@testable import SCPRecording

/// Two recorded ends on a simulated network that loses, delays and repeats datagrams.
private struct RecordedDatagrams: ~Copyable {
    typealias End = RecordedConnection<RecordingProvider<RepeatableProvider<GcryptProvider>>>

    let addresses = [Address(ipv4: 0x0a00_0001, port: 40_000), Address(ipv6: 1, 2, port: 4_000)]
    private var ends: [Box]
    private var network = SimulatedNetwork<Address>(seed: 3)
    private(set) var now = Instant(nanoseconds: 77)
    private(set) var said = [RecordedPair.Said(), RecordedPair.Said()]

    /// A connection cannot be in an array.
    private final class Box {
        var end: End
        init(_ end: consuming End) { self.end = end }
    }

    init(_ sinks: [Memory], loss: Chance, isHybrid: Bool = false) throws {
        let provider = RepeatableProvider(try GcryptProvider(), seed: 11, isHybrid: isHybrid)
        let keys = try (0..<2).map { _ in try provider.privateKey(provider.randomSecret(count: 32)) }
        var boxes: [Box] = []
        for side in 0..<2 {
            var settings = Configuration(
                provider: provider, identity: keys[side],
                identityPolicy: .pinned(try provider.publicKey(of: keys[1 - side])))
            settings.rotation.frames = 40
            let recorder = sinks[side].recorder
            boxes.append(
                Box(
                    try End(
                        side == 0 ? .initiator : .responder, settings.recorded(by: recorder),
                        to: addresses[1 - side], connectionID: [UInt8(side), 9], recorder: recorder, at: now)))
        }
        ends = boxes
        var conditions = LinkConditions()
        conditions.loss = loss
        conditions.delay = .milliseconds(5)
        conditions.jitter = .milliseconds(25)
        conditions.duplication = Chance(1, in: 20)
        for side in 0..<2 { network.set(conditions, from: addresses[side], to: addresses[1 - side]) }
    }

    private mutating func collect(_ side: Int) {
        while true {
            var transmit = DatagramTransmit.nothing
            let instant = now
            let bytes = [UInt8](capacity: 2_000) { output in
                transmit = ends[side].end.pollTransmit(datagram: &output, at: instant)
            }
            guard case .datagram(let address) = transmit else { break }
            said[side].bytes += bytes
            network.send(bytes, from: addresses[side], to: address, at: now)
        }
        while let event = ends[side].end.pollEvent() { said[side].events.append(event) }
        while let bytes = ends[side].end.read(at: now, { _, bytes in [UInt8](copying: bytes) }) {
            said[side].messages.append(bytes)
        }
    }

    mutating func with<Result>(_ side: Int, _ body: (inout End, Instant) throws -> Result) rethrows -> Result {
        try body(&ends[side].end, now)
    }

    mutating func run(for time: Duration) {
        let end = now.advanced(by: time)
        while true {
            collect(0)
            collect(1)
            let deadlines = ends.compactMap { $0.end.deadline?.instant }
            guard let next = (deadlines + [network.nextArrival].compactMap { $0 }).min(), next <= end else { break }
            now = max(now, next)
            while let datagram = network.receive(at: now) {
                guard let side = addresses.firstIndex(of: datagram.destination) else { continue }
                var bytes = datagram.bytes
                var span = bytes.mutableSpan
                ends[side].end.receive(datagram: &span, from: datagram.source, at: now)
                collect(side)
            }
            for box in ends where box.end.deadline.map({ $0.instant <= now }) == true { box.end.advance(to: now) }
        }
        now = end
    }
}

struct DatagramReplayTests {
    /// Losses, repetitions, probes and rotations: all of it comes again.
    @Test(arguments: [false, true])
    func aSessionOnDatagrams(isHybrid: Bool) throws {
        let provider = try GcryptProvider()
        let sinks = [Memory(), Memory()]
        let said = try {
            var pair = try RecordedDatagrams(sinks, loss: Chance(1, in: 10), isHybrid: isHybrid)
            pair.run(for: .seconds(3))
            for number in 0..<60 as Range<UInt8> {
                for side in 0..<2 {
                    try pair.with(side) { end, now in
                        let message = [UInt8](repeating: number, count: Int(number) * 40)
                        _ = try end.send(message.span, expiring: now.advanced(by: .seconds(60)), at: now)
                        _ = try end.send([number].span, on: Channel(1, .unreliable), at: now)
                    }
                }
                pair.run(for: .milliseconds(20))
            }
            pair.with(0) { $0.transmitFailed(.tooLarge(size: 1_400), at: $1) }
            pair.with(1) { $0.transmitFailed(.unreachable, at: $1) }
            pair.run(for: .seconds(5))
            pair.with(0) { $0.close(at: $1) }
            pair.run(for: .seconds(30))
            return pair.said
        }()
        for side in 0..<2 {
            var replay = try Replay(try RecordingReader(sinks[side].bytes), provider)
            var again = RecordedPair.Said()
            while let step = try replay.step() {
                switch step.outcome {
                case .sentDatagram(_, let bytes): again.bytes += bytes
                case .event(let event?): again.events.append(event)
                case .message(_, let bytes): again.messages.append(bytes)
                default: break
                }
            }
            #expect(again == said[side])
            #expect(again.messages.count > 100)
            #expect(again.events.contains { if case .rotated = $0 { true } else { false } })
            let kinds = try Parts(sinks[side].bytes).entries.map(\.kind)
            let exchanges = kinds.count { $0 == .decapsulatedSecret || $0 == .encapsulatedSecret }
            // The handshake's, and that of a rotation at least.
            #expect(isHybrid ? exchanges >= 2 : exchanges == 0)
        }
        #expect(said[0].events.last == .closed(.clean))
    }

    /// A datagram with a changed byte is dropped now, at the step where it was accepted.
    @Test func aChangedDatagram() throws {
        let sinks = [Memory(), Memory()]
        do {
            var pair = try RecordedDatagrams(sinks, loss: .never)
            pair.run(for: .seconds(1))
        }
        var parts = try Parts(sinks[1].bytes)
        let index = try #require(parts.entries.firstIndex { $0.kind == .receiveDatagram })
        parts.entries[index].body[100] ^= 1
        guard case .diverged(let found) = ending(of: parts.bytes, try GcryptProvider()) else {
            Issue.record("no divergence")
            return
        }
        #expect(found.step == parts.step(of: index))
        // The engine did not even come to the keys of an answer.
        guard case .unusedAnswers = found.difference else {
            Issue.record("\(found.difference)")
            return
        }
    }
}
