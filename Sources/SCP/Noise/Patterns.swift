/// The published patterns of Noise rev. 34: one-way (7.4), fundamental (7.5) and deferred (7.6, appendix 18.1).
///
/// SCP/1 speaks ``xx`` and ``xx`` with psk3; the others are here because the interpreter is held against the published
/// vectors of all of them, and because rotation uses NN and KK.
extension HandshakePattern {
    public static let nn = HandshakePattern("NN", [[.e], [.e, .ee]])
    public static let kk = HandshakePattern(
        "KK", initiatorKnown: [.s], responderKnown: [.s], [[.e, .es, .ss], [.e, .ee, .se]])
    public static let xx = HandshakePattern("XX", [[.e], [.e, .ee, .s, .es], [.s, .se]])

    /// Every published pattern without modifiers.
    public static let published: [HandshakePattern] = oneWay + fundamental + deferredN + deferredK + deferredI

    private static let oneWay: [HandshakePattern] = [
        HandshakePattern("N", responderKnown: [.s], [[.e, .es]]),
        HandshakePattern("K", initiatorKnown: [.s], responderKnown: [.s], [[.e, .es, .ss]]),
        HandshakePattern("X", responderKnown: [.s], [[.e, .es, .s, .ss]]),
    ]

    private static let fundamental: [HandshakePattern] = [
        nn, kk, xx,
        HandshakePattern("NK", responderKnown: [.s], [[.e, .es], [.e, .ee]]),
        HandshakePattern("NX", [[.e], [.e, .ee, .s, .es]]),
        HandshakePattern("KN", initiatorKnown: [.s], [[.e], [.e, .ee, .se]]),
        HandshakePattern("KX", initiatorKnown: [.s], [[.e], [.e, .ee, .se, .s, .es]]),
        HandshakePattern("XN", [[.e], [.e, .ee], [.s, .se]]),
        HandshakePattern("XK", responderKnown: [.s], [[.e, .es], [.e, .ee], [.s, .se]]),
        HandshakePattern("IN", [[.e, .s], [.e, .ee, .se]]),
        HandshakePattern("IK", responderKnown: [.s], [[.e, .es, .s, .ss], [.e, .ee, .se]]),
        HandshakePattern("IX", [[.e, .s], [.e, .ee, .se, .s, .es]]),
    ]

    private static let deferredN: [HandshakePattern] = [
        HandshakePattern("NK1", responderKnown: [.s], [[.e], [.e, .ee, .es]]),
        HandshakePattern("NX1", [[.e], [.e, .ee, .s], [.es]]),
        HandshakePattern("X1N", [[.e], [.e, .ee], [.s], [.se]]),
        HandshakePattern("X1K", responderKnown: [.s], [[.e, .es], [.e, .ee], [.s], [.se]]),
        HandshakePattern("XK1", responderKnown: [.s], [[.e], [.e, .ee, .es], [.s, .se]]),
        HandshakePattern("X1K1", responderKnown: [.s], [[.e], [.e, .ee, .es], [.s], [.se]]),
        HandshakePattern("X1X", [[.e], [.e, .ee, .s, .es], [.s], [.se]]),
        HandshakePattern("XX1", [[.e], [.e, .ee, .s], [.es, .s, .se]]),
        HandshakePattern("X1X1", [[.e], [.e, .ee, .s], [.es, .s], [.se]]),
    ]

    private static let deferredK: [HandshakePattern] = [
        HandshakePattern("K1N", initiatorKnown: [.s], [[.e], [.e, .ee], [.se]]),
        HandshakePattern("K1K", initiatorKnown: [.s], responderKnown: [.s], [[.e, .es], [.e, .ee], [.se]]),
        HandshakePattern("KK1", initiatorKnown: [.s], responderKnown: [.s], [[.e], [.e, .ee, .se, .es]]),
        HandshakePattern("K1K1", initiatorKnown: [.s], responderKnown: [.s], [[.e], [.e, .ee, .es], [.se]]),
        HandshakePattern("K1X", initiatorKnown: [.s], [[.e], [.e, .ee, .s, .es], [.se]]),
        HandshakePattern("KX1", initiatorKnown: [.s], [[.e], [.e, .ee, .se, .s], [.es]]),
        HandshakePattern("K1X1", initiatorKnown: [.s], [[.e], [.e, .ee, .s], [.se, .es]]),
    ]

    private static let deferredI: [HandshakePattern] = [
        HandshakePattern("I1N", [[.e, .s], [.e, .ee], [.se]]),
        HandshakePattern("I1K", responderKnown: [.s], [[.e, .es, .s], [.e, .ee], [.se]]),
        HandshakePattern("IK1", responderKnown: [.s], [[.e, .s], [.e, .ee, .se, .es]]),
        HandshakePattern("I1K1", responderKnown: [.s], [[.e, .s], [.e, .ee, .es], [.se]]),
        HandshakePattern("I1X", [[.e, .s], [.e, .ee, .s, .es], [.se]]),
        HandshakePattern("IX1", [[.e, .s], [.e, .ee, .se, .s], [.es]]),
        HandshakePattern("I1X1", [[.e, .s], [.e, .ee, .s], [.se, .es]]),
    ]
}
