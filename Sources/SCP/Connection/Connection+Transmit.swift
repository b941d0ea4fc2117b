extension Connection {
    /// Appends frames to `output`, built now: the newest acknowledgement and credit, the current epoch. What was
    /// appended counts as sent; the adapter writes all of it, in order.
    ///
    /// - Parameter unwritten: bytes the adapter holds that the transport has not taken.
    /// [SCP-STREAM-1] [SCP-STREAM-4]
    public mutating func pollTransmit(
        into output: inout OutputSpan<UInt8>, unwritten: Int, at now: Instant
    ) -> Transmit {
        setClock(now)
        if !flight.isEmpty { return writeFlight(&output) }
        // [SCP-CLOSE-21]
        if owesEndOfStream {
            owesEndOfStream = false
            return .endOfStream
        }
        switch state {
        case .unconfirmed, .held, .established: break
        default: return .nothing
        }
        // [SCP-STREAM-5] [SCP-LIMIT-4]
        guard unwritten <= configuration.limits.writeHighWater else { return .nothing }
        let before = output.count
        do throws(Violation) {
            let result = try writeSessionFrames(&output)
            counts.bytesSent &+= UInt64(output.count - before)
            if result == .nothing {
                if isReadyToClose { return closeAfterFlush(&output) }
                scheduleProbe()
            }
            return result
        } catch {
            _ = fail(error)
            counts.bytesSent &+= UInt64(output.count - before)
            // What was appended before the failure is written; CLOSE and the end of the stream are said after it.
            return output.count > before ? .wrote : pollTransmit(into: &output, unwritten: unwritten, at: now)
        }
    }

    private mutating func writeFlight(_ output: inout OutputSpan<UInt8>) -> Transmit {
        let size = flight.count
        guard flight.write(to: &output) else { return .outputFull(needed: size) }
        counts.bytesSent &+= UInt64(size)
        return .wrote
    }

    private mutating func closeAfterFlush(_ output: inout OutputSpan<UInt8>) -> Transmit {
        sendClose(isComplete: true)
        return writeFlight(&output)
    }

    /// Whether a graceful close has nothing left to wait for.
    /// [SCP-CLOSE-13]
    var isReadyToClose: Bool {
        guard let closeIntent, outbox.isEmpty else { return false }
        return !closeIntent.afterPeerFinished || inbox.isFinished
    }

    /// One ACK if one is due, and one DATA frame if there is anything to say.
    private mutating func writeSessionFrames(_ output: inout OutputSpan<UInt8>) throws(Violation) -> Transmit {
        // [SCP-HS-21] The confirmation goes before everything else, an ACK of what came right behind M3 included.
        if owesConfirmation { return try writeData(to: &output) }
        var wrote = false
        // [SCP-ACK-8] [SCP-ACK-10]
        if acknowledgements.isDue, let newest = acknowledgements.newest {
            let needed = FrameHeader.overhead + Constant.maximumAcknowledgement
            guard output.freeCapacity >= needed else { return .outputFull(needed: needed) }
            try writeAcknowledgement(newest, to: &output)
            wrote = true
        }
        // [SCP-KEY-14]
        if phase.areKeysExhausted { throw Violation(.keyLimitReached) }
        try startRotationIfDue()
        // [SCP-ROT-5]
        if let message = owedRotation {
            let plaintext = message.plaintext
            let needed = FrameHeader.overhead + plaintext.count
            guard output.freeCapacity >= needed else { return wrote ? .wrote : .outputFull(needed: needed) }
            try writeRotation(message, plaintext, to: &output)
            wrote = true
        }
        guard wantsDataFrame else { return wrote ? .wrote : .nothing }
        switch try writeData(to: &output) {
        case .nothing: return wrote ? .wrote : .nothing
        // A request for room comes alone: whoever answers it with another buffer must lose nothing.
        case .outputFull(let needed): return wrote ? .wrote : .outputFull(needed: needed)
        case .wrote, .endOfStream: return .wrote
        }
    }

    /// Whether the responder's first frame of epoch 1 is still to be written.
    var owesConfirmation: Bool {
        role == .responder && owed.credit && phase.keys?.nextSendCounter == 0
    }

    // [SCP-ACK-12] [SCP-FLOW-9]
    private mutating func writeAcknowledgement(
        _ newest: UInt64, to output: inout OutputSpan<UInt8>
    ) throws(Violation) {
        let start = output.count
        output.append(zeros: FrameHeader.size)
        Acknowledgement(upTo: newest, credit: currentCredit()).write(to: &output)
        _ = try seal(&output, from: start, type: .ack)
        acknowledgements.didAcknowledge()
    }

    /// Writes the next piece of our request or answer, on streams all of it.
    /// [SCP-ROT-5] [SCP-ROT-23]
    mutating func writeRotation(
        _ message: OwedRotation, _ plaintext: [UInt8], to output: inout OutputSpan<UInt8>
    ) throws(Violation) {
        // [SCP-FRAME-11]
        guard phase.keys?.allowsOrdinaryFrame == true else { throw Violation(.keyLimitReached) }
        let start = output.count
        output.append(zeros: FrameHeader.size)
        output.append(plaintext)
        let counter = try seal(&output, from: start, type: message.type)
        var message = message
        let piece = message.didWrite()
        link?.recovery.note(.rotation(piece: piece))
        link?.rotation = message
        owedRotation = message.isWritten ? nil : message
        didSendEliciting(counter)
    }

    /// The credit to announce: everything once the peer is accepted, what the handshake promised before.
    mutating func currentCredit() -> UInt64 {
        peer == nil ? inbox.connection.granted : inbox.announceConnectionCredit()
    }

    /// Whether messages of ours may leave: the peer has been accepted by us.
    /// Not before confirmation where another attempt may become the session.
    /// [SCP-STATE-14] [SCP-HS-26] [SCP-DGRAM-29]
    var maySendMessages: Bool {
        state == .established || state == .unconfirmed && (isStream || !configuration.isSymmetric)
    }

    var wantsDataFrame: Bool {
        if !owed.isEmpty || inbox.owedChannelCredits > 0 { return true }
        if peer != nil, inbox.owesConnectionCredit { return true }
        guard maySendMessages else { return false }
        return outbox.hasData || !outbox.notices.isEmpty || outbox.owesFinish && outbox.isEmpty
    }

    /// Builds one DATA frame: control records first, then pieces of messages.
    /// [SCP-REC-35]
    private mutating func writeData(to output: inout OutputSpan<UInt8>) throws(Violation) -> Transmit {
        let minimum = FrameHeader.overhead + Constant.minimumFrameRoom
        let wanted = outbox.preferredFrameSize(peerFrameLimit - FrameHeader.tagSize)
        // Where something stands in the output already, a fresh one is better than a stunted frame.
        let enough = output.isEmpty ? minimum : max(minimum, FrameHeader.overhead + min(wanted, outbox.wantedRoom))
        guard output.freeCapacity >= enough else { return .outputFull(needed: enough) }
        // [SCP-FRAME-11]
        guard let keys = phase.keys, keys.allowsOrdinaryFrame else { throw Violation(.keyLimitReached) }
        let counter = keys.nextSendCounter
        let start = output.count
        let end = start + FrameHeader.size + min(wanted, output.freeCapacity - FrameHeader.overhead)
        output.append(zeros: FrameHeader.size)
        writeControlRecords(&output, upTo: end)
        var needed = 0
        if maySendMessages, outbox.hasData,
            case .needs(let room) = outbox.fill(&output, upTo: end, counter: counter)
        {
            needed = room
        }
        guard output.count > start + FrameHeader.size else {
            output.removeLast(FrameHeader.size)
            return needed > 0 ? .outputFull(needed: needed + FrameHeader.overhead) : .nothing
        }
        _ = try seal(&output, from: start, type: .data)
        acknowledgements.didSendEliciting(counter)
        timers.didSendEliciting(at: clock)
        if outbox.takeRoomNotice() { events.writable() }
        return .wrote
    }

    /// Appends tag and HMAC to the plaintext that follows the header at `start`, and protects the frame.
    mutating func seal(
        _ output: inout OutputSpan<UInt8>, from start: Int, type: FrameType
    ) throws(Violation) -> UInt64 {
        let count = output.count - start - FrameHeader.size
        output.append(zeros: FrameHeader.tagSize + FrameHeader.macSize)
        var frame = output.mutableSpan
        let sealed =
            phase.keys?.seal(&frame, at: start, plaintextCount: count, type: type)
            ?? .failure(Violation(.internalError))
        switch sealed {
        case .success(let counter):
            counts.framesSent &+= 1
            return counter
        case .failure(let violation):
            // [SCP-PROT-11]
            // Nothing of a frame that could not be protected may leave.
            output.removeLast(output.count - start)
            throw violation
        }
    }

    // [SCP-FLOW-13] [SCP-REC-17]
    mutating func writeControlRecords(_ output: inout OutputSpan<UInt8>, upTo end: Int) {
        if owed.credit || peer != nil && inbox.owesConnectionCredit {
            owed.credit = false
            link?.recovery.note(.credit)
            Record.credit(currentCredit()).write(to: &output)
        }
        if owed.ping {
            owed.ping = false
            Record.ping.write(to: &output)
        }
        if let token = owed.pathResponse {
            owed.pathResponse = nil
            Record.pathResponse(token: token).write(to: &output)
        }
        if owed.blocked {
            owed.blocked = false
            writeBlockedRecords(&output, upTo: end)
        }
        while end - output.count >= Constant.maximumControlRecord, inbox.owedChannelCredits > 0,
            let next = inbox.nextChannelCredit()
        {
            link?.recovery.note(.channelCredit(next.channel))
            Record.channelCredit(next.channel, next.credit).write(to: &output)
        }
        guard maySendMessages else { return }
        outbox.writeNotices(&output, upTo: end)
        // [SCP-CLOSE-16]
        if end - output.count >= Constant.maximumControlRecord, let sum = outbox.takeFinish() {
            link?.recovery.note(.finish)
            outbox.didSendNotice()
            Record.finish(charge: sum).write(to: &output)
        }
    }

    // [SCP-REC-12] [SCP-REC-13]
    private mutating func writeBlockedRecords(_ output: inout OutputSpan<UInt8>, upTo end: Int) {
        counts.blockedProbes &+= 1
        if outbox.isBlockedOnConnection {
            Record.blocked(limit: outbox.connection.credit).write(to: &output)
        }
        for (channel, credit) in outbox.blockedChannels where end - output.count >= Constant.maximumControlRecord {
            Record.channelBlocked(channel, limit: credit).write(to: &output)
        }
    }

    /// A sender that has data, no credit for it and nothing in flight that will be answered asks after a while, by
    /// timer and never in answer to an ACK.
    /// [SCP-FLOW-10]
    mutating func scheduleProbe() {
        guard maySendMessages, outbox.isStalled, !outbox.isEmpty, timers.probe == nil, !owed.blocked,
            !hasElicitingInFlight
        else { return }
        timers.probe = clock.advanced(by: timers.probeInterval)
    }

    /// Whether a frame of ours is on its way that will be answered.
    var hasElicitingInFlight: Bool {
        link.map { $0.recovery.log.elicitingCount > 0 } ?? acknowledgements.hasElicitingInFlight
    }
}
