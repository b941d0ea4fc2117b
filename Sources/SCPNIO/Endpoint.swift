/// Where a channel is offered or found.
public enum Endpoint: Hashable, Sendable {
    /// A host name, an IPv4 address, or an IPv6 address without brackets; port 0...65535, where 0 lets a listener have
    /// one that is free.
    case tcp(_ host: String, _ port: Int)
    /// The path of a Unix-domain stream socket.
    case unix(_ path: String)
    /// The same over UDP: messages may also be sent on channels that are unreliable.
    case udp(_ host: String, _ port: Int)
    /// The path of a Unix-domain datagram socket.
    case unixDatagram(_ path: String)

    /// Whether it carries datagrams instead of a stream.
    public var isDatagram: Bool {
        switch self {
        case .tcp, .unix: false
        case .udp, .unixDatagram: true
        }
    }

    /// Throws when the address has a port, and it is not one of these.
    func checkPort(_ ports: ClosedRange<Int>, _ kind: SecureChannelError.Kind) throws(SecureChannelError) {
        switch self {
        case .tcp(_, let port), .udp(_, let port):
            guard !ports.contains(port) else { return }
            let detail = "ports are \(ports.lowerBound) to \(ports.upperBound)"
            throw SecureChannelError(kind, at: self, detail: detail)
        case .unix, .unixDatagram: break
        }
    }

    /// The transport's name, for logs and metrics.
    var transport: String {
        switch self {
        case .tcp: "tcp"
        case .unix: "unix"
        case .udp: "udp"
        case .unixDatagram: "unix-dgram"
        }
    }
}

extension Endpoint: CustomStringConvertible {
    public var description: String {
        switch self {
        case .tcp(let host, let port): Endpoint.text("tcp", host, port)
        case .udp(let host, let port): Endpoint.text("udp", host, port)
        case .unix(let path): "unix://\(path)"
        case .unixDatagram(let path): "unix-dgram://\(path)"
        }
    }

    private static func text(_ scheme: String, _ host: String, _ port: Int) -> String {
        host.contains(":") ? "\(scheme)://[\(host)]:\(port)" : "\(scheme)://\(host):\(port)"
    }
}
