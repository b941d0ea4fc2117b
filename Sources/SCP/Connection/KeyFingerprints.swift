/// What tells the traffic keys of a session apart and gives nothing of them away: for simulations, which see both ends
/// and compare.
package struct KeyFingerprints {
    /// By epoch.
    package var sending: [UInt16: Digest] = [:]
    package var receiving: [UInt16: Digest] = [:]
}

extension Connection {
    /// Of the keys that are held now.
    package mutating func keyFingerprints() -> KeyFingerprints {
        phase.keys?.fingerprints() ?? KeyFingerprints()
    }

    /// How long the newest samples say that an answer may take; nil on streams.
    package var probeTimeout: Duration? { link?.recovery.roundTrip.probeTimeout }
}

extension TrafficKeys {
    var fingerprint: Digest? {
        let text = Array("fingerprint".utf8)
        return try? authenticator.authenticate(text.span)
    }
}
