internal import SCP

/// Sees everything that both sides put on their transport and take from it, and what is wrong with that.
final class SessionWitness {
    private(set) var log: EventLog
    /// The first rule that was broken.
    private(set) var broken: BrokenInvariant?
    /// Datagrams or writes of each side, the newest last, for those who repeat and forge.
    private(set) var recent: [[[UInt8]]] = [[], []]
    private(set) var sentFrames = [0, 0]
    private(set) var sentBytes = [0, 0]
    private(set) var receivedBytes = [0, 0]
    private var newest: [UInt64?] = [nil, nil]
    /// Frames of each side, by a hash of all their bytes.
    private var frames: [Set<UInt64>] = [[], []]
    private var unparsed: [[UInt8]] = [[], []]
    /// Datagrams of one protected frame that each side has accepted.
    private var accepted: [Set<UInt64>] = [[], []]
    private let ledger: SecretLedger

    init(keeping kept: Int, _ ledger: SecretLedger) {
        log = EventLog(keeping: kept)
        self.ledger = ledger
    }

    func breaks(_ name: String, _ text: @autoclosure () -> String) {
        if broken == nil { broken = BrokenInvariant(name, text()) }
    }

    func note(_ text: String, _ bytes: [UInt8] = [], at now: Instant) { log.note(text, bytes, at: now) }

    /// [S13] What a side has reported.
    func reported(_ event: Event, at now: Instant) {
        let text = "\(event)"
        if ledger.isSaid(in: text) { breaks("S13", "a secret in: \(text)") }
        note(text, at: now)
    }

    func sent(_ side: Int, _ bytes: [UInt8], at now: Instant) {
        log.note(side == 0 ? "initiator sends" : "responder sends", bytes, at: now)
        if let place = ledger.find(in: bytes) { breaks("S13", "a secret at byte \(place) of \(bytes.count)") }
        sentBytes[side] += bytes.count
        if !bytes.isEmpty { recent[side].append(bytes) }
        if recent[side].count > 64 { recent[side].removeFirst(32) }
    }

    /// A datagram as it is sent.
    func sentDatagram(_ side: Int, _ bytes: [UInt8], at now: Instant) {
        sent(side, bytes, at: now)
        let end = look(at: bytes, of: side)
        if end != bytes.count || bytes.isEmpty {
            breaks("S1", "a datagram of \(bytes.count) bytes with \(end) in frames")
        }
    }

    /// A part of a stream as it is written.
    func wrote(_ side: Int, _ bytes: [UInt8], at now: Instant) {
        sent(side, bytes, at: now)
        unparsed[side] += bytes
        unparsed[side].removeFirst(look(at: unparsed[side], of: side))
    }

    /// [S1] Reads the frames at the beginning of `bytes`, and returns where they end.
    private func look(at bytes: [UInt8], of side: Int) -> Int {
        var offset = Self.prefix(bytes)
        while let header = try? FrameHeader.parse(bytes.span, at: offset, limit: 1 << 20),
            header.frameSize <= bytes.count - offset
        {
            let frame = bytes[offset..<offset + header.frameSize]
            offset += header.frameSize
            sentFrames[side] += 1
            frames[side].insert(Self.hash(frame))
            guard header.sequence.epoch > 0 else { continue }
            if let last = newest[side], header.sequence.rawValue <= last {
                breaks("S1", "sequence \(header.sequence.rawValue) is sent after \(last)")
            }
            newest[side] = header.sequence.rawValue
        }
        return offset
    }

    /// [S2] A datagram has arrived, and something in it was accepted, or nothing.
    func arrived(_ side: Int, _ bytes: [UInt8], wasAccepted: Bool) {
        receivedBytes[side] += bytes.count
        guard wasAccepted else { return }
        var offset = Self.prefix(bytes)
        if let header = try? FrameHeader.parse(bytes.span, at: offset, limit: 1 << 20), header.sequence.epoch > 0,
            header.frameSize == bytes.count - offset, !accepted[side].insert(Self.hash(bytes[offset...])).inserted
        {
            breaks("S2", "frame \(header.sequence.rawValue) was accepted twice")
        }
        while let header = try? FrameHeader.parse(bytes.span, at: offset, limit: 1 << 20),
            header.frameSize <= bytes.count - offset
        {
            if frames[1 - side].contains(Self.hash(bytes[offset..<offset + header.frameSize])) { return }
            offset += header.frameSize
        }
        breaks("S2", "a datagram was accepted of which the peer has sent nothing: \(bytes.prefix(30)) \(bytes.count)")
    }

    /// Where the first frame begins. [SCP-DGRAM-38]
    private static func prefix(_ bytes: [UInt8]) -> Int {
        guard bytes.count > 2, bytes[0] == 0x04 else { return 0 }
        return min(bytes.count, 2 + Int(bytes[1]))
    }

    /// FNV-1a: equal frames are told from different ones, nobody attacks it here.
    private static func hash(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
