extension Connection {
    /// Takes bytes of the stream, cut anywhere, and opens the frames in them in place: `input` is scratch afterwards.
    ///
    /// - Throws: the error that ended the connection, once for the bytes that caused it and again ever after.
    /// [SCP-FRAME-15] [SCP-LIMIT-6] [SCP-STREAM-1]
    public mutating func receive(_ input: inout MutableSpan<UInt8>, at now: Instant) throws(ConnectionError) {
        setClock(now)
        // [SCP-STATE-24]
        if let failure { throw failure }
        counts.bytesReceived &+= UInt64(input.count)
        var offset = 0
        while offset < input.count {
            // [SCP-STATE-13]
            guard acceptsFrames else {
                counts.drops.count(.afterEnd)
                break
            }
            do throws(Violation) {
                offset =
                    frameBuffer.isEmpty
                    ? try receiveInPlace(&input, from: offset) : try receiveBuffered(input.span, from: offset)
            } catch {
                throw fail(error)
            }
        }
        if let failure { throw failure }
    }

    /// Whether frames are still looked at.
    var acceptsFrames: Bool {
        switch phase.state {
        case .draining, .closed: false
        default: true
        }
    }

    /// Works on a frame that lies whole in the input, or begins to buffer one that does not.
    private mutating func receiveInPlace(
        _ input: inout MutableSpan<UInt8>, from offset: Int
    ) throws(Violation) -> Int {
        let available = input.count - offset
        guard available >= FrameHeader.size else { return try receiveBuffered(input.span, from: offset) }
        let header = try checkedHeader(input.span, at: offset)
        guard available >= header.frameSize else { return try receiveBuffered(input.span, from: offset) }
        try process(&input, at: offset, header: header)
        position &+= UInt64(header.frameSize)
        return offset + header.frameSize
    }

    /// Adds to the frame that is arriving in parts, and works on it once it is whole.
    /// [SCP-LIMIT-1]
    private mutating func receiveBuffered(_ input: Span<UInt8>, from offset: Int) throws(Violation) -> Int {
        var next = offset
        if frameBuffer.count < FrameHeader.size {
            next += frameBuffer.take(input, from: next, upTo: FrameHeader.size)
            guard frameBuffer.count >= FrameHeader.size else { return next }
        }
        let header: FrameHeader?
        do throws(WireError) { header = try frameBuffer.header(limit: lengthLimit) } catch { throw Violation(error) }
        guard let header else { return next }
        // [SCP-FRAME-4] "as soon as it has the 14 header bytes, before it allocates or buffers anything for the
        // payload"
        // Refused on the 14 bytes alone, before anything more is buffered.
        try checkDispatch(header)
        next += frameBuffer.take(input, from: next, upTo: header.frameSize)
        guard frameBuffer.count >= header.frameSize else { return next }
        var frame = frameBuffer.takeStorage()
        var span = frame.mutableSpan
        try process(&span, at: 0, header: header)
        frameBuffer.giveBack(frame)
        position &+= UInt64(header.frameSize)
        return next
    }

    private func checkedHeader(_ bytes: Span<UInt8>, at offset: Int) throws(Violation) -> FrameHeader {
        let header: FrameHeader
        do throws(WireError) {
            header = try FrameHeader.parse(bytes, at: offset, limit: lengthLimit)
        } catch {
            throw Violation(error, base: -offset)
        }
        try checkDispatch(header)
        return header
    }

    /// The largest payload that the present state accepts.
    /// [SCP-FRAME-5]
    private var lengthLimit: Int {
        phase.keys == nil ? FrameHeader.handshakeLimit : configuration.limits.frameLimit
    }

    /// Whether the state has any use for a frame with this header, by the order of checks that is fixed.
    /// [SCP-FRAME-14]
    private func checkDispatch(_ header: FrameHeader) throws(Violation) {
        if header.sequence.epoch == 0 {
            guard header.sequence.counter == 0 else { throw Violation(.malformedFrame, kind: .invalidPiece, offset: 4) }
            if state == .closing { return }  // late, and no business of a session that ends
            guard expectsInHandshake(header.type) else { throw Violation(.unexpectedMessage, offset: 1) }
            return
        }
        guard let keys = phase.keys else { throw Violation(.sequenceViolation, offset: 2) }
        try keys.check(header)
    }

    // [SCP-STATE-2] [SCP-STATE-3] [SCP-STATE-4] [SCP-STATE-5] [SCP-STATE-6] [SCP-STATE-25]
    private func expectsInHandshake(_ type: FrameType) -> Bool {
        switch (phase.state, type) {
        case (.awaitingInit, .handshakeInit), (.waiting, .handshakeResponse), (.halfOpen, .ack): true
        case (.waiting, .close), (.deciding, .close), (.agreeing, .close), (.unconfirmed, .close): true
        case (.halfOpen, .close): true
        case (.waiting, .handshakeInit): configuration.isSymmetric
        default: false
        }
    }

