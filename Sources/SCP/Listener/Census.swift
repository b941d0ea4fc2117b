/// Connections of others that are on their way to a session, in number and in bytes: what an endpoint bounds.
/// [SCP-DGRAM-38]
struct Census: Equatable {
    private(set) var halfOpen = 0
    private(set) var halfOpenBytes = 0
    /// Those of the half-open that have only a part of message 1.
    private(set) var incomplete = 0
    private(set) var incompleteBytes = 0
    /// Those whose identity is being decided.
    private(set) var held = 0

    init() {}

    /// What one connection counts as.
    init<Provider: CryptoProvider>(_ connection: borrowing Connection<Provider>, isOwn: Bool) {
        switch connection.state {
        case .held: held = 1
        case .awaitingInit where !isOwn:
            halfOpen = 1
            halfOpenBytes = connection.memory
            incomplete = 1
            incompleteBytes = halfOpenBytes
        case .halfOpen where !isOwn:
            halfOpen = 1
            halfOpenBytes = connection.memory
        default: break
        }
    }

    /// Counts a connection as something else than before.
    mutating func replace(_ old: Census, with new: Census) {
        guard old != new else { return }
        halfOpen += new.halfOpen - old.halfOpen
        halfOpenBytes += new.halfOpenBytes - old.halfOpenBytes
        incomplete += new.incomplete - old.incomplete
        incompleteBytes += new.incompleteBytes - old.incompleteBytes
        held += new.held - old.held
    }
}
