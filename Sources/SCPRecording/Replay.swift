public import SCP

/// Where a replay stopped being the recorded session.
public struct Divergence: Error, Equatable, Sendable {
    public enum Difference: Equatable, Sendable {
        /// Something else came out; what did here.
        case outcome(Outcome)
        /// The engine asked for this many random bytes, which it had not asked for.
        case randomness(Int)
        /// It asked for a public key that it had not asked for.
        case publicKey
        /// It asked for a key agreement, or one with another key, that it had not asked for.
        case agreement
        /// It asked ML-KEM for something, or for something of another key or ciphertext, that it had not asked for.
        case encapsulation
        /// It asked the credential's signer for a signature, or one over something else, that it had not asked for.
        case signature
        /// This many answers of the provider were not asked for.
        case unusedAnswers(Int)
    }

    /// The number of the input that made the difference; 0 is the start.
    public let step: Int
    public let difference: Difference
}

/// Why a replay did not come to the end of its recording.
public enum ReplayError: Error, Equatable, Sendable {
    /// The recording cannot be read on, after this many steps.
    case recording(RecordingError, step: Int)
    /// The recorded connection did not begin, and does not now.
    case notStarted(ConfigurationError)
    case diverged(Divergence)
}

/// Does a recorded session again: gives an engine every input, at its time and as it was cut, with the answers that the
/// provider gave, and compares everything that comes out, bit for bit.
///
/// It needs neither the private keys nor a peer. A step that a crash cut short is done as well; then the recording is
/// found to be ``RecordingError/truncated``. What a backend failed to compute is not recorded: a replay diverges there.
public struct Replay<Base: RecordProtection>: ~Copyable {
    /// One input, and what came of it: the same as when it was recorded.
    public struct Step: Sendable {
        /// From 1.
        public let number: Int
        public let now: Instant
        public let input: Input
        public let outcome: Outcome
    }

    /// More answers than one input can make a provider give.
    private static var maximumAnswers: Int { 256 }

    private var reader: RecordingReader
    private let answers: AnswerList
    private var steps = 0
    private var connection: Connection<ReplayProvider<Base>>
    /// Why nothing can be done any more.
    private var failure: ReplayError?

    /// Begins the connection as it was begun.
    ///
    /// - Parameter base: computes what is not secret; any correct provider will do.
    public init(_ recording: RecordingReader, _ base: Base) throws(ReplayError) {
        var reader = recording
        let answers = AnswerList()
        let offset = reader.offset
        guard let part = try Self.part(&reader, step: 0),
            let start = Start(
                part.input, key: AbsentKey(), sign: answers.sign,
                provider: { ReplayProvider(base: base, answers: answers, isHybrid: $0) })
        else { throw .recording(.malformed(offset: offset), step: 0) }
        connection = try Self.begin(start, part, answers)
        self.reader = reader
        self.answers = answers
    }

    private static func begin(
        _ start: Start<ReplayProvider<Base>>, _ part: Part, _ answers: AnswerList
    ) throws(ReplayError) -> Connection<ReplayProvider<Base>> {
        answers.load(part.answers)
        let begun: Connection<ReplayProvider<Base>>
        do throws(ConfigurationError) {
            if let path = start.path {
                begun = try Connection(
                    start.role, start.configuration, to: path.remote, connectionID: path.connectionID, at: start.now)
            } else {
                begun = try Connection(start.role, start.configuration, at: start.now)
            }
        } catch {
            try compare(.notStarted(error), part, answers, step: 0)
            throw .notStarted(error)
        }
        try compare(.done, part, answers, step: 0)
        return begun
    }

    /// The role of the recorded end.
    public var role: Role { connection.role }
    /// Counts of what was replayed.
    public var statistics: Statistics { connection.statistics }

    /// Does the next step; nil after the last.
    ///
    /// - Throws: when the recording cannot be read, or something else comes out; and the same ever after.
    public mutating func step() throws(ReplayError) -> Step? {
        if let failure { throw failure }
        do throws(ReplayError) {
            return try nextStep()
        } catch {
            failure = error
            throw error
        }
    }

    /// Does all steps that are left, and returns how many there were.
    public mutating func run() throws(ReplayError) -> Int {
        while try step() != nil {}
        return steps
    }

    private mutating func nextStep() throws(ReplayError) -> Step? {
        let offset = reader.offset
        guard let part = try Self.part(&reader, step: steps) else { return nil }
        guard let (now, input) = Input.parse(part.input) else {
            throw .recording(.malformed(offset: offset), step: steps)
        }
        steps += 1
        answers.load(part.answers)
        let outcome = perform(input, at: now)
        try Self.compare(outcome, part, answers, step: steps)
        return Step(number: steps, now: now, input: input, outcome: outcome)
    }

