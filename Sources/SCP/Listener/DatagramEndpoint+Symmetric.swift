/// Two initiators that meet. Each attempt goes on by itself, ours as ours and the peer's as that of any stranger, so
/// that a forged INIT silences nothing; whichever may become the session first, does, under the handle that `connect`
/// gave out.
/// [SCP-DGRAM-29]
extension DatagramEndpoint {
    /// An attempt of ours at an address that is not the session yet, and may meet one of the peer's.
    private func attempt(at remote: Address) -> Int? {
        byAddress[remote]?.first { index in
            guard let slot = places[index].slot, slot.isOwn, slot.connection.opening != nil else { return false }
            return Self.isOpen(slot.connection.state)
        }
    }

    private static func isOpen(_ state: ConnectionState) -> Bool {
        switch state {
        case .waiting, .deciding, .agreeing, .unconfirmed: true
        default: false
        }
    }

    /// Whether an attempt of ours is larger than one of the peer's, which then gets no answer but ours again.
    mutating func outdoes(_ digest: Digest, at remote: Address) -> Bool {
        guard let index = attempt(at: remote), let slot = places[index].slot,
            slot.connection.opening?.order(digest) == .larger
        else { return false }
        slot.connection.repeatAttempt(at: clock)
        touch(index)
        return true
    }

    /// A connection has changed its state with a datagram.
    ///
    /// - Returns: where it is now; nil when it has lost against ours, and is forgotten.
    mutating func meet(_ index: Int, from state: ConnectionState) -> Int? {
        guard let slot = places[index].slot, !slot.isOwn, !slot.isShown, let digest = slot.connection.opening
        else { return index }
        // Message 1 came in pieces, and only now is it known what it is.
        if state == .awaitingInit, outdoes(digest, at: slot.remote) {
            remove(index)
            return nil
        }
        return settle(index)
    }

    /// A stranger's handshake has come so far that it may be the session, and an attempt of ours at its address is
    /// none yet. Who holds the larger and has sent its message 3 does not know whether the peer has taken it, and keeps
    /// to it, for the peer will; in every other case the stranger's is the session.
    ///
    /// - Returns: where the session is now; nil when it is not this one.
    mutating func settle(_ index: Int) -> Int? {
        guard let slot = places[index].slot, !slot.isOwn, let digest = slot.connection.opening,
            let place = attempt(at: slot.remote), let ours = places[place].slot
        else { return index }
        switch slot.connection.state {
        case .established:
            guard ours.connection.state == .unconfirmed, ours.connection.opening?.order(digest) == .larger
            else { break }
            slot.connection.replace(at: clock)
            if !slot.isShown { remove(index) }
            return nil
        // Somebody has to decide on the peer, and is asked under the handle that is known, unless it was asked there
        // about another.
        case .held where !slot.isShown:
            guard ours.connection.asksNobody(butAbout: slot.connection.pendingPeer) else { return index }
        default: return index
        }
        guard !slot.isShown else {
            // Who was asked about it knows it by its own handle.
            if slot.connection.outbox.channels.isEmpty { slot.connection.takeOver(&ours.connection) }
            ours.connection.replace(at: clock)
            touch(place)
            return index
        }
        attach(index, to: place)
        return place
    }

    /// Puts a stranger's connection where our attempt was. Its identifier goes on to name the place that it had.
    private mutating func attach(_ index: Int, to place: Int) {
        guard let slot = places[index].slot, let ours = places[place].slot else { return }
        slot.connection.takeOver(&ours.connection)
        swap(&slot.connection, &ours.connection)
        (ours.attempt, ours.identifier, ours.alias) = (slot.attempt, slot.identifier, index)
        forget(index)
        places[index].alias = place
        aliases += 1
        touch(place)
    }
}
