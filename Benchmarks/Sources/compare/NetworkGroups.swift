import Foundation
import NetworkSubjects
import Subjects

/// Over loopback: ours beside TLS and beside nothing.
struct NetworkGroups {
    let effort: Effort

    private static let sizes = [64, 1_024, 16_384, 65_536]
    private static let connections = 2_000

    var groups: [(name: String, run: (inout Results) throws -> Void)] {
        Self.sizes.map { size in ("loopback \(size) B", { try bulk(size, &$0) }) } + [
            ("loopback ping-pong", pingPong), ("loopback connections", connections),
            ("channels", channels), ("memory", memory),
        ]
    }

    private func bulk(_ size: Int, _ results: inout Results) throws {
        let group = "loopback \(size) B"
        let stacks: [Stack] = [.plain, .tls, .scp]
        let figures = try effort.measure(
            group, try stacks.map { Entry($0.rawValue, try LoopbackSubject($0, .bulk(size: size))) })
        results.add(figures)
        let targets: [Int: Target] = [1_024: .atLeast(0.9, wanted: 1.7), 16_384: .atLeast(0.35, wanted: 0.65)]
        results.quotient(
            "loopback TCP \(size) B, 1 core: SCP / swift-nio-ssl", group, Stack.tls.rawValue, by: Stack.scp.rawValue,
            targets[size])
        for figure in figures {
            results.add(
                "loopback TCP \(size) B, 1 core: \(figure.name)", "MB/s",
                figure.passes.map { 1e3 * Double(size) / $0.p10 })
        }
    }

    private func pingPong(_ results: inout Results) throws {
        let group = "loopback ping-pong"
        let stacks: [Stack] = [.plain, .tls, .scp]
        let figures = try effort.measure(
            group, try stacks.map { Entry($0.rawValue, try LoopbackSubject($0, .pingPong(size: 64))) })
        results.add(figures)
        for figure in figures {
            results.add("ping-pong of 64 B, 1 loop: \(figure.name)", "us", figure.passes.map { $0.p10 / 1e3 })
        }
        results.difference(
            "ping-pong of 64 B: swift-nio-ssl over plain NIO", group, Stack.tls.rawValue, less: Stack.plain.rawValue,
            unit: "us", nanoseconds: 1e3)
        results.difference(
            "ping-pong of 64 B: SCP over plain NIO", group, Stack.scp.rawValue, less: Stack.plain.rawValue, unit: "us",
            nanoseconds: 1e3, .atMost(2, wanted: 1.5))
    }

    private func connections(_ results: inout Results) throws {
        let group = "loopback connections"
        var fewer = effort
        fewer.rounds = min(effort.rounds, 11)
        let figures = try fewer.measure(
            group, try Stack.allCases.map { Entry($0.rawValue, try ConnectSubject($0)) })
        results.add(figures)
        for figure in figures {
            results.add("connections a second, 1 core: \(figure.name)", "/s", figure.passes.map { 1e9 / $0.p10 })
        }
        results.quotient(
            "connections: SCP with swift-crypto / swift-nio-ssl", group, Stack.tls.rawValue, by: Stack.mixed.rawValue)
    }

    private func channels(_ results: inout Results) throws {
        let group = "channels"
        var entries: [Entry] = []
        for transport in [ChannelSubject.Transport.tcp, .udp] {
            for size in [1_024, 16_384] {
                entries.append(
                    Entry("\(transport.rawValue) \(size) B", try ChannelSubject(transport, .bulk(size: size))))
            }
            entries.append(Entry("\(transport.rawValue) ping-pong", try ChannelSubject(transport, .pingPong(size: 64))))
        }
        var fewer = effort
        fewer.rounds = min(effort.rounds, 11)
        let figures = try fewer.measure(group, entries)
        results.add(figures)
        for (figure, size) in zip(figures, [1_024.0, 16_384, 0, 1_024, 16_384, 0]) {
            let isBulk = size > 0
            results.add(
                "SecureChannel, \(figure.name), by the wall", isBulk ? "MB/s" : "us",
                figure.passes.map { isBulk ? 1e3 * size / $0.wall : $0.wall / 1e3 })
            results.add(
                "SecureChannel, \(figure.name), processor time", isBulk ? "us/message" : "us",
                figure.passes.map { $0.p10 / 1e3 })
        }
    }

    /// Each stack in a process of its own.
    private func memory(_ results: inout Results) throws {
        var plain: IdleMemory?
        for stack in [Stack.plain, .tls, .scp] {
            let memory = try Self.idleMemory(stack)
            results.add(
                "idle connection, \(stack.rawValue): resident, one end", "KiB", [memory.resident / 1_024])
            results.add("idle connection, \(stack.rawValue): heap, one end", "KiB", [memory.heap / 1_024])
            guard let plain else {
                plain = memory
                continue
            }
            results.add(
                "idle connection, \(stack.rawValue): over plain NIO, resident", "KiB",
                [(memory.resident - plain.resident) / 1_024], stack == .scp ? .atMost(10, wanted: 8) : nil)
        }
    }

    private static func idleMemory(_ stack: Stack) throws -> IdleMemory {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["idle", stack.rawValue, "--connections", "\(connections)"]
        process.standardOutput = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failed("idle connections of \(stack.rawValue) failed") }
        return try JSONDecoder().decode(IdleMemory.self, from: output)
    }
}
