import ArgumentParser

/// Options that every verb has.
struct SharedOptions: ParsableArguments {
    @Flag(help: "Write results as JSON, one object a line, on standard output.")
    var json = false

    @Flag(name: .shortAndLong, help: "Say nothing but errors.")
    var quiet = false

    @Flag(name: .shortAndLong, help: "Say more.")
    var verbose = false

    #if SwiftCrypto
    @Option(help: "Whose cryptography: gcrypt, swift-crypto, or mixed (key agreement of swift-crypto).")
    var backend: Backend?
    #endif

    func validate() throws {
        guard !(quiet && verbose) else { throw ValidationError("--quiet and --verbose exclude each other.") }
    }

    var output: Output { Output(isJSON: json, verbosity: quiet ? .quiet : verbose ? .verbose : .normal) }
}

/// A subcommand whose failures carry an exit status.
protocol Verb: AsyncParsableCommand {
    var shared: SharedOptions { get }

    func execute(_ output: Output) async throws(Failure)
}

extension Verb {
    func run() async throws {
        let output = shared.output
        #if SwiftCrypto
        Backend.choose(shared.backend)
        #endif
        do {
            try await execute(output)
        } catch {
            output.failure(error)
            throw ExitCode(error.status.rawValue)
        }
    }
}
