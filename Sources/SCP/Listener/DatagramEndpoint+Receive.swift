/// Datagrams that come in: whose they are, and what strangers get.
extension DatagramEndpoint {
    /// Takes one datagram and hands it to the connection it is for; one of a stranger is answered, or begins a
    /// connection.
    ///
    /// - Parameter localPort: the port that it came to, which cookies are bound to.
    /// [SCP-DGRAM-1] [SCP-DGRAM-21]
    @discardableResult
    public mutating func receive(
        datagram input: inout MutableSpan<UInt8>, from remote: Address, localPort: UInt16 = 0, at now: Instant
    ) -> Routed {
        clock = max(clock, now)
        cookies.advance(to: clock)
        guard let prefix = DatagramPrefix.parse(input.span) else { return refuseVersion(input.span, from: remote) }
        if let range = prefix.connectionID {
            guard let index = find(input.span, identifier: range) else { return drop(.unknownAddress) }
            return deliver(&input, to: index, from: remote)
        }
        guard let header = try? FrameHeader.parse(input.span, limit: input.count), header.frameSize <= input.count
        else { return drop(.malformed) }
        guard header.sequence.epoch == 0 else { return deliverByAddress(&input, from: remote) }
        guard header.length >= 8 else { return drop(.malformed) }
        var attempt: UInt64 = 0
        for index in 0..<8 { attempt = attempt << 8 | UInt64(input.span[FrameHeader.size + index]) }
        let known = (byAddress[remote] ?? []).first { places[$0].slot?.attempt == Attempt(rawValue: attempt) }
        if let known { return deliver(&input, to: known, from: remote) }
        guard header.type == .handshakeInit else { return drop(.unexpected) }
        return receiveStranger(&input, header, from: remote, localPort: localPort)
    }

    mutating func drop(_ reason: DropReason) -> Routed {
        drops.count(reason)
        return .dropped(reason)
    }

    private mutating func deliver(
        _ input: inout MutableSpan<UInt8>, to index: Int, from remote: Address
    ) -> Routed {
        guard let slot = places[index].slot else { return drop(.unknownAddress) }
        let before = slot.connection.state
        let accepted = slot.connection.receive(datagram: &input, from: remote, at: clock)
        let home = slot.connection.state == before ? index : meet(index, from: before)
        guard let home, let handle = handle(home) else { return drop(.unexpected) }
        touch(home)
        return accepted ? .connection(handle) : .dropped(.unexpected)
    }

    /// Frames of epoch 1 without a connection id: the association at the address first, then the candidate beside it.
    /// A frame that is not a connection's is left as it was.
    private mutating func deliverByAddress(_ input: inout MutableSpan<UInt8>, from remote: Address) -> Routed {
        for index in byAddress[remote] ?? [] {
            guard let slot = places[index].slot, let handle = handle(index) else { continue }
            let isAccepted = slot.connection.receive(datagram: &input, from: remote, at: clock)
            // It may have been put aside until there are keys.
            note(index)
            guard isAccepted else { continue }
            touch(index)
            return .connection(handle)
        }
        // [SCP-DGRAM-36]
        return drop(.unknownAddress)
    }

    // MARK: Strangers

    /// An INIT of an attempt that nobody knows. Until its sender has proved to receive where it says, or there is time
    /// and room to spare, nothing is remembered of it.
    /// [SCP-DGRAM-16] [SCP-DGRAM-19] [SCP-DGRAM-30] [SCP-DGRAM-38]
    private mutating func receiveStranger(
        _ input: inout MutableSpan<UInt8>, _ header: FrameHeader, from remote: Address, localPort: UInt16
    ) -> Routed {
        guard settings.isListening, input.count >= PathSize.base else { return drop(.unexpected) }
        switch admit(input.span.extracting(0..<header.frameSize), header, from: remote, localPort: localPort) {
        case .refused(let routed): return routed
        case .admitted(let slot): return deliver(&input, to: insert(slot), from: remote)
        }
    }

    private enum Admission {
        case refused(Routed)
        case admitted(Slot)
    }

