/// The keys of the session with the counters and the usage that bound them: one send epoch, and one receive epoch, or
/// two while a rotation is under way.
///
/// Counters run through the whole connection and never restart, so a (key, nonce) pair cannot repeat. An object, which
/// one ``Phase`` hands to the next: frames are protected where it lies.
/// [SCP-FRAME-9] [SCP-ROT-17]
final class SessionKeys<Provider: CryptoProvider> {
    /// The epoch we send under.
    private(set) var epoch: UInt16
    private var sending: TrafficKeys<Provider>
    private(set) var receiveEpoch: UInt16
    private var receiving: TrafficKeys<Provider>
    /// The keys of the next epoch, until its first frame has arrived.
    private var upcoming: UpcomingKeys<Provider>?
    /// On datagrams: which counters were accepted. Nil on streams, which bring them in order.
    private var window: ReplayWindow?
    /// On datagrams: the receive keys of the epoch before, for frames that are late.
    private var previous: PreviousKeys<Provider>?
    /// The lowest counter that was accepted under the present receive epoch.
    private var lowestOfEpoch = UInt64.max
    /// The counter of the next frame we send.
    private(set) var nextSendCounter: UInt64 = 0
    /// The counter of our first frame under the present epoch.
    private(set) var firstCounter: UInt64 = 0
    /// The only counter a stream may bring next.
    private(set) var nextReceiveCounter: UInt64 = 0
    private(set) var sent = KeyUsage()
    private(set) var received = KeyUsage()
    /// Whether a frame under our send epoch has arrived.
    private(set) var isConfirmed = false
    /// Whether a frame could not be protected: its number is gone, and a stream has none after a missing one.
    private var isBroken = false
    /// `chain_n` and `h_n` of the newest epoch: what the next rotation is made from.
    private(set) var chain: Secret
    private(set) var hash: Digest

    init(_ schedule: KeySchedule<Provider>, role: Role, isStream: Bool = true) throws(CryptoError) {
        let ours = try schedule.trafficKeys(sentBy: role)
        let theirs = try schedule.trafficKeys(sentBy: role.peer)
        chain = try schedule.chain()
        hash = schedule.hash
        epoch = 1
        receiveEpoch = 1
        sending = ours
        receiving = theirs
        window = isStream ? nil : ReplayWindow()
    }

    /// The newest epoch whose keys are here.
    var highestInstalled: UInt16 { upcoming?.epoch ?? max(epoch, receiveEpoch) }

    /// Whether we answered a rotation and wait for its first frame.
    var isAnswering: Bool { upcoming?.sending != nil }

    /// Whether a frame other than ACK and CLOSE may still be sent.
    /// [SCP-FRAME-11]
    var allowsOrdinaryFrame: Bool { nextSendCounter <= Constant.lastOrdinaryCounter }

    /// Whether an epoch has been used as much as it may be, in either direction. [SCP-KEY-14]
    var isExhausted: Bool {
        sent.reaches(frames: Constant.hardFrameLimit, bytes: Constant.hardByteLimit)
            || received.reaches(frames: Constant.hardFrameLimit, bytes: Constant.hardByteLimit)
    }

    /// What every counter that a frame of `epoch` acknowledges is below.
    func acknowledgementBound(epoch: UInt16) -> UInt64 { epoch < self.epoch ? firstCounter : nextSendCounter }

    /// For tests of the limits: as if so much had happened.
    func pretend(
        counter: UInt64? = nil, epoch: UInt16? = nil, sent: KeyUsage? = nil, received: KeyUsage? = nil
    ) {
        nextSendCounter = counter ?? nextSendCounter
        self.epoch = epoch ?? self.epoch
        receiveEpoch = epoch ?? receiveEpoch
        self.sent = sent ?? self.sent
        self.received = received ?? self.received
    }

    /// Nothing is sent or received for a while.
    func rest() {
        sending.rest()
        receiving.rest()
        previous?.receiving.rest()
    }

    /// What both ends must have the same of.
    func fingerprints() -> KeyFingerprints {
        var prints = KeyFingerprints()
        prints.sending[epoch] = sending.fingerprint
        prints.receiving[receiveEpoch] = receiving.fingerprint
        if let previous { prints.receiving[previous.epoch] = previous.receiving.fingerprint }
        if let upcoming {
            prints.receiving[upcoming.epoch] = upcoming.receiving.fingerprint
            prints.sending[upcoming.epoch] = upcoming.sending?.fingerprint
        }
        return prints
    }

