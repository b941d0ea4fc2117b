internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SCP

/// What the handler calls, on the event loop.
extension Session {
    func attach(_ driver: NIOLoopBound<Handler>) { lock.withLock { self.driver = driver } }

    /// The transport is gone.
    func detach() { lock.withLock { driver = nil } }

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

    func advance() { lock.withLock { engine.advance(to: now) } }

    /// Appends frames to the buffer, at least `capacity` bytes large, until it is full or there is nothing to say.
    /// After
    /// it has written something the driver looks again without being told.
    func transmit(into buffer: inout ByteBuffer, capacity: Int, unwritten: Int) -> Transmit {
        lock.lock()
        defer { lock.unlock() }
        consumed = 0
        let now = now
        return buffer.append(capacity: capacity) { output in
            var result = Transmit.wrote
            while result == .wrote {
                result = engine.pollTransmit(into: &output, unwritten: unwritten + output.count, at: now)
            }
            isPumpDue = !output.isEmpty || unwritten > writeHighWater
            return result
        }
    }

    /// What happened since the driver last asked.
    struct Report {
        var events: [Event] = []
        /// Messages that had waited were accepted: there is more to transmit.
        var hasAdmitted = false
        var deadline: Deadline?
        var isTerminated = false
        /// Tasks to go on. They do once everything is written: one of them may end the program.
        var resumptions = Resumptions()
    }

    /// Takes what happened, and finds out whom it concerns.
    func report() -> Report {
        lock.withLock {
            var report = Report()
            while let event = engine.pollEvent() {
                note(event, &report)
                report.events.append(event)
            }
            report.deadline = engine.deadline
            report.isTerminated = engine.isTerminated
            return report
        }
    }

    func note(_ event: Event, _ report: inout Report) {
        switch event {
        case .established(let peer):
            while let continuation = establishing.removeFirst() { report.resumptions.add(continuation, .success(peer)) }
        case .readable, .cancelled:
            serveReceivers(&report.resumptions)
        case .writable:
            if admitSenders(&report.resumptions) { report.hasAdmitted = true }
        case .delivered(let channel, let message):
            delivered[channel] = message.rawValue
        case .peerFinished:
            hasPeerFinished = true
            serveReceivers(&report.resumptions)
        case .closed(let closure):
            outcome = closure
            end(closure, &report.resumptions)
        case .identityPending, .refused, .rotated, .rotationStalled:
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
