import SCP

/// What a holder of a private key and its users say to each other over a Unix-domain socket.
///
///     request   0x01 | 0x00                          which key is it?
///               0x01 | 0x01 | key (32) | peer (32)   X25519 of the private key of `key` with `peer`
///     answer    0x00 | 32 bytes                      the public key, or the shared secret
///               0x01                                 refused: another key
///               0x02                                 failed
///
/// Requests follow each other on one stream, each after the answer to the last. Any program may be the holder: one for
/// a PKCS#11 token is in `Examples/pkcs11-agent.py`.
enum AgentWire {
    static let version: UInt8 = 1

    enum Request {
        case identify
        case agree(key: PublicKey, peer: PublicKey)
    }

    enum Status: UInt8 {
        case done = 0
        case refused = 1
        case failed = 2
    }

    /// The next request; nil at the end of the stream, or when the user does not speak this.
    static func read(from socket: LocalSocket) throws(SystemError) -> Request? {
        guard let head = try socket.read(2) else { return nil }
        let (version, kind) = (head.bytes[0], head.bytes[1])
        switch (version, kind) {
        case (AgentWire.version, 0): return .identify
        case (AgentWire.version, 1):
            guard let keys = try socket.read(2 * PublicKey.size) else { return nil }
            let bytes = keys.bytes
            return .agree(
                key: PublicKey([32 of UInt8] { bytes[$0] }), peer: PublicKey([32 of UInt8] { bytes[32 + $0] }))
        default: return nil
        }
    }

    static func write(_ request: Request, to socket: LocalSocket) throws(SystemError) {
        var bytes: [UInt8] = [version]
        switch request {
        case .identify: bytes.append(0)
        case .agree(let key, let peer):
            bytes.append(1)
            for index in 0..<PublicKey.size { bytes.append(key.bytes[index]) }
            for index in 0..<PublicKey.size { bytes.append(peer.bytes[index]) }
        }
        try socket.write(bytes.span)
    }

    static func write(_ answer: Secret, to socket: LocalSocket) throws(SystemError) {
        let whole = Secret(count: 1 + answer.count)
        whole.withMutableBytes { bytes in
            for index in 0..<answer.count { bytes[1 + index] = answer.bytes[index] }
        }
        try socket.write(whole.bytes)
    }

    static func write(_ status: Status, to socket: LocalSocket) throws(SystemError) {
        let bytes = [status.rawValue]
        try socket.write(bytes.span)
    }

    /// Asks one thing; 32 bytes.
    static func ask(_ request: Request, at path: String, timeout: Duration) throws(Failure) -> Secret {
        do throws(SystemError) {
            let socket = try LocalSocket.connect(to: path, timeout: timeout)
            try write(request, to: socket)
            guard let head = try socket.read(1) else { throw .ended("ask", path) }
            switch Status(rawValue: head.bytes[0]) {
            case .done?:
                guard let answer = try socket.read(PublicKey.size) else { throw .ended("ask", path) }
                return answer
            case .refused?: throw .refused("ask", path)
            case .failed?, nil: throw .faulty("ask", path)
            }
        } catch {
            throw Failure(
                .noInput, "the key agent does not answer: \(error.text)",
                remedy: "`sechan agent \(path)` starts one.")
        }
    }
}

extension SystemError {
    /// The errno that says best what an agent's answer was.
    fileprivate static func ended(_ operation: String, _ path: String) -> SystemError {
        SystemError(operation: operation, path: path, number: SystemError.endOfStream)
    }

    fileprivate static func refused(_ operation: String, _ path: String) -> SystemError {
        SystemError(operation: operation, path: path, number: SystemError.notPermitted)
    }

    fileprivate static func faulty(_ operation: String, _ path: String) -> SystemError {
        SystemError(operation: operation, path: path, number: SystemError.protocolFault)
    }
}
