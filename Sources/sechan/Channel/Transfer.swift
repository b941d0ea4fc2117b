import NIOCore
import SCP
import SCPNIO

/// Bytes both ways between the standard streams and a channel: the application protocol `sechan-pipe/1`.
///
/// Channel 0 carries the bytes in messages of 1 byte and more; an empty message ends them. Channel 1 carries one
/// message the other way, the receipt: the count of bytes as 8 bytes, most significant first, once they have all been
/// written and the output was closed without an error. A side that has sent its end, received the peer's, and given and
/// got the receipts, finishes; then the channel is closed in order. Nobody ends well before the other has everything.
final class Transfer: Sendable {
    static let applicationProtocol: ApplicationProtocol = "sechan-pipe/1"
    /// Bytes in a message: with everything around it, it fits a frame.
    static let pieceSize = 61_440

    private static let receipts = SCP.Channel(1)

    private let channel: SecureChannel
    private let writer: OutputWriter
    private let meter: TransferMeter
    private let input = InputReader()

    init(_ channel: SecureChannel, _ output: Output) {
        self.channel = channel
        writer = OutputWriter(output)
        meter = TransferMeter(output, total: File.standardInput.remainingSize())
    }

    /// Limits under which a fast link is kept busy.
    static func limits() -> Limits {
        var limits = Limits()
        limits.connectionCredit = 1 << 20
        limits.channelCredit = 1 << 20
        limits.sendBuffer = 1 << 19
        return limits
    }

    struct Summary: Sendable {
        let sent: UInt64
        let received: UInt64
        let elapsed: Duration
        /// From the first byte to the receipt, and from the first byte to the last written.
        let sendTime: Duration
        let receiveTime: Duration
    }

    func run() async throws(Failure) -> Summary {
        // Not a child task: when the channel fails, nobody waits for standard input.
        let sending = Task {
            do {
                try await self.send()
            } catch {
                await self.giveUp(error, TransferCode.cannotRead)
            }
        }
        defer { meter.end() }
        do {
            try await receive()
            await sending.value
            channel.finish()
            guard try await channel.receive() == nil else { throw Transfer.violation("a message after the receipts") }
            try await channel.close(afterPeerFinished: true)
        } catch {
            sending.cancel()
            await giveUp(error, TransferCode.cannotWrite)
            await channel.waitForEnd()
            throw await meter.failure ?? Failure(channel: error)
        }
        return await meter.summary()
    }

    // MARK: Out

    private func send() async throws {
        while true {
            let piece = try await input.read(upTo: Transfer.pieceSize)
            // Before the end is told: the peer's receipt may be here before this task goes on.
            if piece.isEmpty { await meter.endInput() }
            try await channel.send(piece)
            if piece.isEmpty { return }
            await meter.sent(piece.count)
        }
    }

    /// Tells the peer why, if the reason is ours and not the channel's.
    private func giveUp(_ error: any Error, _ code: ErrorCode) async {
        switch error {
        case let failure as Failure:
            await meter.fail(failure)
            channel.abort(failure.status == .protocolError ? .unexpectedMessage : code, reason: failure.message)
        case is CancellationError:
            channel.abort(TransferCode.interrupted, reason: "interrupted")
        default: break
        }
    }

    // MARK: In

    private func receive() async throws {
        var hasEnd = false
        var hasReceipt = false
        while !(hasEnd && hasReceipt) {
            guard let message = try await channel.receive() else {
                throw Failure(
                    .badData, "the peer ended before \(hasEnd ? "it confirmed what it got" : "its data was complete")")
            }
            if message.channel == Transfer.receipts {
                guard !hasReceipt else { throw Transfer.violation("a second receipt") }
                try await check(message)
                hasReceipt = true
                continue
            }
            guard message.channel == .default, !hasEnd else { throw Transfer.violation("data after its end") }
            let bytes = Array(message.bytes.readableBytesView)
            if bytes.isEmpty {
                try await writer.close()
                try await confirm()
                hasEnd = true
            } else {
                try await writer.write(bytes)
                await meter.received(bytes.count)
            }
        }
    }

    private func confirm() async throws {
        let count = await meter.endOutput()
        try await channel.send((0..<8).map { UInt8(truncatingIfNeeded: count >> (56 - 8 * $0)) }, on: Transfer.receipts)
    }

    private func check(_ receipt: Message) async throws {
        let bytes = Array(receipt.bytes.readableBytesView)
        guard bytes.count == 8 else { throw Transfer.violation("a receipt of \(bytes.count) bytes") }
        let count = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard let sent = await meter.confirm() else { throw Transfer.violation("a receipt before the end of the data") }
        guard count == sent else {
            throw Failure(.badData, "the peer wrote \(count) bytes of the \(sent) that were sent")
        }
    }

    private static func violation(_ what: String) -> Failure {
        Failure(.protocolError, "the peer does not keep to \(applicationProtocol): \(what)")
    }
}

/// Counts a transfer, and shows how far it is.
actor TransferMeter {
    private let output: Output
    private var sending: Progress
    private var receiving: Progress
    private let start = ContinuousClock.now
    private var sentBytes: UInt64 = 0
    private var receivedBytes: UInt64 = 0
    private var hasEndedInput = false
    private var confirmed: ContinuousClock.Instant?
    private var written: ContinuousClock.Instant?
    /// What went wrong on our side, first.
    private(set) var failure: Failure?

    init(_ output: Output, total: UInt64?) {
        self.output = output
        sending = Progress(total: total, start: start) { output.progress("sent " + $0) }
        receiving = Progress(total: nil, start: start) { output.progress("received " + $0) }
    }

    func sent(_ count: Int) {
        sentBytes += UInt64(count)
        sending.update(sentBytes, at: .now)
    }

    func endInput() { hasEndedInput = true }

    func received(_ count: Int) {
        receivedBytes += UInt64(count)
        // One line for both: what we send, as long as there is something to send.
        if hasEndedInput || sentBytes == 0 { receiving.update(receivedBytes, at: .now) }
    }

    /// Everything was written; returns how much.
    func endOutput() -> UInt64 {
        written = .now
        return receivedBytes
    }

    /// The peer has a receipt for us; returns what it has to say, nil while there cannot be one.
    func confirm() -> UInt64? {
        guard hasEndedInput else { return nil }
        confirmed = .now
        return sentBytes
    }

    func fail(_ failure: Failure) { self.failure = self.failure ?? failure }

    nonisolated func end() { output.endProgress() }

    func summary() -> Transfer.Summary {
        let now = ContinuousClock.now
        return Transfer.Summary(
            sent: sentBytes, received: receivedBytes, elapsed: now - start, sendTime: (confirmed ?? now) - start,
            receiveTime: (written ?? now) - start)
    }
}
