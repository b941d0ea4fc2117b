import Foundation
import SCP
import SCPGcrypt
import SCPSimulation
import Testing

@testable import SCPRecording

/// The file: whatever is done to it, reading it ends with an error that says what is wrong.
struct RecordingFileTests {
    private let provider: GcryptProvider

    init() throws { provider = try GcryptProvider() }

    @Test func everyFlippedBitIsFound() throws {
        for recording in try RecordedSession.failing().recordings {
            var damaged = recording
            for index in recording.indices {
                for bit in 0..<8 {
                    damaged[index] ^= 1 << bit
                    let found = ending(of: damaged, provider)
                    damaged[index] ^= 1 << bit
                    switch found {
                    case .recording(.notARecording, _): #expect(index < 8)
                    case .recording(.unsupportedVersion(let version), _):
                        #expect(index == 8 && version == 1 ^ 1 << bit)
                    // A length that is too large reaches beyond the end, or the limit.
                    case .recording(.damaged, _), .recording(.truncated, _), .recording(.tooLarge, _):
                        #expect(index > 8)
                    default: Issue.record("bit \(bit) of byte \(index): \(String(describing: found))")
                    }
                }
            }
        }
    }

    @Test func everyTruncationIsFound() throws {
        let recording = try RecordedSession.failing().recordings[0]
        #expect(ending(of: recording, provider) == nil)
        for count in recording.indices {
            guard case .recording(.truncated, _) = ending(of: Array(recording[..<count]), provider) else {
                Issue.record("\(count) bytes")
                return
            }
        }
    }

    @Test func nothingMayFollowTheEnd() throws {
        let recording = try RecordedSession.failing().recordings[0]
        guard case .recording(.malformed, _) = ending(of: recording + [0], provider) else {
            Issue.record("not found")
            return
        }
    }

    /// Somebody who mends the checksums can have a replay say something else, and no more: it never traps.
    @Test func hostileRecordingsDoNotTrap() throws {
        let random = SeededGenerator(seed: 4)
        let session = try RecordedSession.short()
        for round in 0..<3_000 {
            var parts = try Parts(session.recordings[round % 2])
            for _ in 0..<random.next(below: 3) + 1 {
                let index = random.next(below: parts.entries.count)
                let place = random.next(below: parts.entries[index].body.count)
                switch random.next(below: 6) {
                case 0: parts.entries.remove(at: index)
                case 1: parts.entries.swapAt(index, random.next(below: parts.entries.count))
                case 2: parts.entries.insert(parts.entries[index], at: index)
                case 3: parts.entries[index].body.removeLast(min(1, parts.entries[index].body.count))
                default:
                    guard place < parts.entries[index].body.count else { continue }
                    parts.entries[index].body[place] = UInt8(random.next(below: 256))
                }
                guard !parts.entries.isEmpty else { break }
            }
            switch ending(of: parts.bytes, provider) {
            case nil, .diverged, .notStarted, .recording(.malformed, _): break
            case let other?: Issue.record("\(other)")
            }
        }
    }

    /// What an entry says of its length costs nothing before it is there.
    @Test func memoryIsBounded() throws {
        var writer = EntryWriter()
        let header = writer.header()
        for (length, expected) in [
            ([0xff, 0xff, 0xff, 0xff], RecordingError.tooLarge(offset: 9)),
            ([1, 0, 0, 1], .tooLarge(offset: 9)), ([1, 0, 0, 0], .truncated),
        ] as [([UInt8], RecordingError)] {
            var rest = (header + [Entry.Kind.receive.rawValue] + length + [1, 2, 3])[...]
            var largest = 0
            var reader = try RecordingReader { limit in
                largest = max(largest, limit)
                defer { rest = rest.dropFirst(limit) }
                return Array(rest.prefix(limit))
            }
            #expect(throws: expected) { _ = try reader.next() }
            #expect(largest <= 65_536)
        }
    }

    @Test func aSourceThatFailsIsNamed() throws {
        struct Failure: Error {}
        #expect(throws: RecordingError.unreadable("Failure()")) { _ = try RecordingReader { _ in throw Failure() } }
    }

    // MARK: The recorder

    @Test func aSinkThatFailsEndsTheRecordingAlone() throws {
        struct Full: Error {}
        let memory = Memory()
        let recorder = SessionRecorder { bytes in
            if memory.bytes.count > 1_000 { throw Full() }
            memory.append(bytes)
        }
        var pair = try RecordedPair((recorder, Memory().recorder))
        pair.settle()
        #expect(pair.initiator.state == .established && pair.responder.state == .established)
        #expect(recorder.failure == .sink("Full()"))
        guard case .recording(.truncated, _) = ending(of: memory.bytes, provider) else {
            Issue.record("not found")
            return
        }
    }

    @Test func aRecorderIsForOneConnection() throws {
        let memory = Memory()
        let recorder = memory.recorder
        _ = try RecordedPair((recorder, recorder))
        #expect(recorder.failure == .alreadyUsed)
    }

    @Test func whatIsTooLargeEndsTheRecording() throws {
        let memory = Memory()
        let recorder = memory.recorder
        var pair = try RecordedPair((recorder, Memory().recorder))
        pair.settle()
        let large = [UInt8](repeating: 0, count: Entry.maximumSize)
        #expect(throws: SendError.self) { _ = try pair.initiator.send(large.span, at: pair.now) }
        #expect(recorder.failure == .tooLarge)
        pair.settle()
        #expect(pair.initiator.state == .established)
    }

    // MARK: Processes

    /// Recorded in another process, into a file.
    @Test func anotherProcessRecords() async throws {
        let path = Self.temporaryFile()
        defer { try? FileManager.default.removeItem(atPath: path) }
        await #expect(processExitsWith: .success) { [path = path as String] in
            try Data(RecordedSession.whole().recordings[0]).write(to: URL(filePath: path))
        }
        let file = try FileHandle(forReadingFrom: URL(filePath: path))
        let reader = try RecordingReader { Array(try file.read(upToCount: $0) ?? Data()) }
        var replay = try Replay(reader, provider)
        #expect(try replay.run() > 100)
        #expect(replay.role == .initiator && replay.statistics.rotations >= 2)
    }

    /// Of a process that dies in the middle of a call, the recording ends with that call, and it is done again.
    @Test func aProcessThatDies() async throws {
        let path = Self.temporaryFile()
        defer { try? FileManager.default.removeItem(atPath: path) }
        await #expect(processExitsWith: .exitCode(7)) { [path = path as String] in
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            let file = try FileHandle(forWritingTo: URL(filePath: path))
            let recorder = SessionRecorder { try file.write(contentsOf: $0) }
            var pair = try RecordedPair((Memory().recorder, recorder))
            pair.settle()
            _ = try pair.initiator.send([1, 2, 3].span, at: pair.now)
            pair.whileReading = { exit(7) }
            pair.settle()
        }
        let recording = Array(try Data(contentsOf: URL(filePath: path)))
        var replay = try Replay(try RecordingReader(recording), provider)
        var last = 0
        do throws(ReplayError) {
            while let step = try replay.step() { last = step.number }
            Issue.record("came to an end")
        } catch {
            #expect(error == .recording(.truncated, step: last + 1))
        }
        // The message was read: the call that did not return has been done.
        #expect(replay.statistics.messagesReceived == 1)
    }

    private static func temporaryFile() -> String { "/tmp/scp-recording-\(UUID().uuidString.prefix(13))" }
}
