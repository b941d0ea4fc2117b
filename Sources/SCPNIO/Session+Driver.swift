internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SCP
internal import SCPRecording

/// What the handler calls, on the event loop.
extension Session {
    func attach(_ handler: any SessionDriver) { driver.withLockedValue { $0 = handler } }

    /// The transport is gone.
    func detach() { driver.withLockedValue { $0 = nil } }

    /// Opens the frames in the buffer in place. What is wrong with them comes out as the closing event.
    func receive(_ buffer: inout ByteBuffer) {
        lock.lock()
        defer { lock.unlock() }
        let now = now
        do throws(ConnectionError) {
            try buffer.withReadableSpan { bytes throws(ConnectionError) in try engine.receive(&bytes, at: now) }
        } catch {}
    }

    func receiveEnd(_ end: StreamEnd) { lock.withLock { engine.receiveEnd(end, at: now) } }

    /// Returns whether the connection has fallen quiet.
    func advance() -> Bool {
        lock.withLock {
            engine.advance(to: now)
            return engine.isQuiet
        }
    }

    /// Appends frames to the buffer, at least `capacity` bytes large, until it is full or there is nothing to say.
    ///
    /// - Returns: also whether the driver should look again soon by itself: who sends one message often sends the
    ///   next, and nobody need wake the driver for it.
    func transmit(
        into buffer: inout ByteBuffer, capacity: Int, unwritten: Int
    ) -> (transmit: Transmit, mustLookAgain: Bool) {
        lock.lock()
        defer { lock.unlock() }
        drain()
        consumed = 0
        let now = now
        var result = Transmit.wrote
        buffer.append(capacity: capacity) { output in
            while result == .wrote {
                result = engine.pollTransmit(into: &output, unwritten: unwritten + output.count, at: now)
            }
        }
        setRoom()
        let mustLookAgain = outgoing.withLockedValue { outgoing in
            outgoing.driverLooked(isBusy: buffer.readableBytes > 0, isBehind: unwritten > writeHighWater)
        }
        return (result, mustLookAgain)
    }

    /// What happened since the driver last asked.
    struct Report {
        var events: [Event] = []
        /// There is more to transmit: messages that had waited, or credit.
        var hasMore = false
        var deadline: Deadline?
        var isTerminated = false
        /// Tasks to go on. They do once everything is written: one of them may end the program.
        var resumptions = Resumptions()
    }

    /// Adds what happened, and finds out whom it concerns.
    func collect(into report: inout Report) {
        lock.withLock {
            report.hasMore = false
            while let event = engine.pollEvent() {
                note(event, &report)
                report.events.append(event)
            }
            if owesCredit { report.hasMore = true }
            setRoom()
            report.deadline = engine.deadline
            report.isTerminated = engine.isTerminated
        }
    }

    func note(_ event: Event, _ report: inout Report) {
        switch event {
        case .established(let peer):
            while let continuation = establishing.removeFirst() { report.resumptions.add(continuation, .success(peer)) }
        case .readable, .cancelled:
            serveReceivers(&report.resumptions)
        case .writable:
            if admitSenders(&report.resumptions) { report.hasMore = true }
        case .delivered(let channel, let message):
            delivered[channel] = message.rawValue
        case .peerFinished:
            hasPeerFinished = true
            serveReceivers(&report.resumptions)
        case .closed(let closure):
            outcome = closure
            drain(closes: true)
            end(closure, &report.resumptions)
        case .identityPending, .agreementNeeded, .refused, .rotated, .rotationStalled, .pathChanged, .pathSuspect:
            break
        }
    }

    func end(_ closure: Closure, _ resumptions: inout Resumptions) {
        let error = endError ?? SecureChannelError(.closed, at: endpoint)
        serveReceivers(&resumptions)
        while let sender = senders.removeFirst() { resumptions.add(sender, .failure(error)) }
        while let continuation = establishing.removeFirst() { resumptions.add(continuation, .failure(error)) }
        while let continuation = closing.removeFirst() { resumptions.add(continuation, .success(closure)) }
    }

    /// The last frames are written: a task that asked for the end in between goes on, too.
    func endWasFlushed() {
        var resumptions = Resumptions()
        lock.withLock {
            hasFlushedEnd = true
            guard let outcome else { return }
            while let continuation = closing.removeFirst() { resumptions.add(continuation, .success(outcome)) }
        }
        resumptions.run()
    }

    /// Every message that is there, for handlers later in the pipeline.
    func readAll() -> [Message] {
        lock.withLock {
            var messages: [Message] = []
            while let message = read(from: nil) { messages.append(message) }
            return messages
        }
    }
}

extension Instant {
    /// NIO's monotonic clock, which a test's event loop may move by itself.
    init(_ deadline: NIODeadline) { self.init(nanoseconds: deadline.uptimeNanoseconds) }
}

extension NIODeadline {
    init(_ instant: Instant) { self = .uptimeNanoseconds(min(instant.nanoseconds, UInt64(Int64.max))) }
}
