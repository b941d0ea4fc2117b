public import SCP

/// Two engines joined by memory: the bytes that one writes are what the other reads, cut as the embedder likes, under
/// a clock that only the embedder moves. Nothing here waits, allocates threads or draws random numbers, so a run can be
/// repeated exactly.
///
/// The pipe is an adapter like any other: it uses nothing but the engine's public face.
public struct Pipe<Provider: CryptoProvider>: ~Copyable {
    /// The two ends.
    public enum End: Hashable, Sendable, CaseIterable {
        case initiator, responder

        public var other: End { self == .initiator ? .responder : .initiator }
    }

    public var initiator: Connection<Provider> {
        _read { yield first.connection }
        _modify { yield &first.connection }
    }
    public var responder: Connection<Provider> {
        _read { yield second.connection }
        _modify { yield &second.connection }
    }
    // Apart: a compiler that follows every part of a noncopyable value takes minutes to follow two engines.
    private let first: ConnectionBox<Provider>
    private let second: ConnectionBox<Provider>
    /// The virtual time.
    public private(set) var now: Instant
    private var toResponder = Wire()
    private var toInitiator = Wire()
    /// What each end reported, in order.
    public private(set) var events: [End: [Event]] = [.initiator: [], .responder: []]
    /// The size of the buffer that frames are polled into.
    public var outputSize = 131_072

    /// What is on its way in one direction.
    private struct Wire {
        var bytes: [UInt8] = []
        var isEnded = false
        var hasToldEnd = false
    }

    public init(
        initiator: Configuration<Provider>, responder: Configuration<Provider>, at start: Instant = .zero
    ) throws(ConfigurationError) {
        try self.init(
            try Connection(.initiator, initiator, at: start), try Connection(.responder, responder, at: start),
            at: start)
    }

    /// Two initiators that meet; both must be symmetric to get on. Which of them ends as the responder
    /// `Connection.role` tells.
    public init(
        meeting first: Configuration<Provider>, _ second: Configuration<Provider>, at start: Instant = .zero
    ) throws(ConfigurationError) {
        try self.init(
            try Connection(.initiator, first, at: start), try Connection(.initiator, second, at: start), at: start)
    }

    private init(
        _ first: consuming Connection<Provider>, _ second: consuming Connection<Provider>, at start: Instant
    ) throws(ConfigurationError) {
        now = start
        self.first = ConnectionBox(first)
        self.second = ConnectionBox(second)
    }

    /// Bytes written by `end` that the other has not read.
    public func inFlight(from end: End) -> [UInt8] { end == .initiator ? toResponder.bytes : toInitiator.bytes }

    /// Replaces what is on its way from `end`: damage, removal, injection.
    public mutating func replaceInFlight(from end: End, with bytes: [UInt8]) {
        if end == .initiator { toResponder.bytes = bytes } else { toInitiator.bytes = bytes }
    }

    /// Ends the stream that `end` writes, as a transport that fails or is closed does.
    public mutating func cut(from end: End) {
        if end == .initiator { toResponder.isEnded = true } else { toInitiator.isEnded = true }
    }

    /// Polls everything that `end` has to say.
    /// [SCP-STREAM-3]
    public mutating func collect(from end: End) {
        while true {
            let transmit: Transmit
            var produced: [UInt8]
            switch end {
            case .initiator: (produced, transmit) = Self.poll(&initiator, size: outputSize, at: now)
            case .responder: (produced, transmit) = Self.poll(&responder, size: outputSize, at: now)
            }
            if end == .initiator { toResponder.bytes += produced } else { toInitiator.bytes += produced }
            produced.removeAll()
            switch transmit {
            case .wrote: continue
            case .outputFull(let needed):
                outputSize = max(outputSize, needed)
            case .endOfStream:
                cut(from: end)
            case .nothing:
                takeEvents(of: end)
                return
            }
        }
    }

    private static func poll(
        _ connection: inout Connection<Provider>, size: Int, at now: Instant
    ) -> (bytes: [UInt8], transmit: Transmit) {
        var transmit = Transmit.nothing
        let bytes = [UInt8](capacity: size) { output in
            transmit = connection.pollTransmit(into: &output, unwritten: 0, at: now)
        }
        return (bytes, transmit)
    }

    private mutating func takeEvents(of end: End) {
        while let event = end == .initiator ? initiator.pollEvent() : responder.pollEvent() {
            events[end]?.append(event)
        }
    }

    /// Delivers up to `limit` bytes, written by the other end, to `end`. Returns how many there were.
    ///
    /// - Throws: what the engine threw for them.
    @discardableResult
    public mutating func deliver(to end: End, upTo limit: Int = .max) throws(ConnectionError) -> Int {
        let count: Int
        switch end {
        case .responder:
            count = min(limit, toResponder.bytes.count)
            var part = Array(toResponder.bytes[..<count])
            toResponder.bytes.removeFirst(count)
            var span = part.mutableSpan
            if count > 0 { try responder.receive(&span, at: now) }
        case .initiator:
            count = min(limit, toInitiator.bytes.count)
            var part = Array(toInitiator.bytes[..<count])
            toInitiator.bytes.removeFirst(count)
            var span = part.mutableSpan
            if count > 0 { try initiator.receive(&span, at: now) }
        }
        return count
    }

    /// Tells `end` that the other's stream has ended, once everything before it was read.
    private mutating func deliverEnd(to end: End) -> Bool {
        switch end {
        case .responder:
            guard toResponder.isEnded, toResponder.bytes.isEmpty, !toResponder.hasToldEnd else { return false }
            toResponder.hasToldEnd = true
            responder.receiveEnd(.endOfStream, at: now)
        case .initiator:
            guard toInitiator.isEnded, toInitiator.bytes.isEmpty, !toInitiator.hasToldEnd else { return false }
            toInitiator.hasToldEnd = true
            initiator.receiveEnd(.endOfStream, at: now)
        }
        return true
    }

    /// Exchanges bytes, at most `segment` at a time, until nobody has anything to say at the present time.
    public mutating func settle(segment: Int = .max) {
        var isMoving = true
        while isMoving {
            isMoving = false
            for end in End.allCases {
                collect(from: end.other)
                while true {
                    // A failing engine has told its event and its CLOSE; the rest of the bytes is thrown away.
                    let count: Int
                    do { count = try deliver(to: end, upTo: segment) } catch { count = 1 }
                    if count == 0 { break }
                    isMoving = true
                    collect(from: end)
                }
                if deliverEnd(to: end) { isMoving = true }
                collect(from: end)
            }
        }
    }

    /// Moves the clock by `duration`, stopping at every deadline on the way, and exchanging what comes of it.
    public mutating func advance(by duration: Duration, segment: Int = .max) {
        let end = now.advanced(by: duration)
        settle(segment: segment)
        while let next = nextDeadline, next <= end {
            now = max(now, next)
            initiator.advance(to: now)
            responder.advance(to: now)
            settle(segment: segment)
        }
        now = end
        initiator.advance(to: now)
        responder.advance(to: now)
        settle(segment: segment)
    }

    /// Moves the clock to the next deadline, if there is one, and lets both ends do what is due; nothing is exchanged.
    public mutating func advanceToDeadline() {
        guard let next = nextDeadline else { return }
        now = max(now, next)
        initiator.advance(to: now)
        responder.advance(to: now)
    }

    /// The earliest deadline of both ends.
    public var nextDeadline: Instant? {
        switch (initiator.deadline?.instant, responder.deadline?.instant) {
        case (let left?, let right?): min(left, right)
        case (let left, let right): left ?? right
        }
    }
}
