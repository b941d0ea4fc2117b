/// What an endpoint holds for peers that have not proved who they are, at most.
/// [SCP-DGRAM-38]
public struct DatagramEndpointSettings: Hashable, Sendable {
    /// Whether handshakes of others are answered.
    public var isListening = true
    /// Bytes of the connection ids that peers put before datagrams for us: 8 to 20, or 0 for none.
    public var connectionIDSize = 8
    /// INITs of which a part is here, and the bytes they may take.
    public var incomplete = 256
    public var incompleteBytes = 2 << 20
    /// Handshakes that wait for message 3, and the bytes they may take.
    public var halfOpen = 1_024
    public var halfOpenBytes = 4 << 20
    /// Of these for each address.
    public var halfOpenPerAddress = 4
    /// Initiators that somebody has to decide on.
    public var held = 64
    /// INITs without a cookie that are answered in a second, and at once; beyond that a cookie is asked for.
    public var initRate: UInt64 = 200
    public var initBurst: UInt64 = 400
    /// INITs with a cookie for each network (a /24, a /56) in a second, and at once.
    public var prefixRate: UInt64 = 20
    public var prefixBurst: UInt64 = 40

    public init() {}
}

/// A connection of an endpoint. A handle of one that is gone is never that of another.
public struct ConnectionHandle: Hashable, Sendable {
    let index: Int
    let generation: UInt32
}

/// What an endpoint did with a datagram.
public enum Routed: Equatable, Sendable {
    /// A connection took it, in whole or in part.
    case connection(ConnectionHandle)
    /// An answer to it waits to be polled; nothing is remembered.
    case answered
    case dropped(DropReason)
}

/// Why a connection was not begun.
public enum ConnectError: Error, Equatable, Sendable {
    /// There is one with this address, and no connection ids to tell two apart; or the peer may begin one too, and has.
    case exists(ConnectionHandle)
    case configuration(ConfigurationError)
}

/// Buckets for networks, a fixed number of them: which one a network shares is not for others to choose, and the one
/// that was used longest ago makes room.
/// [SCP-DGRAM-38]
struct PrefixBuckets {
    static let maximum = 4_096

    private struct Entry {
        var bucket: TokenBucket
        var used: Instant
    }

    private var entries: [UInt64: Entry] = [:]
    private let burst: UInt64
    private let rate: UInt64

    init(burst: UInt64, rate: UInt64) {
        self.burst = burst
        self.rate = rate
    }

    var count: Int { entries.count }

    mutating func take(_ prefix: UInt64, at now: Instant) -> Bool {
        if entries[prefix] == nil {
            makeRoom(at: now)
            entries[prefix] = Entry(bucket: TokenBucket(burst: burst, rate: rate, at: now), used: now)
        }
        guard var entry = entries[prefix] else { return false }
        entry.used = now
        let isTaken = entry.bucket.take(at: now)
        entries[prefix] = entry
        return isTaken
    }

    private mutating func makeRoom(at now: Instant) {
        guard entries.count >= PrefixBuckets.maximum else { return }
        // Buckets that are full again say nothing. When none is, everything is forgotten: that costs honest networks
        // nothing, and comes once in 4,096 networks that have all proved to receive where they are.
        entries = entries.filter { $0.value.bucket.available(at: now) < burst }
        if entries.count >= PrefixBuckets.maximum { entries = [:] }
    }
}
