@testable import SCP

/// Every state with every frame for which it has no use.
enum NegativeStateCases {
    private static let states: [(ConnectionState, Role, String)] = [
        (.waiting, .initiator, "WAIT"), (.deciding, .initiator, "DECIDE"), (.unconfirmed, .initiator, "UNCONF"),
        (.awaitingInit, .responder, "AWAIT"), (.halfOpen, .responder, "HALF"), (.held, .responder, "HOLD"),
        (.established, .responder, "EST of a responder"), (.established, .initiator, "EST of an initiator"),
    ]

    private static let types: [(FrameType, String, Int)] = [
        (.handshakeInit, "INIT", 2), (.handshakeResponse, "RESPONSE", 3), (.ack, "ACK", 4), (.close, "CLOSE", 5),
        (.data, "DATA", 6),
    ]

    static func all() throws -> [NegativeCase] {
        var cases: [NegativeCase] = []
        for (state, role, name) in states {
            let scene = try VectorScene(state, role)
            for (type, frame, number) in types where !hasUse(state, type) {
                // The HMAC is wrong too, which is not looked at any more.
                cases.append(
                    scene.refuses(
                        "\(name): \(frame) of epoch 0", VectorScene.blank(type), .unexpectedMessage,
                        "SCP-STATE-\(number)"))
            }
            let hasKeys = state == .unconfirmed || state == .held || state == .established
            for (type, frame, number) in [
                (FrameType.data, "DATA", 7), (.ack, "ACK", 8), (.close, "CLOSE", 9), (.handshakeInit, "INIT", 11),
                (.handshakeResponse, "RESPONSE", 12),
            ] where !hasKeys {
                cases.append(
                    scene.refuses(
                        "\(name): \(frame) of epoch 1", VectorScene.blank(type, epoch: 1), .sequenceViolation,
                        "SCP-STATE-\(number)"))
            }
        }
        return try cases + rotations()
    }

    private static func hasUse(_ state: ConnectionState, _ type: FrameType) -> Bool {
        switch (state, type) {
        case (.awaitingInit, .handshakeInit), (.waiting, .handshakeResponse), (.halfOpen, .ack): true
        case (.waiting, .close), (.deciding, .close), (.unconfirmed, .close), (.halfOpen, .close): true
        default: false
        }
    }

    private static func rotations() throws -> [NegativeCase] {
        var held = try VectorScene(.held)
        let asked = try held.rotation(.initiator)
        let unconfirmed = try VectorScene(.unconfirmed, .initiator)
        return try [
            held.refuses(
                "HOLD: INIT of epoch 1", held.seal(.handshakeInit, asked.plaintext(.handshakeInit)), .unexpectedMessage,
                "SCP-STATE-11"),
            held.refuses(
                "HOLD: RESPONSE of epoch 1", held.seal(.handshakeResponse, asked.plaintext(.handshakeResponse)),
                .unexpectedMessage, "SCP-STATE-12"),
            unconfirmed.refuses(
                "UNCONF: RESPONSE of epoch 1",
                unconfirmed.seal(.handshakeResponse, asked.plaintext(.handshakeResponse)), .unexpectedMessage,
                "SCP-STATE-12"),
        ]
    }
}