    // MARK: Rotation

    /// The asker's side, on RESPONSE: from now on we send under the next epoch; the old send keys are gone.
    /// [SCP-ROT-12] [SCP-ROT-21]
    func switchSending(to schedule: KeySchedule<Provider>, role: Role) throws(CryptoError) {
        let next = highestInstalled &+ 1
        previous = nil
        let keys = try schedule.trafficKeys(sentBy: role)
        upcoming = UpcomingKeys(epoch: next, receiving: try schedule.trafficKeys(sentBy: role.peer), sending: nil)
        chain = try schedule.chain()
        hash = schedule.hash
        sending = keys
        epoch = next
        firstCounter = nextSendCounter
        sent = KeyUsage()
        isConfirmed = false
    }

    /// The answerer's side, on INIT: frames under the next epoch may come; ours follow when the first has.
    /// [SCP-ROT-10]
    func prepare(_ schedule: KeySchedule<Provider>, role: Role) throws(CryptoError) {
        previous = nil
        upcoming = UpcomingKeys(
            epoch: highestInstalled &+ 1, receiving: try schedule.trafficKeys(sentBy: role.peer),
            sending: try schedule.trafficKeys(sentBy: role))
        chain = try schedule.chain()
        hash = schedule.hash
    }

    /// The first frame of the next epoch has arrived: the old receive keys are gone at once, since a stream brings no
    /// older frame after it. On datagrams they stay until ``forgetPrevious()``.
    /// [SCP-ROT-14] [SCP-ROT-16] [SCP-ROT-24]
    private func turn(_ next: UpcomingKeys<Provider>) {
        if window != nil { previous = PreviousKeys(epoch: receiveEpoch, receiving: receiving) }
        lowestOfEpoch = .max
        receiving = next.receiving
        receiveEpoch = next.epoch
        received = KeyUsage()
        if let keys = next.sending {
            sending = keys
            epoch = next.epoch
            firstCounter = nextSendCounter
            sent = KeyUsage()
        }
        upcoming = nil
    }

    // MARK: Frames

    /// Seals the frame that begins at `start` and ends with the 48 bytes made for tag and HMAC; gives its counter.
    /// [SCP-FRAME-9] [SCP-PROT-11]
    func seal(
        _ frame: inout MutableSpan<UInt8>, at start: Int, plaintextCount: Int, type: FrameType
    ) -> Result<UInt64, Violation> {
        guard !isBroken else { return .failure(Violation(.internalError)) }
        let counter = nextSendCounter
        // [SCP-FRAME-11]
        guard let sequence = SequenceNumber(epoch: epoch, counter: counter) else {
            return .failure(Violation(.keyLimitReached))
        }
        let header = FrameHeader(type: type, sequence: sequence, length: plaintextCount + FrameHeader.tagSize)
        do throws(FrameProtectionError) {
            try sending.seal(&frame, at: start, header: header)
        } catch {
            isBroken = true
            return .failure(Violation(.internalError))
        }
        nextSendCounter = counter + 1
        sent.count(header.frameSize)
        return .success(counter)
    }

    /// Throws when the frame is not the one that the stream must bring next.
    /// [SCP-FRAME-10] [SCP-STATE-7] [SCP-STATE-8] [SCP-STATE-9] [SCP-STATE-11] [SCP-STATE-12]
    func check(_ header: FrameHeader) throws(Violation) {
        let sequence = header.sequence
        guard sequence.epoch == receiveEpoch || sequence.epoch == upcoming?.epoch,
            sequence.counter == nextReceiveCounter
        else { throw Violation(.sequenceViolation, offset: 2) }
    }

    /// Opens a checked frame in place; gives where its plaintext is, and whether it turned the epoch.
    func open(
        _ frame: inout MutableSpan<UInt8>, at start: Int, header: FrameHeader
    ) -> Result<OpenedFrame, Violation> {
        let next = header.sequence.epoch == receiveEpoch ? nil : upcoming
        do throws(FrameProtectionError) {
            let keys = next?.receiving ?? receiving
            let plaintext = try keys.open(&frame, at: start, header: header)
            if let next { turn(next) }
            if receiveEpoch == epoch { isConfirmed = true }
            // [SCP-PROT-9]
            nextReceiveCounter = header.sequence.counter &+ 1
            received.count(header.frameSize)
            return .success(OpenedFrame(plaintext: plaintext, isFirstOfEpoch: next != nil))
        } catch {
            // [SCP-PROT-7] [SCP-ERR-6]
            // One answer for a bad HMAC and a bad tag.
            return .failure(Violation(.authenticationFailed))
        }
    }
}

