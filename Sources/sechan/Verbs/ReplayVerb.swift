import ArgumentParser
import SCP
import SCPRecording

/// `sechan replay`: does a recorded session again, and compares.
struct ReplayVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Do a session again that was written down with --record, and compare what comes out.",
        discussion: """
            No peer and no key is needed: the recording has what the session's keys follow from, so keep it as secret \
            as the messages. With -v every step is shown. The exit status is \(ExitStatus.done.rawValue) when \
            everything is the same bit for bit, \(ExitStatus.badData.rawValue) when it is not, or when the recording \
            is damaged or ends early.
            """
    )

    @Argument(help: "A file that --record wrote.", completion: .file())
    var file: String

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        let reader = try ReplayVerb.open(file)
        let summary = try replay(reader, output)
        let name = summary.role == .initiator ? "initiator" : "responder"
        let counts = summary.counts
        try output.result(
            """
            \(name): \(summary.steps) steps in \(Progress.decimal(summary.time.inSeconds * 1e3)) ms, the same as \
            recorded; sent \(counts.messagesSent) messages in \(counts.bytesSent) bytes, received \
            \(counts.messagesReceived) in \(counts.bytesReceived)
            """,
            JSONRecord(
                "replayed",
                [
                    "role": .string(name), "steps": .integer(summary.steps),
                    "microseconds": .integer(Int(summary.time.inSeconds * 1e6)),
                    "messagesSent": .integer(Int(clamping: counts.messagesSent)),
                    "messagesReceived": .integer(Int(clamping: counts.messagesReceived)),
                    "bytesSent": .integer(Int(clamping: counts.bytesSent)),
                    "bytesReceived": .integer(Int(clamping: counts.bytesReceived)),
                ]))
    }

    private struct Summary {
        let role: Role
        let steps: Int
        /// From the first step to the last.
        let time: Duration
        let counts: Statistics
    }

    private func replay(_ reader: RecordingReader, _ output: Output) throws(Failure) -> Summary {
        let provider = try Provider.forChannels()
        do throws(ReplayError) {
            var replay = try Replay(reader, provider)
            var steps = 0
            var first: Instant?
            var time = Duration.zero
            while let step = try replay.step() {
                steps = step.number
                time = step.now.since(first ?? step.now)
                first = first ?? step.now
                output.detail(
                    "\(step.number)  \(Progress.decimal(time.inSeconds * 1e3)) ms  \(step.input): \(step.outcome)")
            }
            return Summary(role: replay.role, steps: steps, time: time, counts: replay.statistics)
        } catch {
            throw Failure(.badData, "\(file): \(error.words)")
        }
    }

    private static func open(_ path: String) throws(Failure) -> RecordingReader {
        let file: OpenFile
        do throws(SystemError) { file = OpenFile(try File.open(path)) } catch { throw Failure(.noInput, error) }
        do throws(RecordingError) {
            return try RecordingReader { limit in try file.file.read(upTo: limit) }
        } catch {
            throw Failure(.badData, "\(path): \(error.words)")
        }
    }
}

extension RecordingError {
    /// For people.
    var words: String {
        switch self {
        case .notARecording: "not a recording of a session"
        case .unsupportedVersion(let version): "a recording of version \(version), and this command reads version 1"
        case .truncated: "the recording ends early"
        case .damaged(let offset): "the recording is damaged at byte \(offset) or behind it"
        case .tooLarge(let offset): "the entry at byte \(offset) says that it has more than 16 MiB"
        case .malformed(let offset): "the entry at byte \(offset) cannot stand there"
        case .unreadable(let reason): reason
        }
    }
}

extension ReplayError {
    /// For people.
    var words: String {
        switch self {
        case .recording(let error, let step): "\(error.words); \(step) steps were the same as recorded"
        case .notStarted(let error): "the recorded connection did not begin (\(error))"
        case .diverged(let divergence):
            "step \(divergence.step) is not what was recorded: \(divergence.difference.words)"
        }
    }
}

extension Divergence.Difference {
    /// For people.
    var words: String {
        switch self {
        case .outcome(let outcome): "what came out is \(outcome)"
        case .randomness(let count): "the engine wants \(count) random bytes"
        case .publicKey: "the engine wants a public key"
        case .agreement: "the engine wants another key agreement"
        case .encapsulation: "the engine wants something else of ML-KEM"
        case .signature: "the engine wants another signature of its credential"
        case .unusedAnswers(let count): "the engine asked its provider \(count) times less"
        }
    }
}
