#if Certificates
internal import SwiftASN1
internal import X509

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What RFC 5280 asks of a path, and `RFC5280Policy` of swift-certificates 1.21 leaves open.
struct PathRules: VerifierPolicy {
    /// ``CertificateVerifier`` looks at the names and the purposes of the leaf, so they may be critical.
    let verifyingCriticalExtensions: [ASN1ObjectIdentifier] = [
        .X509ExtensionID.subjectAlternativeName, .X509ExtensionID.extendedKeyUsage,
    ]

    func chainMeetsPolicyRequirements(chain: UnverifiedCertificateChain) -> PolicyEvaluationResult {
        guard let objection = Self.objection(to: Array(chain)) else { return .meetsPolicy }
        return .failsToMeetPolicy(reason: objection)
    }

    /// - Parameter path: from the leaf to the root, which is trusted whatever its version and its signature.
    private static func objection(to path: [Certificate]) -> String? {
        for (index, certificate) in path.enumerated() {
            if index < path.count - 1 {
                // In the policy of the library, whatever is of version 1 may issue certificates: the leaf that
                // `openssl x509 -req` makes without extensions would be an authority. (RFC 5280 6.1.4 (k))
                guard certificate.version == .v3 else { return "certificate \(index) is not of version 3" }
                guard certificate.signatureAlgorithm != .sha1WithRSAEncryption else {
                    return "certificate \(index) is signed with SHA-1"
                }
            }
            // RFC 5280 6.1.4 (n)
            if index > 0, !mayIssue(certificate) { return "certificate \(index) is not for signing certificates" }
        }
        guard let leaf = path.first, let names = try? leaf.extensions.subjectAlternativeNames else { return nil }
        for (index, issuer) in path.enumerated().dropFirst() {
            guard let constraints = try? issuer.extensions.nameConstraints else { continue }
            guard !names.contains(where: { slipsThrough($0, constraints) }) else {
                return "certificate 0 has a name that certificate \(index) may exclude"
            }
        }
        return nil
    }

    private static func mayIssue(_ certificate: Certificate) -> Bool {
        do { return try certificate.extensions.keyUsage?.keyCertSign ?? true } catch { return false }
    }

    /// Whether what is excluded is in the name, and the library, which compares label by label, does not see it: a host
    /// below a wildcard, or that of a URI in which there is none that can be compared (RFC 5280 4.2.1.10).
    private static func slipsThrough(_ name: GeneralName, _ constraints: NameConstraints) -> Bool {
        switch name {
        case .dnsName(let pattern):
            guard pattern.hasPrefix("*.") else { return false }
            let end = pattern.dropFirst().lowercased()
            return constraints.excludedDNSDomains.contains { domain in
                (domain.hasSuffix(".") ? String(domain.dropLast()) : domain).lowercased().hasSuffix(end)
            }
        case .uniformResourceIdentifier(let text):
            guard !constraints.forbiddenURIDomains.isEmpty else { return false }
            return URL(string: text)?.host.map { PeerName($0).isHost } != true
        default:
            return false
        }
    }
}
#endif
