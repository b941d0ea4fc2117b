/// Where a channel begins or ends: one grammar for every verb, and the name of a peer in `known_peers`.
///
///     tcp://HOST:PORT      a name, an IPv4 address, or an IPv6 address in brackets
///     udp://HOST:PORT      the same over datagrams
///     unix:///PATH         an absolute path; %XX stands for a byte, as in any URL
///     unix-dgram:///PATH   the same over datagrams
///     stdio:               standard input and output
enum Address: Hashable, Sendable {
    /// Names in lower case, IPv6 addresses in the system's spelling and without brackets; port 0...65535.
    case tcp(host: String, port: UInt16)
    case udp(host: String, port: UInt16)
    /// An absolute path.
    case unix(path: String)
    case unixDatagram(path: String)
    case standardIO

    /// What is wrong with the text of an address.
    enum ParseError: Error, Equatable {
        case unknownScheme(String)
        case missingHost
        case missingPort
        case invalidHost(String)
        case invalidPort(String)
        case unbracketedIPv6(String)
        case invalidIPv6(String)
        case relativePath
        case invalidEscape(offset: Int)
        case pathTooLong(Int)
        case trailingText(String)
    }

    /// Bytes that a Unix-domain socket's path may have: `sun_path` less its NUL, where it is smallest (108 on Linux,
    /// 104 on macOS).
    static let unixPathLimit = 103

    init(_ text: String) throws(ParseError) {
        if let rest = Address.rest(of: text, after: "tcp://") {
            let (host, port) = try Address.parseHost(rest)
            self = .tcp(host: host, port: port)
        } else if let rest = Address.rest(of: text, after: "udp://") {
            let (host, port) = try Address.parseHost(rest)
            self = .udp(host: host, port: port)
        } else if let rest = Address.rest(of: text, after: "unix://") {
            self = .unix(path: try Address.parsePath(rest))
        } else if let rest = Address.rest(of: text, after: "unix-dgram://") {
            self = .unixDatagram(path: try Address.parsePath(rest))
        } else if let rest = Address.rest(of: text, after: "stdio:") {
            guard rest.isEmpty else { throw .trailingText(String(rest)) }
            self = .standardIO
        } else {
            throw .unknownScheme(text)
        }
    }

    /// The host of TCP and UDP.
    var host: String? {
        switch self {
        case .tcp(let host, _), .udp(let host, _): host
        case .unix, .unixDatagram, .standardIO: nil
        }
    }

    private static func rest(of text: String, after prefix: String) -> Substring? {
        guard text.utf8.count >= prefix.utf8.count, text.prefix(prefix.count).lowercased() == prefix else {
            return nil
        }
        return text.dropFirst(prefix.count)
    }

    private static func parseHost(_ text: Substring) throws(ParseError) -> (host: String, port: UInt16) {
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { throw .invalidIPv6(String(text)) }
            let inner = String(text[text.index(after: text.startIndex)..<end])
            guard let host = SystemCalls.canonicalIPv6(inner) else { throw .invalidIPv6(inner) }
            let rest = text[text.index(after: end)...]
            guard rest.first == ":" else { throw .missingPort }
            return (host, try parsePort(rest.dropFirst()))
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw .unbracketedIPv6(String(text)) }
        guard let host = parts.first, !host.isEmpty else { throw .missingHost }
        guard parts.count == 2, !parts[1].isEmpty else { throw .missingPort }
        // RFC 1123 names, with the underscore that people use; also every IPv4 address.
        let isName = host.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte & 0xdf) || [0x2d, 0x2e, 0x5f].contains(byte)
        }
        guard isName, host.utf8.count <= 253 else { throw .invalidHost(String(host)) }
        return (host.lowercased(), try parsePort(parts[1]))
    }

    private static func parsePort(_ text: Substring) throws(ParseError) -> UInt16 {
        let isDigits = text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isDigits, let port = UInt16(text) else { throw .invalidPort(String(text)) }
        return port
    }

    private static func parsePath(_ text: Substring) throws(ParseError) -> String {
        guard text.first == "/" else { throw .relativePath }
        let bytes = Array(text.utf8)
        var path: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "%") else {
                path.append(bytes[index])
                index += 1
                continue
            }
            guard index + 2 < bytes.count, let high = hexadecimal(bytes[index + 1]),
                let low = hexadecimal(bytes[index + 2]), high << 4 | low != 0
            else { throw .invalidEscape(offset: index) }
            path.append(high << 4 | low)
            index += 3
        }
        guard path.count <= unixPathLimit else { throw .pathTooLong(path.count) }
        guard let result = String(validating: path, as: UTF8.self), !path.contains(0) else {
            throw .invalidEscape(offset: 0)
        }
        return result
    }

    private static func hexadecimal(_ character: UInt8) -> UInt8? {
        switch character {
        case 0x30...0x39: character - 0x30
        case 0x41...0x46: character - 0x37
        case 0x61...0x66: character - 0x57
        default: nil
        }
    }
}

extension Address: CustomStringConvertible {
    /// The canonical text: what `known_peers` holds.
    var description: String {
        switch self {
        case .tcp(let host, let port): "tcp://" + Address.text(host, port)
        case .udp(let host, let port): "udp://" + Address.text(host, port)
        case .unix(let path): "unix://" + Address.escape(path)
        case .unixDatagram(let path): "unix-dgram://" + Address.escape(path)
        case .standardIO: "stdio:"
        }
    }

    private static func text(_ host: String, _ port: UInt16) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }

    /// Every byte that would end a word or a line, or look like an escape, as %XX.
    private static func escape(_ path: String) -> String {
        var result: [UInt8] = []
        for byte in path.utf8 {
            if byte <= 0x20 || byte == 0x7f || byte == UInt8(ascii: "%") {
                let digits = Array("0123456789ABCDEF".utf8)
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            } else {
                result.append(byte)
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

extension Address.ParseError: CustomStringConvertible {
    var description: String {
        let forms = "Write tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH or unix-dgram:///PATH."
        switch self {
        case .unknownScheme(let text): return "'\(text)' is not an address. \(forms)"
        case .missingHost: return "the host is missing; this machine alone is 127.0.0.1 or [::1]."
        case .missingPort: return "the port is missing: tcp://HOST:PORT."
        case .invalidHost(let host): return "'\(host)' is neither a host name nor an address."
        case .invalidPort(let port): return "'\(port)' is not a port; ports are 0 to 65535."
        case .unbracketedIPv6(let text): return "'\(text)' has too many colons; an IPv6 address stands in brackets."
        case .invalidIPv6(let text): return "'\(text)' is not an IPv6 address in brackets."
        case .relativePath: return "a socket path is absolute: unix:///PATH."
        case .invalidEscape(let offset): return "byte \(offset) of the path starts no valid %XX escape."
        case .pathTooLong(let count):
            return "the socket path has \(count) bytes; the system takes \(Address.unixPathLimit)."
        case .trailingText(let text): return "'\(text)' follows stdio:."
        }
    }
}
