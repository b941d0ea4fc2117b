/// Where a verb speaks: data and `--json` records on standard output, everything for people on standard error.
struct Output: Sendable {
    enum Verbosity: Int, Comparable, Sendable {
        /// Errors alone.
        case quiet
        case normal
        case verbose

        static func < (left: Verbosity, right: Verbosity) -> Bool { left.rawValue < right.rawValue }
    }

    /// Where records go: standard error for a verb whose standard output is somebody's data.
    enum Records: Sendable { case output, errors }

    let isJSON: Bool
    var records = Records.output
    let verbosity: Verbosity
    let usesColor: Bool
    /// Whether people watch standard error, so that progress makes sense.
    let isTerminal: Bool

    init(isJSON: Bool, verbosity: Verbosity) {
        self.isJSON = isJSON
        self.verbosity = verbosity
        isTerminal = SystemCalls.isTerminal(2)
        // no-color.org: any non-empty value switches colours off.
        usesColor =
            isTerminal && SystemCalls.environment("NO_COLOR") == nil && SystemCalls.environment("TERM") != "dumb"
    }

    /// The result of a verb: a line of data, or with `--json` a record.
    func result(_ line: String, _ record: JSONRecord) throws(Failure) {
        guard !isJSON else { return try self.record(record) }
        do {
            try File.standardOutput.write(Output.printable(line) + "\n")
        } catch {
            throw Failure.outputLost(error)
        }
    }

    /// A record that has no line of data.
    func record(_ record: JSONRecord) throws(Failure) {
        guard isJSON else { return }
        do {
            switch records {
            case .output: try File.standardOutput.write(record.line + "\n")
            case .errors: try File.standardError.write(record.line + "\n")
            }
        } catch {
            throw Failure(.ioError, error)
        }
    }

    /// A question, whose answer is typed behind it.
    func ask(_ text: String) { try? File.standardError.write(Output.printable(text) + " ") }

    /// A line about something under way, over the last one; on a terminal only.
    func progress(_ text: String) {
        guard isTerminal, verbosity >= .normal else { return }
        try? File.standardError.write("\r" + Output.printable(text) + "\u{1b}[K")
    }

    /// Leaves the last line of progress where it is.
    func endProgress() {
        guard isTerminal, verbosity >= .normal else { return }
        try? File.standardError.write("\n")
    }

    /// What people like to know.
    func note(_ text: String) { if verbosity >= .normal { tell(text) } }

    /// What people should look at.
    func warning(_ text: String) { if verbosity >= .normal { tell(text, after: paint("warning: ", "33")) } }

    /// What `-v` asks for.
    func detail(_ text: String) { if verbosity >= .verbose { tell(text) } }

    /// The last word of a verb that failed; with `--json` also a record.
    func failure(_ failure: Failure) {
        tell(failure.message, after: paint("sechan: ", "31"))
        if let remedy = failure.remedy { tell(remedy) }
        guard isJSON else { return }
        let record = JSONRecord(
            "error",
            [
                "exit": .integer(Int(failure.status.rawValue)), "name": .string(failure.status.name),
                "message": .string(failure.message), "remedy": .optional(failure.remedy),
            ])
        // The exit status tells the rest when standard output is gone.
        try? self.record(record)
    }

    private func tell(_ text: String, after prefix: String = "") {
        // Nobody is left to tell when standard error is closed.
        try? File.standardError.write(prefix + Output.printable(text) + "\n")
    }

    private func paint(_ text: String, _ color: String) -> String {
        usesColor ? "\u{1b}[\(color)m\(text)\u{1b}[0m" : text
    }

    /// What a peer says, as the one line that it is: a line feed of its own would pass for another message.
    static func line(_ text: String) -> String {
        String(
            printable(text).map { character in
                switch character {
                case "\n": "\\u{a}"
                case "\t": "\\u{9}"
                default: String(character)
                }
            }.joined())
    }

    /// The text with control and direction-changing characters spelled out, since names, comments and reasons come
    /// from others and a terminal obeys what it is sent. Line feeds and tabs stay.
    static func printable(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case "\u{0}"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{200e}", "\u{200f}", "\u{202a}"..."\u{202e}",
                "\u{2066}"..."\u{2069}":
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
