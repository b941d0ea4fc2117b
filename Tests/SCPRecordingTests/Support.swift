import Foundation
import SCP
import SCPGcrypt
import SCPRepeatableMLKEM
import SCPSimulation
import Synchronization

@testable import SCPRecording

/// A sink in memory.
final class Memory: Sendable {
    private let content = Mutex<[UInt8]>([])

    var bytes: [UInt8] { content.withLock { $0 } }
    func append(_ bytes: [UInt8]) { content.withLock { $0 += bytes } }
    var recorder: SessionRecorder { SessionRecorder { self.append($0) } }
}

/// Two recorded ends with real keys, joined by memory, and what each of them said, written down by the test itself.
struct RecordedPair: ~Copyable {
    /// Has ML-KEM where a test wants it.
    typealias Provider = RepeatableProvider<GcryptProvider>
    typealias End = RecordedConnection<RecordingProvider<Provider>>
    typealias Settings = Configuration<Provider>

    /// What came out of an end, in order.
    struct Said: Equatable {
        var bytes: [UInt8] = []
        var events: [Event] = []
        var messages: [[UInt8]] = []
    }

    let provider: Provider
    let responderKey: Provider.PrivateKey
    var initiator: End
    var responder: End
    var now = Instant(nanoseconds: 5_000)
    /// Of the initiator, and of the responder.
    private(set) var said = [Said(), Said()]
    /// Changes what is on its way; bytes from the initiator, or from the responder.
    var onTheWay: (_ from: Int, _ bytes: [UInt8]) -> [UInt8] = { $1 }
    private var segment = 1
    /// Whether bytes arrive in pieces that have nothing to do with frames.
    var isCut = true
    var responderDecision = IdentityDecision.accept
    /// Done in the middle of each read.
    var whileReading: () -> Void = {}

    init(
        _ sinks: (SessionRecorder, SessionRecorder), isHybrid: Bool = false,
        _ change: (inout Settings, inout Settings) throws -> Void = { _, _ in }
    ) throws {
        let provider = Provider(try GcryptProvider(), seed: 7, isHybrid: isHybrid)
        let now = Instant(nanoseconds: 5_000)
        let initiatorKey = try provider.privateKey(provider.randomSecret(count: 32))
        let responderKey = try provider.privateKey(provider.randomSecret(count: 32))
        var first = Settings(
            provider: provider, identity: initiatorKey,
            identityPolicy: .pinned(try provider.publicKey(of: responderKey)))
        var second = Settings(
            provider: provider, identity: .external(try provider.publicKey(of: responderKey)), identityPolicy: .ask)
        try change(&first, &second)
        let one = try End(.initiator, first.recorded(by: sinks.0), recorder: sinks.0, at: now)
        let other = try End(.responder, second.recorded(by: sinks.1), recorder: sinks.1, at: now)
        self.provider = provider
        self.responderKey = responderKey
        initiator = one
        responder = other
    }

    /// Polls an end for all it has to say, in outputs of changing size.
    private mutating func collect(_ side: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        var size = 3_000
        while true {
            var transmit = Transmit.nothing
            let instant = now
            let part = [UInt8](capacity: size) { output in
                transmit =
                    side == 0
                    ? initiator.pollTransmit(into: &output, unwritten: 0, at: instant)
                    : responder.pollTransmit(into: &output, unwritten: 0, at: instant)
            }
            bytes += part
            switch transmit {
            case .wrote, .endOfStream: continue
            case .outputFull(let needed): size = needed
            case .nothing:
                said[side].bytes += bytes
                takeEvents(side)
                return bytes
            }
        }
    }

    /// Takes what happened, and does at once what an application would.
    private mutating func takeEvents(_ side: Int) {
        while let event = side == 0 ? initiator.pollEvent() : responder.pollEvent() {
            said[side].events.append(event)
            switch event {
            case .readable:
                while let bytes = read(side) { said[side].messages.append(bytes) }
            case .identityPending:
                if side == 0 {
                    initiator.resolveIdentity(.accept, at: now)
                } else {
                    responder.resolveIdentity(responderDecision, at: now)
                }
            case .agreementNeeded(let request):
                guard let secret = try? provider.sharedSecret(responderKey, with: request.peer) else { continue }
                responder.resolveAgreement(request.id, .secret(secret), at: now)
            default: break
            }
        }
    }

    private mutating func read(_ side: Int) -> [UInt8]? {
        let whileReading = whileReading
        func take(_ message: ReceivedMessage, _ bytes: Span<UInt8>) -> [UInt8] {
            whileReading()
            return [UInt8](copying: bytes)
        }
        return side == 0 ? initiator.read(at: now, take) : responder.read(at: now, take)
    }

    /// Exchanges bytes, cut in ever other places, until nobody has anything to say. Time goes on a little.
    mutating func settle() {
        var isMoving = true
        while isMoving {
            isMoving = false
            for side in 0..<2 {
                now = now.advanced(by: .microseconds(37))
                var rest = onTheWay(side, collect(side))[...]
                while !rest.isEmpty {
                    isMoving = true
                    segment = isCut ? segment % 1_999 + 61 : .max
                    var part = Array(rest.prefix(segment))
                    rest = rest.dropFirst(part.count)
                    var span = part.mutableSpan
                    if side == 0 {
                        try? responder.receive(&span, at: now)
                    } else {
                        try? initiator.receive(&span, at: now)
                    }
                }
            }
        }
    }

    mutating func wait(_ time: Duration) {
        now = now.advanced(by: time)
        initiator.advance(to: now)
        responder.advance(to: now)
        settle()
    }
}

