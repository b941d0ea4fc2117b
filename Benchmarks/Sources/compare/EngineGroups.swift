import NetworkSubjects
import SCPGcrypt
import Subjects

/// The engine in memory, beside libgcrypt alone and beside swift-nio-ssl in memory.
struct EngineGroups {
    let effort: Effort
    let provider: GcryptProvider
    let mixed: MixedProvider
    let tls: TLSParties

    init(_ effort: Effort) throws {
        self.effort = effort
        provider = try GcryptProvider()
        mixed = try MixedProvider()
        tls = try TLSParties()
    }

    static let sizes = [16, 64, 256, 1_024, 1_400, 16_384, 65_536, 262_144, 1_048_576]
    private static let sizesOfTLS: Set = [64, 1_024, 16_384]

    /// The groups by name, in order.
    var groups: [(name: String, run: (inout Results) throws -> Void)] {
        Self.sizes.map { size in ("records \(size) B", { try records(size, &$0) }) } + [
            ("messages of 64 B", coalescing), ("handshakes", handshakes), ("idle", idle), ("heap", memory),
            ("simulation", simulation),
        ]
    }

    private func records(_ size: Int, _ results: inout Results) throws {
        let group = "records \(size) B"
        let sealing = try RecordSubject(.seal, provider, size: size)
        let sizes = try sealing.frameSizes()
        var entries = [
            Entry("engine seal", sealing),
            Entry("limit seal", try LimitSubject(sealing: true, sizes: sizes)),
            Entry("engine open", try RecordSubject(.open, provider, size: size)),
            Entry("limit open", try LimitSubject(sealing: false, sizes: sizes)),
            Entry("engine both, with ACKs", try RecordSubject(.exchange, provider, size: size)),
        ]
        if Self.sizesOfTLS.contains(size) {
            entries.append(Entry("TLS both", try EmbeddedTLSSubject(tls, size: size)))
            if size == 64 {
                entries.append(Entry("TLS both, 16 a flush", try EmbeddedTLSSubject(tls, size: 64, batch: 16)))
            }
        }
        results.add(try effort.measure(group, entries))
        let target: Target? = size >= 1_024 ? .atLeast(0.95, wanted: 0.98) : nil
        let overhead: Target? = size == 64 ? .atMost(30, wanted: 10) : nil
        for side in ["seal", "open"] {
            results.quotient("\(side) \(size) B: limit / engine", group, "limit \(side)", by: "engine \(side)", target)
            results.difference(
                "\(side) \(size) B: engine over the primitives", group, "engine \(side)", less: "limit \(side)",
                overhead)
            // libgcrypt's HMAC makes one of its own for each frame.
            results.addAllocations(
                "\(side) \(size) B: mallocs, libgcrypt's 1 a frame included", group, "engine \(side)",
                .atMost(Double(sizes.count)))
        }
        if Self.sizesOfTLS.contains(size) {
            results.quotient(
                "seal + open \(size) B: swift-nio-ssl / engine", group, "TLS both", by: "engine both, with ACKs",
                size == 64 ? .atLeast(3, wanted: 4) : nil)
        }
    }

    private func coalescing(_ results: inout Results) throws {
        let group = "messages of 64 B"
        let entries = try [1, 16, 64].map { batch in
            Entry("\(batch) a poll", try CoalescingSubject(provider, size: 64, batch: batch))
        }
        results.add(try effort.measure(group, entries))
        results.quotient("64 B: one a poll / 16 a poll", group, "1 a poll", by: "16 a poll")
        results.quotient("64 B: one a poll / 64 a poll", group, "1 a poll", by: "64 a poll", .atLeast(5))
        if let figure = results.figures.last {
            results.add("64 B, 64 a poll: messages a second", "M/s", figure.passes.map { 1e3 / $0.p10 })
            results.addAllocations("64 B, 64 a poll: mallocs for a message", group, figure.name)
        }
    }

    private func handshakes(_ results: inout Results) throws {
        let group = "handshakes"
        let count = try MultiplicationCount.ofHandshake(provider)
        let entries = [
            Entry("engine, libgcrypt", try HandshakeSubject(provider)),
            Entry("limit: \(count.total) X25519, libgcrypt", MultiplicationSubject(count: count.total)),
            Entry("engine, X25519 of swift-crypto", try HandshakeSubject(mixed)),
            Entry("X25519 of swift-crypto alone", try AgreementSubject(mixed, count)),
            Entry("swift-nio-ssl, mutual", try EmbeddedTLSHandshakeSubject(tls)),
            Entry("rotation, libgcrypt", try RotationSubject(provider)),
            Entry("rotation, swift-crypto", try RotationSubject(mixed)),
        ]
        let figures = try effort.measure(group, entries)
        results.add(figures)
        results.add("X25519 multiplications in a handshake, both sides", "", [Double(count.total)])
        results.quotient(
            "handshake, libgcrypt: engine / its multiplications", group, entries[0].name, by: entries[1].name,
            .atMost(1.1))
        results.quotient(
            "handshake, swift-crypto: engine / its multiplications", group, entries[2].name, by: entries[3].name)
        results.quotient(
            "handshake: swift-crypto backend / swift-nio-ssl", group, entries[2].name, by: entries[4].name,
            .atMost(0.65, wanted: 0.48))
        results.quotient(
            "handshake: libgcrypt backend / swift-nio-ssl", group, entries[0].name, by: entries[4].name)
        for index in [0, 2, 4, 5, 6] {
            results.add("\(entries[index].name), both sides", "us", figures[index].passes.map { $0.p10 / 1e3 })
            results.addAllocations("\(entries[index].name): mallocs", group, entries[index].name)
        }
    }

    private func idle(_ results: inout Results) throws {
        let figures = try effort.measure("idle", [Entry("poll of a connection", try IdlePollSubject(provider))])
        results.add(figures)
        results.add("idle poll of a connection", "ns", figures[0].passes.map(\.p10))
        results.addAllocations("idle poll of a connection: mallocs", "idle", "poll of a connection", .atMost(0))
    }

    private func memory(_ results: inout Results) throws {
        let bytes = try heapPerIdleConnection(mixed, sessions: 200)
        results.add("heap of an idle connection, engine alone", "KiB", [bytes / 1_024])
    }

    private func simulation(_ results: inout Results) throws {
        var longer = effort
        longer.slice = 10_000_000
        let figures = try longer.measure("simulation", [Entry("event", SimulationSubject())])
        results.add(figures)
        results.add("simulated events a second", "k/s", figures[0].passes.map { 1e6 / $0.median })
    }
}
