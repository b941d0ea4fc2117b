import Logging

/// Keeps what is logged.
struct LogRecorder {
    struct Line: Sendable {
        let level: Logger.Level
        let message: String
        let metadata: [String: String]
    }

    private let storage = Shared<[Line]>([])

    var lines: [Line] { storage.value }

    /// Takes every level.
    var logger: Logger {
        let storage = storage
        var logger = Logger(label: "test") { _ in Handler(storage: storage) }
        logger.logLevel = .trace
        return logger
    }

    private struct Handler: LogHandler {
        let storage: Shared<[Line]>
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        init(storage: Shared<[Line]>) { self.storage = storage }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
            let line = Line(
                level: event.level, message: "\(event.message)", metadata: all.mapValues { "\($0)" })
            storage.change { $0.append(line) }
        }
    }
}
