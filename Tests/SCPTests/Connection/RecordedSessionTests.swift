import Testing

@testable import SCP

/// A recorded session played to a fresh engine: cut anywhere, ended anywhere, damaged anywhere.
@Suite struct RecordedSessionTests {
    /// Of each role, without and with rotations.
    private static let recordings: [Role: [Recording]] = {
        var result: [Role: [Recording]] = [:]
        for role in [Role.initiator, .responder] {
            result[role] = try? [Recording.make(role), Recording.make(role, rotationFrames: 6)]
        }
        return result
    }()

    private func recording(_ role: Role, rotates: Bool = true) throws -> Recording {
        try #require(Self.recordings[role])[rotates ? 1 : 0]
    }

    @Test(arguments: [Role.initiator, .responder])
    func recordingsPlay(role: Role) throws {
        let recording = try recording(role)
        #expect(recording.frames.count > 10)
        var playback = try Playback(recording)
        for frame in recording.frames {
            playback.feed(frame[...])
            playback.poll()
        }
        #expect(playback.error == nil)
        #expect(playback.closure == .byPeer(.noError, reason: Array("done".utf8)))
        #expect(playback.messages.count == 12)
        #expect(playback.events.contains(.rotated(epoch: 2)))
        #expect(playback.events.contains(.peerFinished))
    }

    /// [SCP-FRAME-15] What the engine says and shows does not depend on how its input is cut, as long as it is asked at
    /// the same places.
    @Test(arguments: [Role.initiator, .responder], 0..<60 as Range<UInt64>)
    func segmentation(role: Role, seed: UInt64) throws {
        // Polled after every frame, the recording can be played whole. Polled less often the engine writes fewer frames
        // than the peer acknowledges before its CLOSE, so the last two are left out, and rotations too.
        let isCoarse = seed % 3 > 0
        let recording = try recording(role, rotates: !isCoarse)
        let frames = isCoarse ? recording.frames.dropLast(2) : recording.frames
        let bytes = frames.flatMap { $0 }
        var random = WireRandom(seed: seed)
        var stops = Set([bytes.count])
        var position = 0
        for (number, frame) in frames.enumerated() {
            position += frame.count
            let isHandshake = number < recording.established
            if !isCoarse || isHandshake || Int.random(in: 0..<4, using: &random) == 0 { stops.insert(position) }
        }
        if seed % 2 == 0 {
            for _ in 0..<20 { stops.insert(Int.random(in: 0...bytes.count, using: &random)) }
        }
        var whole = try Playback(recording)
        var cut = try Playback(recording)
        var start = 0
        for stop in stops.sorted() {
            whole.feed(bytes[start..<stop])
            whole.poll()
            var from = start
            while from < stop {
                let size = [1, 2, 13, 14, 15, 46, 200].randomElement(using: &random) ?? 1
                cut.feed(bytes[from..<min(stop, from + size)])
                from += size
            }
            cut.poll()
            start = stop
            #expect(whole.written == cut.written && whole.events == cut.events && whole.messages == cut.messages)
        }
        #expect(whole.closure == (isCoarse ? nil : .byPeer(.noError, reason: Array("done".utf8))))
        #expect(whole.messages.count == 12 && whole.error == nil)
        let (first, second) = (whole.engine.statistics, cut.engine.statistics)
        #expect(first == second)
    }

    /// [SCP-STATE-15] Scenario 74: the end of the stream at every byte. Only a session whose CLOSE was complete ended
    /// in
    /// order; until the session stood the transport failed, after that it was truncated.
    @Test(arguments: [Role.initiator, .responder])
    func endAtEveryByte(role: Role) throws {
        let recording = try recording(role)
        let bytes = recording.bytes
        let handshake = recording.frames[..<recording.established].reduce(0) { $0 + $1.count }
        // Bytes after which the engine is established: an initiator by the first frame of epoch 1.
        let standing = recording.frames.prefix(2).reduce(0) { $0 + $1.count }
        #expect(standing <= handshake)
        var starts: [Int] = [0]
        for frame in recording.frames { starts.append((starts.last ?? 0) + frame.count) }
        for length in 0..<bytes.count {
            var playback = try Playback(recording)
            for (number, frame) in recording.frames.enumerated() where starts[number] < length {
                playback.feed(frame.prefix(length - starts[number]))
                playback.poll()
            }
            playback.end()
            guard case .failed(let error)? = playback.closure else {
                Issue.record("\(length) bytes ended as \(String(describing: playback.closure))")
                continue
            }
            #expect(error.code == (length < standing ? .transportFailed : .truncated), "\(length) bytes")
            #expect(error.origin == .transport)
        }
    }

    /// Damage of every kind at any place: no trap, no more memory, nothing shown that was not sent, and what was shown
    /// before the damage is the beginning of what would have been.
    @Test(arguments: [Role.initiator, .responder], 0..<8 as Range<UInt64>)
    func mutations(role: Role, batch: UInt64) throws {
        let recording = try recording(role)
        var undamaged = try Playback(recording)
        for frame in recording.frames {
            undamaged.feed(frame[...])
            undamaged.poll()
        }
        let (messages, memory) = (undamaged.messages, undamaged.peakMemory)
        for round in 0..<100 as Range<UInt64> {
            var random = WireRandom(seed: batch * 1_000 + round)
            var frames = recording.frames
            Self.mutate(&frames, &random)
            var playback = try Playback(recording)
            for frame in frames {
                for part in Self.cut(frame, &random) { playback.feed(part) }
                playback.poll()
            }
            playback.end()
            #expect(playback.peakMemory <= memory + 65_582)
            #expect(playback.messages.count <= messages.count)
            #expect(zip(playback.messages, messages).allSatisfy { $0 == $1 }, "round \(round)")
            let closed = playback.events.filter { if case .closed = $0 { true } else { false } }
            #expect(closed.count == 1 && playback.closure != nil)
            // Everything behind the CLOSE is thrown away; any other damage is noticed.
            let isHarmless = frames.flatMap { $0 }.starts(with: recording.bytes)
            #expect((playback.closure?.error == nil) == isHarmless, "round \(round)")
        }
    }

    private static func cut(_ frame: [UInt8], _ random: inout WireRandom) -> [ArraySlice<UInt8>] {
        let middle = Int.random(in: 0...frame.count, using: &random)
        return Bool.random(using: &random) ? [frame[...]] : [frame[..<middle], frame[middle...]]
    }

    /// Changes one thing.
    private static func mutate(_ frames: inout [[UInt8]], _ random: inout WireRandom) {
        let index = Int.random(in: 0..<frames.count, using: &random)
        let other = Int.random(in: 0..<frames.count, using: &random)
        let position = Int.random(in: 0..<frames[index].count, using: &random)
        switch Int.random(in: 0..<9, using: &random) {
        case 0: frames[index][position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: frames[index][position] = UInt8.random(in: 0...255, using: &random)
        case 2: frames[index].remove(at: position)
        case 3: frames[index].insert(UInt8.random(in: 0...255, using: &random), at: position)
        case 4: frames.remove(at: index)
        case 5: frames.insert(frames[index], at: index)
        case 6: frames.swapAt(index, other)
        case 7:
            let header = 10 + Int.random(in: 0..<4, using: &random)
            frames[index][header] = UInt8.random(in: 0...255, using: &random)
        default:
            // The end of one frame behind the beginning of another.
            frames[index] = Array(frames[index][..<position]) + frames[other].suffix(frames[other].count / 2)
        }
    }
}
