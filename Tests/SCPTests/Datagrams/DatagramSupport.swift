import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCP

extension LinkConditions {
    /// 10 ms each way, and nothing else.
    static var plain: LinkConditions {
        var conditions = LinkConditions()
        conditions.delay = .milliseconds(10)
        return conditions
    }
}

extension Fixture {
    func datagrams(
        seed: UInt64 = 1, connectionIDs: [[UInt8]] = [[], []], conditions: LinkConditions = .plain
    ) throws -> DatagramPair<GcryptProvider> {
        try DatagramPair(
            initiator: initiator, responder: responder, seed: seed, connectionIDs: connectionIDs,
            conditions: conditions,
            at: Instant(nanoseconds: 5_000_000_000))
    }

    /// A pair whose handshake is over, on a clean network; `conditions` hold afterwards.
    func establishedDatagrams(
        seed: UInt64 = 1, connectionIDs: [[UInt8]] = [[], []], conditions: LinkConditions = .plain
    ) throws -> DatagramPair<GcryptProvider> {
        var pair = try datagrams(seed: seed, connectionIDs: connectionIDs)
        pair.run(for: .seconds(1))
        pair.conditions = [conditions, conditions]
        return pair
    }

    /// Both sides with the forgeable provider, which lets a test open what it sees.
    static func forgeable(
        seed: UInt64 = 1, isHybrid: Bool = false, conditions: LinkConditions = .plain,
        _ change: (inout Configuration<ForgeableProvider>, inout Configuration<ForgeableProvider>) -> Void = { _, _ in }
    ) throws -> DatagramPair<ForgeableProvider> {
        let provider = ForgeableProvider(seed: seed, isHybrid: isHybrid)
        let keys = try (0..<2).map { number in
            try provider.privateKey(Secret(copying: [UInt8](repeating: UInt8(number + 1), count: 32).span))
        }
        let names = try keys.map { try provider.publicKey(of: $0) }
        var first = Configuration(provider: provider, identity: keys[0], identityPolicy: .pinned(names[1]))
        var second = Configuration(provider: provider, identity: keys[1], identityPolicy: .allowed([names[0]]))
        change(&first, &second)
        return try DatagramPair(
            initiator: first, responder: second, seed: seed, conditions: conditions,
            at: Instant(nanoseconds: 5_000_000_000))
    }
}

/// The frames of a datagram, as a test sees them.
enum Seen {
    static func headers(_ datagram: [UInt8]) -> [FrameHeader] {
        guard let prefix = DatagramPrefix.parse(datagram.span) else { return [] }
        var result: [FrameHeader] = []
        var offset = prefix.frames
        while let header = try? FrameHeader.parse(datagram.span, at: offset, limit: 1 << 20),
            header.frameSize <= datagram.count - offset
        {
            result.append(header)
            offset += header.frameSize
        }
        return result
    }

    /// Such as `init/0` or `data/1`.
    static func kinds(_ datagram: [UInt8]) -> [String] {
        headers(datagram).map { header in
            let name =
                switch header.type {
                case .handshakeInit: "init"
                case .handshakeResponse: "response"
                case .data: "data"
                case .ack: "ack"
                case .close: "close"
                }
            return "\(name)/\(header.sequence.epoch)"
        }
    }
}

/// What a test writes down while a run goes on.
final class Notes<Element> {
    var items: [Element] = []
}

extension Connection {
    /// Whether the session stands.
    var isUp: Bool { state == .established }
}
