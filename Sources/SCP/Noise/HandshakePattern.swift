/// What a party does at one place of a handshake message (Noise rev. 34, section 7.1).
public enum Token: UInt8, Hashable, Sendable {
    case e, s, ee, es, se, ss, psk
    /// Of the HFS extension, revision 1: a fresh encapsulation key, and a secret encapsulated to it.
    case e1, ekem1
}

/// A handshake pattern as data: what both know beforehand, and what each message does (Noise rev. 34, section 7).
public struct HandshakePattern: Hashable, Sendable {
    /// As it stands in a protocol name, psk modifiers included: `XXpsk3`.
    public let name: String
    /// The initiator's pre-message: `[.s]` when the responder knows its static key.
    public let initiatorKnown: [Token]
    public let responderKnown: [Token]
    /// Messages in order; the initiator writes those with even index.
    public let messages: [[Token]]

    public init(_ name: String, initiatorKnown: [Token] = [], responderKnown: [Token] = [], _ messages: [[Token]]) {
        self.name = name
        self.initiatorKnown = initiatorKnown
        self.responderKnown = responderKnown
        self.messages = messages
    }

    /// Whether a pre-shared key is mixed in, so that `e` is mixed into the key too (section 9.2).
    public var usesPSK: Bool { messages.contains { $0.contains(.psk) } }

    /// Whether ML-KEM takes part.
    public var usesEncapsulation: Bool { messages.contains { $0.contains(.e1) } }

    /// The pattern with the modifier `hfs`: `e1` right after the first `e`, `ekem1` right after the first `ee`.
    /// [SCP-HS-2]
    public var hfs: HandshakePattern {
        var changed = messages
        for (token, added) in [(Token.e, Token.e1), (.ee, .ekem1)] {
            for index in changed.indices {
                guard let place = changed[index].firstIndex(of: token) else { continue }
                changed[index].insert(added, at: place + 1)
                break
            }
        }
        return HandshakePattern(
            name + "hfs", initiatorKnown: initiatorKnown, responderKnown: responderKnown, changed)
    }

    /// The pattern with the modifier `pskN`: N = 0 puts the token first, N > 0 last in message N (section 9.4).
    public func psk(_ place: Int) -> HandshakePattern? {
        guard place >= 0, place <= messages.count, !messages.isEmpty else { return nil }
        var changed = messages
        if place == 0 { changed[0].insert(.psk, at: 0) } else { changed[place - 1].append(.psk) }
        let joined = name + (usesPSK || usesEncapsulation ? "+psk" : "psk") + String(place)
        return HandshakePattern(joined, initiatorKnown: initiatorKnown, responderKnown: responderKnown, changed)
    }

    /// The full name with this project's primitives.
    public var protocolName: String {
        "Noise_" + name + (usesEncapsulation ? "_25519+MLKEM768" : "_25519") + "_AESGCM_SHA256"
    }
}
