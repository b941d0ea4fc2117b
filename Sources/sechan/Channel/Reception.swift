import SCP
import SCPNIO

/// What `sechan listen` does with clients.
final class Reception: Sendable {
    private let party: Party
    private let gatekeeper: Gatekeeper
    private let writer: OutputWriter
    private let echoes: Bool
    private let isSingle: Bool
    private let counter = Counter()
    private let results: AsyncStream<Result<Void, Failure>>
    private let finished: AsyncStream<Result<Void, Failure>>.Continuation

    private var output: Output { writer.output }

    private actor Counter {
        private var last = 0
        func next() -> Int {
            last += 1
            return last
        }
    }

    init(party: Party, gatekeeper: Gatekeeper, writer: OutputWriter, echoes: Bool, isSingle: Bool) {
        self.party = party
        self.gatekeeper = gatekeeper
        self.writer = writer
        self.echoes = echoes
        self.isSingle = isSingle
        (results, finished) = AsyncStream.makeStream()
    }

    func begin(_ address: Address) async {
        output.note("listening on \(address) as \(party.fingerprint)")
        await record(
            "listening",
            [
                ("address", .string(address.description)), ("fingerprint", .string(party.fingerprint)),
                ("publicKey", .string(PublicKeyText.pasteable(party.publicKey.key))),
            ])
    }

    /// Returns when the listener is to end.
    func end() async -> Result<Void, Failure> {
        for await result in results { return result }
        return .success(())
    }

    func serve(_ channel: SecureChannel) async {
        let number = await counter.next()
        if isSingle, number > 1 {
            channel.abort(.shuttingDown, reason: "one client only")
            return
        }
        let result = await converse(channel, number)
        if case .failure(let failure) = result {
            // Nobody reads what we print: there is no point in going on.
            if failure.isOutputLost {
                channel.abort(.internalError)
                finished.yield(result)
                return
            }
            if failure.status != .interrupted { output.note("client \(number) failed: \(failure.message)") }
        }
        if isSingle { finished.yield(result) }
    }

    private func converse(_ channel: SecureChannel, _ number: Int) async -> Result<Void, Failure> {
        do {
            let report = try ChannelReport(
                channel, party.provider, name: gatekeeper.name(of: channel.peer.publicKey))
            let client: [(String, JSONValue)] = [("client", .integer(number))]
            let origin = channel.endpoint.map { " from \($0)" } ?? ""
            output.note("client \(number): \(report.who) connected\(origin)")
            await record("connected", client + report.identity)
            var failure: Failure?
            do {
                for try await message in channel.messages {
                    try await writer.result(Output.line(message.text), message.record(client))
                    if echoes { try await channel.send(message.bytes, on: message.channel) }
                }
                try await channel.close()
                output.note("client \(number): closed in order")
            } catch {
                failure = Failure(channel: error)
            }
            output.detail("client \(number): \(report.details)")
            let outcome: [(String, JSONValue)] = [("exit", .integer(Int(failure?.status.rawValue ?? 0)))]
            await record("closed", client + outcome + report.traffic)
            if let failure { throw failure }
            return .success(())
        } catch {
            return .failure(Failure(channel: error))
        }
    }

    /// A record between the messages; that standard output is gone is found out by the next message.
    private func record(_ kind: String, _ fields: [(String, JSONValue)]) async {
        guard output.isJSON else { return }
        try? await writer.result("", JSONRecord(kind, fields))
    }
}
