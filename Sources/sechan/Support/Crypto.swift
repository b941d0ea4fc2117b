import SCPGcrypt

/// The crypto provider of the command.
typealias Provider = GcryptProvider

extension Failure {
    /// libgcrypt cannot be used on this machine.
    init(_ error: GcryptError) {
        self.init(.configuration, error.description, remedy: "`sechan doctor` says what this machine has.")
    }
}

extension GcryptProvider {
    /// A provider for verbs that make keys and fingerprints: they encrypt nothing, so they also run where AES would
    /// read tables.
    static func forKeys() throws(Failure) -> GcryptProvider {
        do throws(GcryptError) {
            return try GcryptProvider(allowingTableAES: true)
        } catch {
            throw Failure(error)
        }
    }

    /// A provider for verbs that make channels.
    static func forChannels() throws(Failure) -> GcryptProvider {
        do throws(GcryptError) {
            return try GcryptProvider()
        } catch {
            throw Failure(error)
        }
    }
}
