import SCP
import SCPNIO

/// The key that is known for one address, for the adapter to ask for; and what became of a stranger.
actor PeerBook: SCPNIO.TrustStore {
    enum Source: Sendable {
        /// From the command line.
        case pinned(PublicKey)
        /// As a trust store has it.
        case store(TrustStore, Address)
        /// A stranger's whom somebody has just confirmed; a trust store is to have it.
        case confirmed(PublicKey, TrustStore, Address)
    }

    private let source: Source
    /// The key of a stranger that was not taken.
    private(set) var stranger: PublicKey?
    private(set) var hasRemembered = false
    /// Why a stranger could not be remembered.
    private(set) var failure: Failure?

    init(_ source: Source) { self.source = source }

    func knownKey(for peer: Endpoint) throws -> PublicKey? {
        switch source {
        case .pinned(let key): return key
        case .store(let store, let address): return try store.load(.knownPeers).knownKey(of: address)?.key.key
        case .confirmed(let key, _, _): return key
        }
    }

    func remember(_ key: PublicKey, for peer: Endpoint) throws {
        guard case .store(let store, let address) = source else { return }
        try remember(key, in: store, at: address)
    }

    /// The confirmed stranger has proved the key.
    func rememberConfirmed() throws(Failure) {
        guard case .confirmed(let key, let store, let address) = source else { return }
        try remember(key, in: store, at: address)
    }

    private func remember(_ key: PublicKey, in store: TrustStore, at address: Address) throws(Failure) {
        do throws(Failure) {
            try store.update(.knownPeers) { file throws(Failure) in
                if let known = try file.knownKey(of: address) {
                    guard known.key.key != key.canonical else { return false }
                    throw Failure(.identityChanged, "another key for \(address) was stored meanwhile: \(file.path)")
                }
                file.add(TrustFile.Entry(address: address, key: try key.text()))
                return true
            }
            hasRemembered = true
        } catch {
            failure = error
            throw error
        }
    }

    func refuse(_ key: PublicKey) { stranger = key }
}
