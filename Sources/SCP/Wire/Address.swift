/// Where datagrams come from and go to, as numbers: an IPv4 or IPv6 address with its port, or a name that the embedder
/// gives to something else, such as a path of a Unix-domain socket. The engine only compares addresses, and binds
/// cookies to them.
public struct Address: Hashable, Sendable {
    public enum Family: UInt8, Hashable, Sendable {
        case ipv4 = 4
        case ipv6 = 6
        /// Whatever the embedder numbers.
        case other = 0
    }

    public let family: Family
    /// The 16 bytes of an IPv6 address; of an IPv4 one the last 4.
    public let high: UInt64
    public let low: UInt64
    public let port: UInt16

    public init(ipv4 address: UInt32, port: UInt16) {
        (family, high, low, self.port) = (.ipv4, 0, UInt64(address), port)
    }

    public init(ipv6 high: UInt64, _ low: UInt64, port: UInt16) {
        (family, self.high, self.low, self.port) = (.ipv6, high, low, port)
    }

    public init(other number: UInt64) { (family, high, low, port) = (.other, 0, number, 0) }

    /// What shares a fate in rate limits: a /24 of IPv4, a /56 of IPv6.
    var prefix: UInt64 {
        switch family {
        case .ipv4: low >> 8 | 4 << 56
        case .ipv6: high >> 8
        case .other: low
        }
    }
}
