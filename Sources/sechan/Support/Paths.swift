/// Where the command keeps what it remembers.
struct Paths: Equatable, Sendable {
    /// The directory of the configuration, absolute.
    let directory: String

    private let identityOverride: String?

    /// `SECHAN_CONFIG`, else `$XDG_CONFIG_HOME/sechan`, else `~/.config/sechan`.
    ///
    /// A relative `XDG_CONFIG_HOME` is ignored, as the XDG base directory specification says.
    init(environment: (String) -> String?) throws(Failure) {
        identityOverride = environment("SECHAN_IDENTITY")
        if let chosen = environment("SECHAN_CONFIG") {
            directory = Paths.withoutTrailingSlash(chosen)
        } else if let base = environment("XDG_CONFIG_HOME"), base.hasPrefix("/") {
            directory = Paths.withoutTrailingSlash(base) + "/sechan"
        } else if let home = environment("HOME") {
            directory = Paths.withoutTrailingSlash(home) + "/.config/sechan"
        } else {
            throw Failure(
                .configuration, "no place for the configuration: HOME is not set",
                remedy: "Set HOME, XDG_CONFIG_HOME or SECHAN_CONFIG.")
        }
    }

    /// Paths from the environment of the process.
    init() throws(Failure) { try self.init(environment: SystemCalls.environment) }

    /// The private key: `SECHAN_IDENTITY`, else `identity` in the directory.
    var identity: String { identityOverride ?? directory + "/identity" }

    /// Address and key of each peer that this machine connects to.
    var knownPeers: String { directory + "/known_peers" }

    /// Keys that may connect to this machine.
    var authorizedPeers: String { directory + "/authorized_peers" }

    /// What writers of the two trust stores lock.
    var lock: String { directory + "/.lock" }

    /// Creates the directory with its parents, for the owner alone, when it is missing.
    func createDirectory() throws(Failure) { try Paths.createDirectory(directory) }

    private static func createDirectory(_ path: String) throws(Failure) {
        do {
            guard try !SystemCalls.status(of: path).isDirectory else { return }
            throw Failure(.cannotCreate, "\(path) is not a directory")
        } catch let error as SystemError {
            guard error.isMissing else { throw Failure(.cannotCreate, error) }
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.internalError, "\(error)")
        }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
            try createDirectory(String(path[..<slash]))
        }
        do {
            try SystemCalls.makeDirectory(path, mode: 0o700)
        } catch {
            // Another process may have been quicker.
            guard error.alreadyExists else { throw Failure(.cannotCreate, error) }
        }
    }

    /// The directory that holds `path`.
    static func parent(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    private static func withoutTrailingSlash(_ path: String) -> String {
        var result = path
        while result.count > 1, result.hasSuffix("/") { result.removeLast() }
        return result
    }
}
