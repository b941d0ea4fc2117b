import Foundation
import Testing

/// A directory of its own for one test, with the built command in it as a user would run it.
final class Sandbox: Sendable {
    let directory: URL

    init() throws {
        directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("sechan-test-\(UUID().uuidString)").resolvingSymlinksInPath()
        try FileManager.default.createDirectory(
            at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// Where the command keeps its files here.
    var configuration: String { path("config") }

    func path(_ name: String) -> String { directory.appendingPathComponent(name).path }

    @discardableResult
    func write(_ text: String, to name: String, mode: Int = 0o600) throws -> String {
        let path = path(name)
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    func text(of name: String) throws -> String { try String(contentsOfFile: path(name), encoding: .utf8) }

    func mode(of name: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path(name))
        return try #require((attributes[.posixPermissions] as? NSNumber)?.intValue)
    }

    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path(name)) }

    /// Runs the command to its end.
    func run(
        _ arguments: String..., input: String? = nil, environment: [String: String] = [:]
    ) async throws -> Outcome {
        try await run(arguments, input: input, environment: environment)
    }

    func run(
        _ arguments: [String], input: String? = nil, environment: [String: String] = [:]
    ) async throws -> Outcome {
        let run = try Run(self, arguments, input: input.map { .text($0) } ?? .nothing, environment: environment)
        return try await run.outcome()
    }
}

/// How a run of the command ended and what it said.
struct Outcome {
    /// The exit status, or the signal that ended it as a negative number.
    let status: Int32
    let output: String
    let errors: String
    /// The same as `output`, byte for byte.
    let data: Data

    var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// The objects of `--json` output.
    func records() throws -> [[String: Any]] {
        try Outcome.records(in: output)
    }

    static func records(in text: String) throws -> [[String: Any]] {
        try text.split(separator: "\n").map { line in
            try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        }
    }
}

/// A running command.
final class Run: Sendable {
    enum Input {
        case nothing
        case text(String)
        case file(String)
        /// A pipe that stays open.
        case open(Pipe)
    }

    private let process: Process
    private let outputPath: String
    private let errorPath: String
    private let ended: AsyncStream<Void>
    private let sandbox: Sandbox

    /// - Parameter output: A file that is there already, for standard output.
    init(
        _ sandbox: Sandbox, _ arguments: [String], input: Input, output: String? = nil,
        environment: [String: String] = [:]
    ) throws {
        self.sandbox = sandbox
        let process = Process()
        process.executableURL = try Run.executable()
        process.arguments = arguments
        process.environment = Run.environment(sandbox).merging(environment) { $1 }
        process.currentDirectoryURL = sandbox.directory
        let name = UUID().uuidString
        outputPath = output ?? sandbox.path("\(name).out")
        errorPath = sandbox.path("\(name).err")
        if let output {
            process.standardOutput = try FileHandle(forWritingTo: URL(fileURLWithPath: output))
        } else {
            process.standardOutput = try Run.file(outputPath)
        }
        process.standardError = try Run.file(errorPath)
        switch input {
        case .nothing: process.standardInput = FileHandle.nullDevice
        case .text(let text):
            let inputPath = sandbox.path("\(name).in")
            try text.write(toFile: inputPath, atomically: false, encoding: .utf8)
            process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: inputPath))
        case .file(let path): process.standardInput = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
        case .open(let pipe): process.standardInput = pipe
        }
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self)
        process.terminationHandler = { _ in continuation.finish() }
        ended = stream
        self.process = process
        try process.run()
    }

    var processIdentifier: Int32 { process.processIdentifier }

    func interrupt() { process.interrupt() }
    func terminate() { process.terminate() }
    func kill() { Foundation.kill(process.processIdentifier, SIGKILL) }
    var isRunning: Bool { process.isRunning }

    /// What it has said so far.
    var outputSoFar: String { text(outputPath) }
    var errorsSoFar: String { text(errorPath) }

    private func text(_ path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }

    /// Waits until standard error has the text.
    func says(_ text: String) async throws {
        let deadline = ContinuousClock.now + .seconds(600)
        while !errorsSoFar.contains(text) {
            try #require(isRunning && ContinuousClock.now < deadline, "never said: \(text)\n\(errorsSoFar)")
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func outcome() async throws -> Outcome {
        for await _ in ended {}
        let status = process.terminationStatus
        return Outcome(
            status: process.terminationReason == .uncaughtSignal ? -status : status,
            output: outputSoFar, errors: errorsSoFar, data: FileManager.default.contents(atPath: outputPath) ?? Data())
    }

    private static func file(_ path: String) throws -> FileHandle {
        try Data().write(to: URL(fileURLWithPath: path))
        return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }

    /// Ours, so that the sanitizers' options and the search path stay, less whatever steers the command.
    private static func environment(_ sandbox: Sandbox) -> [String: String] {
        var environment = ProcessInfo.processInfo.environment.filter { name, _ in
            !name.hasPrefix("SECHAN_") && !name.hasPrefix("XDG_") && name != "NO_COLOR"
        }
        environment["HOME"] = sandbox.path("home")
        environment["SECHAN_CONFIG"] = sandbox.configuration
        return environment
    }

    /// The command that was built together with this test, beside it.
    static func executable() throws -> URL {
        #if os(macOS)
        let bundle = try #require(Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }).bundleURL
        #else
        let bundle = try #require(Bundle.main.executableURL)
        #endif
        let url = bundle.deletingLastPathComponent().appendingPathComponent("sechan")
        try #require(FileManager.default.isExecutableFile(atPath: url.path), "no command at \(url.path)")
        return url
    }
}

/// Keys with known answers: RFC 7748 section 6.1.
enum Known {
    static let alicePrivate = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo="
    static let alicePublic = "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
    static let bobPublic = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="

    /// From `echo KEY | base64 -d | sha256sum | xxd -r -p | base64`, without the padding.
    static let aliceFingerprint = "SHA256:MAyclgO5Kks57TlYv5JAEUgE20/TcwEsDKR0MtY0Ja4"
    static let bobFingerprint = "SHA256:815WFhYKML88bnn6c8V21AIF6Pw7pOHG3Pk+a5joV7Q"

    static let alice = "scp1-x25519 \(alicePublic)"
    static let bob = "scp1-x25519 \(bobPublic)"
    static let aliceFile = "scp1-x25519-private \(alicePrivate)\n"
}
