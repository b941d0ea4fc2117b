/// Why a verb did not do what it was asked: one exact sentence, and what to do about it when we know.
struct Failure: Error, Equatable {
    let status: ExitStatus
    let message: String
    /// The next step for the reader, a sentence of its own.
    let remedy: String?
    /// Whether standard output is gone: nobody reads what we print.
    var isOutputLost = false

    init(_ status: ExitStatus, _ message: String, remedy: String? = nil) {
        self.status = status
        self.message = message
        self.remedy = remedy
    }

    static func outputLost(_ error: SystemError) -> Failure {
        var failure = Failure(.ioError, error)
        failure.isOutputLost = true
        return failure
    }

    /// A failed system call, with the status that its purpose asks for.
    init(_ status: ExitStatus, _ error: SystemError, remedy: String? = nil) {
        self.init(status, error.text, remedy: remedy)
    }
}