    private mutating func admit(
        _ frame: Span<UInt8>, _ header: FrameHeader, from remote: Address, localPort: UInt16
    ) -> Admission {
        let verified: ResponderHandshake<Provider>.Verified
        do throws(Violation) {
            verified = try ResponderHandshake.verify(frame, header: header, configuration, isStream: false)
        } catch {
            return .refused(drop(error.code == .authenticationFailed ? .unauthentic : .malformed))
        }
        guard case .piece(_, let count, let total) = verified.piece.kind, let range = verified.piece.cookie
        else { return .refused(drop(.unexpected)) }
        if configuration.isSymmetric, count == 1,
            let digest = configuration.digest(frame.extracting(verified.piece.bytes)), outdoes(digest, at: remote)
        {
            return .refused(drop(.unexpected))
        }
        let ephemeral = Self.ephemeral(frame, verified.piece)
        if configuration.isSilent, spent.contains(ephemeral, at: clock) { return .refused(drop(.replayed)) }
        let binding = CookieKeys<Provider>.Binding(
            remote: remote, localPort: localPort, attempt: verified.attempt, total: total)
        let isValidated = cookies.isValid([UInt8](frame, range), binding, at: clock)
        if !isValidated, needsCookie(count: count, at: remote) || !strangers.take(at: clock) {
            return .refused(retry(verified, binding))
        }
        if isValidated, !prefixes.take(remote.prefix, at: clock) { return .refused(drop(.limited)) }
        guard hasRoom(for: remote, count: count, total: total) else { return .refused(drop(.limited)) }
        let identifier = newIdentifier()
        guard
            let connection = try? Connection(
                .responder, configuration, to: remote, connectionID: identifier, at: clock)
        else { return .refused(drop(.limited)) }
        if isValidated { connection.link?.path.limit.validate() }
        let slot = Slot(
            connection, remote: remote, attempt: verified.attempt, identifier: identifier, isOwn: false)
        slot.ephemeral = ephemeral
        return .admitted(slot)
    }

    /// The first 8 bytes of the ephemeral in the first piece of M1; 0 in another piece.
    private static func ephemeral(_ frame: Span<UInt8>, _ piece: HandshakePiece) -> UInt64 {
        guard let message = try? InitMessage.parse(frame, in: piece.bytes), message.noise.count >= 8 else { return 0 }
        return (0..<8).reduce(0) { $0 << 8 | UInt64(frame[message.noise.lowerBound + $1]) }
    }

    /// Whether only an address that has been proved gets further.
    /// [SCP-DGRAM-16]
    private mutating func needsCookie(count: Int, at remote: Address) -> Bool {
        if count > 1 || byAddress[remote] != nil { return true }
        if answerSize > 3 * HandshakePiece.pieceSize { return true }
        // Under load: half of what may be half-open is, or strangers come faster than they are meant to.
        return census.halfOpen * 2 >= settings.halfOpen
            || strangers.available(at: clock) * 4 < settings.initBurst
    }

    /// [SCP-DGRAM-38]
    private func hasRoom(for remote: Address, count: Int, total: Int) -> Bool {
        guard census.halfOpen < settings.halfOpen, census.halfOpenBytes + total <= settings.halfOpenBytes
        else { return false }
        let here = halfOpen(at: remote)
        guard here < settings.halfOpenPerAddress else { return false }
        // One candidate stands beside an association. [SCP-DGRAM-30]
        if here > 0, live(at: remote).map({ isSession($0) }) == true { return false }
        if count > 1 {
            guard census.incomplete < settings.incomplete, census.incompleteBytes + total <= settings.incompleteBytes
            else { return false }
        }
        return census.held < settings.held
    }

    private func isSession(_ index: Int) -> Bool {
        switch places[index].slot?.connection.state {
        case .held, .established: true
        default: false
        }
    }

    /// Asks for a cookie, and forgets.
    /// [SCP-DGRAM-16]
    private mutating func retry(
        _ verified: ResponderHandshake<Provider>.Verified, _ binding: CookieKeys<Provider>.Binding
    ) -> Routed {
        guard answers.count < Constant.maximumAnswers,
            let cookie = try? cookies.cookie(binding, at: clock),
            let frame = try? HandshakeFrame.piece(
                .retry, type: .handshakeResponse, attempt: verified.attempt, hello: verified.hello.hello, have: 0,
                message: [], cookie: cookie, paddedTo: 0, key: verified.hello.responderToInitiator)
        else { return drop(.limited) }
        retries &+= 1
        answers.append((binding.remote, frame))
        return .answered
    }

    /// What looks like an INIT of another version is told which versions there are.
    /// [SCP-DGRAM-15]
    private mutating func refuseVersion(_ bytes: Span<UInt8>, from remote: Address) -> Routed {
        guard settings.isListening, !configuration.isSilent, bytes.count >= PathSize.base, bytes[1] == 0x01,
            isVersion(bytes[0]),
            answers.count < Constant.maximumAnswers, strangers.take(at: clock)
        else { return drop(.notSCP) }
        var attempt: UInt64 = 0
        for index in 0..<8 { attempt = attempt << 8 | UInt64(bytes[FrameHeader.size + index]) }
        let echoed = Attempt(rawValue: attempt)
        guard
            let plain = try? HelloKeys(
                provider: configuration.provider, hello: [], responderKey: nil, accessKey: nil, attempt: echoed),
            let frame = try? HandshakeFrame.close(
                attempt: echoed, named: .hello([]), code: .unsupportedVersion, list: [FrameHeader.version],
                key: plain.responderToInitiator)
        else { return drop(.notSCP) }
        answers.append((remote, frame))
        return .answered
    }

    /// Versions to come are 2 and 3: what is above belongs to other protocols on the same port (RFC 7983, RFC 9443).
    private func isVersion(_ octet: UInt8) -> Bool { octet == 0x02 || octet == 0x03 }
}
