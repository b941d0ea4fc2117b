import SCPGcrypt
import SCPMisbehaviours
import SCPSimulation

@testable import SCP

/// frames.json: every type of frame, record, mode of channel, form of piece and size of varint; at the ends of counter
/// and epoch too.
enum FrameVectors {
    static func file() throws -> JSON {
        let frames = try FrameMaker()
        return try VectorFile.json("frames", control(frames) + pieces(frames) + others(frames) + written())
    }

    /// Seals plaintexts under the keys of one session, with one counter after the other.
    private final class FrameMaker {
        private let provider: VectorProvider
        private let hash: [UInt8]
        private var counter: UInt64 = 0

        init() throws {
            let transcript = try VectorTranscript(VectorSession(seed: 20))
            provider = transcript.provider
            hash = try transcript.requireM3().hash
            for role: Role in [.initiator, .responder] {
                _ = try transcript.requireSchedule().trafficKeys(sentBy: role)
            }
        }

        func json(
            _ name: String, _ plaintext: [UInt8], _ type: FrameType = .data, by role: Role = .initiator,
            counter number: UInt64? = nil, epoch: UInt16 = 1, isCanonical: Bool = true
        ) throws -> JSON {
            counter += 1
            let frame = try VectorFrame(
                sealing: plaintext, type, by: role, VectorKeys(provider.notes, sentBy: role, hash: hash), provider,
                epoch: epoch, counter: number ?? counter - 1, isCanonical: isCanonical)
            return try frame.json().preceded(by: ["name": .text(name)])
        }
    }

    private static let token: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    private static let text = Array("Message of the application".utf8)

    private static func control(_ frames: FrameMaker) throws -> [JSON] {
        let far = varintBytes(Channel(255, .reliableUnordered).encoded)
        let records: [(String, [UInt8])] = [
            ("padding", [0, 0, 0]), ("ping", Plain.ping), ("credit, varint of 1 byte", Plain.credit(63)),
            ("credit, varint of 2 bytes", Plain.credit(16_383)),
            ("credit, varint of 4 bytes", Plain.credit(1_073_741_823)),
            ("credit, varint of 8 bytes", Plain.credit(9_007_199_254_740_991)),
            ("credit of a channel", [0x03] + far + varintBytes(524_288)), ("blocked", [0x04] + varintBytes(262_144)),
            ("blocked on a channel", [0x05] + far + varintBytes(262_144)),
            ("cancel", Plain.cancel(3, charge: 132, code: 0x1001)),
            ("cancel of a message that was not begun", Plain.cancel(on: Channel(1), 70, charge: 0)),
            ("refuse", Plain.refuse(on: Channel(2, .reliableUnordered), 5, code: 0x1002)),
            ("finish", Plain.finish(4_096)), ("path challenge", [0x09] + token), ("path response", [0x0a] + token),
            ("extension to be skipped", [0x40] + varintBytes(4) + [9, 8, 7, 6]),
            ("extension without a body, of the highest type to be skipped", [0x7e, 0]),
            (
                "records of all kinds in one frame",
                [0, 0] + Plain.ping + Plain.credit(1_000_000) + [0x42, 0] + [0]
                    + Plain.piece(on: Channel(3), 0, text) + Plain.unreliable(Channel(4, .unreliable), 0, text)
                    + Plain.cancel(1, charge: 0) + Plain.piece(9, text, hasLength: false)
            ),
        ]
        return try records.map { try frames.json($0, $1) } + [
            frames.json("varints longer than they must be", [0x02, 0xc0, 0, 0, 0, 0, 0, 0, 1], isCanonical: false),
            frames.json(
                "channel, id, length of longer varints", [0x25, 0x40, 0, 0x80, 0, 0, 2, 0x40, 1, 0x61],
                isCanonical: false),
        ]
    }

