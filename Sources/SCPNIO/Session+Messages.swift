internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SCP

extension Session {
    // MARK: Sending

    func send(_ bytes: ByteBuffer, on channel: SCP.Channel) async throws -> MessageID {
        try Task.checkCancellation()
        let ticket: UInt64
        switch try attempt(bytes, on: channel) {
        case .sent(let id): return id
        case .mustWait(let number): ticket = number
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                wait(WaitingSender(bytes: bytes, channel: channel, continuation: continuation), ticket: ticket)
            }
        } onCancel: {
            lock.withLock { senders.remove(ticket) }?.continuation.resume(throwing: CancellationError())
        }
    }

    enum Attempt {
        case sent(MessageID)
        case mustWait(ticket: UInt64)
    }

    /// Sends if there is room and nobody waits for it already.
    ///
    /// - Parameter wakesDriver: false for the driver itself.
    func attempt(
        _ bytes: ByteBuffer, on channel: SCP.Channel, wakesDriver: Bool = true
    ) throws(SecureChannelError) -> Attempt {
        var wake: NIOLoopBound<Handler>?
        defer { pump(wake) }
        lock.lock()
        defer { lock.unlock() }
        if senders.isEmpty, let id = try insert(bytes, on: channel) {
            if wakesDriver { wake = requestPump() }
            return .sent(id)
        }
        return .mustWait(ticket: nextTicket())
    }

    /// Nil when the send buffer is full.
    func insert(_ bytes: ByteBuffer, on channel: SCP.Channel) throws(SecureChannelError) -> MessageID? {
        do throws(SendError) {
            let id = try engine.send(bytes.readableBytesUInt8Span, on: channel, at: now)
            if channel.mode.isReliable { accepted += 1 }
            return id
        } catch {
            switch error {
            case .full: return nil
            case .closed: throw endError ?? SecureChannelError(.closed, at: endpoint)
            default: throw SecureChannelError(.notSent(error), at: endpoint)
            }
        }
    }

    func wait(_ sender: WaitingSender, ticket: UInt64) {
        var resumptions = Resumptions()
        let wake: NIOLoopBound<Handler>? = lock.withLock {
            // A task is marked as cancelled before its handler runs, so one of the two sees the other.
            if Task.isCancelled {
                resumptions.add(sender, .failure(CancellationError()))
                return nil
            }
            senders.append(sender, ticket: ticket)
            return admitSenders(&resumptions) ? requestPump() : nil
        }
        resumptions.run()
        pump(wake)
    }

    /// Sends what waits, in order, as far as there is room. Returns whether anything was.
    func admitSenders(_ resumptions: inout Resumptions) -> Bool {
        var didSend = false
        while let sender = senders.first {
            do throws(SecureChannelError) {
                guard let id = try insert(sender.bytes, on: sender.channel) else { break }
                resumptions.add(sender, .success(id))
                didSend = true
            } catch {
                resumptions.add(sender, .failure(error))
            }
            _ = senders.removeFirst()
        }
        return didSend
    }

    // MARK: Receiving

    func receive(from channel: SCP.Channel?) async throws -> Message? {
        try Task.checkCancellation()
        let ticket: UInt64
        switch try take(from: channel) {
        case .message(let message): return message
        case .end: return nil
        case .mustWait(let number): ticket = number
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                wait(WaitingReceiver(channel: channel, continuation: continuation), ticket: ticket)
            }
        } onCancel: {
            lock.withLock { receivers.remove(ticket) }?.continuation.resume(throwing: CancellationError())
        }
    }

    enum Taken {
        case message(Message)
        case end
        case mustWait(ticket: UInt64)
    }

    func take(from channel: SCP.Channel?) throws(SecureChannelError) -> Taken {
        var wake: NIOLoopBound<Handler>?
        defer { pump(wake) }
        lock.lock()
        defer { lock.unlock() }
        if receivers.isEmpty || channel != nil, let message = read(from: channel) {
            if consumed >= creditStep { wake = requestPump() }
            return .message(message)
        }
        if isAtEnd(of: channel) {
            if let failure { throw failure }
            return .end
        }
        return .mustWait(ticket: nextTicket())
    }

    func read(from channel: SCP.Channel?) -> Message? {
        let message = engine.read(from: channel, at: now) { received, content in
            Message(received, content, allocator: allocator)
        }
        if let message { consumed += 32 + message.bytes.readableBytes }
        return message
    }

    /// Whether no message will come any more, and none is left.
    func isAtEnd(of channel: SCP.Channel?) -> Bool {
        (outcome != nil || hasPeerFinished) && !engine.isReadable(channel)
    }

    /// What receiving throws at the end. Who closed, or was told that the peer finished, knows what there was.
    var failure: SecureChannelError? {
        guard let outcome, !hasPeerFinished else { return nil }
        switch outcome {
        case .clean, .unconfirmed, .byPeer(.noError, _): return nil
        case .byPeer, .failed: return endError
        }
    }

    func wait(_ receiver: WaitingReceiver, ticket: UInt64) {
        var resumptions = Resumptions()
        let wake: NIOLoopBound<Handler>? = lock.withLock {
            if Task.isCancelled {
                resumptions.add(receiver, .failure(CancellationError()))
                return nil
            }
            receivers.append(receiver, ticket: ticket)
            serveReceivers(&resumptions)
            return consumed >= creditStep ? requestPump() : nil
        }
        resumptions.run()
        pump(wake)
    }

    /// Gives what is there to those who wait for it, and the end to all when it has come.
    func serveReceivers(_ resumptions: inout Resumptions) {
        while !receivers.isEmpty,
            let receiver = receivers.removeFirst(where: { engine.isReadable($0.channel) || isAtEnd(of: $0.channel) })
        {
            if let message = read(from: receiver.channel) {
                resumptions.add(receiver, .success(message))
            } else if let failure {
                resumptions.add(receiver, .failure(failure))
            } else {
                resumptions.add(receiver, .success(nil))
            }
        }
    }
}
