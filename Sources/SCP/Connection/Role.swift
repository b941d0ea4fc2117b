/// Which end of the connection this is. Labels of keys follow it through every epoch.
public enum Role: Hashable, Sendable {
    case initiator
    case responder

    /// The other end.
    public var peer: Role { self == .initiator ? .responder : .initiator }
}