    private static func pieces(_ frames: FrameMaker) throws -> [JSON] {
        var cases: [JSON] = []
        for type: UInt8 in 0x20...0x27 {
            let (isLast, hasOffset, hasLength) = (type & 1 != 0, type & 2 != 0, type & 4 != 0)
            cases.append(
                try frames.json(
                    "piece, F \(type & 1), N \(type >> 1 & 1), L \(type >> 2 & 1)",
                    Plain.piece(1, offset: hasOffset ? 1_000 : nil, text, isLast: isLast, hasLength: hasLength)
                        // A length is there for what follows.
                        + (hasLength ? Plain.ping : []),
                    by: .responder))
        }
        for mode in [DeliveryMode.reliableOrdered, .reliableUnordered] {
            cases.append(
                try frames.json(
                    "message, mode \(mode.rawValue)", Plain.piece(on: Channel(6, mode), 0, text, hasLength: false)))
        }
        for mode in [DeliveryMode.unreliable, .unreliableSequenced] {
            let channel = Channel(6, mode)
            let rest = [0x30] + varintBytes(channel.encoded) + varintBytes(17) + text
            cases.append(
                try frames.json(
                    "unreliable message, mode \(mode.rawValue), with length",
                    Plain.unreliable(channel, 17, text) + Plain.ping))
            cases.append(try frames.json("unreliable message, mode \(mode.rawValue), to the end", rest))
        }
        cases.append(try frames.json("message without bytes", Plain.piece(2, [], hasLength: false)))
        cases.append(try frames.json("message without bytes, with length", Plain.piece(2, []) + Plain.ping))
        cases.append(
            try frames.json(
                "unreliable message without bytes",
                [0x30] + varintBytes(Channel(6, .unreliable).encoded) + [0]))
        cases.append(
            try frames.json(
                "offset of 0 that is written", Plain.piece(2, offset: 0, text, hasLength: false), isCanonical: false))
        cases.append(
            try frames.json(
                "the largest channel of all",
                Plain.piece(on: Channel(65_535), 1_234_567, offset: 70_000, text, hasLength: false)))
        return cases
    }

    private static func others(_ frames: FrameMaker) throws -> [JSON] {
        let rotation = RotationMessage.encoded(
            target: 2, nonce: 0x0102_0304_0506_0708, mode: .authenticated, noise: [UInt8](repeating: 0x33, count: 48))
        let ecn = [0x01] + varintBytes(300) + [0, 0, 0] + varintBytes(5) + [1, 2, 3]
        let last = SequenceNumber.maximumCounter
        return try [
            frames.json("ACK", Plain.acknowledgement(0, credit: 262_144), .ack),
            frames.json("ACK, large numbers", Plain.acknowledgement(70_000, credit: 1 << 40), .ack, by: .responder),
            frames.json("ACK with the ECN section, which is ignored", ecn, .ack, isCanonical: false),
            frames.json("CLOSE", Plain.close(0), .close),
            frames.json(
                "CLOSE, code of the application and reason",
                Plain.close(0x1234, reason: Array("gehe schlafen, Zürich".utf8)), .close, by: .responder),
            frames.json(
                "CLOSE, the longest reason", Plain.close(1, reason: [UInt8](repeating: 0x61, count: 256)), .close),
            frames.json("INIT of a rotation", rotation, .handshakeInit),
            frames.json("RESPONSE of a rotation", rotation, .handshakeResponse, by: .responder),
            frames.json("DATA with the last ordinary counter", Plain.ping, counter: last - 256),
            frames.json("ACK with the last counter", Plain.acknowledgement(last - 1), .ack, counter: last),
            frames.json("CLOSE with the last counter but one", Plain.close(0x10), .close, counter: last - 1),
            frames.json("epoch 2", Plain.ping, counter: 77, epoch: 2),
            frames.json("the last epoch and counter", Plain.close(0), .close, counter: last, epoch: 65_535),
        ]
    }

    /// What two engines write for messages, not what somebody made up.
    private static func written() throws -> [JSON] {
        var pair = try VectorPair(VectorSession(seed: 21))
        _ = try pair.handshake()
        let hash = try pair.hash
        let messages: [(String, Channel, Int)] = [
            ("ordered", .default, 5), ("unordered", Channel(1, .reliableUnordered), 0),
            ("unreliable", Channel(2, .unreliable), 40), ("sequenced", Channel(2, .unreliableSequenced), 41),
            ("of two frames", .default, 70_000),
        ]
        var cases: [JSON] = []
        for (name, channel, size) in messages {
            let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 * 7) }
            _ = try pair.pipe.initiator.send(bytes.span, on: channel, at: .zero)
            for (index, frame) in try pair.frames(from: .initiator).enumerated() {
                let keys = try VectorKeys(pair.initiator.notes, sentBy: .initiator, hash: hash)
                let vector = try VectorFrame(opening: frame, sentBy: .initiator, keys, pair.initiator)
                // The first 65 kB of a message say no more than the rest of it.
                guard frame.count < 10_000 else { continue }
                cases.append(
                    try vector.json().preceded(by: ["name": .text("written by the engine: \(name), \(index)")]))
            }
        }
        return cases
    }
}
