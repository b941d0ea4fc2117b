import Dispatch
import SCP
import SCPGcrypt
import SCPNIO

/// A holder of our private key behind a Unix-domain socket.
struct SocketAgent: KeyAgent {
    let path: String
    let timeout: Duration
    /// Told when there is no answer: a listener's clients learn no reason, so its owner must.
    var complain: @Sendable (String) -> Void = { _ in }
    /// Its own threads: the calls block.
    private let queue = DispatchQueue(label: "sechan.agent", attributes: .concurrent)

    init(at path: String, timeout: Duration) {
        self.path = path
        self.timeout = timeout
    }

    /// Which key it holds.
    func publicKey() throws(Failure) -> PublicKeyText {
        let answer = try AgentWire.ask(.identify, at: path, timeout: timeout)
        let bytes = answer.bytes
        let key = PublicKey([32 of UInt8] { bytes[$0] })
        do throws(PublicKeyText.ParseError) {
            return try PublicKeyText(key, comment: "")
        } catch {
            throw Failure(.configuration, "the key agent at \(path) has an unfit key: \(error)")
        }
    }

    func agree(_ request: AgreementRequest) async throws -> Secret {
        let result: Result<Secret, Failure> = await withCheckedContinuation { continuation in
            queue.async {
                continuation.resume(
                    returning: Result { () throws(Failure) in
                        try AgentWire.ask(.agree(key: request.key, peer: request.peer), at: path, timeout: timeout)
                    })
            }
        }
        do {
            return try result.get()
        } catch {
            complain("\(error.message) (\(ErrorCode.keyUnavailable))")
            throw AgentFailure(text: error.message)
        }
    }
}

/// What an agent's user says of it in a channel's error.
struct AgentFailure: Error, CustomStringConvertible {
    let text: String
    var description: String { text }
}

/// A key that an agent holds.
struct HeldKey: Sendable {
    let privateKey: Provider.PrivateKey
    let publicKey: PublicKey
}

/// Answers users of one private key, each on a thread of its own.
final class AgentService: Sendable {
    /// Users at once; more wait in the kernel's queue.
    static let userLimit = 64
    /// How long a user may take for a request.
    static let timeout: Duration = .seconds(60)

    private let key: HeldKey
    private let provider: Provider
    private let output: Output
    private let queue = DispatchQueue(label: "sechan.users", attributes: .concurrent)
    private let places = DispatchSemaphore(value: userLimit)

    init(_ key: HeldKey, _ provider: Provider, _ output: Output) {
        self.key = key
        self.provider = provider
        self.output = output
    }

    /// Takes users until the listener fails.
    func run(_ listener: LocalSocket) -> Failure {
        while true {
            places.wait()
            do throws(SystemError) {
                let user = try listener.accept(timeout: AgentService.timeout)
                queue.async {
                    self.serve(user)
                    self.places.signal()
                }
            } catch {
                return Failure(.ioError, error)
            }
        }
    }

    private func serve(_ user: LocalSocket) {
        guard user.isOwnUsers else { return output.warning("a process of another user was turned away") }
        do throws(SystemError) {
            while let request = try AgentWire.read(from: user) {
                switch request {
                case .identify: try AgentWire.write(Secret(copying: key.publicKey.bytes.span), to: user)
                case .agree(let wanted, let peer): try agree(wanted, peer, user)
                }
            }
        } catch {
            output.detail("a user went away: \(error.text)")
        }
    }

    private func agree(_ wanted: PublicKey, _ peer: PublicKey, _ user: LocalSocket) throws(SystemError) {
        guard wanted.names(sameKeyAs: key.publicKey) else {
            output.note("refused: somebody wants another key")
            return try AgentWire.write(.refused, to: user)
        }
        let secret: Secret
        do throws(CryptoError) {
            secret = try provider.sharedSecret(key.privateKey, with: peer)
        } catch {
            output.note("no agreement: \(error)")
            return try AgentWire.write(.failed, to: user)
        }
        output.detail("one key agreement made")
        try AgentWire.write(secret, to: user)
    }
}