    /// An input with all that belongs to it.
    private struct Part {
        let input: Entry
        var answers: [Answer] = []
        /// Nil when the recording ends before it.
        var outcome: Entry?
    }

    /// Nil at the end, also where an input has no outcome because the recording ends first: it is not a part of it.
    private static func part(_ reader: inout RecordingReader, step: Int) throws(ReplayError) -> Part? {
        do throws(RecordingError) {
            guard let input = try reader.next() else { return nil }
            var part = Part(input: input)
            while part.outcome == nil {
                let offset = reader.offset
                let entry: Entry?
                do throws(RecordingError) { entry = try reader.next() } catch {
                    if error == .truncated { break }
                    throw error
                }
                // The recorder was told to finish in the middle of this step, by another thread or by a callback.
                guard let entry else { return nil }
                if let answer = Answer(entry), part.answers.count < maximumAnswers {
                    part.answers.append(answer)
                } else if entry.kind == .outcome {
                    part.outcome = entry
                } else {
                    throw .malformed(offset: offset)
                }
            }
            return part
        } catch {
            throw .recording(error, step: step)
        }
    }

    private static func compare(
        _ outcome: Outcome, _ part: Part, _ answers: AnswerList, step: Int
    ) throws(ReplayError) {
        guard let recorded = part.outcome else { throw .recording(.truncated, step: step) }
        if let difference = answers.difference { throw .diverged(Divergence(step: step, difference: difference)) }
        guard outcome.entry == recorded else {
            throw .diverged(Divergence(step: step, difference: .outcome(outcome)))
        }
    }

    private mutating func perform(_ input: Input, at now: Instant) -> Outcome {
        switch input {
        case .receive(var bytes):
            var span = bytes.mutableSpan
            do throws(ConnectionError) { try connection.receive(&span, at: now) } catch { return .failed(error) }
        case .receiveEnd(let end): connection.receiveEnd(end, at: now)
        case .advance: connection.advance(to: now)
        case .send(let bytes, let channel, let expiry):
            do throws(SendError) {
                return .sent(try connection.send(bytes.span, on: channel, expiring: expiry, at: now))
            } catch {
                return .notSent(error)
            }
        case .read(let channel):
            return connection.read(from: channel, at: now) { .message($0, [UInt8](copying: $1)) } ?? .noMessage
        case .cancel(let message, let channel, let code):
            return .wasCancelled(connection.cancel(message, on: channel, code: code, at: now))
        case .refuse(let message, let channel, let code):
            connection.refuse(message, on: channel, code: code, at: now)
        case .ping: connection.ping(at: now)
        case .finish: connection.finish(at: now)
        case .rotateKeys: connection.rotateKeys(at: now)
        case .close(let code, let reason, let afterPeerFinished):
            connection.close(code, reason: reason, afterPeerFinished: afterPeerFinished, at: now)
        case .abort(let code, let reason): connection.abort(code, reason: reason, at: now)
        case .resolveIdentity(let decision): connection.resolveIdentity(decision, at: now)
        case .resolveAgreement(let id, let answer):
            return .agreement(connection.resolveAgreement(id, answer, at: now))
        case .pollTransmit(let used, let free, let unwritten):
            return transmit(used: used, free: free, unwritten: unwritten, at: now)
        case .pollEvent: return .event(connection.pollEvent())
        case .receiveDatagram(var bytes, let address):
            var span = bytes.mutableSpan
            return .wasAccepted(connection.receive(datagram: &span, from: address, at: now))
        case .pollDatagram(let used, let free): return transmitDatagram(used: used, free: free, at: now)
        case .transmitFailed(let error): connection.transmitFailed(error, at: now)
        }
        return .done
    }

    private mutating func transmit(used: Int, free: Int, unwritten: Int, at now: Instant) -> Outcome {
        var transmit = Transmit.nothing
        let bytes = [UInt8](capacity: used + free) { output in
            for _ in 0..<used { output.append(0) }
            transmit = connection.pollTransmit(into: &output, unwritten: unwritten, at: now)
        }
        return .transmitted(transmit, Array(bytes[used...]))
    }

    private mutating func transmitDatagram(used: Int, free: Int, at now: Instant) -> Outcome {
        var transmit = DatagramTransmit.nothing
        let bytes = [UInt8](capacity: used + free) { output in
            for _ in 0..<used { output.append(0) }
            transmit = connection.pollTransmit(datagram: &output, at: now)
        }
        return .sentDatagram(transmit, Array(bytes[used...]))
    }
}
