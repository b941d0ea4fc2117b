@testable import SCP

/// A credential of a vector: an Ed25519 key, certificates that are any bytes, and the signature. That is an input here,
/// for neither the engine nor its provider makes one; `check-vectors` of Spec/peer makes it anew and compares.
struct VectorCredential {
    let privateKey: [UInt8]
    let publicKey: [UInt8]
    let chain: [[UInt8]]
    let signature: [UInt8]

    static func initiator(_ signature: [UInt8]) -> VectorCredential {
        VectorCredential(
            privateKey: [UInt8](0..<32), publicKey: initiatorKey, chain: [[1, 2, 3, 4]], signature: signature)
    }

    static func responder(_ signature: [UInt8]) -> VectorCredential {
        VectorCredential(
            privateKey: [UInt8](32..<64), publicKey: responderKey,
            chain: [(0..<300).map { UInt8(truncatingIfNeeded: $0) }, [5], [6, 7]], signature: signature)
    }

    var item: VectorItem {
        VectorItem(
            0x0b, CredentialItem(scheme: .ed25519, signature: signature, chain: chain).encoded ?? [])
    }

    func credential() -> Credential {
        let signature = signature
        return Credential(scheme: .ed25519, chain: chain) { _ in signature }
    }

    /// - Parameters:
    ///   - before: Noise's h after the message before.
    ///   - clear: what the message mixes into it ahead of its payload.
    func json(
        _ role: Role, _ key: PublicKey, before: [UInt8], _ clear: [[UInt8]], _ provider: VectorProvider
    ) throws -> JSON {
        var hash = before
        for part in clear { hash = Array(try provider.hash(hash.span, part.span)) }
        let signed = try CredentialItem.signedBytes(role, hash: Digest { hash[$0] }, key: key, chain: chain, provider)
        return .object([
            "role": .text(role.name), "scheme": .number(Int(SignatureScheme.ed25519.rawValue)),
            "chain": .list(chain.map { .hex($0) }), "hc": .hex(hash), "signed": .hex(signed),
            "private": .hex(privateKey), "public": .hex(publicKey), "signature": .hex(signature),
        ])
    }
}

extension [VectorItem] {
    /// With the item 0x00 that makes the list as long as one with a credential is.
    var padded: [VectorItem] {
        let size = bytes.count
        var count = 0
        while (size + VectorItem(0, [UInt8](repeating: 0, count: count)).bytes.count) % 256 != 0 { count += 1 }
        return size % 256 == 0 ? self : self + [VectorItem(0, [UInt8](repeating: 0, count: count))]
    }
}
