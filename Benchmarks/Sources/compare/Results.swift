import Foundation

/// What a ratio is hoped to be. Printed beside it and never asserted: times are the machine's.
struct Target: Codable {
    enum Direction: String, Codable { case atLeast, atMost }

    let direction: Direction
    let value: Double
    let wanted: Double?

    static func atLeast(_ value: Double, wanted: Double? = nil) -> Target {
        Target(direction: .atLeast, value: value, wanted: wanted)
    }

    static func atMost(_ value: Double, wanted: Double? = nil) -> Target {
        Target(direction: .atMost, value: value, wanted: wanted)
    }

    func isMet(by result: Double) -> Bool { direction == .atLeast ? result >= value : result <= value }

    var text: String {
        let sign = direction == .atLeast ? ">=" : "<="
        let most = wanted.map { " (\(short($0)) wanted)" } ?? ""
        return "\(sign) \(short(value))\(most)"
    }
}

/// A number that was made of figures of one group, pass by pass; or one that was read off.
struct Result: Codable {
    let name: String
    let unit: String
    let passes: [Double]
    let target: Target?

    var value: Double { Figure.median(passes) }
}

/// Everything that a run has found.
struct Results: Codable {
    var machine: [String: String] = [:]
    var figures: [Figure] = []
    var results: [Result] = []

    mutating func add(_ found: [Figure]) {
        figures += found
        for figure in found { print(figure.row) }
    }

    private func figure(_ group: String, _ name: String) -> Figure? {
        figures.first { $0.group == group && $0.name == name }
    }

    /// p10 of one subject by p10 of another, pass by pass.
    mutating func quotient(
        _ name: String, _ group: String, _ first: String, by second: String, _ target: Target? = nil
    ) {
        combine(name, "x", group, first, second, target) { $0 / max($1, .leastNonzeroMagnitude) }
    }

    /// p10 of one subject less p10 of another, in `unit`s of so many nanoseconds.
    mutating func difference(
        _ name: String, _ group: String, _ first: String, less second: String, unit: String = "ns",
        nanoseconds: Double = 1, _ target: Target? = nil
    ) {
        combine(name, unit, group, first, second, target) { ($0 - $1) / nanoseconds }
    }

    private mutating func combine(
        _ name: String, _ unit: String, _ group: String, _ first: String, _ second: String, _ target: Target?,
        _ operation: (Double, Double) -> Double
    ) {
        guard let first = figure(group, first), let second = figure(group, second) else { return }
        add(name, unit, zip(first.passes, second.passes).map { operation($0.p10, $1.p10) }, target)
    }

    mutating func add(_ name: String, _ unit: String, _ passes: [Double], _ target: Target? = nil) {
        let result = Result(name: name, unit: unit, passes: passes, target: target)
        results.append(result)
    }

    mutating func addAllocations(_ name: String, _ group: String, _ subject: String, _ target: Target? = nil) {
        guard let figure = figure(group, subject) else { return }
        add(name, "mallocs", [figure.allocations], target)
    }

    /// The table, as it is printed and as `table.txt`.
    var table: String {
        var lines = [Self.line("result", "median", "of passes", "target", "")]
        lines.append(String(repeating: "-", count: 118))
        for result in results {
            let least = result.passes.min() ?? 0
            let most = result.passes.max() ?? 0
            let spread = result.passes.count > 1 ? "[\(short(least))..\(short(most))]" : ""
            let verdict = result.target.map { $0.isMet(by: result.value) ? "met" : "not met" } ?? ""
            lines.append(
                Self.line(
                    result.name, "\(short(result.value)) \(result.unit)", spread, result.target?.text ?? "", verdict))
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func line(_ name: String, _ value: String, _ spread: String, _ target: String, _ last: String)
        -> String
    {
        (pad(name, 60) + pad(value, 16) + pad(spread, 20) + pad(target, 24) + last)
            .trimmingCharacters(in: .whitespaces)
    }

    /// Raw figures for a spreadsheet.
    var csv: String {
        var lines = ["group,subject,pass,p10_ns,median_ns,wall_p10_ns,mallocs"]
        for figure in figures {
            for (number, pass) in figure.passes.enumerated() {
                lines.append(
                    "\(figure.group),\"\(figure.name)\",\(number + 1),\(pass.p10),\(pass.median),\(pass.wall),"
                        + "\(figure.allocations)")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    func write(to folder: URL) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        try encoder.encode(self).write(to: folder.appending(path: "results.json"))
        try Data(csv.utf8).write(to: folder.appending(path: "figures.csv"))
        try Data(table.utf8).write(to: folder.appending(path: "table.txt"))
        for (name, chart) in charts { try Data(chart.utf8).write(to: folder.appending(path: "\(name).svg")) }
    }
}

extension Figure {
    var row: String {
        pad(group, 26) + pad(name, 26) + pad("p10 \(short(quiet)) ns", 20) + pad("median \(short(typical)) ns", 22)
            + "\(short(allocations)) mallocs"
    }
}

func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
}

/// Three significant places, or all places before the point.
func short(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let size = abs(value)
    if size >= 100 || value == value.rounded() { return String(Int(value.rounded())) }
    return String(format: size >= 10 ? "%.1f" : "%.2f", value)
}
