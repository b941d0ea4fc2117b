/// Where a channel is offered or found.
public enum Endpoint: Hashable, Sendable {
    /// A host name, an IPv4 address, or an IPv6 address without brackets; port 0...65535, where 0 lets a listener have
    /// one that is free.
    case tcp(_ host: String, _ port: Int)
    /// The path of a Unix-domain stream socket.
    case unix(_ path: String)

    /// The transport's name, for logs and metrics.
    var transport: String {
        switch self {
        case .tcp: "tcp"
        case .unix: "unix"
        }
    }
}

extension Endpoint: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "tcp://[\(host)]:\(port)" : "tcp://\(host):\(port)"
        case .unix(let path): "unix://\(path)"
        }
    }
}
