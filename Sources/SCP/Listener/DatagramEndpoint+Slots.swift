/// Where connections are kept and found.
extension DatagramEndpoint {
    func slot(_ handle: ConnectionHandle) -> Slot? {
        guard places.indices.contains(handle.index), places[handle.index].generation == handle.generation
        else { return nil }
        return places[handle.index].slot
    }

    /// A connection, to be worked on where everybody else who works on the endpoint is kept out; whoever did calls
    /// ``touch(_:)`` afterwards. It outlives its place here.
    package func box(_ handle: ConnectionHandle) -> ConnectionBox<Provider>? { slot(handle)?.box }

    /// A connection has been worked on outside, and may have something to say.
    package mutating func touch(_ handle: ConnectionHandle) {
        if slot(handle) != nil { touch(handle.index) }
    }

    /// Whether an address has a connection.
    package func knows(_ address: Address) -> Bool { byAddress[address] != nil }

    func handle(_ index: Int) -> ConnectionHandle? {
        guard places.indices.contains(index), places[index].slot != nil else { return nil }
        return ConnectionHandle(index: index, generation: places[index].generation)
    }

    mutating func insert(_ slot: Slot) -> Int {
        let index: Int
        if let reused = free.popLast() {
            index = reused
        } else {
            index = places.count
            places.append(Place())
        }
        places[index].slot = slot
        byAddress[slot.remote, default: []].append(index)
        touch(index)
        return index
    }

    /// Marks a connection as one that may have something to say.
    mutating func touch(_ index: Int) {
        guard let slot = places[index].slot else { return }
        note(index)
        if !slot.maySpeak {
            slot.maySpeak = true
            speakers.append(index)
        }
        if !slot.mayTell {
            slot.mayTell = true
            tellers.append(index)
        }
    }

    /// Takes note of what has changed in a connection.
    mutating func note(_ index: Int) {
        guard let slot = places[index].slot else { return }
        deadlines.set(index, slot.connection.deadline?.instant)
        let share = Census(slot.connection, isOwn: slot.isOwn)
        census.replace(slot.share, with: share)
        slot.share = share
    }

    mutating func remove(_ index: Int) {
        guard let slot = places[index].slot else { return }
        if configuration.isSilent, !slot.isOwn { spent.add(slot.ephemeral, at: clock) }
        forget(index)
        free.append(index)
        if let alias = slot.alias {
            places[alias].alias = nil
            places[alias].generation &+= 1
            free.append(alias)
            aliases -= 1
        }
    }

    /// Empties a place.
    mutating func forget(_ index: Int) {
        guard let slot = places[index].slot else { return }
        deadlines.set(index, nil)
        census.replace(slot.share, with: Census())
        places[index].slot = nil
        places[index].generation &+= 1
        byAddress[slot.remote]?.removeAll { $0 == index }
        if byAddress[slot.remote]?.isEmpty == true { byAddress[slot.remote] = nil }
    }

    /// The connection id of the next connection: where it will be kept, and random bytes that nobody guesses.
    mutating func newIdentifier() -> [UInt8] {
        guard settings.connectionIDSize > 0 else { return [] }
        let size = min(max(settings.connectionIDSize, 8), DatagramPrefix.maximumConnectionID)
        var bytes = [UInt8](repeating: 0, count: size)
        var span = bytes.mutableSpan
        try? configuration.provider.fillRandom(&span)
        let index = free.last ?? places.count
        for step in 0..<4 { bytes[step] = UInt8(truncatingIfNeeded: index >> (8 * (3 - step))) }
        return bytes
    }

    /// The connection that gave out a connection id.
    func find(_ datagram: Span<UInt8>, identifier range: Range<Int>) -> Int? {
        guard range.count >= 4 else { return nil }
        var index = 0
        for step in 0..<4 { index = index << 8 | Int(datagram[range.lowerBound + step]) }
        guard places.indices.contains(index) else { return nil }
        index = places[index].alias ?? index
        guard places.indices.contains(index), let identifier = places[index].slot?.identifier,
            identifier.count == range.count
        else { return nil }
        for step in 0..<range.count where identifier[step] != datagram[range.lowerBound + step] { return nil }
        return index
    }

    /// The connection with an address that has not ended.
    func live(at address: Address, where fits: (Slot) -> Bool = { _ in true }) -> Int? {
        (byAddress[address] ?? []).first { index in
            guard let slot = places[index].slot, fits(slot) else { return false }
            return switch slot.connection.state {
            case .closed, .draining, .closing: false
            default: true
            }
        }
    }

    /// The connection that makes another with an address impossible, when there are no identifiers to tell the two
    /// apart, or senseless, when the peer's attempt would be ours.
    func standing(at address: Address, isSymmetric: Bool) -> Int? {
        guard isSymmetric else { return settings.connectionIDSize == 0 ? live(at: address) : nil }
        return live(at: address) { $0.isShown }
    }

    /// Connections of somebody else's at an address that wait for their handshake to go on.
    func halfOpen(at address: Address) -> Int {
        (byAddress[address] ?? []).count { places[$0].slot?.share.halfOpen == 1 }
    }

    /// A newer session of the peer at an address has been accepted: the older ones end here, without a word.
    /// Where two initiators may meet it does not matter whose attempt was whose, and what else is on its way is over.
    /// [SCP-DGRAM-29] [SCP-DGRAM-30]
    mutating func replaceOthers(at address: Address, by index: Int) {
        guard let newer = places[index].slot, !newer.isOwn || newer.connection.opening != nil else { return }
        for other in byAddress[address] ?? [] where other != index {
            guard let slot = places[other].slot, !slot.isOwn || slot.connection.opening != nil else { continue }
            guard slot.isShown || !newer.isOwn else {
                remove(other)
                continue
            }
            slot.connection.replace(at: clock)
            touch(other)
        }
    }
}

extension Connection {
    /// The attempt of the handshake, while there is one.
    var attempt: Attempt? { phase.handshakeView?.attempt ?? link?.handshake.accepted?.attempt }

    /// A newer session of the same peer has taken its place.
    /// [SCP-DGRAM-30]
    mutating func replace(at now: Instant) {
        setClock(now)
        switch state {
        case .waiting, .deciding, .agreeing, .unconfirmed, .held, .established:
            end(.failed(ConnectionError(.replaced, origin: .local)))
        default: break
        }
    }
}
