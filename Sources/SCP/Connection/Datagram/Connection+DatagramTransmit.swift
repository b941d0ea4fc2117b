extension Connection {
    /// Appends one datagram to `output`, built now: the newest acknowledgement and credit, the present epoch, within
    /// the congestion window and at its pace. What was appended counts as sent.
    ///
    /// - Returns: where it goes; `.nothing` when nothing is to be sent at present.
    public mutating func pollTransmit(
        datagram output: inout OutputSpan<UInt8>, at now: Instant
    ) -> DatagramTransmit {
        setClock(now)
        guard link != nil, state != .closed || !flight.isEmpty else { return .nothing }
        let needed = max(PathSize.base, configuration.limits.datagramSize)
        guard output.freeCapacity >= needed else { return .outputFull(needed: needed) }
        let start = output.count
        // A failure leaves a CLOSE to be sent, so a second look is enough.
        for _ in 0..<2 {
            do throws(Violation) {
                guard let address = try writeDatagram(&output) else { return .nothing }
                counts.bytesSent &+= UInt64(output.count - start)
                return .datagram(to: address)
            } catch {
                output.removeLast(output.count - start)
                _ = fail(error)
            }
        }
        return .nothing
    }

    /// Writes the next datagram; nil, with nothing written, when there is none.
    private mutating func writeDatagram(_ output: inout OutputSpan<UInt8>) throws(Violation) -> Address? {
        if !flight.isEmpty { return writeRefusal(&output) }
        switch state {
        case .waiting, .awaitingInit, .halfOpen: return writeHandshakeDatagram(&output)
        case .unconfirmed:
            // A flight of several pieces goes first; one of a single piece stands before what else is sent.
            if link?.handshake.flight?.count ?? 1 > 1, let address = writeHandshakeDatagram(&output) { return address }
            return try writeSessionDatagram(&output)
        case .held, .established: return try writeSessionDatagram(&output)
        case .closing: return try writeCloseDatagram(&output)
        case .draining: return try writeFinalDatagram(&output)
        case .deciding, .agreeing, .closed: return nil
        }
    }

    /// A CLOSE of epoch 0.
    private mutating func writeRefusal(_ output: inout OutputSpan<UInt8>) -> Address? {
        let size = flight.count
        guard let path = link?.path, path.limit.allows(size), flight.write(to: &output) else {
            flight.discard()
            return nil
        }
        link?.path.limit.didSend(size)
        return path.remote
    }

    // MARK: Handshake

    /// One piece of a handshake message, or progress.
    /// [SCP-DGRAM-9] [SCP-DGRAM-10] [SCP-DGRAM-11] [SCP-DGRAM-12] [SCP-DGRAM-18]
    private mutating func writeHandshakeDatagram(_ output: inout OutputSpan<UInt8>) -> Address? {
        guard let link else { return nil }
        guard let flight = link.handshake.flight, let index = flight.next else {
            return writeProgress(&output)
        }
        // M2 held, or M3: what is said of it in every frame. An ACK says nothing.
        let have = flight.type == .ack ? 0 : link.handshake.assembly.held
        guard let frame = try? flight.frame(index, have: have, cookie: link.handshake.cookie),
            link.path.limit.allows(frame.count)
        else { return nil }
        output.append(frame)
        didSendPiece(index, size: frame.count)
        return link.path.remote
    }

    private mutating func didSendPiece(_ index: Int, size: Int) {
        counts.framesSent &+= 1
        link?.path.limit.didSend(size)
        link?.handshake.flight?.didSend(index)
        let isFirst = link?.handshake.isFirstFlight ?? false
        guard link?.handshake.flight?.next == nil, role == .initiator else { return }
        let (jitter, now) = (randomByte(), clock)
        link?.handshake.didSendFlight(jitter: jitter, isFirst: isFirst, at: now)
    }

    private func randomByte() -> UInt8 {
        var bytes: [UInt8] = [128]
        var span = bytes.mutableSpan
        try? configuration.provider.fillRandom(&span)
        return bytes[0]
    }

    /// Says what has come of a message that is incomplete.
    private mutating func writeProgress(_ output: inout OutputSpan<UInt8>) -> Address? {
        guard let link, link.handshake.owesProgress, !link.handshake.assembly.isEmpty,
            let identity = phase.progressIdentity(link.handshake, configuration)
        else { return nil }
        link.handshake.owesProgress = false
        let isInit = identity.type == .handshakeInit
        guard role == .initiator || link.path.limit.isValidated,
            let frame = try? HandshakeFrame.piece(
                .progress(of: identity.message), type: identity.type, attempt: identity.attempt,
                hello: identity.hello, have: link.handshake.assembly.held, message: [], cookie: link.handshake.cookie,
                paddedTo: isInit ? PathSize.base : 0, key: identity.key)
        else { return nil }
        output.append(frame)
        counts.framesSent &+= 1
        link.path.limit.didSend(frame.count)
        link.handshake.lastProgress = clock
        return link.path.remote
    }

    // MARK: Session

    /// What a datagram of the session may hold.
    private struct Plan {
        var size: Int
        var hasData = false
        var hasRotation = false
        var hasAcknowledgement = false
        var isSizeProbe = false
    }

    private mutating func writeSessionDatagram(_ output: inout OutputSpan<UInt8>) throws(Violation) -> Address? {
        if let address = try writePathDatagram(&output) { return address }
        // [SCP-KEY-14]
        if phase.areKeysExhausted { throw Violation(.keyLimitReached) }
        try startRotationIfDue()
        guard let plan = plan(), let address = link?.path.remote else {
            if isReadyToClose {
                sendClose(isComplete: true)
                return try writeCloseDatagram(&output)
            }
            scheduleProbe()
            return nil
        }
        let start = output.count
        let begun = beginDatagram(&output)
        if plan.hasAcknowledgement { try writeAcknowledgementFrame(&output) }
        // A piece that does not fit behind the others goes into a datagram of its own.
        while plan.hasRotation, let message = owedRotation {
            let plaintext = message.plaintext
            guard output.count - start + FrameHeader.overhead + plaintext.count <= plan.size else { break }
            try writeRotation(message, plaintext, to: &output)
        }
        if plan.isSizeProbe {
            try writeSizeProbe(&output, size: plan.size, from: start)
        } else if plan.hasData {
            try writeDataFrame(&output, end: start + plan.size - FrameHeader.tagSize - FrameHeader.macSize)
        }
        // Messages that wait for credit alone.
        if let begun, output.count == begun {
            output.removeLast(begun - start)
            scheduleProbe()
            return nil
        }
        let size = output.count - start
        link?.recovery.didSendDatagram(size: size)
        link?.path.limit.didSend(size)
        return address
    }

    /// What is to be sent now; nil when it is nothing, or must wait.
    private mutating func plan() -> Plan? {
        guard let link else { return nil }
        var plan = Plan(size: link.recovery.pathSize.current)
        let mustProbe = link.recovery.probesOwed > 0
        if mustProbe, !wantsDataFrame, owedRotation == nil { owed.ping = true }
        let isFlightDue = state == .unconfirmed && link.handshake.flight?.next != nil
        if wantsDataFrame || owedRotation != nil {
            link.pacedUntil = nil
            if !link.recovery.allowsDatagram(isProbe: mustProbe) {
                link.recovery.isApplicationLimited = false
            } else if !mustProbe,
                let wait = link.recovery.pacer.delay(
                    for: plan.size, window: link.recovery.congestion.window,
                    roundTrip: link.recovery.roundTrip.smoothed, datagram: plan.size, at: clock)
            {
                link.recovery.isApplicationLimited = false
                link.pacedUntil = wait
            } else {
                plan.hasData = wantsDataFrame
                plan.hasRotation = owedRotation != nil
                if state == .established, outbox.wantedRoom > plan.size, !mustProbe,
                    link.recovery.congestion.allows(configuration.limits.datagramSize),
                    let size = link.recovery.nextSizeProbe(at: clock)
                {
                    plan.size = size
                    plan.isSizeProbe = true
                    plan.hasRotation = false
                }
            }
        } else {
            link.recovery.isApplicationLimited = true
        }
        // An ACK goes with whatever is sent, and by itself when it is due.
        let elicits = plan.hasData || plan.hasRotation
        plan.hasAcknowledgement =
            !plan.isSizeProbe && !owesConfirmation
            && (acknowledgements.isDue || elicits && acknowledgements.isWaiting) && !link.accepted.isEmpty
        return elicits || plan.hasAcknowledgement || isFlightDue ? plan : nil
    }

    /// What stands before the frames: the ACK flight while the responder has not spoken, otherwise the connection id.
    /// Returns where it ends, if it is not to be sent alone.
    /// [SCP-DGRAM-1] [SCP-DGRAM-11]
    private mutating func beginDatagram(_ output: inout OutputSpan<UInt8>) -> Int? {
        if let flight = link?.handshake.flight, flight.type == .ack, flight.count == 1, role == .initiator,
            let frame = try? flight.frame(0, have: 0, cookie: [])
        {
            output.append(frame)
            didSendPiece(0, size: 0)
            return nil
        }
        if let link { DatagramPrefix.write(link.path.peerConnectionID, to: &output) }
        return output.count
    }

    // [SCP-DGRAM-31] [SCP-ACK-12] [SCP-FLOW-9]
    private mutating func writeAcknowledgementFrame(_ output: inout OutputSpan<UInt8>) throws(Violation) {
        guard let accepted = link?.accepted, let newest = accepted.newest else { return }
        let waited = clock.since(accepted.newestTime).wholeNanoseconds / 1_000
        guard
            let message = accepted.acknowledgement(
                delay: min(waited, Varint.maximum), credit: currentCredit())
        else { return }
        let start = output.count
        output.append(zeros: FrameHeader.size)
        message.write(to: &output)
        let counter = try seal(&output, from: start, type: .ack)
        link?.recovery.didSend(counter, at: clock, isEliciting: false, acknowledges: newest)
        acknowledgements.didAcknowledge()
        // One that is only ever acknowledged keeps its ranges for ever: it asks for an answer now and then.
        let row = (link?.acknowledgementsInARow ?? 0) + 1
        link?.acknowledgementsInARow = row
        if row >= Constant.acknowledgementsInARow { owed.ping = true }
    }

    /// Builds one DATA frame that ends at `end` at most. Nothing is written when too little room is left for it.
    private mutating func writeDataFrame(_ output: inout OutputSpan<UInt8>, end: Int) throws(Violation) {
        let start = output.count
        guard end - start - FrameHeader.size >= Constant.minimumDatagramRoom else { return }
        // [SCP-FRAME-11]
        guard let keys = phase.keys, keys.allowsOrdinaryFrame else { throw Violation(.keyLimitReached) }
        let counter = keys.nextSendCounter
        output.append(zeros: FrameHeader.size)
        // [SCP-DGRAM-28]
        if isNearlyIdle { owed.ping = true }
        writeControlRecords(&output, upTo: end)
        if maySendMessages, outbox.hasData { _ = outbox.fill(&output, upTo: end, counter: counter) }
        while let record = outbox.takeWritten() { link?.recovery.note(record) }
        guard output.count > start + FrameHeader.size else {
            output.removeLast(FrameHeader.size)
            return
        }
        _ = try seal(&output, from: start, type: .data)
        didSendEliciting(counter)
        if outbox.takeRoomNotice() { events.writable() }
    }

    mutating func didSendEliciting(_ counter: UInt64) {
        let isEarly = state == .unconfirmed
        link?.recovery.didSend(counter, at: clock, isEliciting: true, isEarly: isEarly)
        link?.acknowledgementsInARow = 0
        acknowledgements.didSendEliciting(counter)
        timers.didSendEliciting(at: clock)
    }

    /// Whether the peer may have given us up, within a probe timeout of the idle time.
    private var isNearlyIdle: Bool {
        guard let idle = timers.idle, let link else { return false }
        return idle <= clock.advanced(by: link.recovery.roundTrip.probeTimeout)
    }

    /// A ping that padding makes as large as what is to be proved.
    /// [SCP-DGRAM-35]
    private mutating func writeSizeProbe(
        _ output: inout OutputSpan<UInt8>, size: Int, from first: Int
    ) throws(Violation) {
        let start = output.count
        let room = size - (start - first) - FrameHeader.overhead
        guard room >= 1, output.freeCapacity >= room + FrameHeader.overhead else { return }
        output.append(zeros: FrameHeader.size)
        Record.ping.write(to: &output)
        output.append(zeros: room - 1)
        let counter = try seal(&output, from: start, type: .data)
        didSendEliciting(counter)
        link?.recovery.didSendSizeProbe(counter, size: size)
    }
}
