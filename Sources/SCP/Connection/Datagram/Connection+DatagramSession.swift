/// Frames of epoch 1 and later on datagrams.
extension Connection {
    /// Opens a protected frame; only then does anything change.
    /// [SCP-DGRAM-5] [SCP-DGRAM-26] [SCP-DGRAM-27] [SCP-PROT-6]
    mutating func receiveProtected(
        _ input: inout MutableSpan<UInt8>, at offset: Int, _ header: FrameHeader, address: Address
    ) -> FrameVerdict {
        guard let keys = phase.keys else { return .dropped(.unknownEpoch) }
        if let refusal = keys.refusal(header) { return .dropped(refusal) }
        switch keys.openDatagram(&input, at: offset, header: header) {
        case .forged:
            countForgery()
            return .stop(.unauthentic)
        case .broken(let violation):
            _ = fail(violation)
            return .accepted
        case .opened(let opened):
            counts.framesReceived &+= 1
            do throws(Violation) {
                try process(opened, in: &input, header, address: address)
            } catch {
                _ = fail(error)
            }
            return .accepted
        }
    }

    /// [SCP-DGRAM-6]
    private mutating func countForgery() {
        link?.forgeries &+= 1
        if let forgeries = link?.forgeries, forgeries >= Constant.integrityLimit { fail(locally: .keyLimitReached) }
    }

    private mutating func process(
        _ opened: OpenedFrame, in input: inout MutableSpan<UInt8>, _ header: FrameHeader, address: Address
    ) throws(Violation) {
        timers.restart(at: clock)
        noteAddress(address, counter: header.sequence.counter)
        let isFirst = header.sequence.counter == 0 || opened.isFirstOfEpoch
        if state == .unconfirmed {
            // [SCP-STATE-12]
            if header.type == .handshakeResponse { throw Violation(.unexpectedMessage, offset: 1) }
            // [SCP-HS-25]
            if header.type != .close { becomeEstablished() }
        }
        if opened.isFirstOfEpoch {
            turnedEpoch()
            // [SCP-ROT-24]
            let wait = (link?.recovery.roundTrip.probeTimeout ?? .zero) * 3
            link?.oldKeysUntil = clock.advanced(by: wait)
        }
        try processDatagramFrame(input.span.extracting(opened.plaintext), header, isFirst: isFirst)
        if phase.areKeysExhausted { throw Violation(.keyLimitReached) }
    }

    private mutating func processDatagramFrame(
        _ plaintext: Span<UInt8>, _ header: FrameHeader, isFirst: Bool
    ) throws(Violation) {
        switch (state, header.type) {
        case (.closing, .ack): try processDatagramAcknowledgement(plaintext, epoch: header.sequence.epoch)
        case (.closing, .close):
            accept(header.sequence.counter, isEliciting: true, atOnce: true)
            try processDatagramClose(plaintext)
        case (.closing, _):
            counts.drops.count(.unexpected)
            link?.provokeClose(at: clock)
        case (.draining, .close):
            accept(header.sequence.counter, isEliciting: true, atOnce: true)
            owesFinalAcknowledgement(after: (link?.recovery.roundTrip.probeTimeout ?? .zero) / 4)
        case (.draining, _): counts.drops.count(.unexpected)
        case (_, .data):
            let summary = try processData(plaintext)
            // [SCP-ACK-9] [SCP-HS-27] [SCP-ROT-16]
            let atOnce = summary.wantsAcknowledgement || isFirst || configuration.acknowledgesEveryMessage
            accept(header.sequence.counter, isEliciting: summary.isEliciting, atOnce: atOnce)
        case (_, .ack):
            try processDatagramAcknowledgement(plaintext, epoch: header.sequence.epoch)
            accept(header.sequence.counter, isEliciting: false, atOnce: false)
        case (_, .close):
            accept(header.sequence.counter, isEliciting: true, atOnce: true)
            try processDatagramClose(plaintext)
        case (_, .handshakeInit):
            try processRotationInit(plaintext)
            accept(header.sequence.counter, isEliciting: true, atOnce: true)
        case (_, .handshakeResponse):
            try processRotationResponse(plaintext)
            accept(header.sequence.counter, isEliciting: true, atOnce: true)
        }
    }

    /// Takes note of a frame that was processed; one out of order is acknowledged at once.
    /// [SCP-DGRAM-31]
    private mutating func accept(_ counter: UInt64, isEliciting: Bool, atOnce: Bool) {
        let arrival = link?.accepted.insert(counter, at: clock) ?? .inOrder
        acknowledgements.accept(
            counter, isEliciting: isEliciting, atOnce: atOnce || arrival != .inOrder, now: clock)
    }

    // MARK: Acknowledgement

