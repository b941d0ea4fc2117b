/// The keys of the current epoch with the counters and the usage that bound them.
///
/// Counters run through the whole connection and never restart, so a (key, nonce) pair cannot repeat.
struct SessionKeys<Provider: CryptoProvider>: ~Copyable {
    private(set) var epoch: UInt16
    private var sending: TrafficKeys<Provider>
    private var receiving: TrafficKeys<Provider>
    /// The counter of the next frame we send.
    private(set) var nextSendCounter: UInt64 = 0
    /// The only counter a stream may bring next.
    private(set) var nextReceiveCounter: UInt64 = 0
    private var sent = KeyUsage()
    private var received = KeyUsage()

    init(epoch: UInt16, sending: TrafficKeys<Provider>, receiving: TrafficKeys<Provider>) {
        self.epoch = epoch
        self.sending = sending
        self.receiving = receiving
    }

    /// Whether a frame other than ACK and CLOSE may still be sent.
    var allowsOrdinaryFrame: Bool {
        nextSendCounter <= Constant.lastOrdinaryCounter && !sent.isExhausted && !received.isExhausted
    }

    /// Seals the frame that begins at `start` and ends with the 48 bytes made for tag and HMAC.
    mutating func seal(
        _ frame: inout MutableSpan<UInt8>, at start: Int, plaintextCount: Int, type: FrameType
    ) -> Result<UInt64, Violation> {
        let counter = nextSendCounter
        guard let sequence = SequenceNumber(epoch: epoch, counter: counter) else {
            return .failure(Violation(.keyLimitReached))
        }
        let header = FrameHeader(type: type, sequence: sequence, length: plaintextCount + FrameHeader.tagSize)
        do throws(FrameProtectionError) {
            try sending.seal(&frame, at: start, header: header)
        } catch {
            return .failure(Violation(.internalError))
        }
        nextSendCounter = counter + 1
        sent.count(header.frameSize)
        return .success(counter)
    }

    /// Checks the sequence of a frame against what a stream must bring next (why.md M8).
    func check(_ header: FrameHeader) throws(Violation) {
        guard header.sequence.epoch == epoch, header.sequence.counter == nextReceiveCounter
        else { throw Violation(.sequenceViolation, offset: 2) }
    }

    /// Opens a checked frame in place; gives where its plaintext is.
    mutating func open(
        _ frame: inout MutableSpan<UInt8>, at start: Int, header: FrameHeader
    ) -> Result<Range<Int>, Violation> {
        do throws(FrameProtectionError) {
            let plaintext = try receiving.open(&frame, at: start, header: header)
            nextReceiveCounter = header.sequence.counter &+ 1
            received.count(header.frameSize)
            return .success(plaintext)
        } catch {
            // One answer for a bad HMAC and a bad tag.
            return .failure(Violation(.authenticationFailed))
        }
    }

    /// Whether the epoch has been used as much as it may be.
    var isExhausted: Bool { sent.isExhausted || received.isExhausted }
}

/// How much one key has protected.
struct KeyUsage {
    private(set) var frames: UInt64 = 0
    private(set) var bytes: UInt64 = 0

    mutating func count(_ size: Int) {
        frames &+= 1
        bytes &+= UInt64(clamping: size)
    }

    var isExhausted: Bool { frames >= Constant.hardFrameLimit || bytes >= Constant.hardByteLimit }
}
