import SCPNIO

extension Address {
    /// The address as the adapter takes it; a failure for `stdio:`, over which there are no channels yet.
    func endpoint() throws(Failure) -> Endpoint {
        switch self {
        case .tcp(let host, let port): return .tcp(host, Int(port))
        case .udp(let host, let port): return .udp(host, Int(port))
        case .unix(let path): return .unix(path)
        case .unixDatagram(let path): return .unixDatagram(path)
        case .standardIO:
            throw Failure(
                .usage, "channels over stdio: are not there yet",
                remedy: "Write tcp://HOST:PORT or unix:///PATH, or udp:// or unix-dgram:// for datagrams.")
        }
    }

    /// From the adapter's form, as a listener on port 0 learns it.
    init(_ endpoint: Endpoint) {
        switch endpoint {
        case .tcp(let host, let port): self = .tcp(host: host, port: UInt16(clamping: port))
        case .udp(let host, let port): self = .udp(host: host, port: UInt16(clamping: port))
        case .unix(let path): self = .unix(path: path)
        case .unixDatagram(let path): self = .unixDatagram(path: path)
        }
    }
}
