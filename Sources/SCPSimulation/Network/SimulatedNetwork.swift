public import SCP

/// A datagram on its way.
public struct SimulatedDatagram<Address: Hashable & Sendable>: Sendable {
    public var bytes: [UInt8]
    public var source: Address
    public var destination: Address
}

/// A network of datagrams that exists in memory only: no sockets, no clock, no randomness but its seed's. What is sent
/// meets the conditions of its link and arrives, perhaps, later. The same seed and the same calls give the same
/// network, bit for bit, on every machine.
///
/// It knows nothing of SCP, and carries any protocol's datagrams.
public struct SimulatedNetwork<Address: Hashable & Sendable>: Sendable {
    public typealias Datagram = SimulatedDatagram<Address>

    /// What a test decides about one datagram, before the link's conditions do.
    public enum Fate: Sendable {
        /// The link's conditions hold.
        case usual
        case lost
        /// Beside the usual, another copy this much later.
        case repeated(after: Duration)
        /// As the usual, but this much later.
        case held(Duration)
        /// In the place of it.
        case replaced([UInt8])
    }

    /// What became of datagrams, in numbers.
    public struct Counts: Hashable, Sendable {
        public var sent = 0
        public var delivered = 0
        public var lost = 0
        public var duplicated = 0
        public var damaged = 0
        /// Lost because the queue of a link with a rate was full, or because they were too large for it.
        public var refused = 0
    }

    private struct Arrival: Sendable {
        let due: Instant
        let datagram: Datagram
    }

    private struct Direction: Hashable, Sendable {
        let source: Address
        let destination: Address
    }

    private struct Link: Sendable {
        var conditions: LinkConditions
        var isBad = false
        /// When what was accepted so far will have left a link with a rate.
        var isBusyUntil = Instant.zero
        var recent: [[UInt8]] = []
    }

    private static var remembered: Int { 64 }

    private let generator: SeededGenerator
    private var links: [Direction: Link] = [:]
    /// The next one last.
    private var arrivals: [Arrival] = []
    /// What an address seems to be, and the other way round.
    private var aliases: [Address: Address] = [:]
    private var realAddresses: [Address: Address] = [:]
    /// For links that have none of their own.
    public var conditions: LinkConditions
    /// Asked about every datagram, with its number in its direction, from 0: "lose exactly this one" is a fault too.
    public var decide: (@Sendable (Datagram) -> Fate)?
    public private(set) var counts = Counts()

    public init(seed: UInt64, conditions: LinkConditions = LinkConditions()) {
        generator = SeededGenerator(seed: seed)
        self.conditions = conditions
    }

    /// Conditions for one direction, from now on.
    public mutating func set(_ conditions: LinkConditions, from source: Address, to destination: Address) {
        links[Direction(source: source, destination: destination), default: Link(conditions: conditions)].conditions =
            conditions
    }

    /// What `address` sends seems to come from `other` from now on, and what is sent there reaches it: a router has
    /// forgotten a binding and made another. Nil ends it.
    public mutating func rebind(_ address: Address, to other: Address?) {
        if let old = aliases.removeValue(forKey: address) { realAddresses[old] = nil }
        guard let other else { return }
        aliases[address] = other
        realAddresses[other] = address
    }

    // MARK: Sending

    public mutating func send(_ bytes: [UInt8], from sender: Address, to destination: Address, at now: Instant) {
        counts.sent += 1
        var datagram = Datagram(bytes: bytes, source: aliases[sender] ?? sender, destination: destination)
        var extra = Duration.zero
        switch decide?(datagram) ?? .usual {
        case .usual: break
        case .lost:
            counts.lost += 1
            return
        case .repeated(let after):
            counts.duplicated += 1
            arrive(datagram, at: now.advanced(by: after))
        case .held(let time): extra = time
        case .replaced(let other): datagram.bytes = other
        }
        pass(datagram, sender: sender, extra: extra, at: now)
    }

