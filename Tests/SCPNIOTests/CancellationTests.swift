import NIOCore
import SCP
import SCPNIO
import Testing

@Suite("Cancellation", .timeLimit(.minutes(5)))
struct CancellationTests {
    private var ends: Ends

    init() throws { ends = try Ends() }

    @Test("connect, while the peer does not answer: the socket is closed")
    func connecting() async throws {
        let silent = try await SilentListener()
        let connecting = Task { try await ends.connect(to: silent.address) }
        try await eventually { silent.accepted.value.count == 1 }
        connecting.cancel()
        let error = await failure { _ = try await connecting.value }
        #expect(error is CancellationError)
        try await eventually { silent.accepted.value.allSatisfy { !$0.isActive } }
        try await silent.close()
    }

    @Test("connect, cancelled before it begins")
    func cancelledBefore() async throws {
        try await ends.withServer { address in
            let connecting = Task {
                while !Task.isCancelled { await Task.yield() }
                return try await ends.connect(to: address)
            }
            connecting.cancel()
            let error = await failure { _ = try await connecting.value }
            #expect(error is CancellationError)
        }
    }

    @Test("receive: the task ends, the message is there for the next")
    func receiving() async throws {
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            for round in 0..<20 {
                let receiving = Task { try await channel.receive() }
                if round % 2 == 0 { try await Task.sleep(for: .milliseconds(1)) }
                receiving.cancel()
                let error = await failure { _ = try await receiving.value }
                #expect(error is CancellationError)
                try await channel.send("\(round)")
                let reply = try await channel.receive()
                #expect(reply?.text == "\(round)")
            }
            try await channel.close()
        }
    }

    @Test("receive against an arriving message: it is received once, by this task or the next")
    func receivingRace() async throws {
        try await ends.withServer { address in
            let channel = try await ends.connect(to: address)
            for round in 0..<50 {
                let receiving = Task { try await channel.receive() }
                try await channel.send("\(round)")
                if round % 3 == 0 { try await Task.sleep(for: .microseconds(200)) }
                receiving.cancel()
                let message: Message?
                switch await receiving.result {
                case .success(let early): message = early
                case .failure(let error):
                    #expect(error is CancellationError)
                    message = try await channel.receive()
                }
                #expect(message?.text == "\(round)")
            }
            try await channel.close()
        }
    }

    @Test("send, while it waits for room: the message is not sent, the order of the others stays")
    func sending() async throws {
        let mayRead = Shared(false)
        let received = Shared<[UInt8]>([])
        try await ends.withServer(
            handler: { client in
                try await eventually { mayRead.value }
                for try await message in client.messages {
                    if let byte = message.array.first { received.change { $0.append(byte) } }
                }
            },
            { address in
                let channel = try await ends.connect(to: address)
                // As many as fit; the first that has to wait is cancelled.
                var sent: [UInt8] = []
                while true {
                    let number = UInt8(sent.count)
                    let isSent = Shared(false)
                    let sending = Task {
                        try await channel.send([number] + pattern(60_000))
                        isSent.value = true
                    }
                    for _ in 0..<20 where !isSent.value { try await Task.sleep(for: .milliseconds(2)) }
                    sending.cancel()
                    let error = await failure { try await sending.value }
                    if let error {
                        #expect(error is CancellationError)
                        // It may not have got as far as waiting; then there was room still.
                        if sent.count > 4 { break }
                    } else {
                        sent.append(number)
                    }
                }
                let last = Task { try await channel.send([0xff]) }
                mayRead.value = true
                _ = try await last.value
                try await channel.close()
                try await eventually { received.value.count > sent.count }
                #expect(received.value == sent + [0xff])
            })
    }

    @Test("close: the task ends, the close goes on")
    func closing() async throws {
        let mayRead = Shared(false)
        try await ends.withServer(
            handler: { client in
                try await eventually { mayRead.value }
                for try await _ in client.messages {}
            },
            { address in
                let channel = try await ends.connect(to: address)
                for _ in 0..<4 { try await channel.send(pattern(100_000)) }
                let closing = Task { try await channel.close() }
                try await Task.sleep(for: .milliseconds(20))
                closing.cancel()
                let error = await failure { try await closing.value }
                #expect(error is CancellationError)
                mayRead.value = true
                let closure = try await channel.waitUntilClosed()
                #expect(closure == .clean)
            })
    }

    @Test("a scope that is cancelled aborts its channel")
    func scope() async throws {
        let isServed = Shared(false)
        let closure = Shared<Closure?>(nil)
        try await ends.withServer(
            handler: { client in
                isServed.value = true
                closure.value = try await client.waitUntilClosed()
            },
            { address in
                let task = Task {
                    try await SecureChannel.withConnection(to: address, ends.client, options: ends.options) { channel in
                        _ = try await channel.receive()
                    }
                }
                try await eventually { isServed.value }
                // The client may be on its way into its body still: then connect is what is cancelled.
                try await Task.sleep(for: .milliseconds(50))
                task.cancel()
                let error = await failure { try await task.value }
                #expect(error is CancellationError)
                try await eventually { closure.value != nil }
            })
    }
}
