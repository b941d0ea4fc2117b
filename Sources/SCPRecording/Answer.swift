internal import SCP

/// What a provider, or the signer of a credential, gave an engine that nobody could compute again: random bytes, and
/// what a private key makes.
enum Answer {
    private typealias Malformed = BodyDecoder.Malformed

    case randomness(Result<[UInt8], CryptoError>)
    case publicKey(Result<PublicKey, CryptoError>)
    case sharedSecret(peer: PublicKey, Result<Secret, CryptoError>)
    case encapsulationKey(Result<EncapsulationKey, CryptoError>)
    case encapsulatedSecret(peer: EncapsulationKey, Result<EncapsulatedSecret, CryptoError>)
    case decapsulatedSecret(ciphertext: [UInt8], Result<Secret, CryptoError>)
    case signature(message: [UInt8], Result<[UInt8], CryptoError>)

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
        case .encapsulationKey(let result):
            kind = .encapsulationKey
            Self.append(result, to: &body) { $0.append(raw: $1.bytes.span) }
        case .encapsulatedSecret(let peer, let result):
            kind = .encapsulatedSecret
            body.append(raw: peer.bytes.span)
            Self.append(result, to: &body) {
                $0.append($1.ciphertext)
                $0.append([UInt8](copying: $1.secret.bytes))
            }
        case .decapsulatedSecret(let ciphertext, let result):
            kind = .decapsulatedSecret
            body.append(ciphertext)
            Self.append(result, to: &body) { $0.append([UInt8](copying: $1.bytes)) }
        case .signature(let message, let result):
            kind = .signature
            body.append(message)
            Self.append(result, to: &body) { $0.append($1) }
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
        do throws(Malformed) {
            switch entry.kind {
            case .randomness: self = .randomness(try body.result { body throws(Malformed) in try body.content() })
            case .publicKey: self = .publicKey(try body.result { body throws(Malformed) in try body.publicKey() })
            case .sharedSecret:
                self = .sharedSecret(
                    peer: try body.publicKey(), try body.result { body throws(Malformed) in try body.secret() })
            case .encapsulationKey:
                self = .encapsulationKey(try body.result { body throws(Malformed) in try body.encapsulationKey() })
            case .encapsulatedSecret:
                let peer = try body.encapsulationKey()
                self = .encapsulatedSecret(
                    peer: peer,
                    try body.result { body throws(Malformed) in
                        EncapsulatedSecret(ciphertext: try body.content(), secret: try body.secret())
                    })
            case .decapsulatedSecret:
                let ciphertext = try body.content()
                self = .decapsulatedSecret(
                    ciphertext: ciphertext, try body.result { body throws(Malformed) in try body.secret() })
            case .signature:
                let message = try body.content()
                self = .signature(
                    message: message, try body.result { body throws(Malformed) in try body.content() })
            default: return nil
            }
            try body.end()
        } catch {
            return nil
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
    mutating func result<Value>(
        _ value: (inout BodyDecoder) throws(Malformed) -> Value
    ) throws(Malformed) -> Result<Value, CryptoError> {
        switch try number(UInt8.self) {
        case 0: .success(try value(&self))
        case 1: .failure(.authenticationFailed)
        case 2: .failure(.invalidPublicKey)
        case 3: .failure(.invalidLength)
        case 4: .failure(.randomFailed)
        case 5: .failure(.backend(try number()))
        default: throw Malformed()
        }
    }

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

    mutating func encapsulationKey() throws(Malformed) -> EncapsulationKey {
        let encoded = try raw(EncapsulationKey.size)
        guard let key = EncapsulationKey(encoded.span) else { throw Malformed() }
        return key
    }

    mutating func secret() throws(Malformed) -> Secret {
        let bytes = try content()
        return Secret(copying: bytes.span)
    }
}
