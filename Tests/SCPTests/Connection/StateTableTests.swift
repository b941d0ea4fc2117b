import Testing

@testable import SCP

/// Every event in every state, against ``StateTable``.
@Suite struct StateTableTests {
    struct Cell: Sendable, CustomTestStringConvertible {
        let event: TableEvent
        let state: TableState
        let role: Role

        var testDescription: String { "\(event) in \(state), \(role)" }
    }

    static let cells: [Cell] = TableEvent.allCases.flatMap { event in
        TableState.allCases.flatMap { state in
            state.roles.map { Cell(event: event, state: state, role: $0) }
        }
    }

    /// [SCP-STATE-1]
    /// Scenarios 27, 90.
    @Test(arguments: cells)
    func cell(_ cell: Cell) throws {
        let wanted = try #require(StateTable.whole.cell(cell.event, cell.state), "the table has no such cell")
        var stage = try TableStage(cell.event, in: cell.state, cell.role)
        guard wanted != "-" else {
            #expect(try !stage.reachesTimer(), "\(cell.event) runs")
            return
        }
        let seen = try stage.run()
        let expected = try TableOutcome(wanted, in: cell.state, event: cell.event)
        #expect(seen == expected)
        guard let thrown = expected.thrown else { return }
        try checkFailure(&stage, thrown, in: cell.state)
    }

    /// [SCP-STATE-24] [SCP-CLOSE-20] A failure has been told to the peer where that is allowed, and stays.
    private func checkFailure(_ stage: inout TableStage, _ code: ErrorCode, in state: TableState) throws {
        let codes = stage.frames.compactMap(\.closeCode)
        #expect(codes.allSatisfy { $0 == code })
        let first = stage.thrown
        for bytes in [[], [0], [UInt8](repeating: 1, count: 500)] as [[UInt8]] {
            #expect(stage.duel.feed(bytes) == first)
        }
        stage.duel.poll()
        #expect(stage.duel.takeFrames().isEmpty)
        let end = stage.duel.closure
        #expect(end == first.map { .failed($0) })
        #expect(stage.duel.engine.deadline?.reason != .idle)
    }

    @Test func theTableIsWhole() {
        for event in TableEvent.allCases {
            #expect(StateTable.whole.rows[event]?.count == TableState.allCases.count, "\(event)")
        }
    }
}

/// What a cell says, or what was seen.
struct TableOutcome: Equatable {
    var next: ConnectionState
    var thrown: ErrorCode?
    var frames: [String] = []
    var events: [String] = []
    var isRefused = false

    init(next: ConnectionState) { self.next = next }

    private static let codes: [String: ErrorCode] = [
        "UM": .unexpectedMessage, "SV": .sequenceViolation, "FC": .flowControlViolation,
    ]

    init(_ cell: String, in state: TableState, event: TableEvent) throws {
        self.init(next: state.state)
        let parts = cell.split(separator: ";").map { $0.split(separator: " ").map(String.init) }
        let words = parts.first ?? []
        events = parts.count > 1 ? parts[1] : []
        switch words.first {
        case "."?: return
        case "refused"?: isRefused = true
        case "end"?:
            let name = try #require(words.last)
            next = .closed
            events.append("closed(\(name))")
            let isFrame = StateTable.frames[event] != nil
            thrown = isFrame ? ErrorCode.named(name) : nil
        case let word? where TableOutcome.codes[word] != nil:
            let code = try #require(TableOutcome.codes[word])
            thrown = code
            next = .draining
            frames = TableOutcome.close(code, in: state) + ["fin"]
            events.append("closed(\(code))")
        case let word?:
            let named = TableState.allCases.first { "\($0)" == word }
            next = try word == "=" ? state.state : #require(named).state
            frames = Array(words.dropFirst())
        case nil: throw DuelError.silent
        }
    }

    /// [SCP-CLOSE-20] [SCP-ERR-3] [SCP-HS-17] The CLOSE that a fatal error sends.
    private static func close(_ code: ErrorCode, in state: TableState) -> [String] {
        switch state {
        case .waiting, .deciding, .halfOpen: code.maySendInHandshake ? ["close/0"] : []
        case .unconfirmed, .held, .established: ["close/1"]
        default: []
        }
    }
}

extension ErrorCode {
    static func named(_ name: String) -> ErrorCode? {
        (0...0x85).map { ErrorCode(rawValue: $0) }.first { $0.name == name }
    }
}
