import Foundation
import Subjects

/// One thing that is measured in a group.
struct Entry {
    let name: String
    let subject: any Subject

    init(_ name: String, _ subject: any Subject) {
        self.name = name
        self.subject = subject
    }
}

/// Times of one operation in one pass, in nanoseconds.
struct Pass: Codable {
    let p10: Double
    let median: Double
    /// p10 of the time of the wall; 0 where it was not taken.
    let wall: Double
}

/// What was found out about one subject.
struct Figure: Codable {
    let group: String
    let name: String
    let passes: [Pass]
    let allocations: Double

    /// The best of the passes: what the machine gives when nobody else wants it.
    var quiet: Double { passes.map(\.p10).min() ?? 0 }
    var typical: Double { Self.median(passes.map(\.median)) }

    static func median(_ values: [Double]) -> Double {
        values.isEmpty ? 0 : values.sorted()[values.count / 2]
    }
}

/// How long is measured.
struct Effort {
    var passes = 3
    var rounds = 31
    /// The least that a round measures of one subject.
    var slice: UInt64 = 1_000_000

    /// Measures subjects in turn, a slice of each in every round, so that what disturbs one disturbs all.
    func measure(_ group: String, _ entries: [Entry]) throws -> [Figure] {
        var passes = entries.map { _ in [Pass]() }
        var allocations = entries.map { _ in Double.infinity }
        for _ in 0..<self.passes {
            var times = entries.map { _ in [Double]() }
            var walls = entries.map { _ in [Double]() }
            for _ in 0..<rounds {
                for (index, entry) in entries.enumerated() {
                    let sum = try measureSlice(of: entry.subject)
                    times[index].append(sum.nanosecondsPerOperation)
                    walls[index].append(sum.wallPerOperation)
                    allocations[index] = min(allocations[index], sum.allocationsPerOperation)
                }
            }
            for index in entries.indices {
                let sorted = times[index].sorted()
                let wall = walls[index].sorted()[sorted.count / 10]
                passes[index].append(
                    Pass(p10: sorted[sorted.count / 10], median: sorted[sorted.count / 2], wall: wall))
            }
        }
        return entries.indices.map {
            Figure(group: group, name: entries[$0].name, passes: passes[$0], allocations: allocations[$0])
        }
    }

    private func measureSlice(of subject: any Subject) throws -> Slice {
        var sum = Slice()
        repeat {
            let slice = try subject.slice()
            sum.nanoseconds += slice.nanoseconds
            sum.wall += slice.wall
            sum.operations += slice.operations
            sum.allocations += slice.allocations
        } while sum.nanoseconds < self.slice
        return sum
    }
}
