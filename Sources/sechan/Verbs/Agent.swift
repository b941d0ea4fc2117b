import ArgumentParser
import Dispatch
import SCP

/// `sechan agent`: holds a private key for other processes of the same user.
struct AgentVerb: Verb {
    static let configuration = CommandConfiguration(
        commandName: "agent",
        abstract: "Hold a private key, and do with it what `--agent PATH` of the other commands asks.",
        discussion: """
            The others learn the public key and the results of single key agreements, never the private key. The \
            socket is open to this user only. Ends with SIGINT (exit status \(ExitStatus.interrupted.rawValue)) or \
            SIGTERM (\(ExitStatus.done.rawValue)).
            """
    )

    @Argument(help: "The path of the socket to answer at.", completion: .file())
    var path: String

    @Option(
        name: .shortAndLong, help: "The private key to hold, instead of this user's identity.", completion: .file())
    var identity: String?

    @OptionGroup var shared: SharedOptions

    func execute(_ output: Output) async throws(Failure) {
        let provider = try Provider.forKeys()
        let file: String
        if let identity { file = identity } else { file = try Paths().identity }
        let key = try KeyFile.load(file, with: provider)
        let pair = HeldKey(privateKey: key.privateKey, publicKey: key.publicKey.key)
        let service = AgentService(pair, provider, output)
        let listener: LocalSocket
        do throws(SystemError) {
            listener = try LocalSocket.listen(at: path)
        } catch {
            throw Failure(.cannotCreate, error)
        }
        defer { try? SystemCalls.remove(path) }
        let fingerprint = try key.publicKey.fingerprint(provider)
        output.note("holding \(fingerprint) at \(path)")
        if output.isJSON {
            try output.result(
                "", JSONRecord("holding", [("path", .string(path)), ("fingerprint", .string(fingerprint))]))
        }
        try await Interruption.guarding(orderly: [Interruption.terminate], whenOrderly: ()) {
            let failures = AsyncStream<Failure> { continuation in
                DispatchQueue(label: "sechan.accept").async { continuation.yield(service.run(listener)) }
            }
            for await failure in failures { return .failure(failure) }
            return .failure(Failure(.interrupted, "interrupted"))
        }
    }
}
