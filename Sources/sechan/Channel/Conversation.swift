import SCP
import SCPNIO

/// One session of `sechan connect`.
struct Conversation: Sendable {
    private let channel: SecureChannel
    private let writer: OutputWriter
    private let report: String
    private let party: Party

    private var output: Output { writer.output }

    init(_ channel: SecureChannel, _ party: Party, _ output: Output) throws(Failure) {
        self.channel = channel
        self.party = party
        writer = OutputWriter(output)
        report = try ChannelReport(channel, party.provider).who
    }

    func run(sending messages: [String]) async throws {
        output.note("connected to \(report)")
        let report = try ChannelReport(channel, party.provider)
        if output.isJSON {
            try await writer.result("", JSONRecord("connected", report.identity))
        }
        let input = InputState()
        // Ends when our half is done, or the channel is.
        let (until, done) = AsyncStream.makeStream(of: Void.self)
        // Not a child task: when the peer is through first, nobody waits for the terminal.
        let sending = Task {
            defer { done.finish() }
            do {
                if messages.isEmpty { try await sendLines() } else { try await send(messages) }
                // Before the peer can know: it may have closed before this task goes on.
                await input.end(nil)
                channel.finish()
            } catch  where Conversation.isEnd(error) {
                // Why it ended is known to whoever receives.
            } catch {
                await input.end(Failure(channel: error))
                channel.abort(.internalError)
            }
        }
        let watching = Task {
            await channel.waitForEnd()
            done.finish()
        }
        defer { watching.cancel() }
        do {
            for try await message in channel.messages {
                try await writer.result(Output.line(message.text), message.record([]))
            }
            // The peer may only have finished its half: what we have to say still counts.
            for await _ in until {}
            sending.cancel()
            try await channel.close()
        } catch {
            sending.cancel()
            channel.abort(error is CancellationError ? .noError : .internalError)
            await channel.waitForEnd()
            throw await input.failure ?? error
        }
        if let failure = await input.failure { throw failure }
        guard await input.hasEnded || SystemCalls.isTerminal(0) else {
            throw Failure(.ioError, "the peer closed the channel before standard input ended")
        }
        output.detail(report.details)
        output.note("closed in order")
        if output.isJSON { try await writer.result("", JSONRecord("closed", report.traffic)) }
    }

    /// Whether sending failed because there is no channel any more, or nobody wants us to go on.
    private static func isEnd(_ error: any Error) -> Bool {
        if error is CancellationError { return true }
        guard let error = error as? SecureChannelError else { return false }
        return switch error.kind {
        case .notSent(.closed), .closed, .closedByPeer, .failed, .closeUnconfirmed: true
        default: false
        }
    }

    /// How far our half is.
    private actor InputState {
        private(set) var hasEnded = false
        private(set) var failure: Failure?

        func end(_ failure: Failure?) {
            hasEnded = true
            // The end of the channel is not the input's fault.
            if failure?.status != .interrupted { self.failure = failure }
        }
    }

    private func send(_ messages: [String]) async throws {
        for message in messages { try await channel.send(message) }
    }

    private func sendLines() async throws {
        let input = InputReader()
        var line: [UInt8] = []
        while true {
            let bytes = try await input.read(upTo: 65_536)
            if bytes.isEmpty { break }
            for byte in bytes {
                if byte == UInt8(ascii: "\n") {
                    try await channel.send(line)
                    line.removeAll(keepingCapacity: true)
                } else {
                    line.append(byte)
                }
            }
            guard line.count <= Connect.lineLimit else {
                throw Failure(
                    .usage, "a line of standard input is longer than \(Connect.lineLimit) bytes",
                    remedy: "For files there is `sechan pipe`.")
            }
        }
        if !line.isEmpty { try await channel.send(line) }
    }
}
