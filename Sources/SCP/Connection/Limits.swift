/// How much a connection accepts and holds, in bytes unless said.
///
/// The defaults keep the engine's memory, with every buffer full, under 1 MB for a connection: the window with a
/// quarter of it in spare room, 64 KiB of unreliable messages, one frame being received, the send buffer with an eighth
/// of it in spare room, receipts and ranges, and what the adapter holds unwritten.
/// [SCP-LIMIT-5] [SCP-LIMIT-7]
public struct Limits: Hashable, Sendable {
    /// Largest frame payload (L) we accept from epoch 1 on. 2,048...1,048,576; default 65,536.
    public var frameLimit = 65_536
    /// Largest message we accept. At most 2^48; default 131,072.
    public var messageLimit = 131_072
    /// Charges (32 + size of each unread message) we let be outstanding on the connection. At least `messageLimit`
    /// + 32; default 262,144.
    public var connectionCredit = 262_144
    /// The same for each channel; default 262,144.
    public var channelCredit = 262_144
    /// Channel numbers we accept: 1...65,536; default 256.
    public var channels = 256
    /// Bytes accepted for sending and not yet in frames, with 32 for each message; default 262,144.
    public var sendBuffer = 262_144
    /// While the adapter holds more unwritten bytes than this, nothing is written to it; default 131,072.
    public var writeHighWater = 131_072
    /// On datagrams: the largest that is sent once probes have proved that it arrives, and that we take.
    /// 1,200...65,527; default 1,452, what Ethernet carries below IPv6 and UDP.
    public var datagramSize = 1_452

    public init() {}

    /// A limit by its name, for error messages.
    public enum Name: String, Sendable {
        case frameLimit, messageLimit, connectionCredit, channelCredit, channels, sendBuffer, writeHighWater
        case datagramSize
    }

    /// Why the values cannot be used, if they cannot.
    var problem: ConfigurationError? {
        guard (2_048...1_048_576).contains(frameLimit) else { return .limit(.frameLimit) }
        guard messageLimit >= 0, messageLimit <= 1 << 31 else { return .limit(.messageLimit) }
        let charge = messageLimit + Int(FlowControl.messageCharge)
        guard connectionCredit >= charge, connectionCredit <= 1 << 31 else { return .limit(.connectionCredit) }
        guard channelCredit >= charge, channelCredit <= 1 << 31 else { return .limit(.channelCredit) }
        guard (1...65_536).contains(channels) else { return .limit(.channels) }
        guard sendBuffer > Int(FlowControl.messageCharge), sendBuffer <= 1 << 31 else { return .limit(.sendBuffer) }
        guard writeHighWater >= 0 else { return .limit(.writeHighWater) }
        // [SCP-DGRAM-3]
        guard (PathSize.base...65_527).contains(datagramSize) else { return .limit(.datagramSize) }
        return nil
    }
}

/// How long a connection waits.
/// [SCP-TIME-1] [SCP-TIME-2] [SCP-TIME-3] [SCP-TIME-5] [SCP-TIME-9] [SCP-TIME-10]
public struct TimerSettings: Hashable, Sendable {
    /// From the start to a confirmed session; 10 s.
    public var handshake: Duration = .seconds(10)
    /// A responder's wait for a decision on the initiator's identity; 60 s.
    public var decision: Duration = .seconds(60)
    /// Without an authentic frame; 30 s, `.zero` for none. The smaller non-zero of both sides' holds.
    public var idle: Duration = .seconds(30)
    /// Whether a ping is sent after a third of the idle time without a frame; off.
    public var keepAlive = false
    /// How long a graceful close waits for accepted messages to be sent; 10 s.
    public var flush: Duration = .seconds(10)
    /// How long CLOSE waits for its acknowledgement, and a closed stream for its end; 3 s.
    public var closeWait: Duration = .seconds(3)

    public init() {}
}

/// Numbers that are the protocol's or the engine's own, each with its reason.
enum Constant {
    /// An eliciting frame is acknowledged within this time. [SCP-ACK-8]
    static let acknowledgeDelay: Duration = .milliseconds(25)
    /// Eliciting frames that are acknowledged together. [SCP-ACK-8]
    static let framesPerAcknowledgement = 2
    /// First wait of a blocked sender before it says so; doubles to `maximumProbeInterval`. [SCP-FLOW-10]
    static let firstProbeInterval: Duration = .milliseconds(10)
    static let maximumProbeInterval: Duration = .seconds(5)
    /// From this interval on, messages may again overtake the one that has waited longest for credit.
    static let relentingProbeInterval: Duration = .milliseconds(320)
    /// Frames and frame bytes under one epoch after which it may not be used: twice where a rotation is due.
    /// [SCP-KEY-14]
    static let hardFrameLimit: UInt64 = 1 << 24
    static let hardByteLimit: UInt64 = 1 << 31
    /// The same in time.
    /// [SCP-KEY-14]
    static let hardAgeLimit: Duration = .seconds(65 * 60)
    /// Rotation requests of ours at once; then one a second. [SCP-ROT-18]
    static let rotationBurst: UInt64 = 4
    /// The same of the peer's: more, since a transport that stalls brings close together what was sent apart.
    static let peerRotationBurst: UInt64 = 8
    /// A request unanswered for this long is reported; the session goes on. [SCP-ROT-15]
    static let rotationStall: Duration = .seconds(10)
    /// Without a frame for this long, buffers that are not in use are given back: an idle connection is small.
    static let quietDelay: Duration = .seconds(1)
    /// The last counter for frames other than ACK and CLOSE, which may use the 256 above. [SCP-FRAME-11]
    static let lastOrdinaryCounter: UInt64 = (1 << 48) - 257
    /// The last counter at all.
    static let lastCounter: UInt64 = (1 << 48) - 1
    /// Largest reason in a CLOSE, in bytes of UTF-8.
    static let maximumReason = 256
    /// Bytes of the largest ACK on a stream: flags, counter, three zeros, credit.
    static let maximumAcknowledgement = 1 + 8 + 3 + 8
    /// Bytes of the largest control record: a cancel.
    static let maximumControlRecord = 1 + 4 + 8 + 8 + 8
    /// What the handshake measures as a round trip, at most: its messages are repeated after this. [SCP-DGRAM-32]
    static let handshakeSampleLimit: Duration = .seconds(1)
    /// ACK frames in a row after which a ping asks for an answer. [SCP-DGRAM-31]
    static let acknowledgementsInARow = 32
    /// Failed authentications on datagrams after which the keys are given up. [SCP-DGRAM-6]
    static let integrityLimit: UInt64 = 1 << 36
    /// Answers of an endpoint to strangers that wait to be polled.
    static let maximumAnswers = 256
    /// Probe timeouts in a row after which the path is said to be suspect.
    static let suspectProbes = 3
    /// Plaintext room below which a DATA frame is left to the next datagram.
    static let minimumDatagramRoom = 64
    /// Plaintext room asked for in a frame before one is begun, so that control records always fit.
    static let minimumFrameRoom = 256
}
