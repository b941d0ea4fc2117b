/// Control records that are to be sent, each at most once at a time.
struct OwedRecords {
    /// Ask for an acknowledgement.
    var ping = false
    /// Our credit, though it was not asked for: the confirmation, or a window that opened.
    var credit = false
    /// We have data and no credit for it.
    var blocked = false
    /// On streams: the token of the latest path challenge, to be sent back.
    var pathResponse: UInt64?

    var isEmpty: Bool { !ping && !credit && !blocked && pathResponse == nil }
}

/// A graceful close that has been asked for and not yet been sent.
struct CloseIntent {
    let code: ErrorCode
    let reason: [UInt8]
    /// Wait until the peer has said `finish`, within the flush bound.
    let afterPeerFinished: Bool
}
