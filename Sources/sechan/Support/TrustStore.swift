import SCP

/// The trust stores in the configuration directory: read whole, replaced whole, one writer at a time.
struct TrustStore: Sendable {
    private static let retryMilliseconds: UInt32 = 20

    let paths: Paths
    /// How long a writer waits for another one.
    var lockTimeout = Duration.seconds(10)
    /// A file that takes the place of the usual ones.
    var otherPath: String?

    func path(of kind: TrustFile.Kind) -> String {
        if let otherPath { return otherPath }
        switch kind {
        case .knownPeers: return paths.knownPeers
        case .authorizedPeers: return paths.authorizedPeers
        }
    }

    /// The store as it is now; empty when there is none yet.
    func load(_ kind: TrustFile.Kind) throws(Failure) -> TrustFile { try read(kind).file }

    /// Changes a store: nobody else changes it meanwhile, and readers see the old file or the new one.
    ///
    /// Nothing is written when `body` answers false.
    func update(
        _ kind: TrustFile.Kind, _ body: (inout TrustFile) throws(Failure) -> Bool
    ) throws(Failure) {
        try paths.createDirectory()
        do {
            let lock = try File.openLock(paths.lock)
            try wait(for: lock)
            var (file, permissions) = try read(kind)
            if try body(&file) { try replace(file, permissions: permissions) }
            // The lock lives as long as its descriptor, so it must outlive the writing.
            _ = consume lock
        } catch let error as SystemError {
            throw Failure(.cannotCreate, error)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.internalError, "\(error)")
        }
    }

    private func wait(for lock: borrowing File) throws {
        let deadline = ContinuousClock.now + lockTimeout
        while try !lock.tryLock() {
            guard ContinuousClock.now < deadline else {
                throw Failure(
                    .timedOut,
                    "another process holds \(paths.lock), and still did after \(lockTimeout)",
                    remedy: "Look who it is: fuser '\(paths.lock)'")
            }
            SystemCalls.sleep(milliseconds: TrustStore.retryMilliseconds)
        }
    }

    private func read(_ kind: TrustFile.Kind) throws(Failure) -> (file: TrustFile, permissions: UInt32) {
        let path = path(of: kind)
        do {
            let file = try File.open(path)
            let status = try file.status()
            guard status.isRegular else { throw Failure(.configuration, "\(path) is not a regular file") }
            guard !status.isWritableByOthers else {
                throw Failure(
                    .configuration,
                    "\(path) can be written by others (mode \(status.octalPermissions)), so nobody in it is trusted",
                    remedy: "Look through it, then: chmod go-w '\(path)'.")
            }
            guard let (bytes, count) = try file.readSecret(limit: TrustFile.sizeLimit) else {
                throw Failure(.configuration, "\(path) is longer than \(TrustFile.sizeLimit) bytes")
            }
            let content = bytes.bytes.extracting(0..<count)
            return (TrustFile(kind, path: path, bytes: content), status.permissions)
        } catch let error as SystemError {
            guard error.isMissing else { throw Failure(.noInput, error) }
            let nothing: [UInt8] = []
            return (TrustFile(kind, path: path, bytes: nothing.span), 0o600)
        } catch let failure as Failure {
            throw failure
        } catch {
            throw Failure(.internalError, "\(error)")
        }
    }

    /// Writes beside the store, flushes, and renames; a store behind a symbolic link is replaced where it really is.
    private func replace(_ file: TrustFile, permissions: UInt32) throws(SystemError) {
        let target = SystemCalls.resolvingLinks(file.path)
        // Only the holder of the lock writes here, so a file of this name was left by a writer that died.
        let temporary = target + ".new"
        do throws(SystemError) {
            try SystemCalls.remove(temporary)
        } catch {
            guard error.isMissing else { throw error }
        }
        do throws(SystemError) {
            let output = try File.create(temporary, mode: 0o600)
            try output.write(file.bytes.span)
            try output.setPermissions(permissions)
            try output.synchronize()
            try SystemCalls.rename(temporary, to: target)
        } catch {
            try? SystemCalls.remove(temporary)
            throw error
        }
        try File.openDirectory(Paths.parent(of: target)).synchronize()
    }
}