extension SessionKeys {
    /// What became of a frame of a datagram.
    enum Opening {
        case opened(OpenedFrame)
        /// Anybody may have sent it: nothing has changed.
        case forged
        /// The peer broke a rule.
        case broken(Violation)
    }

    /// Why a frame of a datagram is dropped unopened, if it is: its epoch is not held, or its counter was seen.
    /// [SCP-DGRAM-5]
    func refusal(_ header: FrameHeader) -> DropReason? {
        let epoch = header.sequence.epoch
        guard epoch == receiveEpoch || epoch == upcoming?.epoch || epoch == previous?.epoch else {
            return .unknownEpoch
        }
        guard let window, window.accepts(header.sequence.counter) else { return .replayed }
        return nil
    }

    /// Whether a counter is the highest so far.
    func isNewest(_ counter: UInt64) -> Bool { window?.highest == counter }

    /// Erases the receive keys of the epoch before.
    /// [SCP-ROT-24]
    func forgetPrevious() { previous = nil }
    var hasPrevious: Bool { previous != nil }

    /// Opens a frame of a datagram in place. The counter is marked only after GCM.
    /// [SCP-DGRAM-5] [SCP-ROT-24]
    func openDatagram(
        _ frame: inout MutableSpan<UInt8>, at start: Int, header: FrameHeader
    ) -> Opening {
        let epoch = header.sequence.epoch
        let next = epoch == receiveEpoch ? nil : epoch == upcoming?.epoch ? upcoming : nil
        let isPrevious = epoch == previous?.epoch
        let keys = isPrevious ? previous?.receiving ?? receiving : next?.receiving ?? receiving
        let plaintext: Range<Int>
        do throws(FrameProtectionError) {
            plaintext = try keys.open(&frame, at: start, header: header)
        } catch {
            return error == .decryption ? .broken(Violation(.authenticationFailed)) : .forged
        }
        let counter = header.sequence.counter
        // An older epoch ends before a newer one begins.
        if isPrevious, counter > lowestOfEpoch { return .broken(Violation(.sequenceViolation, offset: 2)) }
        if let next {
            // Counters never fall behind when the epoch rises.
            if let highest = window?.highest, counter < highest {
                return .broken(Violation(.sequenceViolation, offset: 2))
            }
            turn(next)
        }
        if !isPrevious { lowestOfEpoch = min(lowestOfEpoch, counter) }
        if receiveEpoch == epoch, self.epoch == epoch { isConfirmed = true }
        window?.mark(counter)
        nextReceiveCounter = max(nextReceiveCounter, counter &+ 1)
        if !isPrevious { received.count(header.frameSize) }
        return .opened(OpenedFrame(plaintext: plaintext, isFirstOfEpoch: next != nil))
    }
}

/// A frame that was opened.
struct OpenedFrame {
    let plaintext: Range<Int>
    /// Whether it is the first under an epoch that a rotation made.
    let isFirstOfEpoch: Bool
}

/// The receive keys of the epoch before the present one.
private struct PreviousKeys<Provider: CryptoProvider> {
    let epoch: UInt16
    let receiving: TrafficKeys<Provider>
}

/// Keys that a rotation has made and no frame has used.
private struct UpcomingKeys<Provider: CryptoProvider> {
    let epoch: UInt16
    let receiving: TrafficKeys<Provider>
    /// The answerer's, which it uses only when the asker has.
    let sending: TrafficKeys<Provider>?
}

/// How much one key has protected.
struct KeyUsage {
    private(set) var frames: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    mutating func count(_ size: Int) {
        frames &+= 1
        bytes &+= UInt64(clamping: size)
    }

    /// Whether either count has reached its limit.
    func reaches(frames frameLimit: UInt64, bytes byteLimit: UInt64) -> Bool {
        frames >= frameLimit || bytes >= byteLimit
    }
}
