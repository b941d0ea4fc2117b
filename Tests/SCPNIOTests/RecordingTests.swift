import NIOConcurrencyHelpers
import SCP
import SCPNIO
import SCPRecording
import Testing

@Suite("Recordings of real sessions", .timeLimit(.minutes(5)))
struct RecordingTests {
    /// Recordings in memory, one for each connection.
    private final class Shelf: Sendable {
        private let recordings = Shared<[[UInt8]]>([])
        private let recorders = Shared<[SessionRecorder]>([])

        var all: [[UInt8]] { recordings.value }

        @Sendable func recorder() -> SessionRecorder? {
            let index = recordings.change { recordings in
                recordings.append([])
                return recordings.count - 1
            }
            let recorder = SessionRecorder { bytes in self.recordings.change { $0[index] += bytes } }
            recorders.change { $0.append(recorder) }
            return recorder
        }

        /// Of connections that wait for their last timers. Not while they still close: a lock that threads wait for in
        /// the kernel is none to the thread sanitizer.
        func finish() async throws {
            try await Task.sleep(for: .milliseconds(200))
            for recorder in recorders.value { recorder.finish() }
        }
    }

    @Test("both ends of sessions over TCP are recorded, and done again bit for bit")
    func replay() async throws {
        var ends = try Ends()
        let clients = Shelf()
        let servers = Shelf()
        ends.options.recorder = clients.recorder
        ends.serverOptions.transport.recorder = servers.recorder
        ends.client.rotation.bytes = 100_000
        let sent = pattern(300_000)
        try await ends.withServer { [ends] address in
            for _ in 0..<2 {
                let channel = try await ends.connect(to: address)
                for start in stride(from: 0, to: sent.count, by: 30_000) {
                    try await channel.send(Array(sent[start..<start + 30_000]))
                    _ = try await channel.receive()
                }
                try await channel.close()
            }
        }
        try await clients.finish()
        try await servers.finish()
        for (shelf, role) in [(clients, Role.initiator), (servers, .responder)] {
            #expect(shelf.all.count == 2)
            for recording in shelf.all {
                var replay = try Replay(try RecordingReader(recording), ends.provider)
                #expect(try replay.run() > 50)
                #expect(replay.role == role)
                #expect(replay.statistics.messagesSent == 10 && replay.statistics.messagesReceived == 10)
                #expect(replay.statistics.rotations >= 1)
            }
        }
    }

    @Test("nothing is recorded where the answer is nil")
    func declined() async throws {
        var ends = try Ends()
        let asked = Shared(0)
        ends.options.recorder = {
            asked.change { $0 += 1 }
            return nil
        }
        try await ends.withServer { [ends] address in
            let channel = try await ends.connect(to: address)
            try await channel.send("hello")
            #expect(try await channel.receive()?.text == "hello")
            try await channel.close()
        }
        #expect(asked.value == 1)
    }
}
