import SCP
import SCPSimulation

/// A listening endpoint and one client of it, played by an input: what is sent, changed, forged and repeated, by whom,
/// and when.
public final class DatagramPlay {
    private static let server = Address(ipv4: 0x0a00_0002, port: 4_000)
    private static let client = Address(ipv4: 0x0a00_0001, port: 4_001)
    /// What an endpoint with one client may hold for it and for strangers.
    private static let ceiling = memoryCeiling * 2 + (4 << 20) + (2 << 20)

    private let provider = ForgeableProvider(seed: 1)
    private var endpoint: DatagramEndpoint<ForgeableProvider>
    private var initiator: Connection<ForgeableProvider>
    private var now = Instant(nanoseconds: 1_000_000_000)
    private var handles: [ConnectionHandle] = []
    /// Datagrams of the client, and of the endpoint, the newest last.
    private var sent: [[UInt8]] = []
    private var answers: [[UInt8]] = []

    public init?() {
        guard let first = try? provider.privateKey(provider.randomSecret(count: 32)),
            let second = try? provider.privateKey(provider.randomSecret(count: 32)),
            let endpoint = try? DatagramEndpoint(
                Configuration(provider: provider, identity: second, identityPolicy: .anyone), at: now),
            let initiator = try? Connection(
                .initiator, Configuration(provider: provider, identity: first, identityPolicy: .anyone),
                to: Self.server, connectionID: [1, 2, 3, 4, 5, 6, 7, 8], at: now)
        else { return nil }
        self.endpoint = endpoint
        self.initiator = initiator
    }

    public func run(_ input: [UInt8]) {
        var rest = input[...]
        while let step = rest.popFirst() {
            switch step & 7 {
            case 0: arrive(take(&rest), at: step & 8 == 0)
            case 1: exchange()
            case 2: now = now.advanced(by: .milliseconds(Int(rest.popFirst() ?? 0) * 40))
            case 3: change(&rest, isSealed: step & 8 == 0, toServer: step & 16 == 0)
            case 4: forge(&rest, toServer: step & 8 == 0)
            case 5: use(rest.popFirst() ?? 0)
            case 6: if let last = sent.last { arrive(last, at: true, from: UInt16(rest.popFirst() ?? 0)) }
            default:
                initiator.advance(to: now)
                endpoint.advance(to: now)
            }
            look()
        }
    }

    /// Bytes with their length before them.
    private func take(_ rest: inout ArraySlice<UInt8>) -> [UInt8] {
        let length = Int(rest.popFirst() ?? 0) << 3
        defer { rest = rest.dropFirst(length) }
        return Array(rest.prefix(length))
    }

    private func arrive(_ datagram: [UInt8], at isServer: Bool, from port: UInt16 = 0) {
        var bytes = datagram
        var span = bytes.mutableSpan
        if isServer {
            let origin = port == 0 ? Self.client : Address(ipv4: 0x0a00_0001, port: 4_001 + port)
            _ = endpoint.receive(datagram: &span, from: origin, localPort: 4_000, at: now)
        } else {
            initiator.receive(datagram: &span, from: Self.server, at: now)
        }
    }

    /// What both have to say reaches the other.
    private func exchange() {
        for datagram in pollInitiator() { arrive(datagram, at: true) }
        for datagram in pollEndpoint() { arrive(datagram, at: false) }
    }

    private func pollInitiator() -> [[UInt8]] {
        let datagrams = poll { output in initiator.pollTransmit(datagram: &output, at: now) }.map(\.bytes)
        sent = Array((sent + datagrams).suffix(8))
        return datagrams
    }

    private func pollEndpoint() -> [[UInt8]] {
        let datagrams = poll { output in endpoint.pollTransmit(datagram: &output, at: now) }
            .filter { $0.address == Self.client }.map(\.bytes)
        answers = Array((answers + datagrams).suffix(8))
        return datagrams
    }