/// What both ends of a session said, and the two recordings of it.
struct RecordedSession: Sendable {
    let said: [RecordedPair.Said]
    let recordings: [[UInt8]]

    private init(
        isHybrid: Bool = false,
        _ change: (inout RecordedPair.Settings, inout RecordedPair.Settings) throws -> Void = { _, _ in },
        _ body: (inout RecordedPair) throws -> Void
    ) throws {
        let sinks = [Memory(), Memory()]
        said = try {
            var pair = try RecordedPair((sinks[0].recorder, sinks[1].recorder), isHybrid: isHybrid, change)
            try body(&pair)
            return pair.said
        }()
        recordings = sinks.map(\.bytes)
    }

    /// Everything that a session can have, with a pre-shared key, a key that is elsewhere and a decision from outside.
    static func whole(isHybrid: Bool = false) throws -> RecordedSession {
        let psk = try GcryptProvider().randomSecret(count: 32)
        return try RecordedSession(isHybrid: isHybrid) { first, second in
            first.usePresharedKeys(.common(psk))
            second.usePresharedKeys(.common(psk))
            first.rotation.mode = .authenticated
        } _: { pair in
            pair.settle()
            let channels = [Channel.default, Channel(3, .reliableUnordered), Channel(2, .unreliable)]
            for (number, channel) in channels.enumerated() {
                for size in [0, 1, 40_000] where size < 40_000 || channel.mode.isReliable {
                    let message = [UInt8](repeating: UInt8(number + 1), count: size)
                    _ = try pair.initiator.send(message.span, on: channel, at: pair.now)
                    _ = try pair.responder.send(message.span, on: channel, at: pair.now)
                }
            }
            pair.settle()
            pair.initiator.rotateKeys(at: pair.now)
            pair.settle()
            let large = [UInt8](repeating: 9, count: 100_000)
            let given = try pair.responder.send(large.span, on: channels[1], at: pair.now)
            pair.responder.cancel(given, on: channels[1], code: ErrorCode(rawValue: 0x1234), at: pair.now)
            let unwanted = try pair.initiator.send(large.span, at: pair.now)
            pair.responder.refuse(unwanted, at: pair.now)
            pair.responder.ping(at: pair.now)
            pair.settle()
            pair.responder.rotateKeys(at: pair.now)
            pair.wait(.seconds(2))
            pair.responder.finish(at: pair.now)
            pair.settle()
            pair.initiator.close(reason: "done", afterPeerFinished: true, at: pair.now)
            pair.settle()
            pair.responder.receiveEnd(.endOfStream, at: pair.now)
            pair.wait(.seconds(4))
        }
    }

    /// Both ends show credentials; the responder, which decides last, may find that the initiator's does not hold.
    static func withCredentials(isAccepted: Bool) throws -> RecordedSession {
        try RecordedSession { first, second in
            first.credential = Credential(scheme: .ed25519, chain: [[1, 2, 3]]) { _ in [4, 5] }
            second.credential = Credential(scheme: .ecdsaP256, chain: [[6], [7]]) { $0.suffix(70) }
            first.credentialPolicy = .required
            second.credentialPolicy = .optional
        } _: { pair in
            pair.responderDecision = isAccepted ? .accept : .rejectCredential
            pair.settle()
            if isAccepted { pair.initiator.close(at: pair.now) }
            pair.settle()
            pair.wait(.seconds(4))
        }
    }

    /// Message 2 is damaged on the way: the initiator fails, and the responder is told.
    static func failing() throws -> RecordedSession {
        try RecordedSession { pair in
            pair.isCut = false
            pair.onTheWay = { from, bytes in
                guard from == 1, bytes.count > 100 else { return bytes }
                var damaged = bytes
                damaged[100] ^= 0x10
                return damaged
            }
            pair.settle()
            pair.initiator.receiveEnd(.failed, at: pair.now)
            pair.responder.receiveEnd(.failed, at: pair.now)
            _ = try? pair.initiator.send([1].span, at: pair.now)
        }
    }

    /// A session with one message, so that every bit of its recording can be tried.
    static func short(isHybrid: Bool = false) throws -> RecordedSession {
        try RecordedSession(isHybrid: isHybrid) { pair in
            pair.settle()
            _ = try pair.initiator.send([1, 2, 3].span, at: pair.now)
            pair.settle()
            pair.initiator.close(at: pair.now)
            pair.settle()
        }
    }
}

/// A recording taken apart, and put together again with right checksums.
struct Parts {
    var entries: [Entry] = []

    init(_ recording: [UInt8]) throws {
        var reader = try RecordingReader(recording)
        while let entry = try reader.next() { entries.append(entry) }
    }

    var bytes: [UInt8] {
        var writer = EntryWriter()
        var bytes = writer.header()
        for entry in entries + [Entry(kind: .end, body: [])] { bytes += writer.bytes(of: entry) }
        return bytes
    }

    /// The number of the step that an entry belongs to; 0 is the start.
    func step(of index: Int) -> Int {
        entries[...index].count { !$0.kind.isAnswer && $0.kind != .outcome } - 1
    }
}

/// Replays, and gives what ended it; nil when it came to the end.
func ending(of recording: [UInt8], _ provider: GcryptProvider) -> ReplayError? {
    do throws(RecordingError) {
        let reader = try RecordingReader(recording)
        do throws(ReplayError) {
            var replay = try Replay(reader, provider)
            _ = try replay.run()
            return nil
        } catch {
            return error
        }
    } catch {
        return .recording(error, step: -1)
    }
}
