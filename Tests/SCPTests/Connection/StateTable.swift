@testable import SCP

/// Everything that can happen to a connection.
enum TableEvent: String, CaseIterable, Sendable {
    // Frames of epoch 0.
    case initOwn, initOther, response, retry, progress, ack0, close0, data0
    // Frames of epoch 1: DATA with a ping, with a reliable and with an unreliable message, and the others.
    case ping1, message1, unreliable1, ack1, ackOfClose, close1, rotationInit, rotationResponse
    // Timers.
    case handshake, decision, idle, keepAlive, keyAge, acknowledge, blocked, flush, closeWait
    // The transport.
    case endOfStream, reset
    // The application.
    case send, read, close, abort, finish, ping, cancel, refuse, accept, reject, rotate
}

/// The columns of the table; the last four are the same for both roles.
enum TableState: Int, CaseIterable, Sendable {
    case waiting, deciding, unconfirmed, awaitingInit, halfOpen, held, established, closing, draining, closed

    var state: ConnectionState {
        switch self {
        case .waiting: .waiting
        case .deciding: .deciding
        case .unconfirmed: .unconfirmed
        case .awaitingInit: .awaitingInit
        case .halfOpen: .halfOpen
        case .held: .held
        case .established: .established
        case .closing: .closing
        case .draining: .draining
        case .closed: .closed
        }
    }

    var roles: [Role] {
        switch self {
        case .waiting, .deciding, .unconfirmed: [.initiator]
        case .awaitingInit, .halfOpen, .held: [.responder]
        default: [.initiator, .responder]
        }
    }
}

/// Chapter 8 of the specification, as data. A cell says what must happen, and everything that may:
///
///     .                  nothing: the state is the same, no byte leaves, no event
///     -                  the timer does not run
///     UM SV AF ...       a fatal error with this code
///     end CODE           the connection is over with this code, nothing leaves; bytes that caused it throw it
///     NEXT frames; events
///                        the next state (= is the same one), the frames that leave (`fin`: the write side is
///                        shut), and the events
struct StateTable: Sendable {
    let rows: [TableEvent: [String]]

    func cell(_ event: TableEvent, _ state: TableState) -> String? {
        guard let row = rows[event], row.indices.contains(state.rawValue) else { return nil }
        return row[state.rawValue]
    }

    // The columns:                 WAIT   DECIDE UNCONF AWAIT  HALF   HOLD   EST    CLOSING DRAINING CLOSED
    static let frames: [TableEvent: [String]] = [
        // [SCP-STATE-2]
        .initOwn: ["UM", "UM", "UM", "halfOpen response/0", "UM", "UM", "UM", ".", ".", "."],
        .initOther: ["UM", "UM", "UM", "halfOpen response/0", "UM", "UM", "UM", ".", ".", "."],
        // [SCP-STATE-3]
        .response: ["unconfirmed ack/0", "UM", "UM", "UM", "UM", "UM", "UM", ".", ".", "."],
        // [SCP-HS-5]
        .retry: ["UM", "UM", "UM", "UM", "UM", "UM", "UM", ".", ".", "."],
        .progress: ["UM", "UM", "UM", "UM", "UM", "UM", "UM", ".", ".", "."],
        // [SCP-STATE-4]
        .ack0: ["UM", "UM", "UM", "UM", "established data/1; established", "UM", "UM", ".", ".", "."],
        // [SCP-STATE-5]
        .close0: [
            "end SHUTTING_DOWN", "end SHUTTING_DOWN", "end SHUTTING_DOWN", "UM", "end SHUTTING_DOWN", "UM", "UM", ".",
            ".", ".",
        ],
        // [SCP-STATE-6]
        .data0: ["UM", "UM", "UM", "UM", "UM", "UM", "UM", ".", ".", "."],
        // [SCP-STATE-7]
        .ping1: [
            "SV", "SV", "established ack/1; established", "SV", "SV", "= ack/1", "= ack/1", ".", ".", ".",
        ],
        // A responder that asks has granted no credit: [SCP-FLOW-12]
        .message1: [
            "SV", "SV", "established ack/1; established readable", "SV", "SV", "FC", "= ack/1; readable", ".", ".", ".",
        ],
        // [SCP-STATE-14]
        .unreliable1: [
            "SV", "SV", "established ack/1; established readable", "SV", "SV", "= ack/1", "= ack/1; readable", ".", ".",
            ".",
        ],
        // [SCP-STATE-8]
        .ack1: ["SV", "SV", "established; established delivered", "SV", "SV", ".", ".", ".", ".", "."],
        .ackOfClose: ["SV", "SV", "SV;established", "SV", "SV", "SV", "SV", "draining fin; closed(clean)", ".", "."],
        // [SCP-STATE-9]
        .close1: [
            "SV", "SV", "draining ack/1 fin; closed(peer)", "SV", "SV", "draining ack/1 fin; closed(peer)",
            "draining ack/1 fin; closed(peer)", "draining ack/1 fin; closed(clean)", ".", ".",
        ],
        // [SCP-STATE-11]
        .rotationInit: [
            "SV", "SV", "established ack/1 response/1; established", "SV", "SV", "UM", "= ack/1 response/1", ".", ".",
            ".",
        ],
        // [SCP-STATE-12]
        .rotationResponse: ["SV", "SV", "UM", "SV", "SV", "UM", "UM", ".", ".", "."],
    ]