    /// Everything that somebody has to say, but for a livelock.
    private func poll(
        _ body: (inout OutputSpan<UInt8>) -> DatagramTransmit
    ) -> [(address: Address, bytes: [UInt8])] {
        var datagrams: [(address: Address, bytes: [UInt8])] = []
        while datagrams.count < 64 {
            var transmit = DatagramTransmit.nothing
            let bytes = [UInt8](capacity: 2_048) { output in transmit = body(&output) }
            guard case .datagram(let address) = transmit else { break }
            if bytes.isEmpty { report("an empty datagram") }
            Trace.note(bytes)
            datagrams.append((address, bytes))
        }
        return datagrams
    }

    /// A genuine datagram with some bytes changed, and the sum over it made right again, or not.
    private func change(_ rest: inout ArraySlice<UInt8>, isSealed: Bool, toServer: Bool) {
        _ = pollInitiator()
        guard var bytes = toServer ? sent.last : answers.last, bytes.count > 46 else { return }
        for _ in 0..<Int((rest.popFirst() ?? 0) & 3) + 1 {
            let position = Int(rest.popFirst() ?? 0) << 8 | Int(rest.popFirst() ?? 0)
            bytes[position % bytes.count] ^= rest.popFirst() ?? 1
        }
        if isSealed, let key = try? provider.authenticator(Secret(count: 32)) {
            let body = Array(bytes.dropLast(32))
            guard let sum = try? key.authenticate(body.span) else { return }
            bytes = body + (0..<32).map { sum[$0] }
        }
        arrive(bytes, at: toServer)
    }

    /// A frame of the session that an engine takes for its peer's.
    private func forge(_ rest: inout ArraySlice<UInt8>, toServer: Bool) {
        let type = FrameType(rawValue: 1 + (rest.popFirst() ?? 0) % 5) ?? .data
        let epoch = UInt16((rest.popFirst() ?? 0) & 3)
        let counter = UInt64(rest.popFirst() ?? 0) << 8 | UInt64(rest.popFirst() ?? 0)
        let plaintext = take(&rest)
        guard let frame = ForgeableProvider.forge(type, epoch: epoch, counter: counter, plaintext: plaintext)
        else { return }
        arrive(frame, at: toServer)
    }

    /// What applications do.
    private func use(_ choice: UInt8) {
        let message = [UInt8](repeating: choice, count: Int(choice) * 40)
        let channel = Channel(Int(choice & 3), DeliveryMode(rawValue: choice >> 2 & 3) ?? .reliableOrdered)
        let instant = now
        func act(_ connection: inout Connection<ForgeableProvider>) {
            switch choice >> 5 {
            case 0, 1, 2: _ = try? connection.send(message.span, on: channel, at: instant)
            case 3: connection.cancel(MessageID(rawValue: UInt64(choice & 7)), on: channel, at: instant)
            case 4: connection.rotateKeys(at: instant)
            case 5: connection.finish(at: instant)
            case 6: connection.refuse(MessageID(rawValue: UInt64(choice & 7)), on: channel, at: instant)
            default: connection.close(at: instant)
            }
        }
        if choice & 16 == 0 { return act(&initiator) }
        if let handle = handles.last { _ = endpoint.withConnection(handle) { act(&$0) } }
    }

    private func look() {
        while let (handle, event) = endpoint.pollEvent() {
            Trace.note("\(event)")
            if handles.last != handle { handles.append(handle) }
        }
        while let event = initiator.pollEvent() { Trace.note("\(event)") }
        while initiator.read(at: now, { _, bytes in bytes.count }) != nil {}
        if let handle = handles.last {
            let instant = now
            _ = endpoint.withConnection(handle) { while $0.read(at: instant, { _, bytes in bytes.count }) != nil {} }
        }
        if initiator.memory > memoryCeiling { report("memory above the ceiling: \(initiator.memory)") }
        if endpoint.memory > Self.ceiling { report("memory above the ceiling: \(endpoint.memory)") }
    }
}
