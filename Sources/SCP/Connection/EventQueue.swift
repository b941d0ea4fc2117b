/// Events that wait to be polled: bounded by construction, since everything that could repeat is a flag or a
/// watermark, and `closed` is the last.
/// [SCP-LIMIT-3]
struct EventQueue {
    /// Notices about single messages that may wait; later ones are dropped, since the messages are gone either way.
    private static let maximumNotices = 256
    private(set) var lostNotices: UInt64 = 0

    private var identity: PublicKey?
    private var agreement: AgreementRequest?
    private var established: Peer?
    private var readable: [Channel] = []
    private var delivered: [(channel: Channel, message: UInt64)] = []
    private var notices: [Event] = []
    /// Messages of ours that the peer's limits exclude: at most what the send buffer held, and none of the peer's
    /// business, so they are told at once and all of them.
    private var excluded: [Event] = []
    private var isWritable = false
    private var isPeerFinished = false
    private var epoch: UInt16?
    private var isRotationStalled = false
    private var path: Address?
    private var isPathSuspect = false
    private var closure: Closure?
    private(set) var isClosed = false
    /// Nothing of a peer that has not been accepted is shown.
    private var showsMessages = false

    mutating func identityPending(_ key: PublicKey) { identity = key }
    /// Nil takes back a question that nobody has polled.
    mutating func agreementNeeded(_ request: AgreementRequest?) { agreement = request }
    mutating func established(_ peer: Peer) {
        established = peer
        showsMessages = true
    }
    mutating func writable() { isWritable = true }
    mutating func peerFinished() { isPeerFinished = true }
    mutating func rotated(_ epoch: UInt16) { self.epoch = epoch }
    mutating func pathChanged(_ address: Address) { path = address }
    mutating func pathSuspect() { isPathSuspect = true }
    mutating func rotationStalled() { isRotationStalled = true }

    mutating func readable(_ channel: Channel) {
        if !readable.contains(channel) { readable.append(channel) }
    }

    mutating func delivered(_ channel: Channel, through message: UInt64) {
        if let index = delivered.firstIndex(where: { $0.channel == channel }) {
            delivered[index].message = max(delivered[index].message, message)
        } else {
            delivered.append((channel, message))
        }
    }

    mutating func notice(_ event: Event) {
        guard notices.count < EventQueue.maximumNotices else {
            lostNotices &+= 1
            return
        }
        notices.append(event)
    }

    mutating func excluded(_ channel: Channel, _ message: MessageID, _ code: ErrorCode) {
        excluded.append(.refused(channel, message, code))
    }

    /// Takes what an attempt that has come to nothing had to say of messages. Where it has asked about the peer, the
    /// question is not asked again.
    mutating func takeOver(_ other: EventQueue, isQuestionAsked: Bool) {
        if isQuestionAsked { identity = other.identity }
        excluded += other.excluded
        notices += other.notices
        lostNotices &+= other.lostNotices
        isWritable = isWritable || other.isWritable
    }

    /// Once only; the first outcome stays.
    /// [SCP-CLOSE-22]
    mutating func closed(_ closure: Closure) {
        guard !isClosed else { return }
        isClosed = true
        identity = nil
        agreement = nil
        self.closure = closure
    }

    mutating func next() -> Event? {
        if let key = identity {
            identity = nil
            return .identityPending(key)
        }
        if let request = agreement {
            agreement = nil
            return .agreementNeeded(request)
        }
        if let peer = established {
            established = nil
            return .established(peer)
        }
        // [SCP-STATE-14]
        if showsMessages, let channel = readable.popLast() { return .readable(channel) }
        if let last = delivered.popLast() {
            return .delivered(last.channel, through: MessageID(rawValue: last.message))
        }
        if let event = excluded.popLast() { return event }
        if showsMessages, !notices.isEmpty { return notices.removeFirst() }
        if isWritable {
            isWritable = false
            return .writable
        }
        if let epoch {
            self.epoch = nil
            return .rotated(epoch: epoch)
        }
        if isRotationStalled {
            isRotationStalled = false
            return .rotationStalled
        }
        if let path {
            self.path = nil
            return .pathChanged(path)
        }
        if isPathSuspect {
            isPathSuspect = false
            return .pathSuspect
        }
        if showsMessages, isPeerFinished {
            isPeerFinished = false
            return .peerFinished
        }
        if let end = closure {
            closure = nil
            return .closed(end)
        }
        return nil
    }
}
