import Logging

/// What `-v` shows of the adapter's log: a line on standard error for each event.
struct LogLines: LogHandler {
    let output: Output
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?
    var logLevel = Logger.Level.debug

    init(_ output: Output) { self.output = output }

    /// A logger that speaks with `-v` only.
    static func logger(_ output: Output) -> Logger {
        guard output.verbosity >= .verbose else {
            return Logger(label: "sechan", factory: { _ in SwiftLogNoOpLogHandler() })
        }
        return Logger(label: "sechan", factory: { _ in LogLines(output) })
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var all = metadata
        if let more = event.metadata { all.merge(more) { $1 } }
        let words = all.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        output.detail((["\(event.message)"] + words).joined(separator: "  "))
    }
}
