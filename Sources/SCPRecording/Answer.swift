internal import SCP

/// What a provider gave an engine that nobody could compute again: random bytes, and what a private key makes.
enum Answer {
    case randomness(Result<[UInt8], CryptoError>)
    case publicKey(Result<PublicKey, CryptoError>)
    case sharedSecret(peer: PublicKey, Result<Secret, CryptoError>)

    var entry: Entry {
        var body = BodyEncoder()
        let kind: Entry.Kind
        switch self {
        case .randomness(let result):
            kind = .randomness
            Self.append(result, to: &body) { $0.append($1) }
        case .publicKey(let result):
            kind = .publicKey
            Self.append(result, to: &body) { $0.append(raw: $1.bytes.span) }
        case .sharedSecret(let peer, let result):
            kind = .sharedSecret
            body.append(raw: peer.bytes.span)
            Self.append(result, to: &body) { $0.append([UInt8](copying: $1.bytes)) }
        }
        return Entry(kind: kind, body: body.bytes)
    }

    private static func append<Value>(
        _ result: Result<Value, CryptoError>, to body: inout BodyEncoder, _ value: (inout BodyEncoder, Value) -> Void
    ) {
        switch result {
        case .success(let success):
            body.append(UInt8(0))
            value(&body, success)
        case .failure(.authenticationFailed): body.append(UInt8(1))
        case .failure(.invalidPublicKey): body.append(UInt8(2))
        case .failure(.invalidLength): body.append(UInt8(3))
        case .failure(.randomFailed): body.append(UInt8(4))
        case .failure(.backend(let number)):
            body.append(UInt8(5))
            body.append(number)
        }
    }

    /// Nil for an entry that is no answer.
    init?(_ entry: Entry) {
        var body = BodyDecoder(entry.body)
        do throws(BodyDecoder.Malformed) {
            switch entry.kind {
            case .randomness:
                if let error = try Self.error(&body) {
                    self = .randomness(.failure(error))
                } else {
                    self = .randomness(.success(try body.content()))
                }
            case .publicKey:
                if let error = try Self.error(&body) {
                    self = .publicKey(.failure(error))
                } else {
                    self = .publicKey(.success(try body.publicKey()))
                }
            case .sharedSecret:
                let peer = try body.publicKey()
                if let error = try Self.error(&body) {
                    self = .sharedSecret(peer: peer, .failure(error))
                } else {
                    self = .sharedSecret(peer: peer, .success(try body.secret()))
                }
            default: return nil
            }
            try body.end()
        } catch {
            return nil
        }
    }

    /// Nil where a value follows.
    private static func error(_ body: inout BodyDecoder) throws(BodyDecoder.Malformed) -> CryptoError? {
        switch try body.number(UInt8.self) {
        case 0: return nil
        case 1: return .authenticationFailed
        case 2: return .invalidPublicKey
        case 3: return .invalidLength
        case 4: return .randomFailed
        case 5: return .backend(try body.number())
        default: throw BodyDecoder.Malformed()
        }
    }
}

extension BodyEncoder {
    mutating func append(_ address: Address) {
        append(address.family.rawValue)
        append(address.high)
        append(address.low)
        append(address.port)
    }
}

extension BodyDecoder {
    mutating func address() throws(Malformed) -> Address {
        let family = Address.Family(rawValue: try number())
        let (high, low, port) = (try number(UInt64.self), try number(UInt64.self), try number(UInt16.self))
        switch family {
        case .ipv4: return Address(ipv4: UInt32(truncatingIfNeeded: low), port: port)
        case .ipv6: return Address(ipv6: high, low, port: port)
        case .other: return Address(other: low)
        case nil: throw Malformed()
        }
    }

    mutating func publicKey() throws(Malformed) -> PublicKey {
        let encoded = try raw(PublicKey.size)
        guard let key = PublicKey(encoded.span) else { throw Malformed() }
        return key
    }

    mutating func secret() throws(Malformed) -> Secret {
        let bytes = try content()
        return Secret(copying: bytes.span)
    }
}