    /// Every fault draws its numbers, whether it happens or not, so that one more fault changes nothing else.
    private mutating func pass(_ datagram: Datagram, sender: Address, extra: Duration, at now: Instant) {
        let direction = Direction(source: sender, destination: datagram.destination)
        var link = links[direction] ?? Link(conditions: conditions)
        defer { links[direction] = link }
        let conditions = link.conditions
        let isLost = conditions.loss.happens(generator)
        let isLostInBurst = passBurst(&link)
        let isTwice = conditions.duplication.happens(generator)
        let isReflected = conditions.reflection.happens(generator)
        let isReplayed = conditions.replay.happens(generator)
        let replayed = generator.next(below: max(1, link.recent.count))
        let isHeld = conditions.reordering.happens(generator)
        let jitter = fraction(conditions.jitter)
        let isTooLarge = conditions.maximumSize.map { datagram.bytes.count > $0 } ?? false
        guard !conditions.isDown, !isLost, !isLostInBurst else {
            counts.lost += 1
            return
        }
        guard !isTooLarge, let left = leave(&link, datagram.bytes.count, at: now) else {
            counts.refused += 1
            return
        }
        var damaged = datagram
        damage(&damaged.bytes, conditions)
        let due = left.advanced(by: conditions.delay + jitter + extra + (isHeld ? conditions.reorderDelay : .zero))
        arrive(damaged, at: due)
        if isTwice {
            counts.duplicated += 1
            arrive(damaged, at: due.advanced(by: conditions.duplicateDelay))
        }
        if isReflected {
            arrive(
                Datagram(bytes: datagram.bytes, source: datagram.destination, destination: datagram.source), at: due)
        }
        if isReplayed, link.recent.indices.contains(replayed) {
            var old = datagram
            old.bytes = link.recent[replayed]
            arrive(old, at: due)
        }
        if link.recent.count >= Self.remembered { link.recent.removeFirst() }
        link.recent.append(datagram.bytes)
    }

    private func passBurst(_ link: inout Link) -> Bool {
        guard let bursts = link.conditions.bursts else { return false }
        link.isBad = link.isBad ? !bursts.ends.happens(generator) : bursts.begins.happens(generator)
        return bursts.loss.happens(generator) && link.isBad
    }

    /// When the last byte has left; nil when the queue is full.
    private func leave(_ link: inout Link, _ size: Int, at now: Instant) -> Instant? {
        guard let rate = link.conditions.rate, rate > 0 else { return now }
        let begins = max(now, link.isBusyUntil)
        let waiting = begins.nanoseconds - now.nanoseconds
        let waitingBytes = waiting / 1_000 * rate / 1_000_000
        guard waitingBytes <= UInt64(max(0, link.conditions.queue)) else { return nil }
        link.isBusyUntil = Instant(nanoseconds: begins.nanoseconds &+ UInt64(size) * 1_000_000_000 / rate)
        return link.isBusyUntil
    }

    private mutating func damage(_ bytes: inout [UInt8], _ conditions: LinkConditions) {
        let isFlipped = conditions.bitFlips.happens(generator)
        let bit = generator.next(below: max(1, bytes.count * 8))
        let isCut = conditions.truncation.happens(generator)
        let kept = generator.next(below: max(1, bytes.count))
        let isLonger = conditions.lengthening.happens(generator)
        let added = 1 + generator.next(below: 16)
        if isFlipped, !bytes.isEmpty { bytes[bit / 8] ^= 1 << UInt8(bit % 8) }
        if isCut, !bytes.isEmpty { bytes.removeLast(bytes.count - kept) }
        if isLonger { bytes += (0..<added).map { _ in UInt8(truncatingIfNeeded: generator.next()) } }
        if isFlipped || isCut || isLonger { counts.damaged += 1 }
    }

    private func fraction(_ duration: Duration) -> Duration {
        let most = Instant.zero.advanced(by: duration).nanoseconds
        let drawn = generator.next()
        return most == 0 ? .zero : .nanoseconds(Int64(clamping: drawn % (most &+ 1)))
    }

    private mutating func arrive(_ datagram: Datagram, at due: Instant) {
        // Behind it in time, so before it in the list; of equals the older one arrives first.
        var low = 0
        var high = arrivals.count
        while low < high {
            let middle = (low + high) / 2
            if arrivals[middle].due > due { low = middle + 1 } else { high = middle }
        }
        arrivals.insert(Arrival(due: due, datagram: datagram), at: low)
    }

    // MARK: Arriving

    /// When the next datagram arrives; nil when none is on its way.
    public var nextArrival: Instant? { arrivals.last?.due }

    /// The next datagram that has arrived by `now`, earliest first; its destination is the real address, whatever it
    /// was sent to.
    public mutating func receive(at now: Instant) -> Datagram? {
        guard let next = arrivals.last, next.due <= now else { return nil }
        arrivals.removeLast()
        var datagram = next.datagram
        datagram.destination = realAddresses[datagram.destination] ?? datagram.destination
        counts.delivered += 1
        return datagram
    }

    /// Datagrams on their way.
    public var inFlight: Int { arrivals.count }
}
