import SCPGcrypt

@testable import SCP

/// Signs and verifies with one secret. The engine neither makes nor checks signatures, so what stands in for them needs
/// only to depend on every byte; real ones are the business of whoever verifies certificates.
struct TestSigner: Sendable {
    let provider: GcryptProvider
    private let secret: Secret

    init(_ provider: GcryptProvider) throws {
        self.provider = provider
        secret = try provider.randomSecret(count: 32)
    }

    func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
        let tag = try provider.authenticator(secret).authenticate(message.span)
        return tag.indices.map { tag[$0] } + tag.indices.map { tag[$0] }
    }

    func credential(chain: [[UInt8]] = [[1, 2, 3], [4, 5]]) -> Credential {
        Credential(scheme: .ed25519, chain: chain) { message throws(CryptoError) in try sign(message) }
    }

    func verifies(_ shown: PeerCredential) throws -> Bool { try sign(shown.signedBytes) == shown.signature }

    /// Certificates of that many bytes, with their lengths.
    static func chain(_ size: Int) -> [[UInt8]] {
        let rest = size - 3 - 1_000 - 3 - 500 - 3
        return [1_000, 500, rest].enumerated().map { number, count in
            (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) }
        }
    }
}

extension Fixture {
    /// Lets one side show a credential, and the other side want one.
    mutating func show(_ role: Role, _ credential: Credential?, _ policy: CredentialPolicy = .required) {
        if role == .initiator {
            initiator.credential = credential
            responder.credentialPolicy = policy
        } else {
            responder.credential = credential
            initiator.credentialPolicy = policy
        }
    }
}