    /// [SCP-ACK-4] [SCP-ACK-5] [SCP-DGRAM-31] [SCP-DGRAM-32]
    private mutating func processDatagramAcknowledgement(
        _ plaintext: Span<UInt8>, epoch: UInt16
    ) throws(Violation) {
        let acknowledgement: Acknowledgement
        do throws(WireError) {
            acknowledgement = try Acknowledgement.parse(plaintext, in: 0..<plaintext.count, isStream: false)
        } catch {
            throw Violation(error)
        }
        let bound = phase.keys?.acknowledgementBound(epoch: epoch) ?? 0
        guard acknowledgement.largest < bound else { throw Violation(.sequenceViolation, offset: 1) }
        if state == .closing {
            if link?.close?.isAcknowledged(by: acknowledgement) == true {
                becomeDraining(phase.sentClose?.isComplete == true ? .clean : .unconfirmed)
            }
            return
        }
        raiseCredit(to: acknowledgement.credit)
        link?.recovery.acknowledge(acknowledgement, at: clock)
        timers.floor = (link?.recovery.roundTrip.probeTimeout ?? .zero) * 3
        if let known = link?.recovery.knownAcknowledgement { link?.accepted.forget(upTo: known) }
        if link?.recovery.probeCount == 0 { link?.isSuspect = false }
        settleRecords()
    }

    /// Does what follows from frames that were acknowledged or lost.
    mutating func settleRecords() {
        while let record = link?.recovery.takeAcknowledged() { didAcknowledge(record) }
        while let record = link?.recovery.takeLost() { didLose(record) }
        if outbox.takeRoomNotice() { events.writable() }
    }

    /// [SCP-DGRAM-33]
    private mutating func didAcknowledge(_ record: SentRecord) {
        switch record {
        case .piece(let channel, let message, let start, let end):
            if let through = outbox.acknowledge(channel, message, start..<end) {
                events.delivered(channel, through: through.rawValue)
            }
        case .cancel, .refuse, .finish: outbox.acknowledgeNotice()
        case .credit: link?.handshake.isConfirmationKnown = true
        case .channelCredit, .rotation: break
        }
    }

    /// Has what was lost sent again, in new frames, with what holds now.
    /// [SCP-DGRAM-7] [SCP-DGRAM-32] [SCP-ROT-23]
    private mutating func didLose(_ record: SentRecord) {
        switch record {
        case .piece(let channel, let message, let start, let end): outbox.lose(channel, message, start..<end)
        case .credit: owed.credit = true
        case .channelCredit(let channel): inbox.announceAgain(channel)
        case .cancel(let channel, let message, let charge, let code):
            outbox.lose(.cancel(channel, message: message, charge: charge, code: code))
        case .refuse(let channel, let message, let code):
            outbox.lose(.refuse(channel, message: message, code: code))
        case .finish: outbox.loseFinish()
        case .rotation(let piece): didLoseRotation(piece: piece)
        }
    }

    // MARK: Path

    /// The newest authentic frame may come from an address that the peer has moved to.
    /// [SCP-DGRAM-36]
    private mutating func noteAddress(_ address: Address, counter: UInt64) {
        guard let path = link?.path, address != path.remote, path.move?.address != address, state == .established,
            phase.keys?.isNewest(counter) == true,
            let token = try? Attempt.random(configuration.provider).rawValue
        else { return }
        let wait = link?.recovery.roundTrip.probeTimeout ?? RoundTrip.initial
        link?.path.propose(address, token: token, until: clock.advanced(by: wait))
    }

    /// [SCP-DGRAM-36]
    mutating func confirmPath(_ token: UInt64) {
        guard link?.path.confirm(token) == true, let remote = link?.path.remote else { return }
        link?.recovery.resetPath()
        events.pathChanged(remote)
    }

    /// What an address is asked, or answered, in a datagram of its own: neither waits for the congestion window, which
    /// may be full of what was sent to an address that the peer has left.
    /// [SCP-DGRAM-36]
    mutating func writePathDatagram(_ output: inout OutputSpan<UInt8>) throws(Violation) -> Address? {
        guard let link, state == .established, link.recovery.allowsDatagram(isProbe: true) else { return nil }
        if let answer = link.path.takeAnswer() {
            let size = try writePathRecord(.pathResponse(token: answer.token), to: &output)
            link.path.didSendAnswer(to: answer.address, size: size)
            return answer.address
        }
        guard let move = link.path.dueChallenge(size: pathDatagramSize) else { return nil }
        let size = try writePathRecord(.pathChallenge(token: move.token), to: &output)
        link.path.didSendChallenge(
            size: size, repeatAt: clock.advanced(by: link.recovery.roundTrip.probeTimeout))
        return move.address
    }

    private var pathDatagramSize: Int {
        let identifier = link?.path.peerConnectionID.count ?? 0
        let prefix = identifier == 0 ? 0 : identifier + 2
        return prefix + FrameHeader.overhead + Record.pathChallenge(token: 0).encodedSize
    }

    /// Returns the size of the datagram.
    private mutating func writePathRecord(
        _ record: Record, to output: inout OutputSpan<UInt8>
    ) throws(Violation) -> Int {
        let first = output.count
        DatagramPrefix.write(link?.path.peerConnectionID ?? [], to: &output)
        let start = output.count
        output.append(zeros: FrameHeader.size)
        record.write(to: &output)
        let counter = try seal(&output, from: start, type: .data)
        didSendEliciting(counter)
        let size = output.count - first
        link?.recovery.didSendDatagram(size: size)
        return size
    }
}
