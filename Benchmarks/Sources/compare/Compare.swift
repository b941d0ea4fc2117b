import ArgumentParser
import Foundation
import NetworkSubjects

/// The table of ratios: what the engine costs beside what it is made of, and beside its peers.
@main struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measures the engine beside libgcrypt alone and beside swift-nio-ssl, in one run.",
        subcommands: [Measure.self, Idle.self], defaultSubcommand: Measure.self)
}

/// The connections of one stack, idle, in this process.
struct Idle: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Opens connections over loopback TCP and prints what one end of an idle one costs, as JSON.")

    @Argument(help: "One of: \(Stack.allCases.map(\.rawValue).joined(separator: "; ")).")
    var stack: Stack

    @Option(help: "How many.")
    var connections = 2_000

    func run() throws {
        let memory = try IdleMemory.measure(stack, connections: connections)
        print(String(decoding: try JSONEncoder().encode(memory), as: UTF8.self))
    }
}

extension Stack: ExpressibleByArgument {}

/// The table.
struct Measure: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures, prints the table, and writes raw figures and charts.")

    @Option(help: "Passes; a ratio is made in each, and their median is printed.")
    var passes = 3

    @Option(help: "Rounds of a pass; in each, every subject of a group has its turn.")
    var rounds = 31

    @Option(help: "The folder for the table, the raw figures and the charts.")
    var output = "results"

    @Option(help: "Only the groups whose names begin so.")
    var only = ""

    func validate() throws {
        guard passes > 0, rounds >= 10 else { throw ValidationError("At least 1 pass of 10 rounds.") }
    }

    func run() throws {
        var results = Results()
        results.machine = Machine.description
        let effort = Effort(passes: passes, rounds: rounds)
        let groups = try EngineGroups(effort).groups + NetworkGroups(effort: effort).groups
        for group in groups where group.name.hasPrefix(only) { try group.run(&results) }
        try results.write(to: URL(filePath: output))
        print()
        print(results.table, terminator: "")
        for (name, value) in results.machine.sorted(by: { $0.key < $1.key }) { print("\(name): \(value)") }
        print("times are processor time; a target is information, and nothing fails when it is not met")
    }
}

/// What the figures are of.
enum Machine {
    static var description: [String: String] {
        [
            "processor": line("/proc/cpuinfo", "model name") ?? "unknown",
            "cores": "\(ProcessInfo.processInfo.activeProcessorCount)",
            "load": (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?
                .trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown",
            "date": ISO8601DateFormatter().string(from: Date()),
        ]
    }

    private static func line(_ path: String, _ name: String) -> String? {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(name) {
            return line.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
        }
        return nil
    }
}
