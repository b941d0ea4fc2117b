internal import NIOConcurrencyHelpers
internal import NIOCore
internal import SCP
internal import SCPRecording

extension Session {
    // MARK: Sending

    nonisolated(nonsending) func send(_ bytes: ByteBuffer, on channel: SCP.Channel) async throws -> MessageID {
        try Task.checkCancellation()
        let (taken, mustPump) = outgoing.withLockedValue { outgoing in
            let id = outgoing.take(bytes, on: channel)
            return (id, id != nil && outgoing.requestPump())
        }
        if mustPump { pump() }
        if let taken { return taken }
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
        let id: MessageID
        do {
            lock.lock()
            defer { lock.unlock() }
            drain(closes: true)
            defer { setRoom() }
            guard senders.isEmpty, let accepted = try insert(bytes, on: channel) else {
                return .mustWait(ticket: nextTicket())
            }
            id = accepted
        }
        if wakesDriver { requestPump() }
        return .sent(id)
    }

    /// Nil when the send buffer is full.
    func insert(_ bytes: ByteBuffer, on channel: SCP.Channel) throws(SecureChannelError) -> MessageID? {
        do throws(SendError) {
            let id = try engine.send(bytes.readableBytesUInt8Span, on: channel, at: now)
            if channel.mode.isReliable { accepted += 1 }
            outgoing.withLockedValue { $0.note(id, on: channel) }
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
        var mustPump = false
        lock.withLock {
            // A task is marked as cancelled before its handler runs, so one of the two sees the other.
            guard !Task.isCancelled else { return resumptions.add(sender, .failure(CancellationError())) }
            drain(closes: true)
            senders.append(sender, ticket: ticket)
            mustPump = admitSenders(&resumptions)
            setRoom()
        }
        resumptions.run()
        if mustPump { requestPump() }
    }

    /// Gives the engine what was gathered. It takes all of it, unless it has been closed by the peer meanwhile: then
    /// the messages count as not delivered.
    ///
    /// - Parameter closes: whether gathering stops until ``setRoom()``: so who then gives the engine more, or closes
    ///   it, takes nothing from what was gathered meanwhile.
    func drain(closes: Bool = false) {
        for message in outgoing.withLockedValue({ $0.empty(closes: closes) }) {
            accepted += 1
            _ = try? engine.send(message.bytes.readableBytesUInt8Span, on: message.channel, at: now)
        }
    }

    /// Lets messages be gathered for the room that there is, unless somebody waits in line for it.
    func setRoom() {
        let room = engine.peer == nil || !senders.isEmpty ? nil : engine.sendRoom
        outgoing.withLockedValue { $0.setRoom(room) }
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

    nonisolated(nonsending) func receive(from channel: SCP.Channel?) async throws -> Message? {
        try Task.checkCancellation()
        if let message = incoming.withLockedValue({ $0.next(from: channel) }) { return message }
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
        var mustPump = false
        defer { if mustPump { requestPump() } }
        lock.lock()
        defer { lock.unlock() }
        if receivers.isEmpty || channel != nil, let message = next(from: channel) {
            if receivers.isEmpty, channel == nil { readAhead() }
            mustPump = owesCredit
            return .message(message)
        }
        if isAtEnd(of: channel) {
            if let failure { throw failure }
            return .end
        }
        return .mustWait(ticket: nextTicket())
    }

    /// Takes a batch out of the engine for the receiver's next calls.
    private func readAhead() {
        incoming.withLockedValue { incoming in
            while incoming.size < IncomingHandoff.batch, let message = read(from: nil) { incoming.append(message) }
        }
    }

    func next(from channel: SCP.Channel?) -> Message? {
        incoming.withLockedValue { $0.next(from: channel) } ?? read(from: channel)
    }

    func read(from channel: SCP.Channel?) -> Message? {
        let message = engine.read(from: channel, at: now) { received, content in
            Message(received, content, allocator: allocator)
        }
        if let message { consumed += message.charge }
        return message
    }

    /// Whether so much was read that the peer should hear of it.
    var owesCredit: Bool { consumed >= creditStep }

    private func isReadable(_ channel: SCP.Channel?) -> Bool {
        engine.isReadable(channel) || incoming.withLockedValue { $0.has(from: channel) }
    }

    /// Whether no message will come any more, and none is left.
    private func isAtEnd(of channel: SCP.Channel?) -> Bool {
        (outcome != nil || hasPeerFinished) && !isReadable(channel)
    }

    /// What receiving throws at the end. Who closed, or was told that the peer finished, knows what there was.
    private var failure: SecureChannelError? {
        guard let outcome, !hasPeerFinished else { return nil }
        switch outcome {
        case .clean, .unconfirmed, .byPeer(.noError, _): return nil
        case .byPeer, .failed: return endError
        }
    }

    func wait(_ receiver: WaitingReceiver, ticket: UInt64) {
        var resumptions = Resumptions()
        var mustPump = false
        lock.withLock {
            guard !Task.isCancelled else { return resumptions.add(receiver, .failure(CancellationError())) }
            receivers.append(receiver, ticket: ticket)
            serveReceivers(&resumptions)
            mustPump = owesCredit
        }
        resumptions.run()
        if mustPump { requestPump() }
    }

    /// Gives what is there to those who wait for it, and the end to all when it has come.
    func serveReceivers(_ resumptions: inout Resumptions) {
        while !receivers.isEmpty,
            let receiver = receivers.removeFirst(where: { isReadable($0.channel) || isAtEnd(of: $0.channel) })
        {
            if let message = next(from: receiver.channel) {
                resumptions.add(receiver, .success(message))
            } else if let failure {
                resumptions.add(receiver, .failure(failure))
            } else {
                resumptions.add(receiver, .success(nil))
            }
        }
    }
}
