import SCP
import SCPRecording
import Synchronization

/// The files of `--record`: the first connection's has the name that was given, those of further ones `.2`, `.3` and so
/// on behind it. Each is new, and only its owner may read it.
final class Recordings: Sendable {
    private struct State: ~Copyable {
        var first: OpenFile?
        var count = 0
        /// Of connections that may go on. What has ended closes its file.
        var live: [WeakRecorder] = []
    }

    private struct WeakRecorder {
        weak var recorder: SessionRecorder?
        let path: String
    }

    private let path: String
    private let output: Output
    private let state: Mutex<State>

    /// Creates the first file, so that a name that cannot be used is known before anything is connected.
    init(_ path: String, _ output: Output) throws(Failure) {
        self.path = path
        self.output = output
        state = Mutex(State(first: try Recordings.create(path)))
    }

    private static func create(_ path: String) throws(Failure) -> OpenFile {
        do throws(SystemError) {
            return OpenFile(try File.create(path, mode: 0o600))
        } catch {
            throw Failure(.cannotCreate, error, remedy: "A recording needs a file that is not there yet.")
        }
    }

    /// For the next connection; nil, with a warning, where its file cannot be made.
    func next() -> SessionRecorder? {
        let file: OpenFile
        do throws(Failure) {
            file = try state.withLock { state throws(Failure) in
                state.count += 1
                if let first = state.first.take() { return first }
                return try Recordings.create("\(path).\(state.count)")
            }
        } catch {
            output.warning("not recorded: \(error.message)")
            return nil
        }
        let recorder = SessionRecorder { bytes in try file.file.write(bytes.span) }
        state.withLock { state in
            state.live.removeAll { $0.recorder == nil }
            state.live.append(WeakRecorder(recorder: recorder, path: file.file.path))
        }
        return recorder
    }

    /// Ends the recordings of connections that still wait for a timer, and says what is missing.
    func finish() {
        let live = state.withLock { $0.live }
        for entry in live {
            guard let recorder = entry.recorder else { continue }
            recorder.finish()
            if let failure = recorder.failure { output.warning("\(entry.path) is incomplete: \(failure.words)") }
        }
    }
}

/// A file in more hands than one.
final class OpenFile: Sendable {
    let file: File

    init(_ file: consuming File) { self.file = file }
}

extension SessionRecorder.Failure {
    /// For people.
    var words: String {
        switch self {
        case .sink(let reason): reason
        case .tooLarge: "something in it has more than 16 MiB"
        case .alreadyUsed: "it was begun twice"
        }
    }
}