    /// Works on one whole frame.
    private mutating func process(
        _ frame: inout MutableSpan<UInt8>, at start: Int, header: FrameHeader
    ) throws(Violation) {
        if header.sequence.epoch == 0 {
            if state == .closing { return counts.drops.count(.unexpected) }
            let bytes = frame.span.extracting(start..<start + header.frameSize)
            try processHandshake(bytes, header: header)
        } else {
            try processProtected(&frame, at: start, header: header)
        }
        counts.framesReceived &+= 1
    }

    /// Opens a protected frame; only then does anything change.
    /// [SCP-PROT-6] [SCP-PROT-9] [SCP-PROT-10]
    private mutating func processProtected(
        _ frame: inout MutableSpan<UInt8>, at start: Int, header: FrameHeader
    ) throws(Violation) {
        guard let keys = phase.keys else { throw Violation(.sequenceViolation) }
        let opened = try keys.open(&frame, at: start, header: header).get()
        timers.restart(at: clock)
        let isFirst = header.sequence.counter == 0 || opened.isFirstOfEpoch
        // [SCP-STATE-12] Nothing was asked for yet that could be answered.
        if state == .unconfirmed, header.type == .handshakeResponse { throw Violation(.unexpectedMessage, offset: 1) }
        // A CLOSE in UNCONF is a refusal, not the sign that the session stands.
        // [SCP-HS-25]
        if state == .unconfirmed, header.type != .close { becomeEstablished() }
        if opened.isFirstOfEpoch { turnedEpoch() }
        let bytes = frame.span.extracting(opened.plaintext)
        do throws(Violation) {
            try processOpened(bytes, header: header, isFirst: isFirst)
        } catch {
            var violation = error
            violation.offset += FrameHeader.size
            throw violation
        }
        if phase.areKeysExhausted { throw Violation(.keyLimitReached) }
    }

    // [SCP-STATE-7] [SCP-STATE-8] [SCP-STATE-9] [SCP-STATE-11] [SCP-STATE-12]
    private mutating func processOpened(
        _ plaintext: Span<UInt8>, header: FrameHeader, isFirst: Bool
    ) throws(Violation) {
        let counter = header.sequence.counter
        let isClosing = state == .closing
        switch header.type {
        case .data:
            // [SCP-CLOSE-18] "In CLOSING a side MUST NOT process or acknowledge DATA"
            if isClosing {
                counts.drops.count(.unexpected)
                return phase.noteDiscarded()
            }
            let summary = try processData(plaintext)
            // [SCP-ACK-9] [SCP-HS-27] [SCP-ROT-16]
            let atOnce = summary.wantsAcknowledgement || isFirst || configuration.acknowledgesEveryMessage
            acknowledgements.accept(
                counter, isEliciting: summary.isEliciting, atOnce: atOnce, now: clock)
        case .ack:
            try processAcknowledgement(plaintext, epoch: header.sequence.epoch)
            if !isClosing { acknowledgements.accept(counter, isEliciting: false, atOnce: false, now: clock) }
        case .close:
            acknowledgements.accept(counter, isEliciting: true, atOnce: true, now: clock)
            try processClose(plaintext)
        case .handshakeInit, .handshakeResponse:
            if isClosing { return counts.drops.count(.unexpected) }
            if header.type == .handshakeInit {
                try processRotationInit(plaintext)
            } else {
                try processRotationResponse(plaintext)
            }
            acknowledgements.accept(counter, isEliciting: true, atOnce: true, now: clock)
        }
    }

    /// The transport has ended.
    /// [SCP-STATE-15] [SCP-STATE-16]
    public mutating func receiveEnd(_ end: StreamEnd, at now: Instant) {
        setClock(now)
        switch state {
        case .waiting, .deciding, .agreeing, .unconfirmed, .awaitingInit, .halfOpen:
            self.end(.failed(ConnectionError(.transportFailed, origin: .transport, position: position)))
        case .held, .established:
            let code: ErrorCode = if case .endOfStream = end { .truncated } else { .transportFailed }
            self.end(.failed(ConnectionError(code, origin: .transport, position: position)))
        case .closing:
            events.closed(.unconfirmed)
            terminate()
        case .draining:
            // The peer may have ended its side right behind its CLOSE: our ACK and the end of ours are still wanted.
            let (last, isOwed) = (flight, owesEndOfStream)
            terminate()
            if case .endOfStream = end { (flight, owesEndOfStream) = (last, isOwed) }
        case .closed:
            break
        }
    }
}
