/// What sending is on datagrams besides: messages are kept until every piece of them has been acknowledged, and lost
/// pieces go first.
extension Outbox {
    /// The largest unreliable message: it must fit a datagram of the size that every path carries, with a connection id
    /// in front.
    /// [SCP-REC-34]
    static let largestInDatagram =
        PathSize.base - 2 - DatagramPrefix.maximumConnectionID - FrameHeader.overhead - PieceLayout.maximumHeader

    /// Messages between the oldest on its way and the newest, at most, so that a receiver that misses the oldest holds
    /// fewer gaps and ranges than it may refuse.
    /// [SCP-DGRAM-40]
    static let maximumSpan = 512

    /// What ``fillLost(_:upTo:)`` did.
    enum Repetition {
        case nothing
        case wrote
        /// Nothing may follow in the frame.
        case full
    }

    // MARK: Acknowledgement

    /// The peer has a piece. Returns the channel's watermark when it has risen: every message up to it was delivered or
    /// given up.
    /// [SCP-DGRAM-33]
    mutating func acknowledge(_ channel: Channel, _ message: UInt64, _ range: Range<Int>) -> MessageID? {
        guard held != nil else { return nil }
        let size: Int
        if let handle = held?.queue.find(message, on: channel) {
            size = held?.queue.size(handle) ?? 0
        } else {
            // Of a message that is being sent: what has come of it is remembered until its last byte has left.
            guard let first = queue.first(on: channel), queue.id(first) == message else { return nil }
            _ = held?.acknowledge(channel, message, range, size: nil)
            return nil
        }
        guard held?.acknowledge(channel, message, range, size: size) == true else { return nil }
        held?.forget(channel, message)
        isStalled = false
        let index = channelIndex(channel)
        let before = channels[index].oldest
        settleSpan(index)
        let after = channels[index].oldest
        return after > before ? MessageID(rawValue: after - 1) : nil
    }

    /// A cancel, a refusal or a finish has arrived.
    mutating func acknowledgeNotice() {
        guard let open = held?.openNotices, open > 0 else { return }
        held?.openNotices = open - 1
    }

    // MARK: Loss

    /// Puts a lost piece in line, unless its message has arrived or was given up.
    mutating func lose(_ channel: Channel, _ message: UInt64, _ range: Range<Int>) {
        held?.lose(
            HeldMessages.LostPiece(channel: channel, message: message, start: range.lowerBound, end: range.upperBound))
    }

    mutating func lose(_ notice: MessageNotice) {
        acknowledgeNotice()
        notices.append(notice)
    }

    mutating func loseFinish() {
        acknowledgeNotice()
        owesFinish = true
    }

    /// Notes that a notice or a finish is on its way.
    mutating func didSendNotice() { held?.openNotices += 1 }

    /// Appends lost pieces, cut anew to what fits.
    /// [SCP-DGRAM-7]
    mutating func fillLost(_ frame: inout OutputSpan<UInt8>, upTo end: Int) -> Repetition {
        var result = Repetition.nothing
        while let piece = held?.lost.first {
            guard let source = source(of: piece), let wanted = held?.wanted(piece) else {
                held?.dropLost()
                continue
            }
            guard
                let layout = PieceLayout(
                    channel: piece.channel, message: piece.message, offset: wanted.lowerBound, left: wanted.count,
                    room: end - frame.count, endsMessage: wanted.upperBound == source.size)
            else { return result == .nothing ? .nothing : .full }
            layout.appendHeader(to: &frame)
            append(wanted.lowerBound..<wanted.lowerBound + layout.count, of: source, to: &frame)
            noteWritten(layout)
            held?.didRepeat(upTo: wanted.lowerBound + layout.count)
            result = .wrote
            if !layout.hasLength { return .full }
        }
        return result
    }

    /// Where the bytes of a message are that has been sent, at least in part.
    private struct Source {
        let handle: MessageQueue.Handle
        let isHeld: Bool
        let size: Int
    }

    private func source(of piece: HeldMessages.LostPiece) -> Source? {
        if let held, let handle = held.queue.find(piece.message, on: piece.channel) {
            return Source(handle: handle, isHeld: true, size: held.queue.size(handle))
        }
        guard let handle = queue.first(on: piece.channel), queue.id(handle) == piece.message else { return nil }
        return Source(handle: handle, isHeld: false, size: queue.size(handle))
    }

    private func append(_ range: Range<Int>, of source: Source, to frame: inout OutputSpan<UInt8>) {
        if source.isHeld {
            held?.queue.withBytes(source.handle) { bytes in frame.append(bytes, in: range) }
        } else {
            queue.withBytes(source.handle) { bytes in frame.append(bytes, in: range) }
        }
    }

    /// Remembers for the log what a piece in the frame holds.
    mutating func noteWritten(_ layout: PieceLayout) {
        guard held != nil, layout.channel.mode.isReliable else { return }
        held?.written.append(
            .piece(
                layout.channel, message: layout.message, start: layout.offset, end: layout.offset + layout.count))
    }

    mutating func takeWritten() -> SentRecord? { held?.written.popFirst() }

    // MARK: Keeping

    /// The last byte of a message is in a frame: its bytes stay until they are acknowledged.
    mutating func keep(_ handle: MessageQueue.Handle, _ id: UInt64, _ channel: Channel) {
        guard var kept = held else { return }
        // Taken out while it is changed, so that nothing is copied.
        held = nil
        queue.withBytes(handle) { bytes in
            kept.keep(bytes, channel: channel, message: id, limit: bufferLimit + bufferLimit / 8)
        }
        held = kept
    }

    /// Gives up a message that has been sent whole and has not been acknowledged whole.
    /// [SCP-REC-30]
    mutating func cancelHeld(_ id: UInt64, on channel: Channel, code: ErrorCode) -> Bool {
        guard let handle = held?.queue.find(id, on: channel), let size = held?.queue.size(handle) else { return false }
        held?.forget(channel, id)
        notices.append(
            .cancel(channel, message: id, charge: FlowControl.charge(UInt64(clamping: size)), code: code))
        isStalled = false
        settleSpan(channelIndex(channel))
        return true
    }

    // MARK: Span

    /// Whether a further message may be begun.
    var admitsSpan: Bool { held == nil || span < Outbox.maximumSpan }

    mutating func extendSpan(_ index: Int, by id: UInt64) {
        guard held != nil else { return }
        change(index) { channel in
            // Nothing is on its way, and what was given up before it was begun is not counted.
            if channel.begun == channel.oldest { channel.oldest = id }
            channel.begun = id &+ 1
        }
    }

    /// Finds the oldest message of a channel that is on its way.
    mutating func settleSpan(_ index: Int) {
        guard let held, channels[index].channel.mode.isReliable else { return }
        let channel = channels[index].channel
        var oldest = channels[index].begun
        if let first = held.queue.first(on: channel) {
            oldest = min(oldest, held.queue.id(first))
        }
        if channels[index].started != nil, let first = queue.first(on: channel) {
            oldest = min(oldest, queue.id(first))
        }
        change(index) { $0.oldest = oldest }
    }

    private mutating func change(_ index: Int, _ body: (inout OutboundChannel) -> Void) {
        span -= Int(clamping: channels[index].begun &- channels[index].oldest)
        body(&channels[index])
        span += Int(clamping: channels[index].begun &- channels[index].oldest)
    }
}
