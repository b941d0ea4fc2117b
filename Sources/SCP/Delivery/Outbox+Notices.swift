/// What a sender gives up, and what it says about single messages.
extension Outbox {
    /// Gives a message up that was not sent whole. Returns false when there is nothing to cancel.
    /// [SCP-REC-30]
    mutating func cancel(_ id: UInt64, on channel: Channel, code: ErrorCode) -> Bool {
        guard notices.count + withdrawnCount < Outbox.maximumNotices else { return false }
        guard let handle = queue.find(id, on: channel) else { return cancelHeld(id, on: channel, code: code) }
        let index = channelIndex(channel)
        guard queue.first(on: channel) == handle else {
            guard channel.mode.isReliable else {
                queue.remove(handle)
                return true
            }
            return withdraw(handle, id, index, code)
        }
        var charge: UInt64 = 0
        if let started = channels[index].started {
            // One that was started and of which no piece has left yet was not charged as far as the peer knows.
            if started > 0 { charge = FlowControl.charge(UInt64(started)) }
            // Unreliable messages reserve nothing.
            if channel.mode.isReliable {
                let unsent = FlowControl.charge(UInt64(queue.size(handle))) - charge
                connection.release(unsent)
                channels[index].window.release(unsent)
            }
            endStarted(index)
        }
        channels[index].isBlocked = false
        if waiting == channel { waiting = nil }
        queue.remove(handle)
        isStalled = false
        if channel.mode.isReliable {
            notices.append(.cancel(channel, message: id, charge: charge, code: code))
        }
        retireWithdrawn(index)
        held?.forget(channel, id)
        settleSpan(index)
        return true
    }

    /// Gives up a reliable message that was not begun. The peer hears of it when its turn comes: said before, with
    /// many others, it would fill what the peer may remember of finished messages.
    /// [SCP-REC-39]
    @discardableResult
    mutating func withdraw(
        _ handle: MessageQueue.Handle, _ id: UInt64, _ index: Int, _ code: ErrorCode
    ) -> Bool {
        guard channels[index].withdraw(id, code) else { return false }
        withdrawnCount += 1
        queue.empty(handle)
        if channels[index].started == nil { retireWithdrawn(index) }
        return true
    }

    /// Turns the withdrawn messages that have come to the head of a channel into notices.
    mutating func retireWithdrawn(_ index: Int) {
        let channel = channels[index].channel
        while let head = queue.first(on: channel), let code = channels[index].takeWithdrawn(queue.id(head)) {
            withdrawnCount -= 1
            notices.append(.cancel(channel, message: queue.id(head), charge: 0, code: code))
            queue.remove(head)
            isStalled = false
        }
    }

    mutating func endStarted(_ index: Int) {
        if channels[index].started != nil { startedCount -= 1 }
        channels[index].started = nil
    }

    mutating func refuse(_ id: UInt64, on channel: Channel, code: ErrorCode) {
        guard notices.count < Outbox.maximumNotices else { return }
        notices.append(.refuse(channel, message: id, code: code))
    }

    /// Appends what there is to say about single messages, as far as it fits.
    mutating func writeNotices(_ frame: inout OutputSpan<UInt8>, upTo end: Int) {
        var written = 0
        while end - frame.count >= Constant.maximumControlRecord, written < notices.count {
            switch notices[written] {
            case .cancel(let channel, let message, let charge, let code):
                held?.written.append(.cancel(channel, message: message, charge: charge, code: code))
                Record.cancel(channel, message: message, charge: charge, code: code).write(to: &frame)
            case .refuse(let channel, let message, let code):
                held?.written.append(.refuse(channel, message: message, code: code))
                Record.refuse(channel, message: message, code: code).write(to: &frame)
            }
            didSendNotice()
            written += 1
        }
        notices.removeFirst(written)
    }
}
