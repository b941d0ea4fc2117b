#if Certificates
public import SCP
internal import SwiftASN1
public import X509

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// A peer whose credential holds.
public struct VerifiedPeer: Sendable {
    /// From the leaf to the root.
    public let path: [Certificate]
    /// The leaf's names, those that were expected first.
    public let names: [PeerName]
}

/// Decides on the credentials of peers.
///
///     let verifier = CertificateVerifier(roots: try PEM.certificates(text), names: .anyOf([PeerName("host.example")]))
///     options.verifyCredential = { credential in
///         do throws(CertificateError) {
///             let peer = try await verifier.verify(credential, from: .responder)
///             return .accept(names: peer.names.map(\.description))
///         } catch {
///             return .reject(reason: "\(error)")
///         }
///     }
///
/// What holds at that moment is verified, and never again: a session outlives a certificate that expires or is revoked
/// in the meantime.
public struct CertificateVerifier: Sendable {
    /// Of one credential: a chain this long is a mistake or an attack.
    public static let maximumCertificates = 10

    /// Who a peer may be.
    public enum Names: Sendable {
        /// One of these must be among the leaf's names.
        case anyOf([PeerName])
        /// Everybody for whom a root vouches: for servers that look at ``VerifiedPeer/names`` themselves, or to which
        /// all of them may come. A client that takes any name has authenticated nobody.
        case any
    }

    public var roots: [Certificate]
    public var names: Names
    /// The time at which certificates have to be valid.
    public var now: @Sendable () -> Date = { Date() }
    /// Asked about every path that is valid otherwise, from the leaf to the root: whether one of them has been revoked.
    public var isRevoked: (@Sendable ([Certificate]) async -> Bool)?
    /// Asked last, about what has been verified; it throws what speaks against the peer.
    public var approve: (@Sendable (VerifiedPeer) async throws(CertificateError) -> Void)?

    public init(roots: [Certificate], names: Names) {
        self.roots = roots
        self.names = names
    }

    /// Whether the credential is the peer's, for this handshake and its static key, and whom it names.
    ///
    /// Ed25519, ECDSA with P-256 and P-384, and RSA-PSS are verified. ML-DSA is not: swift-certificates 1.21 has no
    /// keys or signatures of it, though swift-crypto has the algorithm.
    ///
    /// - Parameter role: the peer's.
    /// - Throws: the first thing that is wrong. Nothing here traps on what a peer sends.
    /// [SCP-ID-11] [SCP-ID-14]
    public func verify(
        _ credential: PeerCredential, from role: Role
    ) async throws(CertificateError) -> VerifiedPeer {
        let chain = try parse(credential.chain)
        guard let leaf = chain.first else { throw .malformed(0) }
        try checkSignature(credential, by: leaf)
        try checkUsage(leaf, role)
        let time = now()
        guard time >= leaf.notValidBefore else { throw .notYetValid }
        guard time <= leaf.notValidAfter else { throw .expired }
        let names = try checkNames(leaf)
        let path = try await path(from: leaf, chain.dropFirst(), at: time)
        if let isRevoked, await isRevoked(path) { throw .revoked }
        let peer = VerifiedPeer(path: path, names: names)
        if let approve { try await approve(peer) }
        return peer
    }

    private func parse(_ chain: [[UInt8]]) throws(CertificateError) -> [Certificate] {
        guard chain.count <= Self.maximumCertificates else { throw .tooManyCertificates(chain.count) }
        var result: [Certificate] = []
        for (index, bytes) in chain.enumerated() {
            guard let certificate = try? Certificate(derEncoded: bytes) else { throw .malformed(index) }
            result.append(certificate)
        }
        return result
    }

    private func checkSignature(_ credential: PeerCredential, by leaf: Certificate) throws(CertificateError) {
        let known: [SignatureScheme] = [.ed25519, .ecdsaP256, .ecdsaP384, .rsaPSS]
        guard known.contains(credential.scheme) else { throw .unknownScheme(credential.scheme.rawValue) }
        guard SignatureScheme(of: leaf.publicKey) == credential.scheme else { throw .schemeMismatch }
        guard leaf.publicKey.verifies(credential.signature, over: credential.signedBytes, credential.scheme) else {
            throw .badSignature
        }
    }

    private func checkUsage(_ leaf: Certificate, _ role: Role) throws(CertificateError) {
        let usage: KeyUsage?
        let purposes: ExtendedKeyUsage?
        do {
            usage = try leaf.extensions.keyUsage
            purposes = try leaf.extensions.extendedKeyUsage
        } catch {
            throw .malformed(0)
        }
        // What has no such extension is for everything.
        if let usage, !usage.digitalSignature { throw .notForSignatures }
        let wanted: ExtendedKeyUsage.Usage = role == .responder ? .serverAuth : .clientAuth
        if let purposes, !purposes.contains(wanted), !purposes.contains(.any) { throw .wrongPurpose }
    }

    private func checkNames(_ leaf: Certificate) throws(CertificateError) -> [PeerName] {
        let presented = try PeerName.names(of: leaf)
        guard case .anyOf(let expected) = names else { return presented }
        let matching = presented.filter { name in expected.contains { $0.isMatched(by: name) } }
        guard !matching.isEmpty else { throw .wrongName }
        return matching + presented.filter { !matching.contains($0) }
    }

    private func path(
        from leaf: Certificate, _ others: ArraySlice<Certificate>, at time: Date
    ) async throws(CertificateError) -> [Certificate] {
        // One issuer for each subject, the first, so that there is one path: the library tries all of them, and nine
        // authorities that vouch for each other have more paths than anybody has time for.
        var subjects: Set<DistinguishedName> = []
        let intermediates = others.filter { subjects.insert($0.subject).inserted }
        var verifier = Verifier(rootCertificates: CertificateStore(roots)) {
            PathRules()
            Self.rules(RFC5280Policy.self, at: time)
        }
        let known = verifier.policy.verifyingCriticalExtensions
        guard !leaf.extensions.contains(where: { $0.critical && !known.contains($0.oid) }) else {
            throw .invalidPath("certificate 0 has a critical extension that nobody here knows")
        }
        let result: CertificateValidationResult = await verifier.validate(
            leaf: leaf, intermediates: CertificateStore(intermediates))
        switch result {
        case .validCertificate(let chain): return Array(chain)
        case .couldNotValidate(let failures):
            guard let failure = failures.first else { throw .untrusted }
            throw Self.reason(failure, at: time)
        }
    }

    private static func reason(_ failure: CertificateValidationResult.PolicyFailure, at time: Date) -> CertificateError
    {
        let path = Array(failure.chain)
        if path.contains(where: { time < $0.notValidBefore }) { return .notYetValid }
        if path.contains(where: { time > $0.notValidAfter }) { return .expired }
        // The library shows whole certificates, of which the number is enough.
        var text = failure.policyFailureReason.description
        for (index, certificate) in path.enumerated() {
            text = text.replacing("\(certificate)", with: "certificate \(index)")
        }
        return .invalidPath(String(text.prefix(500)))
    }
}

extension CertificateVerifier {
    fileprivate static func rules<Policy: TimedPolicy>(_ type: Policy.Type, at time: Date) -> Policy {
        Policy(validationTime: time)
    }
}

/// The initializer with a time is deprecated for one that only the library's friends may call; as a requirement it is
/// neither.
private protocol TimedPolicy: VerifierPolicy {
    init(validationTime: Date)
}

extension RFC5280Policy: TimedPolicy {}
#endif
