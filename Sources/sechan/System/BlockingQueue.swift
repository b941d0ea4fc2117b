import Dispatch

/// A thread of its own for calls that block, such as reading a terminal: they must not hold one of the few threads on
/// which all tasks run. One call at a time, in order.
struct BlockingQueue: Sendable {
    private let queue: DispatchQueue

    init(_ name: String) { queue = DispatchQueue(label: name) }

    func perform<Success: Sendable>(
        _ body: @escaping @Sendable () -> Result<Success, Failure>
    ) async throws(Failure) -> Success {
        let result: Result<Success, Failure> = await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: body()) }
        }
        return try result.get()
    }
}

/// Standard input, read by one task. A read that nobody waits for any more ends with the process.
struct InputReader: Sendable {
    private let queue = BlockingQueue("sechan.input")

    /// What there is, at most `limit` bytes; empty at the end.
    func read(upTo limit: Int) async throws(Failure) -> [UInt8] {
        try await queue.perform {
            Result { () throws(SystemError) in try File.standardInput.read(upTo: limit) }
                .mapError { Failure(.ioError, $0) }
        }
    }
}

/// Standard output, written by any number of tasks, each in its turn.
struct OutputWriter: Sendable {
    let output: Output
    private let queue = BlockingQueue("sechan.output")

    init(_ output: Output) { self.output = output }

    func result(_ line: String, _ record: JSONRecord) async throws(Failure) {
        let output = output
        try await queue.perform { Result { () throws(Failure) in try output.result(line, record) } }
    }

    /// Data as it is.
    func write(_ bytes: [UInt8]) async throws(Failure) {
        try await queue.perform {
            Result { () throws(SystemError) in try File.standardOutput.write(bytes.span) }
                .mapError { Failure(.ioError, $0) }
        }
    }

    /// Ends standard output, which is when some file systems say that there was no room.
    func close() async throws(Failure) {
        try await queue.perform {
            Result { () throws(SystemError) in try File.closeStandardOutput() }.mapError { Failure(.ioError, $0) }
        }
    }
}
