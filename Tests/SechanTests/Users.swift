import Foundation
import Testing

/// A server's and a client's user on one machine, each with an identity; the client is authorized.
final class Users: Sendable {
    let sandbox: Sandbox
    let serverKey: String
    let clientKey: String

    init(isAuthorized: Bool = true) async throws {
        sandbox = try Sandbox()
        serverKey = try await Users.makeKey(sandbox, "server")
        clientKey = try await Users.makeKey(sandbox, "client")
        if isAuthorized { try await authorize(clientKey) }
    }

    static func makeKey(_ sandbox: Sandbox, _ user: String) async throws -> String {
        let outcome = try await sandbox.run(["keygen"], environment: Users.environment(sandbox, user))
        return try #require(outcome.lines.first)
    }

    func authorize(_ key: String) async throws {
        let outcome = try await run("server", "trust", "add", key)
        try #require(outcome.status == 0)
    }

    private static func environment(_ sandbox: Sandbox, _ user: String) -> [String: String] {
        ["SECHAN_CONFIG": sandbox.path(user)]
    }

    func start(
        _ user: String, _ arguments: [String], input: Run.Input = .nothing, output: String? = nil
    ) throws -> Run {
        // A loaded machine, with a sanitizer, may take longer than the command waits by itself.
        let isChannel = ["listen", "connect", "pipe"].contains(arguments.first) && !arguments.contains("--timeout")
        return try Run(
            sandbox, arguments + (isChannel ? ["--timeout", "120"] : []), input: input, output: output,
            environment: Users.environment(sandbox, user))
    }

    func run(_ user: String, _ arguments: String..., input: Run.Input = .nothing) async throws -> Outcome {
        try await start(user, arguments, input: input).outcome()
    }

    func connect(_ address: String, _ arguments: String..., input: Run.Input = .nothing) async throws -> Outcome {
        try await start("client", ["connect", address, "--peer", serverKey] + arguments, input: input).outcome()
    }

    /// A listener, once it listens.
    func listen(_ arguments: String..., at address: String = "tcp://127.0.0.1:0") async throws -> Listener {
        let run = try start("server", ["listen", address] + arguments)
        return try await Listener(run)
    }

    /// A socket's address in the sandbox.
    var socket: String { "unix://" + sandbox.path("s") }
}

/// A running listener, and the address that it has.
final class Listener: Sendable {
    let run: Run
    let address: String

    init(_ run: Run) async throws {
        self.run = run
        try await run.says(" as SHA256:")
        let line = try #require(run.errorsSoFar.split(separator: "\n").first { $0.hasPrefix("listening on ") })
        address = String(line.split(separator: " ")[2])
    }

    deinit { run.kill() }

    /// Ends it as a service manager does.
    func end() async throws -> Outcome {
        run.terminate()
        return try await run.outcome()
    }
}

/// A Unix-domain listener that speaks no SCP/1.
final class DeafListener: Sendable {
    enum Manner { case silent, closing, babbling }

    private let descriptor: Int32

    init(at path: String, _ manner: Manner) throws {
        descriptor = socket(AF_UNIX, DeafListener.stream, 0)
        try #require(descriptor >= 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8)) }
        let descriptor = descriptor
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                unsafe bind(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        try #require(result == 0 && Foundation.listen(descriptor, 8) == 0)
        guard manner != .silent else { return }
        Thread.detachNewThread {
            let client = accept(descriptor, nil, nil)
            guard client >= 0 else { return }
            if manner == .babbling {
                let words = Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8)
                _ = unsafe write(client, words, words.count)
                sleep(1)
            }
            close(client)
        }
    }

    deinit { close(descriptor) }

    #if canImport(Glibc)
    private static let stream = Int32(SOCK_STREAM.rawValue)
    #else
    private static let stream = SOCK_STREAM
    #endif
}
