internal import SCP
internal import Synchronization

/// Writes down one connection: everything that its engine is given, what its provider answers, and what comes out, so
/// that ``Replay`` can do it again bit for bit, elsewhere and later.
///
/// **A recording is secret.** It holds the messages, pre-shared keys, and secrets that open every frame of the
/// session; whoever has it can read the session and pass for either end of it while it lasts. It does not hold the
/// static private key. A file for it is made so that only its owner can read it (mode 0600).
///
/// An input is handed to the sink before the engine gets it: of an engine that traps, the last input is the one that
/// did it.
public final class SessionRecorder: Sendable {
    /// Why nothing is recorded any more. The connection goes on.
    public enum Failure: Error, Equatable, Sendable {
        /// The sink threw.
        case sink(String)
        /// An input or its outcome has more than 16 MiB.
        case tooLarge
        /// A recorder is for one connection, and was given another.
        case alreadyUsed
    }

    private struct State {
        var writer = EntryWriter()
        /// What the sink has not got yet.
        var pending: [UInt8] = []
        var hasStarted = false
        var hasEnded = false
        /// The time of the newest input that had one.
        var now = Instant.zero
        var failure: Failure?
    }

    private let state = Mutex(State())
    private let sink: @Sendable (_ bytes: [UInt8]) throws -> Void

    /// - Parameter sink: takes the next bytes of the recording, in order. Called in the middle of the connection's
    ///   work, on whatever thread does it: it must not call the connection, and how long it takes is what recording
    ///   costs.
    public init(sink: @escaping @Sendable (_ bytes: [UInt8]) throws -> Void) { self.sink = sink }

    /// Why the recording stopped early, if it did.
    public var failure: Failure? { state.withLock { $0.failure } }

    func start(_ entry: Entry, at now: Instant) {
        state.withLock { state in
            guard !state.hasStarted else {
                state.failure = state.failure ?? .alreadyUsed
                return
            }
            state.hasStarted = true
            state.now = now
            state.pending = state.writer.header()
            append(entry, to: &state)
            flush(&state)
        }
    }

    /// - Parameter now: nil for what takes no time.
    func input(_ input: Input, at now: Instant?) {
        state.withLock { state in
            state.now = now ?? state.now
            append(input.entry(at: state.now), to: &state)
            flush(&state)
        }
    }

    func answer(_ answer: Answer) { state.withLock { append(answer.entry, to: &$0) } }

    func outcome(_ outcome: Outcome) { state.withLock { append(outcome.entry, to: &$0) } }

    /// Ends the recording: what is done to the connection from now on is not in it. Done by itself when the connection
    /// is no more; a program that ends while it still has one does it before. From any thread: a step that the
    /// connection is in the middle of is not in the recording.
    public func finish() {
        state.withLock { state in
            guard state.hasStarted, !state.hasEnded else { return }
            append(Entry(kind: .end, body: []), to: &state)
            state.hasEnded = true
            flush(&state)
        }
    }

    private func append(_ entry: Entry, to state: inout State) {
        guard state.failure == nil, !state.hasEnded else { return }
        guard entry.body.count <= Entry.maximumSize else {
            state.failure = .tooLarge
            return
        }
        state.pending += state.writer.bytes(of: entry)
    }

    private func flush(_ state: inout State) {
        guard state.failure == nil, !state.pending.isEmpty else { return }
        do { try sink(state.pending) } catch { state.failure = .sink("\(error)") }
        state.pending.removeAll(keepingCapacity: true)
    }
}
