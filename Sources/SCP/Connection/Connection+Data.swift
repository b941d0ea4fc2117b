/// What the records of a DATA frame ask of the acknowledgement.
struct DataSummary {
    var isEliciting = false
    var wantsAcknowledgement = false
}

extension Connection {
    /// Processes the records of a DATA frame. The frame is acknowledged only if every one was processed or buffered.
    /// [SCP-REC-7] [SCP-REC-24] [SCP-ACK-6]
    mutating func processData(_ plaintext: Span<UInt8>) throws(Violation) -> DataSummary {
        var reader = RecordReader(plaintext)
        var summary = DataSummary()
        while true {
            let start = reader.position
            let record: Record?
            do throws(WireError) { record = try reader.nextRecord() } catch { throw Violation(error) }
            guard let record else { break }
            if case .padding = record { continue }
            summary.isEliciting = true
            do throws(Violation) {
                if try process(record, in: plaintext) { summary.wantsAcknowledgement = true }
            } catch {
                throw Violation(error.code, kind: error.kind, offset: start)
            }
        }
        return summary
    }

    /// Processes one record; returns whether it asks to be acknowledged at once.
    /// [SCP-REC-8] [SCP-REC-9] [SCP-REC-10] [SCP-REC-11] [SCP-REC-12] [SCP-REC-13] [SCP-REC-14] [SCP-REC-15]
    /// [SCP-REC-16] [SCP-REC-17] [SCP-REC-18] [SCP-REC-19] [SCP-REC-20] [SCP-REC-21]
    private mutating func process(_ record: Record, in plaintext: Span<UInt8>) throws(Violation) -> Bool {
        switch record {
        case .padding:
            return false
        case .skippable:
            counts.drops.count(.unknownExtension)
            return false
        case .ping, .blocked:
            return true
        case .channelBlocked(let channel, _):
            try inbox.check(channel)
            return channel.mode.isReliable  // [SCP-REC-37]
        case .credit(let credit):
            raiseCredit(to: credit)
        case .channelCredit(let channel, let credit):
            try outbox.check(channel)
            if channel.mode.isReliable, outbox.raiseCredit(of: channel, to: credit) { stopProbing() }
        case .piece(let piece):
            if let channel = try inbox.receive(piece, in: plaintext) { events.readable(channel) }
        case .unreliable(let message):
            if try inbox.receive(message, in: plaintext) { events.readable(message.channel) }
        case .cancel(let channel, let message, let charge, let code):
            if try inbox.cancel(channel, message: message, charge: charge) {
                events.notice(.cancelled(channel, MessageID(rawValue: message), code))
                if inbox.isReadable(channel) { events.readable(channel) }
            }
        case .refuse(let channel, let message, let code):
            try outbox.check(channel)
            events.notice(.refused(channel, MessageID(rawValue: message), code))
        case .finish(let sum):
            let isNews = !inbox.isFinished
            try inbox.finish(sum: sum)
            if isNews { events.peerFinished() }
        case .pathChallenge(let token):
            if isStream { owed.pathResponse = token } else { link?.path.owesAnswer(token) }
            return true
        case .pathResponse(let token):
            confirmPath(token)
            return false
        }
        return false
    }

    /// Takes a connection credit from a record or an ACK.
    mutating func raiseCredit(to credit: UInt64) {
        if outbox.raiseCredit(to: credit) { stopProbing() }
    }

    private mutating func stopProbing() {
        timers.probe = nil
        timers.probeInterval = Constant.firstProbeInterval
        owed.blocked = false
    }

    /// An ACK on a stream acknowledges everything up to its largest counter.
    /// [SCP-ACK-3] [SCP-ACK-4] [SCP-ACK-5] [SCP-ACK-11]
    mutating func processAcknowledgement(_ plaintext: Span<UInt8>, epoch: UInt16) throws(Violation) {
        let acknowledgement: Acknowledgement
        do throws(WireError) {
            acknowledgement = try Acknowledgement.parse(plaintext, in: 0..<plaintext.count, isStream: true)
        } catch {
            throw Violation(error)
        }
        // Nothing that was not sent, and nothing that was sent under a newer epoch than its own.
        let bound = phase.keys?.acknowledgementBound(epoch: epoch) ?? 0
        guard acknowledgement.largest < bound else { throw Violation(.sequenceViolation, offset: 1) }
        acknowledgements.didReceive(acknowledgement.largest)
        raiseCredit(to: acknowledgement.credit)
        while let receipt = outbox.takeReceipt(upTo: acknowledgement.largest) {
            events.delivered(receipt.channel, through: receipt.message)
        }
        if let sent = phase.sentClose, acknowledgement.largest >= sent.counter {
            becomeDraining(sent.isComplete ? .clean : .unconfirmed)
        }
    }

    /// The peer's CLOSE ends the session: it is acknowledged, and the keys go.
    /// [SCP-CLOSE-19] [SCP-CLOSE-22] [SCP-CLOSE-25]
    mutating func processClose(_ plaintext: Span<UInt8>) throws(Violation) {
        let close: CloseFrame
        do throws(WireError) {
            close = try CloseFrame.parse(plaintext, in: 0..<plaintext.count)
        } catch {
            throw Violation(error)
        }
        if let sent = phase.sentClose {
            // Both closed: clean only if the peer is known to have got everything.
            if !sent.hasDiscarded { appendAcknowledgementToFlight() }
            becomeDraining(sent.isComplete && !outbox.awaitsReceipts ? .clean : .unconfirmed)
        } else {
            appendAcknowledgementToFlight()
            becomeDraining(.byPeer(close.code, reason: [UInt8](plaintext, close.reason)))
        }
    }
}
