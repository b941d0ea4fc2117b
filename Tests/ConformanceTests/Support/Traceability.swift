/// Holds the specification, the code and the tests against each other.
struct Traceability {
    let requirements: [Requirement]
    let code: [Citation]
    let tests: [Citation]
    let waivers: [Waiver]

    private func citedInCode() -> Set<String> { Set(code.map(\.id)) }
    private func citedInTests() -> Set<String> { Set(tests.map(\.id)) }

    /// Ids that are defined twice.
    var duplicates: [String] {
        var seen: [String: String] = [:]
        var result: [String] = []
        for requirement in requirements {
            if let first = seen[requirement.id] {
                result.append("\(requirement.id) at \(first) and \(requirement.place)")
            }
            seen[requirement.id] = requirement.place
        }
        return result
    }

    /// Citations of ids that do not exist.
    var unknown: [String] {
        let known = Set(requirements.map(\.id))
        return (code + tests).filter { !known.contains($0.id) }.map { "\($0.id) at \($0.place)" }
    }

    /// Quotations that their requirement does not contain.
    var misquoted: [String] {
        let texts = Dictionary(requirements.map { ($0.id, $0.text) }) { first, _ in first }
        return (code + tests).compactMap { citation in
            guard let quote = citation.quote, let text = texts[citation.id], !text.contains(quote) else { return nil }
            return "\(citation.id) at \(citation.place): \"\(quote)\""
        }
    }

    /// Requirements of what is built that no code cites and no waiver excuses.
    var withoutCode: [String] { missing(citedInCode(), excusedBy: [.code, .both]) }

    /// Requirements of what is built that no test cites and no waiver excuses.
    var withoutTest: [String] { missing(citedInTests(), excusedBy: [.test, .both]) }

    private func missing(_ cited: Set<String>, excusedBy excuses: Set<Waiver.Missing>) -> [String] {
        let excused = Set(waivers.filter { excuses.contains($0.missing) }.map(\.id))
        return requirements.filter { !$0.isLater && !cited.contains($0.id) && !excused.contains($0.id) }.map(\.id)
    }

    /// Waivers of what does not exist, is not built, is waived twice, or is met by now.
    var needlessWaivers: [String] {
        let builds = Dictionary(requirements.map { ($0.id, $0.isLater) }) { first, _ in first }
        let inCode = citedInCode()
        let inTests = citedInTests()
        var seen: Set<String> = []
        return waivers.compactMap { waiver in
            guard seen.insert(waiver.id).inserted else { return "\(waiver.id): waived twice" }
            guard let isLater = builds[waiver.id] else { return "\(waiver.id): no such requirement" }
            if isLater { return "\(waiver.id): is marked (later) and needs no waiver" }
            if waiver.missing != .test, inCode.contains(waiver.id) { return "\(waiver.id): code cites it by now" }
            if waiver.missing != .code, inTests.contains(waiver.id) { return "\(waiver.id): a test cites it by now" }
            return nil
        }
    }
}
