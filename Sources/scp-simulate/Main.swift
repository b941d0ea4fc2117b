public import ArgumentParser
import SCP
public import SCPSimulation

/// The engine under simulation: sessions by their seeds, and a long transfer.
@main struct Simulate: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "scp-simulate",
        abstract: "Runs SCP/1 between two engines in simulated networks.",
        subcommands: [Sessions.self, Transfer.self], defaultSubcommand: Sessions.self)
}

/// Runs simulated sessions by their seeds, and holds the engine to its rules after every step.
struct Sessions: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sessions, each drawn from a number, with the rules of SCP/1 checked after every step.")

    @Option(help: "How many sessions.")
    var sessions: UInt64 = 2_000

    @Option(help: "The seed of the first; the others follow.")
    var first: UInt64 = 1

    @Option(help: "Do this one alone, and show what happens.")
    var seed: UInt64?

    @Option(help: "stream or datagrams; without it the seed chooses.")
    var transport: SessionPlan.Transport?

    @Option(help: "Also call both ends every so many milliseconds. It must make no difference.")
    var ticks: Int?

    @Flag(help: "Count how the sessions ended.")
    var endings = false

    @Flag(help: "Do not look for the shortest plan that fails.")
    var noShrinking = false

    func validate() throws {
        guard first.addingReportingOverflow(sessions).overflow == false else {
            throw ValidationError("There are no seeds above \(UInt64.max).")
        }
    }

    func run() throws {
        if let seed { return try show(SessionPlan(seed: seed, transport: transport)) }
        var total = Total()
        let time = try ContinuousClock().measure {
            for seed in first..<first + sessions {
                let plan = SessionPlan(seed: seed, transport: transport)
                let outcome = try SessionRun(plan, ticks: ticks.map { .milliseconds($0) }).run()
                total.add(outcome, plan)
                if outcome.broken != nil { try report(plan, outcome) }
            }
        }
        if endings { total.sayEndings() }
        total.say(time)
        if total.failures > 0 { throw ExitCode(1) }
    }

    private func show(_ plan: SessionPlan) throws {
        for step in plan.steps { print("step ", step) }
        print("ending ", plan.ending)
        let outcome = try SessionRun(plan, ticks: ticks.map { .milliseconds($0) }, log: 100_000).run()
        for line in outcome.tail { print(line) }
        print(outcome.broken.map { "broken \($0)" } ?? "kept every rule", "closures", outcome.closures)
        if outcome.broken != nil { throw ExitCode(1) }
    }

    /// What a person needs who looks for the reason.
    private func report(_ plan: SessionPlan, _ outcome: SessionOutcome) throws {
        print("seed \(plan.seed): \(outcome.broken.map { "\($0)" } ?? "")")
        guard !noShrinking else { return }
        var short = plan
        short.steps = try shrink(plan.steps) { steps in
            var shorter = plan
            shorter.steps = steps
            return try SessionRun(shorter).run().broken?.name == outcome.broken?.name
        }
        let last = try SessionRun(short).run()
        print("  \(short.transport.rawValue), \(short.steps.count) of \(plan.steps.count) steps, then \(short.ending):")
        for step in short.steps { print("   ", step) }
        print("  \(last.broken.map { "\($0)" } ?? "")")
    }
}

extension SessionPlan.Transport: ExpressibleByArgument {}

/// Of all sessions together.
private struct Total {
    private(set) var failures = 0
    private var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    private var count = 0
    private var events = 0
    private var frames = 0
    private var messages = 0
    private var rotations = 0
    private var orderly = 0
    private var simulated = Duration.zero
    private var datagrams = 0
    private var endings: [String: Int] = [:]

    mutating func add(_ outcome: SessionOutcome, _ plan: SessionPlan) {
        count += 1
        if outcome.broken != nil { failures += 1 }
        hash = (hash ^ outcome.hash) &* 0x100_0000_01b3
        events += outcome.events
        frames += outcome.frames
        messages += outcome.messages
        rotations += outcome.rotations
        simulated += outcome.simulated
        if plan.transport == .datagrams { datagrams += 1 }
        if outcome.closures.contains(where: { $0?.isOrderly ?? false }) { orderly += 1 }
        endings[outcome.closures.map(Self.name).joined(separator: ", "), default: 0] += 1
    }

    private static func name(_ closure: Closure?) -> String {
        switch closure {
        case nil: "open"
        case .clean?: "clean"
        case .unconfirmed?: "unconfirmed"
        case .byPeer(let code, _)?: "by peer \(code)"
        case .failed(let error)?: "\(error.code)"
        }
    }

    /// How the two sides of the sessions ended, the most frequent first.
    func sayEndings() {
        let sorted = endings.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        for (ending, count) in sorted { print(count, ending) }
    }

    func say(_ time: Duration) {
        print(
            "\(count) sessions, \(datagrams) over datagrams, \(orderly) ended in order: \(frames) frames,",
            "\(messages) messages, \(rotations) rotations; \(failures) broke a rule; hash \(String(hash, radix: 16))")
        let seconds = max(time / .seconds(1), 0.001)
        let hours = simulated / .seconds(3_600)
        let rate = (hours / seconds * 100).rounded() / 100
        print(
            "\(events) events in \(Int(hours)) simulated hours, in \(Int(seconds)) s:",
            "\(Int(Double(events) / seconds)) events and \(rate) simulated hours a second")
    }
}
