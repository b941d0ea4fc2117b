/// What a transport of datagrams could not do; hints, and never the end of an authenticated session.
/// [SCP-DGRAM-37]
public enum TransmitError: Equatable, Sendable {
    /// A datagram of this many bytes is too large for the path.
    case tooLarge(size: Int)
    /// The peer, its port or its network is said to be unreachable.
    case unreachable
}

/// What `pollTransmit(datagram:at:)` did.
public enum DatagramTransmit: Equatable, Sendable {
    /// Nothing to send now.
    case nothing
    /// One datagram was appended, for this address; call again.
    case datagram(to: Address)
    /// Give an output with at least this many free bytes; nothing was appended.
    case outputFull(needed: Int)
}

extension Connection {
    /// Takes one datagram, and opens the frames in it in place: `input` is scratch afterwards. What is wrong with it is
    /// dropped and counted; what is authentic and breaks a rule ends the connection, which ``pollEvent()`` tells.
    ///
    /// - Returns: whether a frame in it was accepted.
    /// [SCP-DGRAM-2] [SCP-DGRAM-5] [SCP-LIMIT-6]
    @discardableResult
    public mutating func receive(
        datagram input: inout MutableSpan<UInt8>, from address: Address, at now: Instant
    ) -> Bool {
        setClock(now)
        counts.bytesReceived &+= UInt64(input.count)
        guard link != nil, state != .closed else { return drop(.unexpected) }
        guard let prefix = DatagramPrefix.parse(input.span) else { return drop(.notSCP) }
        guard link?.path.accepts(from: address) == true else { return drop(.unknownAddress) }
        link?.path.didReceive(input.count, from: address)
        let accepted = receiveFrames(&input, from: prefix.frames, address: address)
        processParked(from: address)
        return accepted
    }

    /// Works on the frames of a datagram in order.
    private mutating func receiveFrames(
        _ input: inout MutableSpan<UInt8>, from start: Int, address: Address
    ) -> Bool {
        var offset = start
        var isAccepted = false
        for _ in 0..<DatagramPrefix.maximumFrames {
            guard offset < input.count, state != .closed else { break }
            let rest = input.count - offset
            // [SCP-DGRAM-4]
            guard rest >= FrameHeader.size + FrameHeader.macSize,
                let header = try? FrameHeader.parse(input.span, at: offset, limit: rest), header.frameSize <= rest
            else {
                _ = drop(.malformed)
                break
            }
            switch receiveFrame(&input, at: offset, header, address: address) {
            case .accepted: isAccepted = true
            case .dropped(let reason): _ = drop(reason)
            case .stop(let reason):
                _ = drop(reason)
                return isAccepted
            case .parked: return isAccepted
            }
            offset += header.frameSize
        }
        return isAccepted
    }

    private mutating func receiveFrame(
        _ input: inout MutableSpan<UInt8>, at offset: Int, _ header: FrameHeader, address: Address
    ) -> FrameVerdict {
        guard header.sequence.epoch == 0 else {
            if state == .halfOpen, address == link?.path.remote {
                // [SCP-DGRAM-14]
                return link?.handshake.parked.park(input.span, from: offset) == true ? .parked : .stop(.limited)
            }
            return receiveProtected(&input, at: offset, header, address: address)
        }
        // Epoch 0 knows one address. [SCP-DGRAM-36]
        guard address == link?.path.remote else { return .dropped(.unknownAddress) }
        let frame = input.span.extracting(offset..<offset + header.frameSize)
        return receiveHandshake(frame, header)
    }

    mutating func drop(_ reason: DropReason) -> Bool { counts.drops.drop(reason) }

    /// What came before message 3 is looked at once there are keys.
    /// [SCP-DGRAM-14]
    private mutating func processParked(from address: Address) {
        guard state != .halfOpen, let waiting = link?.handshake.parked.takeAll(), !waiting.isEmpty else { return }
        for datagram in waiting {
            var copy = datagram
            var span = copy.mutableSpan
            _ = receiveFrames(&span, from: 0, address: address)
        }
    }

    /// The transport could not send what was polled. A hint: what was lost is found out by its absence.
    /// [SCP-DGRAM-37]
    public mutating func transmitFailed(_ error: TransmitError, at now: Instant) {
        setClock(now)
        if case .tooLarge(let size) = error { link?.recovery.tooLarge(size, at: clock) }
    }

    /// The peer's address, on datagrams; nil on streams.
    public var remoteAddress: Address? { link?.path.remote }
}

/// What became of one frame of a datagram.
enum FrameVerdict {
    case accepted
    /// The frames behind it are looked at all the same.
    case dropped(DropReason)
    /// Nothing behind it is believed.
    case stop(DropReason)
    /// It waits for keys with all that is behind it.
    case parked
}
