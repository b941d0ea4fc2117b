import SCPGcrypt
import SCPSimulation

@testable import SCP

/// A whole session, recorded: the bytes that one end read, frame by frame. With the same seed an engine writes the same
/// bytes again, so the recording can be played to a fresh engine, whole or cut or damaged.
struct Recording: Sendable {
    typealias Provider = SeededProvider<GcryptProvider, NoKeyEncapsulation>

    let role: Role
    /// The frames that the engine read, in order.
    let frames: [[UInt8]]
    /// The number of the frame after which it was established, and whether the last one is a CLOSE.
    let established: Int

    var bytes: [UInt8] { frames.flatMap { $0 } }

    /// After this many frames keys are replaced; the engine's answers are then part of what the recording depends on.
    let rotationFrames: UInt64

    private static let base = Result { try GcryptProvider() }

    static func configuration(_ role: Role, rotationFrames: UInt64) throws -> Configuration<Provider> {
        let base = try base.get()
        let keys = SeededProvider(base, seed: 7)
        let first = try keys.privateKey(keys.randomSecret(count: 32))
        let second = try keys.privateKey(keys.randomSecret(count: 32))
        // Each side draws its own sequence, so that one alone repeats it.
        let provider = SeededProvider(base, seed: role == .initiator ? 1 : 2)
        let peer = try provider.publicKey(of: role == .initiator ? second : first)
        var configuration = Configuration(
            provider: provider, identity: role == .initiator ? first : second, identityPolicy: .pinned(peer))
        configuration.rotation.frames = rotationFrames
        return configuration
    }

    func engine() throws -> Connection<Provider> {
        try Connection(role, Self.configuration(role, rotationFrames: rotationFrames), at: .zero)
    }

    /// Messages on several channels, a half close and a close by the peer of `role`.
    static func make(_ role: Role, rotationFrames: UInt64 = 1 << 23) throws -> Recording {
        var pipe = try Pipe(
            initiator: configuration(.initiator, rotationFrames: rotationFrames),
            responder: configuration(.responder, rotationFrames: rotationFrames))
        let peer: Pipe<Provider>.End = role == .initiator ? .responder : .initiator
        var recorder = Recorder()
        recorder.exchange(&pipe, from: peer)
        let established = recorder.bytes.count
        for round in 0..<4 as Range<UInt8> {
            // Only the peer of `role` speaks: what the other says can then not depend on how it is cut.
            send([round, 1, 2], on: Channel(0), from: peer, &pipe)
            send([UInt8](repeating: round, count: 90), on: Channel(1, .reliableUnordered), from: peer, &pipe)
            send([round], on: Channel(2, .unreliableSequenced), from: peer, &pipe)
            recorder.exchange(&pipe, from: peer)
        }
        if peer == .initiator { pipe.initiator.finish(at: pipe.now) } else { pipe.responder.finish(at: pipe.now) }
        recorder.exchange(&pipe, from: peer)
        if peer == .initiator {
            pipe.initiator.close(reason: "done", at: pipe.now)
        } else {
            pipe.responder.close(reason: "done", at: pipe.now)
        }
        recorder.exchange(&pipe, from: peer)
        let count = Frames.split(Array(recorder.bytes[..<established])).frames.count
        return Recording(
            role: role, frames: Frames.split(recorder.bytes).frames, established: count,
            rotationFrames: rotationFrames)
    }

    private static func send(
        _ bytes: [UInt8], on channel: Channel, from end: Pipe<Provider>.End, _ pipe: inout Pipe<Provider>
    ) {
        if end == .initiator {
            _ = try? pipe.initiator.send(bytes.span, on: channel, at: pipe.now)
        } else {
            _ = try? pipe.responder.send(bytes.span, on: channel, at: pipe.now)
        }
    }

    private struct Recorder {
        var bytes: [UInt8] = []

        /// Delivers what both have to say, one frame at a time, and keeps what `end` wrote.
        mutating func exchange(_ pipe: inout Pipe<Provider>, from end: Pipe<Provider>.End) {
            var isMoving = true
            while isMoving {
                isMoving = false
                for sender in Pipe<Provider>.End.allCases {
                    pipe.collect(from: sender)
                    while let frame = Frames.split(pipe.inFlight(from: sender)).frames.first {
                        if sender == end { bytes += frame }
                        _ = try? pipe.deliver(to: sender.other, upTo: frame.count)
                        pipe.collect(from: sender.other)
                        isMoving = true
                    }
                }
            }
        }
    }
}

/// A recording on its way into a fresh engine, and all that the engine says and shows.
struct Playback: ~Copyable {
    var engine: Connection<Recording.Provider>
    var written: [UInt8] = []
    var events: [Event] = []
    var messages: [[UInt8]] = []
    var error: ConnectionError?
    var peakMemory = 0

    init(_ recording: Recording) throws {
        engine = try recording.engine()
        poll()
    }

    mutating func feed(_ bytes: ArraySlice<UInt8>) {
        var copy = Array(bytes)
        var span = copy.mutableSpan
        do throws(ConnectionError) {
            try engine.receive(&span, at: .zero)
        } catch {
            self.error = error
        }
        peakMemory = max(peakMemory, engine.memory)
    }

    mutating func end() {
        engine.receiveEnd(.endOfStream, at: .zero)
        poll()
    }

    mutating func poll() {
        var isMoving = true
        while isMoving {
            isMoving = false
            written += [UInt8](capacity: 70_000) { output in
                isMoving = engine.pollTransmit(into: &output, unwritten: 0, at: .zero) == .wrote
            }
        }
        while let event = engine.pollEvent() { events.append(event) }
        while let message = engine.readBytes(at: .zero) { messages.append(message) }
        peakMemory = max(peakMemory, engine.memory)
    }

    var closure: Closure? {
        guard case .closed(let closure) = events.last else { return nil }
        return closure
    }
}
