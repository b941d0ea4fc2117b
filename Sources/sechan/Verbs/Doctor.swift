import ArgumentParser

/// `sechan doctor`: whether this machine and this user are ready, and what to mend.
struct Doctor: Verb {
    static let configuration = CommandConfiguration(
        abstract: "Look whether everything is in place, and say how to mend what is not.",
        discussion: """
            Changes nothing. Exit status \(ExitStatus.done.rawValue) when channels can be made, \
            \(ExitStatus.configuration.rawValue) when the machine or a file is unfit, \
            \(ExitStatus.noInput.rawValue) when the private key is missing.
            """
    )

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        let paths = try Paths()
        var checks = Checkup.backend(try Backend.current())
        checks.append(Checkup.directory(paths))
        checks.append(Checkup.identity(paths, with: try? Provider.forKeys()))
        let store = TrustStore(paths: paths)
        checks += TrustFile.Kind.allCases.map { Checkup.trustStore($0, store) }
        for check in checks {
            try output.result(
                Doctor.line(check),
                JSONRecord(
                    "check",
                    [
                        "name": .string(check.name), "verdict": .string(check.verdict.word),
                        "finding": .string(check.finding), "remedy": .optional(check.remedy),
                    ]))
        }
        let bad = checks.filter { if case .bad = $0.verdict { true } else { false } }
        guard bad.isEmpty else {
            throw Failure(
                Checkup.status(of: checks), "not ready: \(bad.map(\.name).joined(separator: ", "))")
        }
        output.note("Ready.")
    }

    /// The verdict, the name, what was found, and below it the remedy.
    private static func line(_ check: Check) -> String {
        let verdict = check.verdict.word + String(repeating: " ", count: max(0, 9 - check.verdict.word.count))
        let name = check.name + String(repeating: " ", count: max(1, 22 - check.name.count))
        let indent = "\n" + String(repeating: " ", count: 31)
        let finding = check.finding.split(separator: "\n").joined(separator: indent)
        return verdict + name + finding + (check.remedy.map { indent + $0 } ?? "")
    }
}
