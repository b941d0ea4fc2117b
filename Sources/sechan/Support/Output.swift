/// Where a verb speaks: data and `--json` records on standard output, everything for people on standard error.
struct Output: Sendable {
    enum Verbosity: Int, Comparable, Sendable {
        /// Errors alone.
        case quiet
        case normal
        case verbose

        static func < (left: Verbosity, right: Verbosity) -> Bool { left.rawValue < right.rawValue }
    }

    let isJSON: Bool
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
        let text = isJSON ? record.line : Output.printable(line)
        do {
            try File.standardOutput.write(text + "\n")
        } catch {
            throw Failure(.ioError, error)
        }
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
        try? File.standardOutput.write(record.line + "\n")
    }

    private func tell(_ text: String, after prefix: String = "") {
        // Nobody is left to tell when standard error is closed.
        try? File.standardError.write(prefix + Output.printable(text) + "\n")
    }

    private func paint(_ text: String, _ color: String) -> String {
        usesColor ? "\u{1b}[\(color)m\(text)\u{1b}[0m" : text
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
