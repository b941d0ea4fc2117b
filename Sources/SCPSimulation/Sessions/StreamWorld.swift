internal import SCP

/// Over two byte streams with delays, stalls, and pieces that have nothing to do with frames.
final class StreamWorld: SessionWorld {
    /// One direction, by the side that writes it.
    private struct Wire {
        var chunks: [(due: Instant, bytes: [UInt8])] = []
        var waiting = 0
        var segment = Int.max
        /// Nil while nothing passes.
        var delay: Duration? = .zero
        /// When its end arrives.
        var end: Instant?
        var isOver = false
    }

    let engines: [Engine]
    private let witness: SessionWitness
    private(set) var now = Instant.zero
    private(set) var wakeUps = 0
    /// Who waits for the rest of a frame whose length was changed waits for bytes that do not come.
    private(set) var isCutOff = false
    private var wires = [Wire(), Wire()]
    private var events: [[Event]] = [[], []]

    init(_ configurations: [Configuration<ForgeableProvider>], _ witness: SessionWitness) throws(ConfigurationError) {
        engines = [
            ConnectionBox(try Connection(.initiator, configurations[0], at: .zero)),
            ConnectionBox(try Connection(.responder, configurations[1], at: .zero)),
        ]
        self.witness = witness
    }

    func takeEvents(_ side: Int) -> [Event] {
        defer { events[side] = [] }
        return events[side]
    }

    func collect(_ side: Int) {
        var size = 70_000
        polling: while true {
            var transmit = Transmit.nothing
            let bytes = [UInt8](capacity: size) { output in
                transmit = engines[side].connection.pollTransmit(into: &output, unwritten: wires[side].waiting, at: now)
            }
            if !bytes.isEmpty { write(side, bytes) }
            switch transmit {
            case .wrote: continue
            case .outputFull(let needed): size = max(size + 1, needed)
            case .endOfStream: end(side)
            case .nothing: break polling
            }
        }
        while let event = engines[side].connection.pollEvent() { events[side].append(event) }
    }

    private func write(_ side: Int, _ bytes: [UInt8]) {
        witness.wrote(side, bytes, at: now)
        guard wires[side].end == nil else { return }
        // Later than what was written before, whatever the delay is now.
        let due = max(now.advanced(by: wires[side].delay ?? .zero), wires[side].chunks.last?.due ?? .zero)
        wires[side].chunks.append((due, bytes))
        wires[side].waiting += bytes.count
    }

    private func end(_ side: Int) {
        guard wires[side].end == nil else { return }
        wires[side].end = max(now.advanced(by: wires[side].delay ?? .zero), wires[side].chunks.last?.due ?? .zero)
    }

    /// When something arrives from a side.
    private func arrival(_ side: Int) -> Instant? {
        let wire = wires[side]
        guard wire.delay != nil, !wire.isOver else { return nil }
        return wire.chunks.first?.due ?? wire.end
    }

    private func step(until end: Instant) -> Bool {
        for side in 0..<2 { collect(side) }
        let times = [arrival(0), arrival(1)] + engines.map { $0.connection.deadline?.instant }
        guard let next = times.compactMap(\.self).min(), next <= end else { return false }
        now = max(now, next)
        for side in 0..<2 { while let due = arrival(side), due <= now { deliver(from: side) } }
        for side in 0..<2 where engines[side].connection.deadline.map({ $0.instant <= now }) ?? false {
            wakeUps += 1
            engines[side].connection.advance(to: now)
            collect(side)
        }
        return true
    }

    private func deliver(from side: Int) {
        let receiver = engines[1 - side]
        guard !wires[side].chunks.isEmpty else {
            wires[side].isOver = true
            receiver.connection.receiveEnd(.endOfStream, at: now)
            return collect(1 - side)
        }
        let chunk = wires[side].chunks.removeFirst().bytes
        wires[side].waiting -= chunk.count
        var rest = chunk[...]
        while !rest.isEmpty {
            var part = Array(rest.prefix(wires[side].segment))
            rest = rest.dropFirst(part.count)
            var span = part.mutableSpan
            // A connection that fails tells it by its event; it goes on throwing the rest away.
            try? receiver.connection.receive(&span, at: now)
        }
        collect(1 - side)
    }

    func run(for time: Duration, until body: () -> Bool) {
        let end = now.advanced(by: time)
        while step(until: end) { if body() { return } }
        now = end
        for side in 0..<2 {
            engines[side].connection.advance(to: now)
            collect(side)
        }
    }

    func apply(_ step: SessionStep) {
        switch step.action {
        case .stream(let segment, let delay):
            wires[step.side].segment = segment
            wires[step.side].delay = delay
        case .cut: end(step.side)
        case .forge(let bit?, _): damage(1 - step.side, bit)
        default: break
        }
    }

    /// Turns a bit over of what is on its way from a side.
    private func damage(_ side: Int, _ bit: Int) {
        guard let last = wires[side].chunks.indices.last else { return }
        isCutOff = true
        wires[side].chunks[last].bytes[bit / 8 % wires[side].chunks[last].bytes.count] ^= 1 << UInt8(bit % 8)
    }

    func heal() {
        for side in 0..<2 {
            wires[side].segment = 4_096
            wires[side].delay = .milliseconds(20)
        }
    }

    func part() { for side in 0..<2 { wires[side].delay = nil } }
}
