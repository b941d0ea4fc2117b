import NIOCore
import SCP
import SCPNIO
import Testing

@Suite("Back-pressure", .timeLimit(.minutes(5)))
struct FlowTests {
    private var ends: Ends

    init() throws { ends = try Ends() }

    /// Sends `count` messages of `size` bytes and, at the same time, receives as many.
    private func exchange(_ channel: SecureChannel, count: Int, size: Int, seed: UInt8) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                let bytes = pattern(size, seed: seed)
                for _ in 0..<count { try await channel.send(bytes) }
            }
            group.addTask {
                let expected = pattern(size, seed: seed ^ 1)
                for _ in 0..<count {
                    let message = try await channel.receive()
                    #expect(message?.array == expected)
                }
            }
            try await group.waitForAll()
        }
    }

    /// A way for the bytes. TCP with buffers smaller than its segments is slow by itself, so it gets less to do.
    struct Path: Sendable {
        var isUnix = false
        var socketBuffer: Int?
        var count = 160

        static let all = [
            Path(), Path(isUnix: true), Path(socketBuffer: 65_536), Path(socketBuffer: 4_096, count: 1),
            Path(isUnix: true, socketBuffer: 4_096, count: 60),
        ]
    }

    @Test("much in both directions at once, through socket buffers large and small", arguments: Path.all)
    func bothWays(path: Path) async throws {
        var ends = ends
        ends.options.socketSendBuffer = path.socketBuffer
        ends.options.socketReceiveBuffer = path.socketBuffer
        ends.serverOptions.transport.socketSendBuffer = path.socketBuffer
        ends.serverOptions.transport.socketReceiveBuffer = path.socketBuffer
        try await withTemporaryDirectory { [ends] directory in
            try await ends.withServer(
                on: path.isUnix ? .unix(directory + "/s") : loopback,
                handler: { client in
                    try await exchange(client, count: path.count, size: 100_000, seed: 3)
                }
            ) { address in
                let channel = try await ends.connect(to: address)
                try await exchange(channel, count: path.count, size: 100_000, seed: 2)
                try await channel.close()
            }
        }
    }

    @Test("a sender is held back by a reader that stops, within what both sides may hold")
    func slowReader() async throws {
        let mayRead = Shared(false)
        let received = Shared(0)
        try await ends.withServer(
            handler: { client in
                try await eventually { mayRead.value }
                for try await _ in client.messages { received.change { $0 += 1 } }
            },
            { address in
                let channel = try await ends.connect(to: address)
                let sent = Shared(0)
                let total = 300
                let size = 10_000
                let sending = Task {
                    for _ in 0..<total {
                        try await channel.send(pattern(size))
                        sent.change { $0 += 1 }
                    }
                }
                // Window, send buffer and the message that waits; nothing else may grow.
                let limits = ends.client.limits
                let bound = (limits.connectionCredit + limits.sendBuffer) / size + 2
                try await eventually { sent.value * size > limits.connectionCredit }
                try await Task.sleep(for: .milliseconds(100))
                #expect(sent.value <= bound)
                #expect(received.value == 0)
                mayRead.value = true
                try await sending.value
                try await channel.close()
                try await eventually { received.value == total }
            })
    }

    @Test("a server that never reads does not keep its client from closing in order")
    func neverReads() async throws {
        var ends = ends
        ends.client.timers.flush = .milliseconds(200)
        try await ends.withServer(handler: idle) { address in
            let channel = try await ends.connect(to: address)
            let sending = Task {
                while true { try await channel.send(pattern(50_000)) }
            }
            try await eventually { channel.statistics.messagesSent >= 8 }
            let error = try await channelFailure { try await channel.close() }
            #expect(error.code == .closeUnconfirmed)
            #expect(error.undelivered > 0)
            let stopped = try await channelFailure { try await sending.value }
            #expect(stopped.kind == .closed || stopped.kind == .closeUnconfirmed)
        }
    }

    @Test("a channel that nobody reads does not hold up another")
    func independentChannels() async throws {
        var ends = ends
        let unread = SCP.Channel(1)
        let lively = SCP.Channel(2)
        for side in [\Ends.client, \Ends.server] {
            ends[keyPath: side].limits.messageLimit = 10_000
            ends[keyPath: side].limits.channelCredit = 40_000
        }
        try await ends.withServer(
            handler: { client in
                for try await message in client.messages(from: lively) {
                    try await client.send(message.bytes, on: lively)
                }
            },
            { address in
                let channel = try await ends.connect(to: address)
                for _ in 0..<6 { try await channel.send(pattern(10_000), on: unread) }
                for _ in 0..<50 {
                    let bytes = pattern(10_000)
                    try await channel.send(bytes, on: lively)
                    let reply = try await channel.receive(from: lively)
                    #expect(reply?.array == bytes)
                }
                channel.abort()
            })
    }

    @Test("many senders that wait at once are all admitted, each once")
    func manyWaiting() async throws {
        let mayRead = Shared(false)
        let first = Shared<[UInt8]>([])
        try await ends.withServer(
            handler: { client in
                try await eventually { mayRead.value }
                for try await message in client.messages {
                    if let byte = message.array.first { first.change { $0.append(byte) } }
                }
            },
            { address in
                let channel = try await ends.connect(to: address)
                let sent = Shared(0)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in UInt8(0)..<12 {
                        group.addTask {
                            try await channel.send([number] + pattern(99_999))
                            sent.change { $0 += 1 }
                        }
                    }
                    try await eventually { sent.value >= 2 }
                    try await Task.sleep(for: .milliseconds(50))
                    #expect(sent.value < 12)
                    mayRead.value = true
                    try await group.waitForAll()
                }
                try await channel.close()
                try await eventually { first.value.count == 12 }
                #expect(first.value.sorted() == Array(0..<12))
            })
    }

    @Test("whatever send returned for is delivered by a close in order, with many senders and several channels")
    func nothingIsLost() async throws {
        for round in 0..<5 {
            let received = Shared<[Int: [Int]]>([:])
            let isDone = Shared(false)
            try await ends.withServer(
                handler: { client in
                    for try await message in client.messages {
                        let numbers = message.text.split(separator: " ").compactMap { Int($0) }
                        received.change { $0[numbers[0], default: []].append(numbers[1]) }
                    }
                    isDone.value = true
                },
                { address in
                    let channel = try await ends.connect(to: address)
                    let counts = await withTaskGroup(of: (Int, Int).self) { group in
                        for sender in 0..<4 {
                            group.addTask {
                                var count = 0
                                let padding = String(repeating: "x", count: [500, 2_000, 20_000, 70_000][sender])
                                while (try? await channel.send("\(sender) \(count) " + padding, on: .init(sender)))
                                    != nil
                                {
                                    count += 1
                                }
                                return (sender, count)
                            }
                        }
                        try? await Task.sleep(for: .milliseconds(3 * round))
                        let error = await failure { try await channel.close() }
                        #expect(error == nil)
                        return await group.reduce(into: [Int: Int]()) { $0[$1.0] = $1.1 }
                    }
                    try await eventually { isDone.value }
                    for (sender, count) in counts {
                        let numbers = received.value[sender, default: []]
                        #expect(
                            numbers.count == count && numbers == numbers.sorted() && numbers.last ?? -1 == count - 1)
                    }
                })
        }
    }
}

@Suite("The line of those who wait")
struct WaitingLineTests {
    @Test("first come, first served; who leaves is not missed")
    func order() {
        var line = WaitingLine<String>()
        #expect(line.isEmpty && line.removeFirst() == nil)
        for (ticket, name) in [(UInt64(1), "a"), (2, "b"), (3, "c"), (4, "d")] { line.append(name, ticket: ticket) }
        #expect(line.first == "a")
        #expect(line.remove(2) == "b")
        #expect(line.remove(2) == nil)
        #expect(line.removeFirst { $0 > "a" } == "c")
        #expect(line.removeFirst { $0 > "d" } == nil)
        #expect(line.removeFirst() == "a")
        #expect(line.removeFirst() == "d")
        #expect(line.isEmpty)
    }
}