    static let timers: [TableEvent: [String]] = [
        // [SCP-TIME-1] [SCP-TIME-2]
        .handshake: [
            "end HANDSHAKE_TIMEOUT", "draining close/0 fin; closed(DECISION_TIMEOUT)", "end HANDSHAKE_UNCONFIRMED",
            "end HANDSHAKE_TIMEOUT", "end HANDSHAKE_TIMEOUT", "-", "-", "-", "-", "-",
        ],
        // [SCP-TIME-3]
        .decision: ["-", "-", "-", "-", "-", "draining close/1 fin; closed(DECISION_TIMEOUT)", "-", "-", "-", "-"],
        // [SCP-TIME-5]
        .idle: [
            "-", "-", "draining close/1 fin; closed(IDLE_TIMEOUT)", "-", "-",
            "draining close/1 fin; closed(IDLE_TIMEOUT)", "draining close/1 fin; closed(IDLE_TIMEOUT)", "-", "-", "-",
        ],
        // [SCP-TIME-6]
        .keepAlive: ["-", "-", "-", "-", "-", "= data/1", "= data/1", "-", "-", "-"],
        // [SCP-TIME-8]
        .keyAge: [
            "-", "-", "draining close/1 fin; closed(KEY_LIMIT_REACHED)", "-", "-",
            "draining close/1 fin; closed(KEY_LIMIT_REACHED)", "draining close/1 fin; closed(KEY_LIMIT_REACHED)", "-",
            "-", "-",
        ],
        // [SCP-TIME-4]
        .acknowledge: ["-", "-", "-", "-", "-", "= ack/1", "= ack/1", "-", "-", "-"],
        // [SCP-TIME-7]
        .blocked: ["-", "-", "= data/1", "-", "-", "-", "= data/1", "-", "-", "-"],
        // [SCP-TIME-9]
        .flush: ["-", "-", "closing close/1", "-", "-", "-", "closing ack/1 close/1", "-", "-", "-"],
        // [SCP-TIME-10]
        .closeWait: ["-", "-", "-", "-", "-", "-", "-", "closed; closed(unconfirmed)", "closed", "-"],
    ]

    static let others: [TableEvent: [String]] = [
        // [SCP-STATE-15]
        .endOfStream: [
            "end TRANSPORT_FAILED", "end TRANSPORT_FAILED", "end TRANSPORT_FAILED", "end TRANSPORT_FAILED",
            "end TRANSPORT_FAILED", "end TRUNCATED", "end TRUNCATED", "closed; closed(unconfirmed)", "closed", ".",
        ],
        // [SCP-STATE-16]
        .reset: [
            "end TRANSPORT_FAILED", "end TRANSPORT_FAILED", "end TRANSPORT_FAILED", "end TRANSPORT_FAILED",
            "end TRANSPORT_FAILED", "end TRANSPORT_FAILED", "end TRANSPORT_FAILED", "closed; closed(unconfirmed)",
            "closed", ".",
        ],
        // [SCP-STATE-17]
        .send: [".", ".", "= data/1", ".", ".", ".", "= data/1", "refused", "refused", "refused"],
        // [SCP-STATE-18]
        .read: [".", ".", ".", ".", ".", ".", ".", ".", ".", "."],
        // [SCP-STATE-19]
        .close: [
            "draining close/0 fin; closed(unconfirmed)", "draining close/0 fin; closed(unconfirmed)", "closing close/1",
            "draining fin; closed(unconfirmed)", "draining close/0 fin; closed(unconfirmed)", "closing close/1",
            "closing ack/1 close/1", ".", ".", ".",
        ],
        // [SCP-STATE-20]
        .abort: [
            "draining close/0 fin; closed(unconfirmed)", "draining close/0 fin; closed(unconfirmed)", "closing close/1",
            "draining fin; closed(unconfirmed)", "draining close/0 fin; closed(unconfirmed)", "closing close/1",
            "closing ack/1 close/1", ".", ".", ".",
        ],
        .finish: [".", ".", "= data/1", ".", ".", ".", "= data/1", ".", ".", "."],
        .ping: [".", ".", "= data/1", ".", ".", "= data/1", "= data/1", ".", ".", "."],
        .cancel: [".", ".", ".", ".", ".", ".", ".", ".", ".", "."],
        .refuse: [".", ".", "= data/1", ".", ".", ".", "= data/1", ".", ".", "."],
        // [SCP-STATE-21]
        .accept: [
            ".", "unconfirmed ack/0", ".", ".", ".", "established data/1; established", ".", ".", ".", ".",
        ],
        // [SCP-STATE-22]
        .reject: [
            ".", "draining close/0 fin; closed(IDENTITY_REJECTED)", ".", ".", ".",
            "draining close/1 fin; closed(IDENTITY_REJECTED)", ".", ".", ".", ".",
        ],
        .rotate: [".", ".", ".", ".", ".", ".", "= init/1", ".", ".", "."],
    ]

    static let whole = StateTable(
        rows: frames.merging(timers) { first, _ in first }.merging(others) { first, _ in first })
}
